//! Listening and taking connections.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{HeaderValue, CONNECTION};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

use super::control::{self, control};
use super::io::Io;
use super::outgoing::Outgoing;
use super::settings::Listen;
use super::{request, Door};
use crate::headers::Headers;
use crate::server::failure::Code;

/// The largest head of a request: section 11 of the runtime contract.
const MAX_HEAD: usize = 64 * 1024;
/// What hyper buffers. It refuses a longer head by itself and without our error body.
const MAX_BUFFER: usize = 4 * MAX_HEAD;
/// After a failure to take a connection, as for want of descriptors.
const RETRY_ACCEPT: Duration = Duration::from_millis(50);

pub(crate) enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

pub(crate) async fn listen(at: &Listen) -> io::Result<Listener> {
    match at {
        Listen::Socket(path) => UnixListener::bind(path).map(Listener::Unix),
        Listen::Port {
            port,
            host: Some(host),
        } => TcpListener::bind((host.as_str(), *port)).await.map(Listener::Tcp),
        Listen::Port { port, host: None } => {
            let both = TcpListener::bind((Ipv6Addr::UNSPECIFIED, *port)).await;
            // A machine may have no IPv6.
            let listener = match both {
                Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                    TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).await
                }
                other => other,
            };
            listener.map(Listener::Tcp)
        }
    }
}

impl Listener {
    async fn accept(&self) -> io::Result<Io> {
        match self {
            Self::Unix(listener) => Ok(Io::Unix(listener.accept().await?.0)),
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Io::Tcp(stream))
            }
        }
    }
}

/// Takes connections until the drain begins.
pub(crate) async fn accept(door: Arc<Door>, listener: Listener, mut drain: watch::Receiver<bool>) {
    loop {
        let taken = {
            let drained = std::pin::pin!(drain.wait_for(|begun| *begun));
            match first(drained, std::pin::pin!(listener.accept())).await {
                First::Left(_) => return,
                First::Right(taken) => taken,
            }
        };
        match taken {
            Ok(io) => {
                tokio::spawn(serve(Arc::clone(&door), io, drain.clone()));
            }
            Err(_) => tokio::time::sleep(RETRY_ACCEPT).await,
        }
    }
}

async fn serve(door: Arc<Door>, io: Io, mut drain: watch::Receiver<bool>) {
    let server = Arc::clone(&door.server);
    let service = service_fn(move |request| answer(Arc::clone(&door), request));
    let connection = http1::Builder::new()
        .max_buf_size(MAX_BUFFER)
        .serve_connection(io, service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let mut drained = std::pin::pin!(drain.wait_for(|begun| *begun));
    let mut polled = false;
    let ended = std::future::poll_fn(|context| {
        // Once it knows whom to wake it has nothing to say until the drain begins.
        let ask = !std::mem::replace(&mut polled, true) || server.is_draining();
        if ask && drained.as_mut().poll(context).is_ready() {
            return Poll::Ready(false);
        }
        connection.as_mut().poll(context).map(|_| true)
    });
    if !ended.await {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

async fn answer(door: Arc<Door>, request: Request<Incoming>) -> Result<Response<Outgoing>, Infallible> {
    let server = &door.server;
    if head_size(&request) > MAX_HEAD {
        let id = request::request_id(&Headers::default());
        let msg = format!("the head of the request is larger than {MAX_HEAD} bytes");
        let mut response = server.refuse(Code::HeadTooLarge, &msg, &id);
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
        return Ok(response);
    }
    if request.uri().path().starts_with(control::PREFIX) {
        let (parts, _) = request.into_parts();
        return Ok(control(server, parts));
    }
    if server.is_draining() {
        let id = request::request_id(&Headers::from(request.headers().clone()));
        let msg = "this instance is about to end and takes no more calls";
        return Ok(server.refuse(Code::Draining, msg, &id));
    }
    Ok(super::invoke::invoke(&door, request).await)
}

/// The bytes of the request line and the headers, as they were sent but for spaces around values.
fn head_size(request: &Request<Incoming>) -> usize {
    let uri = request.uri();
    let line = uri.path().len() + uri.query().map_or(0, str::len) + "GET ? HTTP/1.1\r\n".len();
    let fields = request.headers().iter();
    fields.fold(line, |size, (name, value)| {
        size + name.as_str().len() + value.len() + 4
    })
}

pub(crate) enum First<A, B> {
    Left(A),
    Right(B),
}

/// Whichever ends first; the left one where both have ended.
pub(crate) async fn first<A, B>(
    mut left: std::pin::Pin<&mut A>,
    mut right: std::pin::Pin<&mut B>,
) -> First<A::Output, B::Output>
where
    A: Future,
    B: Future,
{
    std::future::poll_fn(|context| {
        if let Poll::Ready(value) = left.as_mut().poll(context) {
            return Poll::Ready(First::Left(value));
        }
        right.as_mut().poll(context).map(First::Right)
    })
    .await
}
