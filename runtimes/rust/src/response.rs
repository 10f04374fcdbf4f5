use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use futures_core::Stream;
use serde::Serialize;
use serde_json::{json, Value};

use crate::batch::ItemResult;
use crate::error::{Error, IntoError, Result};
use crate::event::EventOut;
use crate::sse::SseEvent;

/// An answer with a status, headers and a body.
///
/// ```
/// use hanzo_functions::Response;
/// use serde_json::json;
///
/// let made = Response::json(json!({"made": true})).status(201).header("X-Own", "1");
/// ```
#[must_use]
pub struct Response {
    pub(crate) status: Option<u16>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) payload: Payload,
}

pub(crate) enum Payload {
    None,
    Whole {
        content: Bytes,
        media: &'static str,
    },
    Pieces(Pieces),
    Event(Box<EventOut>),
    /// The value could not be serialised.
    Unserialisable(String),
}

/// Pieces that are ready to be sent.
pub(crate) struct Pieces {
    pub(crate) source: Pin<Box<dyn Stream<Item = Result<Piece>> + Send>>,
    /// `None` where the first piece decides.
    pub(crate) media: Option<&'static str>,
}

impl Pieces {
    pub(crate) async fn next(&mut self) -> Result<Option<Piece>> {
        std::future::poll_fn(|context| self.source.as_mut().poll_next(context))
            .await
            .transpose()
    }
}

pub(crate) const JSON: &str = "application/json";
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
pub(crate) const BYTES: &str = "application/octet-stream";
pub(crate) const LINES: &str = "application/x-ndjson";
const EVENTS: &str = "text/event-stream";

impl Response {
    /// No body: 204, or the status that is set.
    pub fn empty() -> Self {
        Self::of(Payload::None)
    }

    /// 200 with a value by the contract's table: a string as text, `null` as an empty body, anything else as JSON.
    pub fn ok(value: impl Serialize + 'static) -> Self {
        Self::from_value(value).status(200)
    }

    /// The value as JSON whatever it is: a string is quoted, `null` is `null`.
    pub fn json(value: impl Serialize) -> Self {
        Self::of(match serde_json::to_vec(&value) {
            Ok(content) => whole(content, JSON),
            Err(error) => Payload::Unserialisable(error.to_string()),
        })
    }

    /// Text as `text/plain; charset=utf-8`.
    pub fn text(text: impl Into<String>) -> Self {
        Self::of(whole(text.into(), TEXT))
    }

    /// Bytes as `application/octet-stream`.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::of(whole(bytes, BYTES))
    }

    /// `{"error": message}` under this status.
    pub fn error(status: u16, message: impl fmt::Display) -> Self {
        Self::json(json!({"error": message.to_string()})).status(status)
    }

    /// Each piece goes out at once; the type follows the first piece unless a `Content-Type` is set. See
    /// [`crate::stream`] for ways to make a stream.
    ///
    /// An item is a [`Piece`], what becomes one, or a `Result` of that. An `Err` before the first piece is answered
    /// with 500, a later one cuts the connection.
    pub fn stream<S>(source: S) -> Self
    where
        S: Stream + Send + 'static,
        S::Item: IntoPiece,
    {
        Self::of(Payload::Pieces(Pieces {
            source: Box::pin(Converted(Box::pin(source), IntoPiece::into_piece)),
            media: None,
        }))
    }

    /// Server-sent events (`text/event-stream`). An item is an [`SseEvent`], a string, or a `Result` of those.
    pub fn sse<S>(source: S) -> Self
    where
        S: Stream + Send + 'static,
        S::Item: IntoEvent,
    {
        let convert: fn(S::Item) -> Result<Piece> = |item| {
            let event = item.into_event()?;
            Ok(Piece::from(event.encode()))
        };
        Self::of(Payload::Pieces(Pieces {
            source: Box::pin(Converted(Box::pin(source), convert)),
            media: Some(EVENTS),
        }))
    }

    /// `{"results": [...]}`: what became of each item of a batch.
    pub fn batch(results: impl IntoIterator<Item = ItemResult>) -> Self {
        let results: Vec<Value> = results.into_iter().map(ItemResult::into_value).collect();
        Self::json(json!({"results": results}))
    }

    /// 200 with a CloudEvent, binary unless [`EventOut::structured`].
    pub fn event(event: EventOut) -> Self {
        let status = event.status;
        Self::of(Payload::Event(Box::new(event))).status(status)
    }

    /// Sets the status, 200 to 599; another one is answered as an error of the handler.
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Adds a header; one of the same name that is there stays, so that `Set-Cookie` can come twice.
    ///
    /// Names that belong to the connection or to the platform are dropped. What HTTP cannot carry is answered as an
    /// error of the handler.
    pub fn header(mut self, name: impl Into<String>, value: impl fmt::Display) -> Self {
        self.headers.push((name.into(), value.to_string()));
        self
    }

    fn of(payload: Payload) -> Self {
        Self {
            status: None,
            headers: Vec::new(),
            payload,
        }
    }

    /// A returned value by the table of the runtime contract.
    pub(crate) fn from_value<T: Serialize + 'static>(value: T) -> Self {
        let any = &value as &dyn std::any::Any;
        if any.is::<()>() {
            return Self::empty();
        }
        if let Some(bytes) = any.downcast_ref::<Vec<u8>>() {
            return Self::bytes(bytes.clone());
        }
        if let Some(text) = any.downcast_ref::<String>() {
            return Self::text(text.as_str());
        }
        let made = Self::json(value);
        let Payload::Whole { content, .. } = &made.payload else {
            return made;
        };
        match content.first() {
            Some(b'n') => Self::empty(),
            Some(b'"') => serde_json::from_slice::<String>(content).map_or(made, Self::text),
            _ => made,
        }
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Response");
        shown
            .field("status", &self.status)
            .field("headers", &self.headers);
        if let Payload::Whole { content, .. } = &self.payload {
            shown.field("content", content);
        }
        shown.finish_non_exhaustive()
    }
}

