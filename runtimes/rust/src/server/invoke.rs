//! The connection's half of a call.

use std::future::Future;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderValue, CONNECTION, UPGRADE};
use hyper::{Request, Response, StatusCode};

use super::failure::{failure, Code};
use super::guard::{Guard, Watched};
use super::outgoing::Outgoing;
use super::prepare::{prepare, Asked, Refused};
use super::reply::{Head, Reply};
use super::request;
use super::run;
use super::shared::Call;
use super::{Door, Server};
use crate::body::Progress;
use crate::cancel::CancelReason;
use crate::headers::Headers;
use crate::log::Log;
use crate::names;
use crate::websocket::{offer, Offer};

/// When the handler began, once it has.
type Began = Option<Instant>;

pub(crate) async fn invoke(door: &Door, mut request: Request<Incoming>) -> Response<Outgoing> {
    let server = &door.server;
    let offered = offer(&mut request);
    let (mut parts, incoming) = request.into_parts();
    let headers = Headers::from(std::mem::take(&mut parts.headers));
    let budget = request::deadline(&headers).unwrap_or(server.timeout);
    let call = Call::new(Instant::now() + budget);
    let request_id = request::request_id(&headers);
    let progress = Progress::default();
    let late = Late {
        budget,
        log: Log::new(server.sink.clone(), Some(Arc::clone(&request_id))),
    };
    let asked = Asked {
        request_id: Arc::clone(&request_id),
        headers,
        parts,
        offer: offered.map(|(upgrade, key)| Offer {
            upgrade,
            key,
            call: Arc::clone(&call),
            ties: door.ties.clone(),
        }),
        progress: progress.clone(),
    };
    let mut began = None;
    match answer(server, &call, asked, incoming, late, &mut began).await {
        Ok(response) => response,
        Err(Refused(code, msg)) => {
            let (mut head, body) = failure(code, &msg, &request_id, &server.identity);
            if !progress.is_complete() {
                // What is left of a body that nobody reads would be taken for the next request.
                progress.abandon();
                head.headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            server.sign(&mut head.headers, began);
            respond(head, Outgoing::whole(body))
        }
    }
}

async fn answer(
    server: &Arc<Server>,
    call: &Arc<Call>,
    asked: Asked,
    incoming: Incoming,
    late: Late,
    began: &mut Began,
) -> Result<Response<Outgoing>, Refused> {
    let mut waiting = Waiting { call, over: false };
    let progress = asked.progress.clone();
    let mut deadline = Deadline {
        guard: &server.guard,
        call,
        watched: None,
    };
    let Some(ready) = deadline.limit(prepare(server, call, asked, incoming)).await else {
        waiting.over = true;
        return Err(late.refusal());
    };
    let ready = ready?;
    call.begin(ready.turn);
    *began = Some(Instant::now());
    run::start(Arc::clone(server), Arc::clone(call), ready.context, ready.body);
    let reply = deadline
        .limit(std::future::poll_fn(|context| call.poll_answer(context.waker())))
        .await;
    waiting.over = true;
    match reply {
        // It computed through its deadline, and answers at last.
        Some(Some(Reply::Whole(..) | Reply::Head(_) | Reply::Stream(..)))
            if Instant::now() >= call.deadline =>
        {
            call.cancel(CancelReason::DeadlineExceeded);
            Err(late.refusal())
        }
        Some(Some(Reply::Failed(code, msg))) => Err(Refused(code, msg)),
        Some(Some(reply)) => Ok(server.finish(reply, call, late, *began)),
        Some(None) => {
            let msg = "the handler ended without an answer".to_owned();
            Err(Refused(Code::HandlerError, msg))
        }
        None => {
            progress.abandon();
            call.cancel(CancelReason::DeadlineExceeded);
            Err(late.refusal())
        }
    }
}

/// The deadline of a call, watched once something has to wait.
struct Deadline<'a> {
    guard: &'a Guard,
    call: &'a Arc<Call>,
    watched: Option<Watched<'a>>,
}

