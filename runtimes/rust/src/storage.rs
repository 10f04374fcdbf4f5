use std::collections::VecDeque;
use std::ops::{Bound, RangeBounds};
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use hyper::header::{HeaderMap, HeaderName, HeaderValue, CONTENT_TYPE, RANGE};
use hyper::Method;
use serde_json::{json, Value};

use crate::error::Result as HandlerResult;
use crate::gateway::{Ask, Gateway, GatewayError, Object, Payload, Reply};
use crate::response::IntoPiece;
use crate::text::percent;

type Result<T> = std::result::Result<T, GatewayError>;

const AN_HOUR: Duration = Duration::from_secs(3600);

/// Objects by `ref`: see [`crate::Context::storage`].
///
/// A `ref` is a key in the function's own folder (`out/a.txt`), `s3://bucket/key`, or a URL of the storage endpoint.
#[derive(Clone, Debug)]
pub struct Storage {
    gateway: Gateway,
}

/// What has been stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// Relative where the `ref` was, else `s3://bucket/key`.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// With its quotes, as in the header.
    pub etag: String,
}

/// What is known of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectHead {
    /// Bytes.
    pub size: u64,
    /// With its quotes, as in the header.
    pub etag: String,
    /// The media type.
    pub content_type: String,
    /// As the header `Last-Modified` has it.
    pub modified: String,
}

/// One object of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// Relative where the prefix was, else `s3://bucket/key`.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// With its quotes, as in the header.
    pub etag: String,
    /// RFC 3339.
    pub modified: String,
}

/// What a URL of [`Storage::presign_with`] allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allow {
    /// To read the object.
    Get,
    /// To write it.
    Put,
}

impl Storage {
    pub(crate) fn new(gateway: Gateway) -> Self {
        Self { gateway }
    }

    /// An object, whole.
    pub async fn get(&self, object: &str) -> Result<Bytes> {
        self.open(object).await?.read_to_end().await
    }

    /// An object as a stream.
    pub async fn open(&self, object: &str) -> Result<Object> {
        self.open_range(object, ..).await
    }

    /// A part of an object as a stream: `0..5`, `10..`.
    pub async fn open_range(&self, object: &str, range: impl RangeBounds<u64>) -> Result<Object> {
        let mut ask = Ask::new(Method::GET, object_path(object));
        if let Some(range) = range_header(&range)? {
            set(&mut ask.headers, RANGE, &range)?;
        }
        Ok(self.gateway.send(ask).await?.body)
    }

    /// Stores an object; it appears whole or not at all.
    pub async fn put(&self, object: &str, data: impl Into<Bytes>) -> Result<Stored> {
        self.store(object, Payload::Whole(data.into()), None).await
    }

    /// Stores an object of a media type.
    pub async fn put_as(&self, object: &str, data: impl Into<Bytes>, content_type: &str) -> Result<Stored> {
        self.store(object, Payload::Whole(data.into()), Some(content_type))
            .await
    }

    /// Stores an object of a stream of bytes, text or lines of JSON (or a `Result` of those), of any length. Where the stream fails nothing is stored.
    pub async fn put_stream<S>(&self, object: &str, pieces: S, content_type: Option<&str>) -> Result<Stored>
    where
        S: Stream + Send + 'static,
        S::Item: IntoPiece,
    {
        let pieces = Box::pin(Pieces(Box::pin(pieces)));
        self.store(object, Payload::Stream(pieces), content_type).await
    }

    /// What is known of an object; `None` where there is none.
    pub async fn head(&self, object: &str) -> Result<Option<ObjectHead>> {
        match self
            .gateway
            .send(Ask::new(Method::HEAD, object_path(object)))
            .await
        {
            Err(error) if error.status == 404 => Ok(None),
            Err(error) => Err(error),
            Ok(mut reply) => {
                reply.body.read_to_end().await?;
                Ok(Some(head_of(&reply)))
            }
        }
    }

    /// Deletes an object, also where there is none.
    pub async fn delete(&self, object: &str) -> Result<()> {
        let ask = Ask::new(Method::DELETE, object_path(object));
        self.gateway.send(ask).await?.body.read_to_end().await?;
        Ok(())
    }

    /// The objects whose keys begin with a prefix, page by page.
    pub fn list(&self, prefix: &str) -> List {
        List {
            gateway: self.gateway.clone(),
            prefix: prefix.to_owned(),
            page: VecDeque::new(),
            cursor: Some(String::new()),
        }
    }

    /// A URL with which anyone may read the object for an hour.
    pub async fn presign(&self, object: &str) -> Result<String> {
        self.presign_with(object, Allow::Get, AN_HOUR).await
    }