fn whole(content: impl Into<Bytes>, media: &'static str) -> Payload {
    let content = content.into();
    Payload::Whole { content, media }
}

/// One piece of a stream: bytes and text go out as they are, JSON as one line.
#[derive(Clone, Debug)]
pub struct Piece {
    pub(crate) content: Bytes,
    pub(crate) media: &'static str,
}

impl Piece {
    /// One line of JSON.
    ///
    /// # Errors
    /// Where JSON cannot hold the value.
    pub fn json(value: impl Serialize) -> Result<Self> {
        let mut line = serde_json::to_vec(&value).map_err(Error::unserialisable)?;
        line.push(b'\n');
        Ok(Self {
            content: Bytes::from(line),
            media: LINES,
        })
    }
}

impl From<String> for Piece {
    fn from(text: String) -> Self {
        Self {
            content: Bytes::from(text),
            media: TEXT,
        }
    }
}

impl From<&str> for Piece {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<Bytes> for Piece {
    fn from(content: Bytes) -> Self {
        let media = BYTES;
        Self { content, media }
    }
}

impl From<Vec<u8>> for Piece {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(Bytes::from(bytes))
    }
}

/// What a stream of [`Response::stream`] may be made of.
pub trait IntoPiece {
    /// The piece, or the error that ends the stream.
    ///
    /// # Errors
    /// Whatever the source failed with.
    fn into_piece(self) -> Result<Piece>;
}

macro_rules! pieces {
    ($($kind:ty),*) => {$(
        impl IntoPiece for $kind {
            fn into_piece(self) -> Result<Piece> {
                Ok(Piece::from(self))
            }
        }
    )*};
}
pieces!(Piece, String, &'static str, Vec<u8>, Bytes);

impl IntoPiece for Value {
    fn into_piece(self) -> Result<Piece> {
        Piece::json(self)
    }
}

impl<P: IntoPiece, E: IntoError> IntoPiece for Result<P, E> {
    fn into_piece(self) -> Result<Piece> {
        self.map_err(IntoError::into_error)?.into_piece()
    }
}

/// What a stream of [`Response::sse`] may be made of.
pub trait IntoEvent {
    /// The event, or the error that ends the stream.
    ///
    /// # Errors
    /// Whatever the source failed with.
    fn into_event(self) -> Result<SseEvent>;
}

macro_rules! events {
    ($($kind:ty),*) => {$(
        impl IntoEvent for $kind {
            fn into_event(self) -> Result<SseEvent> {
                Ok(SseEvent::from(self))
            }
        }
    )*};
}
events!(SseEvent, String, &'static str, Value);

impl<P: IntoEvent, E: IntoError> IntoEvent for Result<P, E> {
    fn into_event(self) -> Result<SseEvent> {
        self.map_err(IntoError::into_error)?.into_event()
    }
}

/// A stream under a conversion of its items.
struct Converted<S: Stream>(Pin<Box<S>>, fn(S::Item) -> Result<Piece>);

impl<S: Stream> Stream for Converted<S> {
    type Item = Result<Piece>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let convert = self.1;
        self.0.as_mut().poll_next(context).map(|item| item.map(convert))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(response: &Response) -> (Option<u16>, &str, &[u8]) {
        match &response.payload {
            Payload::Whole { content, media } => (response.status, media, content),
            _ => (response.status, "", b""),
        }
    }

    #[test]
    fn returned_values_follow_the_table() {
        for (response, wanted) in [
            (
                Response::from_value(json!({"a": 1})),
                (None, JSON, &b"{\"a\":1}"[..]),
            ),
            (Response::from_value("x"), (None, TEXT, b"x")),
            (Response::from_value("x".to_owned()), (None, TEXT, b"x")),
            (Response::from_value(json!("a\nb")), (None, TEXT, b"a\nb")),
            (Response::from_value(vec![0_u8, 255]), (None, BYTES, &[0, 255])),
            (Response::from_value(()), (None, "", b"")),
            (Response::from_value(Option::<u8>::None), (None, "", b"")),
            (Response::from_value(42), (None, JSON, b"42")),
            (Response::json("x"), (None, JSON, b"\"x\"")),
            (Response::json(()), (None, JSON, b"null")),
            (Response::ok(Value::Null), (Some(200), "", b"")),
            (
                Response::error(418, "a teapot"),
                (Some(418), JSON, b"{\"error\":\"a teapot\"}"),
            ),
        ] {
            assert_eq!(content(&response), wanted);
        }
    }
}
