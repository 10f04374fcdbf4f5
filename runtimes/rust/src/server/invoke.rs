//! The connection's half of a call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::header::{HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Response};
use tokio::sync::{oneshot, OwnedSemaphorePermit};
use tokio::time::timeout_at;

use super::failure::{failure, Code};
use super::outgoing::Outgoing;
use super::reply::{Head, Reply};
use super::request::{self, Content};
use super::run;
use super::shared::Call;
use super::Server;
use crate::body::Body;
use crate::cancel::CancelReason;
use crate::context::{Context, Inner};
use crate::data::{Data, Query};
use crate::headers::Headers;
use crate::log::Log;

const COLD_START: &str = "x-function-cold-start";
const DURATION: &str = "x-function-duration-ms";
const INSTANCE: &str = "x-function-instance";

/// What is known of a call from its head.
struct Asked {
    request_id: Arc<str>,
    budget: Duration,
    headers: Headers,
    parts: Parts,
}

/// A refusal by the server itself.
struct Refused(Code, String);

pub(crate) async fn invoke(server: Arc<Server>, request: Request<Incoming>) -> Response<Outgoing> {
    let (mut parts, incoming) = request.into_parts();
    let headers = Headers::from(std::mem::take(&mut parts.headers));
    let asked = Asked {
        request_id: request::request_id(&headers),
        budget: request::deadline(&headers).unwrap_or(server.timeout),
        headers,
        parts,
    };
    let request_id = Arc::clone(&asked.request_id);
    let mut spent = Spent(None);
    match answer(&server, asked, incoming, &mut spent).await {
        Ok(response) => response,
        Err(Refused(code, msg)) => {
            let (mut head, body) = failure(code, &msg, &request_id, &server.identity);
            server.sign(&mut head.headers, &spent);
            respond(head, Outgoing::whole(body))
        }
    }
}

/// When the handler began, once it has.
pub(crate) struct Spent(Option<Instant>);

async fn answer(
    server: &Arc<Server>,
    asked: Asked,
    incoming: Incoming,
    spent: &mut Spent,
) -> Result<Response<Outgoing>, Refused> {
    let began = Instant::now();
    let call = Call::new(began + asked.budget);
    let late = Late {
        budget: asked.budget,
        log: Log::new(server.sink.clone(), Some(Arc::clone(&asked.request_id))),
    };
    let mut waiting = Waiting {
        call: Arc::clone(&call),
        over: false,
    };
    let prepared = timeout_at(call.deadline.into(), prepare(server, &call, asked, incoming));
    let Ok(ready) = prepared.await else {
        waiting.over = true;
        return Err(late.refusal());
    };
    let (context, body, turn) = ready?;
    let (sender, receiver) = oneshot::channel();
    call.begin(turn, sender);
    spent.0 = Some(Instant::now());
    run::start(Arc::clone(server), Arc::clone(&call), context, body);
    let reply = timeout_at(call.deadline.into(), receiver).await;
    waiting.over = true;
    match reply {
        Ok(Ok(Reply::Failed(code, msg))) => Err(Refused(code, msg)),
        Ok(Ok(reply)) => Ok(server.finish(reply, &call, late, spent)),
        Ok(Err(_)) => Err(Refused(Code::HandlerError, "the handler ended without an answer".to_owned())),
        Err(_) => {
            call.cancel(CancelReason::DeadlineExceeded);
            Err(late.refusal())
        }
    }
}

/// Everything before the handler runs: the body, a turn, the context.
async fn prepare(
    server: &Server,
    call: &Arc<Call>,
    asked: Asked,
    incoming: Incoming,
) -> Result<(Context, Body, OwnedSemaphorePermit), Refused> {
    let streamed = server.handler.streams_body;
    let (bytes, body) = if streamed {
        (Bytes::new(), Body::from_connection(incoming))
    } else {
        (collect(incoming, server.max_body).await?, Body::default())
    };
    let turn = Arc::clone(&server.gate).acquire_owned().await;
    let turn = turn.map_err(|_| Refused(Code::Draining, "this instance ends".to_owned()))?;
    let context = context_of(server, call, asked, bytes)?;
    Ok((context, body, turn))
}