    /// A URL with which anyone may read (at most 24 h) or write (at most 1 h) the object.
    pub async fn presign_with(&self, object: &str, allow: Allow, expires: Duration) -> Result<String> {
        let method = match allow {
            Allow::Get => "GET",
            Allow::Put => "PUT",
        };
        let body = json!({"ref": object, "method": method, "expires_s": expires.as_secs()});
        let answer = self.gateway.post("/v1/storage/presign", &body).await?;
        Ok(string(&answer, "url"))
    }

    async fn store(&self, object: &str, payload: Payload, content_type: Option<&str>) -> Result<Stored> {
        let mut ask = Ask::new(Method::PUT, object_path(object));
        ask.payload = payload;
        if let Some(content_type) = content_type {
            set(&mut ask.headers, CONTENT_TYPE, content_type)?;
        }
        let stored = self.gateway.json(ask).await?;
        Ok(Stored {
            key: string(&stored, "key"),
            size: number(&stored, "size"),
            etag: string(&stored, "etag"),
        })
    }
}

/// The objects of [`Storage::list`].
#[derive(Debug)]
pub struct List {
    gateway: Gateway,
    prefix: String,
    page: VecDeque<Listed>,
    /// Empty before the first page, `None` after the last.
    cursor: Option<String>,
}

impl List {
    /// The next object; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Listed>> {
        while self.page.is_empty() {
            let Some(cursor) = self.cursor.take() else {
                return Ok(None);
            };
            let mut path = format!("/v1/storage/list?prefix={}", percent::encode(&self.prefix));
            if !cursor.is_empty() {
                path.push_str(&format!("&cursor={}", percent::encode(&cursor)));
            }
            let page = self.gateway.json(Ask::new(Method::GET, path)).await?;
            self.cursor = page.get("cursor").and_then(Value::as_str).map(str::to_owned);
            let objects = page.get("objects").and_then(Value::as_array);
            self.page
                .extend(objects.into_iter().flatten().map(|object| Listed {
                    key: string(object, "key"),
                    size: number(object, "size"),
                    etag: string(object, "etag"),
                    modified: string(object, "modified"),
                }));
        }
        Ok(self.page.pop_front())
    }

    /// All objects that are left.
    pub async fn all(mut self) -> Result<Vec<Listed>> {
        let mut objects = Vec::new();
        while let Some(object) = self.next().await? {
            objects.push(object);
        }
        Ok(objects)
    }
}

fn object_path(object: &str) -> String {
    format!("/v1/storage/object?ref={}", percent::encode(object))
}

fn range_header(range: &impl RangeBounds<u64>) -> Result<Option<String>> {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(start) => *start + 1,
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(end) => Some(*end + 1),
        Bound::Excluded(end) => Some(*end),
        Bound::Unbounded => None,
    };
    match (start, end) {
        (0, None) => Ok(None),
        (start, None) => Ok(Some(format!("bytes={start}-"))),
        (start, Some(end)) if end > start => Ok(Some(format!("bytes={start}-{}", end - 1))),
        (start, Some(end)) => {
            let message = format!("no byte lies between {start} and {end}");
            Err(GatewayError::new("bad_request", 400, message))
        }
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<()> {
    let value = HeaderValue::try_from(value)
        .map_err(|_| GatewayError::new("bad_request", 400, format!("HTTP cannot carry {name}: {value:?}")))?;
    headers.insert(name, value);
    Ok(())
}

fn head_of(reply: &Reply) -> ObjectHead {
    ObjectHead {
        size: reply.header("content-length").parse().unwrap_or(0),
        etag: reply.header("etag").to_owned(),
        content_type: reply.header("content-type").to_owned(),
        modified: reply.header("last-modified").to_owned(),
    }
}

fn string(value: &Value, name: &str) -> String {
    value
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn number(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).unwrap_or(0)
}

/// A user's stream with our kind of items.
struct Pieces<S>(Pin<Box<S>>);

impl<S: Stream> Stream for Pieces<S>
where
    S::Item: IntoPiece,
{
    type Item = HandlerResult<Bytes>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let next = self.0.as_mut().poll_next(context);
        next.map(|item| item.map(|piece| Ok(piece.into_piece()?.content)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_http() {
        assert_eq!(range_header(&(..)).unwrap(), None);
        assert_eq!(range_header(&(2..5)).unwrap().as_deref(), Some("bytes=2-4"));
        assert_eq!(range_header(&(2..)).unwrap().as_deref(), Some("bytes=2-"));
        assert_eq!(range_header(&(..=4)).unwrap().as_deref(), Some("bytes=0-4"));
        assert!(range_header(&(5..5)).is_err());
    }
}
