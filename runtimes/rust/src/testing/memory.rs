//! The gateway in memory: it answers what `gateway/protocol.md` says, for one function.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use hyper::header::HeaderMap;
use serde_json::{json, Value};

use super::memory_kv::Keys;
use super::memory_objects::Objects;
use crate::gateway::{Ask, GatewayError, Object, Payload, Reply};
use crate::text::{ids, percent};

const MAX_MESSAGE: usize = 1024 * 1024;

/// One message that a handler published.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Published {
    /// The subject or topic.
    pub subject: String,
    /// The message's id.
    pub id: String,
    /// What was published.
    pub data: Value,
}

#[derive(Default)]
pub(crate) struct Memory {
    keys: Mutex<Keys>,
    objects: Mutex<Objects>,
    published: Mutex<Vec<Published>>,
}

/// A status, headers and a body; or a refusal.
pub(crate) type Outcome = Result<(u16, HeaderMap, Bytes), GatewayError>;

impl Memory {
    pub(crate) async fn send(&self, ask: Ask) -> Result<Reply, GatewayError> {
        let body = whole(ask.payload).await?;
        let (path, query) = ask.path.split_once('?').unwrap_or((&ask.path, ""));
        let query: Vec<(String, String)> = percent::query_pairs(query)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let parameter = |name: &str| {
            let found = query.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        let (status, headers, body) = match path {
            "/v1/kv" => json_answer(&json!({"value": lock(&self.keys).run(&parse(&body)?)?})),
            "/v1/publish" => json_answer(&self.publish(&parse(&body)?)?),
            "/v1/storage/object" => {
                let content_type = ask
                    .headers
                    .get("content-type")
                    .and_then(|value| value.to_str().ok());
                let range = ask.headers.get("range").and_then(|value| value.to_str().ok());
                lock(&self.objects).object(&ask.method, parameter("ref"), body, content_type, range)?
            }
            "/v1/storage/list" => json_answer(&lock(&self.objects).list(parameter("prefix"))),
            "/v1/storage/presign" => json_answer(&lock(&self.objects).presign(&parse(&body)?)?),
            "/v1/models" => return Err(no_model(&parse(&body)?)),
            other => {
                return Err(GatewayError::new(
                    "not_found",
                    404,
                    format!("there is no {other}"),
                ))
            }
        };
        Ok(Reply {
            status,
            headers,
            body: Object::from_memory(body),
        })
    }

    pub(crate) fn published(&self) -> Vec<Published> {
        lock(&self.published).clone()
    }

    fn publish(&self, message: &Value) -> Result<Value, GatewayError> {
        let subject = message.get("subject").and_then(Value::as_str).unwrap_or_default();
        if !is_subject(subject) {
            let text =
                format!("{subject:?} is neither a subject that begins with mq. nor a snake_case topic");
            return Err(GatewayError::new("bad_request", 400, text));
        }
        let data = message.get("data").cloned().unwrap_or_default();
        if data.to_string().len() > MAX_MESSAGE {
            return Err(GatewayError::new(
                "payload_too_large",
                413,
                "the message is larger than 1 MiB",
            ));
        }
        let given = message.get("id").and_then(Value::as_str).map(str::to_owned);
        let id = given.unwrap_or_else(ids::uuid);
        lock(&self.published).push(Published {
            subject: subject.to_owned(),
            id: id.clone(),
            data,
        });
        Ok(json!({ "id": id }))
    }
}

fn is_subject(subject: &str) -> bool {
    let token = |part: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        !part.is_empty() && part.chars().all(plain)
    };
    match subject.strip_prefix("mq.") {
        Some(rest) => rest.split('.').all(token) && rest != "dlq" && !rest.starts_with("dlq."),
        None => {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            subject.starts_with(|c: char| c.is_ascii_lowercase()) && subject.chars().all(plain)
        }
    }
}

fn no_model(question: &Value) -> GatewayError {
    let name = question.get("name").and_then(Value::as_str).unwrap_or_default();
    let text = format!("the test platform has no model {name:?}: give it one by TestPlatform::with_model");
    GatewayError::new("not_found", 404, text)
}

async fn whole(payload: Payload) -> Result<Bytes, GatewayError> {
    let mut pieces = match payload {
        Payload::Whole(bytes) => return Ok(bytes),
        Payload::Stream(pieces) => pieces,
    };
    let mut whole = BytesMut::new();
    while let Some(piece) = std::future::poll_fn(|context| pieces.as_mut().poll_next(context)).await {
        let broken = |error| {
            GatewayError::new(
                "bad_request",
                400,
                format!("the source of the object failed: {error}"),
            )
        };
        whole.extend_from_slice(&piece.map_err(broken)?);
    }
    Ok(whole.freeze())
}

fn parse(body: &[u8]) -> Result<Value, GatewayError> {
    serde_json::from_slice(body).map_err(|error| GatewayError::new("bad_request", 400, error.to_string()))
}

fn json_answer(value: &Value) -> (u16, HeaderMap, Bytes) {
    (200, HeaderMap::new(), Bytes::from(value.to_string()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_those_of_the_protocol() {
        for subject in [
            "mq.notify.support",
            "mq.pipeline.transcription.complete",
            "llm_usage",
        ] {
            assert!(is_subject(subject), "{subject}");
        }
        for subject in ["", "mq.", "mq.a.*", "mq.>", "mq.dlq.x", "a.b", "Topic", "mq.a..b"] {
            assert!(!is_subject(subject), "{subject}");
        }
    }
}
