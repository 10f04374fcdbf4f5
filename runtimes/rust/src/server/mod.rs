//! The runtime server: `runtimes/contract.md`.

mod control;
mod failure;
mod guard;
mod invoke;
mod io;
mod life;
mod listen;
mod outgoing;
mod panics;
mod pool;
mod prepare;
mod reply;
mod request;
mod run;
mod settings;
mod shared;

use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::header::HeaderValue;
use hyper::Response;
use tokio::signal::unix::{signal, SignalKind};
use tokio::sync::{mpsc, watch, Semaphore};
use tokio::time::timeout;

use self::failure::{failure, Code};
use self::guard::Guard;
pub(crate) use self::io::Io;
use self::listen::Listener;
use self::outgoing::Outgoing;
use self::pool::Lanes;
pub(crate) use self::reply::{prepare, Prepared, Reply};
pub(crate) use self::request::Content;
use self::settings::GatewaySettings;
pub(crate) use self::shared::Call;
use crate::context::Identity;
use crate::gateway::{HttpGateway, Link};
use crate::handler::{Erased, Handler};
use crate::log::{Log, Sink};
use crate::model::Models;
use crate::services::{Services, Shared};
use crate::websocket::Ties;

/// The exit code of a server that cannot listen: section 1 of the runtime contract.
const CANNOT_LISTEN: i32 = 70;
/// The exit code where the code cannot be loaded.
const CANNOT_LOAD: i32 = 1;

/// What all calls share.
pub(crate) struct Server {
    pub(crate) handler: Erased,
    pub(crate) identity: Arc<Identity>,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) guard: Arc<Guard>,
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) timeout: Duration,
    pub(crate) max_body: u64,
    pub(crate) sink: Sink,
    pub(crate) services: Shared,
    pub(crate) control_token: Option<String>,
    instance: HeaderValue,
    boot: Duration,
    cold: AtomicBool,
    draining: AtomicBool,
}

/// What a connection comes in by.
pub(crate) struct Door {
    pub(crate) server: Arc<Server>,
    pub(crate) ties: Ties,
}

/// How long sockets have to say that the drain is over.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Held by every connection: the drain is over when the last one is dropped.
pub(crate) type Alive = mpsc::Sender<()>;

impl Server {
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn refuse(&self, code: Code, msg: &str, request_id: &str) -> Response<Outgoing> {
        let (head, body) = failure(code, msg, request_id, &self.identity);
        let mut response = Response::new(Outgoing::whole(body));
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers;
        response
    }

    /// The phases of the start, for the first answer of the process.
    pub(crate) fn take_cold_start(&self) -> Option<HeaderValue> {
        if !self.cold.load(Ordering::Relaxed) || !self.cold.swap(false, Ordering::Relaxed) {
            return None;
        }
        let boot = self.boot.as_secs_f64() * 1000.0;
        HeaderValue::try_from(format!("boot={boot:.1}, load=0.0")).ok()
    }
}

/// Serves a handler until the platform ends the process: the body of a function's `main`.
///
/// ```no_run
/// # mod handler {
/// #     use hanzo_functions::{Context, Result};
/// #     pub async fn hello(_: Context) -> Result<String> { Ok("hello".to_owned()) }
/// # }
/// fn main() {
///     hanzo_functions::serve(handler::hello)
/// }
/// ```
///
/// Call it first in `main`, while the process has one thread: it changes the environment.
pub fn serve<Shape, H: Handler<Shape>>(handler: H) -> ! {
    let start = life::process_start();
    run(handler.erase(), start)
}

fn run(handler: Erased, start: Instant) -> ! {
    let settings = settings::take();
    let sink = Sink::Descriptor(life::own_stdout());
    if let Err(error) = life::end_with_platform() {
        cannot_listen(&error.to_string());
    }
    panics::install_hook(sink.clone());
    if let Some(source) = &settings.source {
        if let Err(error) = std::env::set_current_dir(source) {
            let message =
                format!("load failed: file_missing: the source directory cannot be entered: {error}");
            Log::new(sink, None).error(message);
            exit(CANNOT_LOAD);
        }
    }
    let Some(at) = &settings.listen else {
        cannot_listen("neither HANZO_FN_SOCKET nor PORT is set");
    };
    let (runtime, lanes) = match pool::first_runtime() {
        Ok(made) => made,
        Err(error) => cannot_listen(&error.to_string()),
    };
    let guard = match Guard::start(Arc::clone(&lanes)) {
        Ok(guard) => guard,
        Err(error) => cannot_listen(&error.to_string()),
    };
    let listener = match runtime.block_on(listen::listen(at)) {
        Ok(listener) => listener,
        Err(error) => cannot_listen(&error.to_string()),
    };
    let drain = settings.drain;
    let link = match settings.gateway {
        Some(GatewaySettings { url, token }) => {
            let gateway = HttpGateway::new(&url, &token, runtime.handle().clone());
            Link::Http(Arc::new(gateway))
        }
        None => Link::None,
    };
    let services = Services {
        link,
        models: Models::new(settings.models),
    };
    let server = Arc::new(Server {
        handler,
        lanes,
        guard,
        gate: Arc::new(Semaphore::new(settings.concurrency.min(Semaphore::MAX_PERMITS))),
        timeout: settings.timeout,
        max_body: settings.max_body,
        sink,
        services: Arc::new(services),
        instance: HeaderValue::try_from(&settings.identity.instance)
            .unwrap_or_else(|_| HeaderValue::from_static("")),
        control_token: settings.control_token.clone(),
        identity: Arc::new(settings.identity),
        boot: start.elapsed(),
        cold: AtomicBool::new(true),
        draining: AtomicBool::new(false),
    });
    let life = runtime.spawn(live(server, listener, drain));
    let _ = runtime.block_on(life);
    exit(0)
}

/// From the first connection to the end of the drain.
async fn live(server: Arc<Server>, listener: Listener, drain: Duration) {
    let (alive, mut gone) = mpsc::channel(1);
    let (begin_drain, drained) = watch::channel(false);
    let (end_sockets, over) = watch::channel(false);
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return;
    };
    let door = Door {
        server: Arc::clone(&server),
        ties: Ties { alive, over },
    };
    let accepting = tokio::spawn(listen::accept(Arc::new(door), listener, drained));
    terminate.recv().await;
    server.draining.store(true, Ordering::Relaxed);
    let _ = begin_drain.send(true);
    let _ = accepting.await;
    let second = std::pin::pin!(terminate.recv());
    let all_gone = std::pin::pin!(async move {
        if timeout(drain, gone.recv()).await.is_err() {
            let _ = end_sockets.send(true);
            let _ = timeout(LAST_WORDS, gone.recv()).await;
        }
    });
    listen::first(second, all_gone).await;
}

fn cannot_listen(reason: &str) -> ! {
    eprintln!("hanzo-fn runtime: cannot listen: {}", reason.replace('\n', " "));
    exit(CANNOT_LISTEN)
}