impl Deadline<'_> {
    /// The outcome of a future; `None` where the deadline passes first.
    async fn limit<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|context| {
            if let Poll::Ready(outcome) = future.as_mut().poll(context) {
                return Poll::Ready(Some(outcome));
            }
            self.call.awaited_by(context.waker());
            if self.watched.is_none() {
                self.watched = Some(self.guard.watch(self.call));
            }
            if self.call.is_expired() {
                return Poll::Ready(None);
            }
            Poll::Pending
        })
        .await
    }
}

/// Cancels the call where the connection goes away before there is an answer.
struct Waiting<'a> {
    call: &'a Arc<Call>,
    over: bool,
}

impl Drop for Waiting<'_> {
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
    /// Logs it away from the connections, since a full pipe would hold them up, and answers the words.
    fn report(self) -> String {
        let message = format!("the handler did not finish within {} ms", self.budget.as_millis());
        let said = message.clone();
        tokio::task::spawn_blocking(move || self.log.error(said));
        message
    }

    fn refusal(self) -> Refused {
        Refused(Code::Timeout, self.report())
    }
}

impl Server {
    fn finish(&self, reply: Reply, call: &Arc<Call>, late: Late, began: Began) -> Response<Outgoing> {
        let (mut head, body) = match reply {
            Reply::Whole(head, content) => (head, Outgoing::whole(content)),
            Reply::Head(head) => (head, Outgoing::whole(Bytes::new())),
            Reply::Stream(head, first, next) => {
                let late = Box::new(move || drop(late.report()));
                (head, Outgoing::stream(first, next, Arc::clone(call), late))
            }
            Reply::Upgrade(key) => (switching(key), Outgoing::whole(Bytes::new())),
            Reply::Failed(code, msg) => {
                let (head, body) = failure(code, &msg, "", &self.identity);
                (head, Outgoing::whole(body))
            }
        };
        self.sign(&mut head.headers, began);
        respond(head, body)
    }

    /// The headers that every answer carries.
    fn sign(&self, headers: &mut HeaderMap, began: Began) {
        let spent = began.map_or(Duration::ZERO, |began| began.elapsed());
        if let Ok(value) = HeaderValue::from_bytes(milliseconds(spent, &mut [0; 24])) {
            headers.insert(names::DURATION_MS, value);
        }
        headers.insert(names::INSTANCE, self.instance.clone());
        if let Some(phases) = self.take_cold_start() {
            headers.insert(names::COLD_START, phases);
        }
    }
}

/// Milliseconds with one decimal, written from the end of `text`: this is done for every answer, and the machinery of
/// `format!` costs more than the rest of its head.
fn milliseconds(spent: Duration, text: &mut [u8; 24]) -> &[u8] {
    let mut rest = spent
        .as_secs()
        .saturating_mul(10_000)
        .saturating_add(u64::from(spent.subsec_micros() / 100));
    let mut at = text.len();
    loop {
        at -= 1;
        text[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if at == text.len() - 1 {
            at -= 1;
            text[at] = b'.';
        } else if rest == 0 {
            return &text[at..];
        }
    }
}

/// The head that makes a connection a WebSocket.
fn switching(key: HeaderValue) -> Head {
    let mut headers = HeaderMap::new();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert("sec-websocket-accept", key);
    Head {
        status: StatusCode::SWITCHING_PROTOCOLS,
        headers,
    }
}

fn respond(head: Head, body: Outgoing) -> Response<Outgoing> {
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_one_decimal_and_are_cut_not_rounded() {
        let text = |spent| String::from_utf8(milliseconds(spent, &mut [0; 24]).to_vec());
        assert_eq!(text(Duration::ZERO).as_deref(), Ok("0.0"));
        assert_eq!(text(Duration::from_micros(199)).as_deref(), Ok("0.1"));
        assert_eq!(text(Duration::from_micros(9_999)).as_deref(), Ok("9.9"));
        assert_eq!(text(Duration::from_millis(10)).as_deref(), Ok("10.0"));
        assert_eq!(text(Duration::new(3_600, 50_000_000)).as_deref(), Ok("3600050.0"));
        assert_eq!(text(Duration::MAX).map(|text| text.len() <= 24), Ok(true));
    }
}
