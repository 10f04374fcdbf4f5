//! The gateway over HTTP/1.1: a Unix socket or TCP, connections kept and shared by all calls.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use hyper::client::conn::http1::{handshake, SendRequest};
use hyper::header::{HeaderValue, AUTHORIZATION, HOST};
use hyper::Request;
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::outbound::Outbound;
use super::{Ask, Caller, GatewayError, Object, Payload, Pieces, Reply, Result};
use crate::error::Error;
use crate::server::Io;

/// Connections that are kept beside those in use.
const MOST_IDLE: usize = 32;

type Sender = SendRequest<Outbound>;
type Idle = Arc<Mutex<Vec<Sender>>>;

pub(crate) struct HttpGateway {
    place: Place,
    host: HeaderValue,
    authorization: HeaderValue,
    idle: Idle,
    /// Where the connections live, whoever uses them.
    runtime: Handle,
}

#[derive(Clone)]
enum Place {
    Socket(String),
    Address(String),
}

impl HttpGateway {
    /// `url` is `unix:/path` or `http://host:port`.
    pub(crate) fn new(url: &str, token: &str, runtime: Handle) -> Self {
        let (place, host) = match url.strip_prefix("unix:") {
            Some(path) => (Place::Socket(path.to_owned()), "gateway"),
            None => {
                let rest = url.strip_prefix("http://").unwrap_or(url);
                let host = rest.split('/').next().unwrap_or(rest);
                let has_port = host
                    .rsplit_once(':')
                    .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
                let address = if has_port {
                    host.to_owned()
                } else {
                    format!("{host}:80")
                };
                (Place::Address(address), host)
            }
        };
        let header = |text: &str| HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
        Self {
            place,
            host: header(host),
            authorization: header(&format!("Bearer {token}")),
            idle: Idle::default(),
            runtime,
        }
    }

    pub(crate) async fn send(&self, ask: Ask, caller: &Caller) -> Result<Reply> {
        let Ask {
            method,
            path,
            headers,
            payload,
        } = ask;
        let (body, source) = match payload {
            Payload::Whole(bytes) => (Outbound::Whole(bytes), None),
            Payload::Stream(pieces) => {
                let (sender, receiver) = mpsc::channel(1);
                (Outbound::Stream(receiver), Some((pieces, sender)))
            }
        };
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = path
            .parse()
            .map_err(|error| GatewayError::new("bad_request", 400, format!("{path}: {error}")))?;
        request.headers_mut().extend(caller.headers.clone());
        request.headers_mut().extend(headers);
        request.headers_mut().insert(HOST, self.host.clone());
        request
            .headers_mut()
            .insert(AUTHORIZATION, self.authorization.clone());
        match source {
            None => self.exchange(request).await,
            Some((pieces, sender)) => beside(self.exchange(request), pour(pieces, sender)).await,
        }
    }

    /// Sends a request, again only where a kept connection was closed before it took a byte of it.
    async fn exchange(&self, mut request: Request<Outbound>) -> Result<Reply> {
        loop {
            let (mut sender, reused) = match self.kept().await {
                Some(sender) => (sender, true),
                None => (self.connect().await?, false),
            };
            match sender.try_send_request(request).await {
                Ok(response) => {
                    let (parts, incoming) = response.into_parts();
                    let back = Returning {
                        sender,
                        idle: Arc::clone(&self.idle),
                    };
                    return Ok(Reply {
                        status: parts.status.as_u16(),
                        headers: parts.headers,
                        body: Object::from_connection(incoming, back),
                    });
                }
                Err(mut error) => match error.take_message() {
                    Some(unsent) if reused => request = unsent,
                    _ => return Err(no_answer(error.error())),
                },
            }
        }
    }

    /// A connection that serves again; closed ones are dropped.
    async fn kept(&self) -> Option<Sender> {
        loop {
            let mut sender = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if sender.ready().await.is_ok() {
                return Some(sender);
            }
        }
    }

    async fn connect(&self) -> Result<Sender> {
        let place = self.place.clone();
        let connecting = self.runtime.spawn(async move {
            let io = match place {
                Place::Socket(path) => Io::Unix(UnixStream::connect(path).await?),
                Place::Address(address) => {
                    let stream = TcpStream::connect(address).await?;
                    stream.set_nodelay(true)?;
                    Io::Tcp(stream)
                }
            };
            std::io::Result::Ok(io)
        });
        let unreachable =
            |reason: String| GatewayError::unavailable(format!("the gateway cannot be reached: {reason}"));
        let io = connecting
            .await
            .map_err(|error| unreachable(error.to_string()))?
            .map_err(|error| unreachable(error.to_string()))?;
        let (sender, connection) = handshake(io).await.map_err(|error| no_answer(&error))?;
        self.runtime.spawn(connection);
        Ok(sender)
    }
}

fn no_answer(error: &hyper::Error) -> GatewayError {
    GatewayError::unavailable(format!("the gateway does not answer: {error}"))
}

/// A connection in use, and where it goes afterwards. Dropped, it is closed.
pub(crate) struct Returning {
    sender: Sender,
    idle: Idle,
}

impl Returning {
    pub(crate) fn give(self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE {
            idle.push(self.sender);
        }
    }
}

/// Hands the pieces of a source over.
async fn pour(
    mut pieces: Pieces,
    sender: mpsc::Sender<Option<bytes::Bytes>>,
) -> std::result::Result<(), Error> {
    loop {
        let next = std::future::poll_fn(|context| pieces.as_mut().poll_next(context)).await;
        let piece = next.transpose()?;
        let last = piece.is_none();
        // A connection that takes no more has its answer, or its error.
        if sender.send(piece).await.is_err() || last {
            return Ok(());
        }
    }
}

/// The answer of `exchange`, with `pouring` going on beside it; a source that fails ends both.
async fn beside(
    exchange: impl Future<Output = Result<Reply>>,
    pouring: impl Future<Output = std::result::Result<(), Error>>,
) -> Result<Reply> {
    let mut exchange = std::pin::pin!(exchange);
    let mut pouring = std::pin::pin!(pouring);
    let mut poured = false;
    std::future::poll_fn(|context| {
        if !poured {
            if let Poll::Ready(outcome) = Pin::as_mut(&mut pouring).poll(context) {
                poured = true;
                if let Err(error) = outcome {
                    let message = format!("the source of the object failed: {error}");
                    return Poll::Ready(Err(GatewayError::new("bad_request", 400, message)));
                }
            }
        }
        exchange.as_mut().poll(context)
    })
    .await
}
