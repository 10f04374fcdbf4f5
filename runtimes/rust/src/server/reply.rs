//! What goes back to the connection: the answer of a handler in the words of HTTP.

use std::collections::HashSet;
use std::sync::OnceLock;

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue, CONTENT_TYPE};
use hyper::StatusCode;
use serde_json::Value;
use tokio::sync::mpsc;

use super::failure::Code;
use crate::context::Identity;
use crate::data::media_type;
use crate::error::{Error, Result};
use crate::event::{header_value, EventData, EventMode, EventOut, STRUCTURED};
use crate::response::{Payload, Pieces, Response, BYTES, JSON};
use crate::text::base64;

/// Pieces that may wait between the handler and the connection.
const PIECES_AHEAD: usize = 1;

/// The head of an answer, with its body or the way to it.
pub(crate) enum Reply {
    Whole(Head, Bytes),
    /// The head of a stream that nobody will read, as for HEAD.
    Head(Head),
    /// A stream with its first pieces.
    Stream(Head, Bytes, mpsc::Receiver<Next>),
    /// The platform's error body.
    Failed(Code, String),
    /// The connection becomes a WebSocket; the answer to the client's key.
    Upgrade(HeaderValue),
}

/// What follows the first piece of a stream.
pub(crate) enum Next {
    Piece(Bytes),
    End,
}

pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

/// A response that HTTP can carry.
pub(crate) enum Prepared {
    Whole(Head, Bytes),
    Pieces(Head, Pieces),
}

/// Checks and translates what a handler returned.
pub(crate) fn prepare(response: Response, identity: &Identity) -> Result<Prepared> {
    let Response {
        status,
        headers,
        payload,
    } = response;
    let empty = matches!(payload, Payload::None);
    let status = status_of(status.unwrap_or(if empty { 204 } else { 200 }))?;
    let mut head = Head {
        status,
        headers: header_map(headers)?,
    };
    match payload {
        Payload::None => Ok(Prepared::Whole(head, Bytes::new())),
        Payload::Whole { content, media } => {
            head.default_type(media);
            Ok(Prepared::Whole(head, content))
        }
        Payload::Event(event) => {
            let content = put_event(*event, &mut head, identity)?;
            Ok(Prepared::Whole(head, content))
        }
        Payload::Pieces(pieces) => {
            if let Some(media) = pieces.media {
                head.default_type(media);
            }
            Ok(Prepared::Pieces(head, pieces))
        }
        Payload::Unserialisable(reason) => Err(Error::unserialisable_because(reason)),
    }
}

impl Head {
    /// Names the type, unless the function did.
    pub(crate) fn default_type(&mut self, media: &'static str) {
        let entry = self.headers.entry(CONTENT_TYPE);
        entry.or_insert(HeaderValue::from_static(media));
    }

    /// Whether an answer of this status has no body.
    pub(crate) fn is_bodiless(&self) -> bool {
        matches!(self.status.as_u16(), 204 | 205 | 304)
    }

    pub(crate) fn without_type(mut self) -> Self {
        self.headers.remove(CONTENT_TYPE);
        self
    }
}

pub(crate) fn pieces_channel() -> (mpsc::Sender<Next>, mpsc::Receiver<Next>) {
    mpsc::channel(PIECES_AHEAD)
}

fn status_of(status: u16) -> Result<StatusCode> {
    match StatusCode::from_u16(status) {
        Ok(code) if (200..600).contains(&status) => Ok(code),
        _ => Err(Error::named(
            "ResponseError",
            format!("a status is a number from 200 to 599, not {status}"),
        )),
    }
}

/// The function's headers without those that belong to the connection or to the platform.
fn header_map(headers: Vec<(String, String)>) -> Result<HeaderMap> {
    let mut map = HeaderMap::with_capacity(headers.len() + 4);
    for (name, value) in headers {
        let broken = |what: &str| {
            let message = format!("HTTP cannot carry the {what} of the header {name:?}");
            Error::named("ResponseError", message)
        };
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| broken("name"))?;
        let text = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| broken("value"))?;
        if !is_dropped(key.as_str()) {
            map.append(key, text);
        }
    }
    Ok(map)
}

fn is_dropped(name: &str) -> bool {
    static DROPPED: OnceLock<HashSet<&str>> = OnceLock::new();
    let dropped = DROPPED.get_or_init(|| {
        HashSet::from([
            "connection",
            "keep-alive",
            "proxy-connection",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "content-length",
        ])
    });
    dropped.contains(name) || name.starts_with("x-function-")
}

/// Puts an event into the headers or makes one JSON object of it; answers the body.
fn put_event(event: EventOut, head: &mut Head, identity: &Identity) -> Result<Bytes> {
    let EventOut {
        mut attributes,
        data,
        mode,
        ..
    } = event;
    if !attributes.contains_key("source") {
        let source = format!("/functions/{}", identity.function);
        attributes.insert("source".to_owned(), Value::from(source));
    }
    let named = attributes
        .get("datacontenttype")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let media = named.unwrap_or_else(|| {
        let usual = if matches!(data, EventData::Json(_)) {
            JSON
        } else {
            BYTES
        };
        usual.to_owned()
    });
    if mode == EventMode::Structured {
        attributes.insert("datacontenttype".to_owned(), Value::from(media));
        match data {
            EventData::Json(value) => attributes.insert("data".to_owned(), value),
            EventData::Bytes(bytes) => {
                attributes.insert("data_base64".to_owned(), Value::from(base64::encode(&bytes)))
            }
        };
        head.set("content-type", STRUCTURED)?;
        return Ok(Bytes::from(Value::Object(attributes).to_string()));
    }
    for (name, value) in attributes.iter().filter(|(name, _)| *name != "datacontenttype") {
        head.set(&format!("ce-{name}"), &header_value(value))?;
    }
    head.set("content-type", &media)?;
    Ok(match data {
        EventData::Bytes(bytes) => bytes,
        EventData::Json(Value::String(text)) if !is_json(&media) => Bytes::from(text),
        EventData::Json(value) => Bytes::from(value.to_string()),
    })
}

fn is_json(media: &str) -> bool {
    let plain = media_type(media);
    plain == JSON || plain.ends_with("+json")
}

impl Head {
    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let broken = || Error::named("ResponseError", format!("HTTP cannot carry {name}: {value:?}"));
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| broken())?;
        let text = HeaderValue::from_str(value).map_err(|_| broken())?;
        self.headers.insert(key, text);
        Ok(())
    }
}
