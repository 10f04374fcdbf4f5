use std::borrow::Cow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::{Method, Uri};

use crate::batch::Item;
use crate::cancel::Cancelled;
use crate::data::{Data, Query};
use crate::event::Event;
use crate::headers::Headers;
use crate::log::Log;
use crate::services::Shared;
use crate::text::time;
use crate::websocket::Offer;

/// What called the function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trigger {
    /// The contract's `type`: `http`, or `mq`, `stream`, `cron`, `inference` where the event plane calls.
    pub kind: String,
    /// The path of an HTTP call, else the subject, topic or schedule.
    pub source: String,
    /// The trigger's id; of an asynchronous call the task's. An event's own is the header `Idempotency-Key`, or its
    /// [`crate::Item::id`].
    pub id: String,
    /// RFC 3339.
    pub timestamp: String,
    /// 1 for the first delivery.
    pub attempt: u32,
}

impl Trigger {
    /// What the headers say, and what is usual where they do not.
    pub(crate) fn of(headers: &Headers, path: &str) -> Self {
        let text = |name: &str| headers.filled(name).map(Cow::into_owned);
        let attempt = text("x-function-attempt").and_then(|text| text.parse().ok());
        Self {
            kind: text("x-function-trigger").unwrap_or_else(|| "http".to_owned()),
            source: text("x-function-trigger-source").unwrap_or_else(|| path.to_owned()),
            id: text("x-function-trigger-id").unwrap_or_default(),
            timestamp: text("x-function-trigger-timestamp").unwrap_or_else(time::now),
            attempt: attempt.filter(|n| *n > 0).unwrap_or(1),
        }
    }
}

/// Which function an instance runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) org: String,
    pub(crate) function: String,
    pub(crate) revision: String,
    pub(crate) instance: String,
}

/// One call of the function. Clones are cheap and are the same call.
///
/// In a unit test it is made by [`crate::testing::TestContext`].
#[derive(Clone, Debug)]
pub struct Context {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) data: Data,
    pub(crate) headers: Headers,
    /// Made when it is asked for: few handlers do.
    pub(crate) trigger: OnceLock<Trigger>,
    pub(crate) log: Log,
    pub(crate) body: Bytes,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) query: Query,
    pub(crate) request_id: Arc<str>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) deadline: Instant,
    pub(crate) cancelled: Cancelled,
    pub(crate) event: Option<Event>,
    pub(crate) batch: Option<Vec<Item>>,
    pub(crate) services: Shared,
    /// Where the call asks for a WebSocket, until it is accepted.
    pub(crate) offer: Mutex<Option<Offer>>,
}

impl Context {
    /// The parsed JSON body; the query where there is no body; `{"body", "encoding"?}` for any other content; the list
    /// of the items' data for a batch; `null` where the handler takes the body as a stream.
    pub fn data(&self) -> &Data {
        &self.inner.data
    }

    /// The headers of the request.
    pub fn headers(&self) -> &Headers {
        &self.inner.headers
    }

    /// What called the function.
    pub fn trigger(&self) -> &Trigger {
        let inner = &self.inner;
        inner
            .trigger
            .get_or_init(|| Trigger::of(&inner.headers, inner.uri.path()))
    }

    /// Lines of the function's log; they carry the request id.
    pub fn log(&self) -> &Log {
        &self.inner.log
    }

    /// The bytes of the body as sent; empty where the handler takes the body as a stream.
    pub fn body(&self) -> &Bytes {
        &self.inner.body
    }

    /// The method: `POST`.
    pub fn method(&self) -> &str {
        self.inner.method.as_str()
    }

    /// The path as sent, percent-encoding included, without the query.
    pub fn path(&self) -> &str {
        self.inner.uri.path()
    }

    /// The query, decoded.
    pub fn query(&self) -> &Query {
        &self.inner.query
    }

    /// The id that correlates logs.
    pub fn request_id(&self) -> &str {
        &self.inner.request_id
    }

    /// The function's name.
    pub fn function(&self) -> &str {
        &self.inner.identity.function
    }

    /// The revision's name.
    pub fn revision(&self) -> &str {
        &self.inner.identity.revision
    }

    /// The organisation's name.
    pub fn org(&self) -> &str {
        &self.inner.identity.org
    }

    /// The time left before the platform gives up on this call; zero once it has.
    pub fn deadline(&self) -> Duration {
        self.inner.deadline.saturating_duration_since(Instant::now())
    }

    /// Tells when nobody waits for the answer any more. The handler's own future is dropped then.
    pub fn cancelled(&self) -> &Cancelled {
        &self.inner.cancelled
    }

    /// The attributes of a CloudEvent 1.0, where the call is one.
    pub fn event(&self) -> Option<&Event> {
        self.inner.event.as_ref()
    }

    /// The items, where the call is a batch.
    pub fn batch(&self) -> Option<&[Item]> {
        self.inner.batch.as_deref()
    }

    pub(crate) fn take_offer(&self) -> Option<Offer> {
        let mut offer = self.inner.offer.lock().unwrap_or_else(PoisonError::into_inner);
        offer.take()
    }
}