async fn collect(mut incoming: Incoming, limit: u64) -> Result<Bytes, Refused> {
    let too_large = || {
        let msg = format!("the body is larger than {limit} bytes");
        Refused(Code::PayloadTooLarge, msg)
    };
    let broken = |error| Refused(Code::BadRequest, format!("the body ended early: {error}"));
    if incoming.is_end_stream() {
        return Ok(Bytes::new());
    }
    if incoming.size_hint().lower() > limit {
        return Err(too_large());
    }
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(broken)?.into_data() else {
            continue;
        };
        if (first.len() + whole.len() + data.len()) as u64 > limit {
            return Err(too_large());
        }
        if first.is_empty() && whole.is_empty() {
            first = data;
            continue;
        }
        if whole.is_empty() {
            whole.extend_from_slice(&first);
            first = Bytes::new();
        }
        whole.extend_from_slice(&data);
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

fn context_of(server: &Server, call: &Call, asked: Asked, body: Bytes) -> Result<Context, Refused> {
    let Asked {
        request_id,
        headers,
        parts,
        ..
    } = asked;
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let content = if server.handler.streams_body {
        Content::unread(&headers)
    } else {
        Content::parse(&headers, &body, &query)
            .map_err(|reason| Refused(Code::BadRequest, reason))?
    };
    let path = parts.uri.path().to_owned();
    let inner = Inner {
        data: Data::from(content.data),
        trigger: request::trigger(&headers, &path),
        headers,
        log: Log::new(server.sink.clone(), Some(Arc::clone(&request_id))),
        body,
        method: parts.method.as_str().to_owned(),
        path,
        query,
        request_id,
        identity: Arc::clone(&server.identity),
        deadline: call.deadline,
        cancelled: call.cancelled.clone(),
        event: content.event,
        batch: content.batch,
    };
    Ok(Context {
        inner: Arc::new(inner),
    })
}

/// Cancels the call where the connection goes away before there is an answer.
struct Waiting {
    call: Arc<Call>,
    over: bool,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.over {
            self.call.cancel(CancelReason::ClosedByCaller);
        }
    }
}

/// What is said of a call whose deadline has passed.
struct Late {
    budget: Duration,
    log: Log,
}

impl Late {
    fn message(&self) -> String {
        format!("the handler did not finish within {} ms", self.budget.as_millis())
    }

    /// Logs it away from the connections: a full pipe would hold them up.
    fn report(self) -> String {
        let message = self.message();
        let said = message.clone();
        tokio::task::spawn_blocking(move || self.log.error(said));
        message
    }

    fn refusal(self) -> Refused {
        Refused(Code::Timeout, self.report())
    }
}

impl Server {
    fn finish(&self, reply: Reply, call: &Arc<Call>, late: Late, spent: &Spent) -> Response<Outgoing> {
        let (mut head, body) = match reply {
            Reply::Whole(head, content) => (head, Outgoing::whole(content)),
            Reply::Head(head) => (head, Outgoing::whole(Bytes::new())),
            Reply::Stream(head, first, next) => {
                let late = Box::new(move || drop(late.report()));
                (head, Outgoing::stream(first, next, Arc::clone(call), late))
            }
            Reply::Failed(code, msg) => {
                let (head, body) = failure(code, &msg, "", &self.identity);
                (head, Outgoing::whole(body))
            }
        };
        self.sign(&mut head.headers, spent);
        respond(head, body)
    }

    /// The headers that every answer carries.
    fn sign(&self, headers: &mut HeaderMap, spent: &Spent) {
        let tenths = spent.0.map_or(0, |began| began.elapsed().as_micros() / 100);
        let text = format!("{}.{}", tenths / 10, tenths % 10);
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(DURATION, value);
        }
        headers.insert(INSTANCE, self.instance.clone());
        if let Some(phases) = self.take_cold_start() {
            headers.insert(COLD_START, phases);
        }
    }
}

fn respond(head: Head, body: Outgoing) -> Response<Outgoing> {
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    response
}
