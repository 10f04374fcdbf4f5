//! Objects in memory.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::Method;
use serde_json::{json, Value};

use super::memory::Outcome;
use crate::gateway::GatewayError;
use crate::text::{percent, time};

struct Stored {
    content: Bytes,
    content_type: String,
    modified: String,
}

#[derive(Default)]
pub(crate) struct Objects(BTreeMap<String, Stored>);

impl Objects {
    pub(crate) fn object(
        &mut self,
        method: &Method,
        key: &str,
        body: Bytes,
        content_type: Option<&str>,
        range: Option<&str>,
    ) -> Outcome {
        check(key)?;
        if *method == Method::PUT {
            return Ok(self.put(key, body, content_type.unwrap_or("application/octet-stream")));
        }
        if *method == Method::DELETE {
            self.0.remove(key);
            return Ok((204, HeaderMap::new(), Bytes::new()));
        }
        let Some(stored) = self.0.get(key) else {
            return Err(GatewayError::new(
                "not_found",
                404,
                format!("there is no object {key:?}"),
            ));
        };
        let size = stored.content.len();
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-length", size.to_string()),
            ("content-type", stored.content_type.clone()),
            ("etag", etag(&stored.content)),
            ("last-modified", stored.modified.clone()),
        ] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
        if *method == Method::HEAD {
            return Ok((200, headers, Bytes::new()));
        }
        let Some((start, end)) = range.and_then(|range| parse_range(range, size)) else {
            return Ok((200, headers, stored.content.clone()));
        };
        if start >= size {
            let message = format!("the object has {size} bytes");
            return Err(GatewayError::new("range_not_satisfiable", 416, message));
        }
        Ok((206, headers, stored.content.slice(start..end)))
    }

    fn put(&mut self, key: &str, content: Bytes, content_type: &str) -> (u16, HeaderMap, Bytes) {
        let answer = json!({"key": key, "size": content.len(), "etag": etag(&content)});
        let stored = Stored {
            content,
            content_type: content_type.to_owned(),
            modified: time::now(),
        };
        self.0.insert(key.to_owned(), stored);
        (200, HeaderMap::new(), Bytes::from(answer.to_string()))
    }

    pub(crate) fn list(&self, prefix: &str) -> Value {
        let begins = self.0.iter().filter(|(key, _)| key.starts_with(prefix));
        let objects: Vec<Value> = begins
            .map(|(key, stored)| {
                let size = stored.content.len();
                json!({"key": key, "size": size, "etag": etag(&stored.content), "modified": stored.modified})
            })
            .collect();
        json!({"objects": objects, "cursor": null})
    }

    pub(crate) fn presign(&self, question: &Value) -> Result<Value, GatewayError> {
        let key = question.get("ref").and_then(Value::as_str).unwrap_or_default();
        check(key)?;
        let url = format!("https://storage.test/{}?signed", percent::encode(key));
        Ok(json!({"url": url, "expires_at": time::now()}))
    }
}

fn check(key: &str) -> Result<(), GatewayError> {
    let path = key.split_once("://").map_or(key, |(_, path)| path);
    let bad = path.is_empty()
        || path
            .split('/')
            .any(|part| part.is_empty() || part == "." || part == "..");
    if bad {
        let message = format!("{key:?} is no reference to an object");
        return Err(GatewayError::new("bad_request", 400, message));
    }
    Ok(())
}

fn etag(content: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

/// Start and end of `bytes=a-b` and `bytes=a-`, the end excluded.
fn parse_range(range: &str, size: usize) -> Option<(usize, usize)> {
    let (start, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let end = if last.is_empty() {
        size
    } else {
        last.parse::<usize>().ok()? + 1
    };
    Some((start.parse().ok()?, end.min(size)))
}
