//! The handler's half of a call.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::failure::Code;
use super::panics;
use super::pool::Lane;
use super::reply::{pieces_channel, prepare, Head, Next, Prepared, Reply};
use super::shared::Call;
use super::Server;
use crate::body::Body;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::log::{Level, Log};
use crate::response::{Pieces, Response};

/// Starts the handler; its answer comes by the call.
pub(crate) fn start(server: Arc<Server>, call: Arc<Call>, context: Context, body: Body) {
    let log = context.log().clone();
    let head_only = context.method() == "HEAD";
    let run = Run {
        stage: Stage::Called(context, body),
        call,
        log,
        head_only,
        lane: Arc::clone(server.lanes.first()),
        server,
        force: false,
        waits: None,
    };
    // Connections run on the first lane, so this is the queue of the worker that is here.
    tokio::spawn(run);
}

/// Sends a stream piece by piece, the head with the first.
async fn pump(call: Arc<Call>, mut head: Head, mut pieces: Pieces) -> Result<()> {
    let Some(first) = pieces.next().await? else {
        call.answer(Reply::Whole(head, Bytes::new()));
        return Ok(());
    };
    head.default_type(first.media);
    let (sender, receiver) = pieces_channel();
    if !call.answer(Reply::Stream(head, first.content, receiver)) {
        return Ok(());
    }
    forward(&mut pieces, &sender).await
}

async fn forward(pieces: &mut Pieces, sender: &mpsc::Sender<Next>) -> Result<()> {
    while let Some(piece) = pieces.next().await? {
        if sender.send(Next::Piece(piece.content)).await.is_err() {
            return Ok(());
        }
        // The connection has been woken on this worker: it goes first, whatever the source does next.
        yield_now().await;
    }
    let _ = sender.send(Next::End).await;
    Ok(())
}

async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|poller| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        poller.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Logs why a call failed and answers it, where an answer can still be given.
fn report(call: &Call, log: &Log, error: &Error) {
    call.fail();
    if error.is_unserialisable() {
        let msg = format!("the handler returned what JSON cannot hold: {error}");
        log.error(msg);
        let msg = "the handler returned a value that JSON cannot hold".to_owned();
        call.answer(Reply::Failed(Code::Unserialisable, msg));
        return;
    }
    let fields = serde_json::json!({ "error": error.name() });
    log.with(Level::Error, error.trace(), fields);
    let msg = format!("the handler raised {}", error.name());
    call.answer(Reply::Failed(Code::HandlerError, msg));
}

/// A handler's future with what the runtime contract asks around it: a worker of its lane, the end by cancellation,
/// a panic that ends only this call.
struct Run {
    stage: Stage,
    call: Arc<Call>,
    log: Log,
    head_only: bool,
    lane: Arc<Lane>,
    server: Arc<Server>,
    force: bool,
    /// Since when it waits for a worker.
    waits: Option<Instant>,
}

/// How long a handler waits for a worker of its lane before it goes on in another.
const PATIENCE: Duration = Duration::from_millis(3);

enum Stage {
    /// What it is to be called with.
    Called(Context, Body),
    Handler(Pin<Box<dyn Future<Output = Result<Response>> + Send>>),
    Pump(Pin<Box<dyn Future<Output = Result<()>> + Send>>),
    Over,
}

impl Future for Run {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<()> {
        if !self.lane.enter(self.force) {
            let since = *self.waits.get_or_insert_with(Instant::now);
            if since.elapsed() > PATIENCE {
                self.move_on();
                return Poll::Ready(());
            }
            self.lane.wait(poller.waker());
            return Poll::Pending;
        }
        self.waits = None;
        self.server.guard.notice();
        let step = self.step(poller);
        self.lane.leave();
        step
    }
}

impl Run {
    /// Polls what is to be polled now.
    fn step(&mut self, poller: &mut Poller<'_>) -> Poll<()> {
        self.call.polled_by(poller.waker());
        loop {
            if self.call.cancelled.is_cancelled() {
                break;
            }
            let polled = match &mut self.stage {
                Stage::Handler(handler) => panics::inside(|| {
                    let returned = handler.as_mut().poll(poller);
                    returned.map(|returned| {
                        returned.and_then(|response| prepare(response, &self.server.identity))
                    })
                })
                .map(|polled| polled.map(Outcome::Returned)),
                Stage::Pump(pump) => {
                    panics::inside(|| pump.as_mut().poll(poller)).map(|polled| polled.map(Outcome::Pumped))
                }
                Stage::Called(..) => panics::inside(|| self.begin()).map(|()| Poll::Ready(Outcome::Begun)),
                Stage::Over => break,
            };
            match polled {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(Outcome::Begun)) => {}
                Ok(Poll::Ready(Outcome::Returned(Ok(prepared)))) => match self.deliver(prepared) {
                    Some(pump) => self.stage = pump,
                    None => break,
                },
                Ok(Poll::Ready(Outcome::Pumped(Ok(())))) => break,
                Ok(Poll::Ready(Outcome::Returned(Err(error)) | Outcome::Pumped(Err(error)))) => {
                    report(&self.call, &self.log, &error);
                    break;
                }
                Err(note) => {
                    self.panicked(note);
                    break;
                }
            }
        }
        self.finish();
        Poll::Ready(())
    }

    /// Calls the handler for its future.
    fn begin(&mut self) {
        if let Stage::Called(context, body) = std::mem::replace(&mut self.stage, Stage::Over) {
            self.stage = Stage::Handler((self.server.handler.call)(context, body));
        }
    }

    /// Sends what the handler returned; a stream is still to be pumped.
    fn deliver(&self, prepared: Prepared) -> Option<Stage> {
        let reply = match prepared {
            Prepared::Whole(head, _) if head.is_bodiless() => Reply::Whole(head.without_type(), Bytes::new()),
            Prepared::Whole(head, content) => Reply::Whole(head, content),
            Prepared::Pieces(head, _) if self.head_only || head.is_bodiless() => Reply::Head(head),
            Prepared::Pieces(head, pieces) => {
                return Some(Stage::Pump(Box::pin(pump(Arc::clone(&self.call), head, pieces))));
            }
        };
        self.call.answer(reply);
        None
    }

    fn panicked(&self, note: String) {
        self.call.fail();
        self.log
            .with(Level::Error, note, serde_json::json!({"error": "panic"}));
        let msg = "the handler raised panic".to_owned();
        self.call.answer(Reply::Failed(Code::HandlerError, msg));
    }

    /// Drops what is left of the handler, and with it everything it holds.
    fn finish(&mut self) {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        if let Err(note) = panics::inside(|| drop(stage)) {
            self.panicked(note);
        }
        self.call.end();
    }

    /// Goes on in a runtime that has a worker to spare.
    fn move_on(&mut self) {
        let (lane, room) = self.server.lanes.overflow();
        let run = Run {
            stage: std::mem::replace(&mut self.stage, Stage::Over),
            call: Arc::clone(&self.call),
            log: self.log.clone(),
            head_only: self.head_only,
            lane: Arc::clone(&lane),
            server: Arc::clone(&self.server),
            force: !room,
            waits: None,
        };
        lane.handle().spawn(run);
    }
}

enum Outcome {
    Begun,
    Returned(Result<Prepared>),
    Pumped(Result<()>),
}
