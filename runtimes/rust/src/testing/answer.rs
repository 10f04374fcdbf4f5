use bytes::{Bytes, BytesMut};
use serde_json::Value;

use crate::context::Identity;
use crate::error::Result;
use crate::response::Response;
use crate::server::{prepare, Prepared};

/// What a handler answered, whole: a stream has been read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names, in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    pub(crate) async fn of(response: Response, identity: &Identity) -> Result<Self> {
        let (mut head, body) = match prepare(response, identity)? {
            Prepared::Whole(head, content) => (head, content),
            Prepared::Pieces(mut head, mut pieces) => {
                let mut body = BytesMut::new();
                while let Some(piece) = pieces.next().await? {
                    head.default_type(piece.media);
                    body.extend_from_slice(&piece.content);
                }
                (head, body.freeze())
            }
        };
        let body = if head.is_bodiless() {
            head = head.without_type();
            Bytes::new()
        } else {
            body
        };
        let headers = head.headers.iter().map(|(name, value)| {
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), text)
        });
        Ok(Self {
            status: head.status.as_u16(),
            headers: headers.collect(),
            body,
        })
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    ///
    /// # Errors
    /// Where it is no UTF-8.
    pub fn text(&self) -> Result<&str> {
        Ok(std::str::from_utf8(&self.body)?)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// Where it is none.
    pub fn json(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}
