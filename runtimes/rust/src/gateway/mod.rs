//! The platform's gateway: `gateway/protocol.md`.

mod http;
mod object;
mod outbound;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_core::Stream;
use hyper::header::{HeaderMap, CONTENT_TYPE};
use hyper::Method;
use serde_json::Value;

pub(crate) use self::http::HttpGateway;
pub use self::object::Object;
use crate::error::Error;
use crate::testing::memory::Memory;

/// A refusal of the platform's gateway, or the lack of an answer from it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GatewayError {
    /// The platform's code: `not_found`, `conflict`, `unavailable` and the like.
    pub code: String,
    /// The HTTP status that stands for it.
    pub status: u16,
    /// What happened, in words.
    pub message: String,
    /// What to do next, where there is something.
    pub next: Option<String>,
}

impl GatewayError {
    pub(crate) fn new(code: &str, status: u16, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            status,
            message: message.into(),
            next: None,
        }
    }

    /// The gateway could not be reached, or its answer makes no sense.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new("unavailable", 503, message)
    }

    fn none() -> Self {
        let next =
            "deploy the function or run it with `hanzo-fn dev`; in a unit test use hanzo_functions::testing";
        let message = format!("this process was started without a gateway: {next}");
        Self {
            next: Some(next.to_owned()),
            ..Self::unavailable(message)
        }
    }
}

impl fmt::Display for GatewayError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for GatewayError {}

pub(crate) type Result<T> = std::result::Result<T, GatewayError>;

/// What requests say of the call that they belong to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// Names and values, as they go out.
    pub(crate) headers: HeaderMap,
}

/// The way to the gateway.
#[derive(Clone)]
pub(crate) enum Link {
    None,
    Http(Arc<HttpGateway>),
    /// A platform in memory, for tests.
    Memory(Arc<Memory>),
}

/// The gateway as one call sees it.
#[derive(Clone)]
pub(crate) struct Gateway {
    link: Link,
    caller: Caller,
}

pub(crate) type Pieces = Pin<Box<dyn Stream<Item = std::result::Result<Bytes, Error>> + Send>>;

pub(crate) enum Payload {
    Whole(Bytes),
    Stream(Pieces),
}

pub(crate) struct Ask {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Payload,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Object,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Ask {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: HeaderMap::new(),
            payload: Payload::Whole(Bytes::new()),
        }
    }
}

impl Gateway {
    pub(crate) fn new(link: Link, caller: Caller) -> Self {
        Self { link, caller }
    }

    /// Sends a request. A status from 400 on is an error.
    pub(crate) async fn send(&self, ask: Ask) -> Result<Reply> {
        let what = format!("{} {}", ask.method, ask.path);
        let reply = match &self.link {
            Link::None => return Err(GatewayError::none()),
            Link::Http(gateway) => gateway.send(ask, &self.caller).await?,
            Link::Memory(memory) => memory.send(ask).await?,
        };
        if reply.status < 400 {
            return Ok(reply);
        }
        let status = reply.status;
        let mut body = reply.body;
        let whole = body.read_to_end().await?;
        Err(refusal(&what, status, &whole))
    }

    /// Posts JSON and reads JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let mut ask = Ask::new(Method::POST, path);
        let json = hyper::header::HeaderValue::from_static("application/json");
        ask.headers.insert(CONTENT_TYPE, json);
        ask.payload = Payload::Whole(Bytes::from(body.to_string()));
        self.json(ask).await
    }

    /// Sends a request and reads JSON.
    pub(crate) async fn json(&self, ask: Ask) -> Result<Value> {
        let mut reply = self.send(ask).await?;
        let body = reply.body.read_to_end().await?;
        serde_json::from_slice(&body)
            .map_err(|error| GatewayError::unavailable(format!("the gateway's answer is no JSON: {error}")))
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Gateway")
    }
}

fn refusal(what: &str, status: u16, body: &[u8]) -> GatewayError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    GatewayError {
        code: text("error").unwrap_or_else(|| code_of(status).to_owned()),
        status,
        message: text("msg").unwrap_or_else(|| format!("the gateway answered {what} with {status}")),
        next: text("next"),
    }
}

/// For an answer without a body, as to HEAD.
fn code_of(status: u16) -> &'static str {
    match status {
        400 => "bad_request",
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        409 => "conflict",
        413 => "payload_too_large",
        416 => "range_not_satisfiable",
        422 => "unsupported",
        429 => "rate_limited",
        503 => "unavailable",
        507 => "storage_full",
        _ => "internal",
    }
}
