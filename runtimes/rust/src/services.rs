//! `ctx.kv`, `ctx.storage`, `ctx.publish` and `ctx.model`.

use std::sync::Arc;

use hyper::header::{HeaderMap, HeaderValue};
use serde::Serialize;
use serde_json::{json, Value};

use crate::context::Context;
use crate::error::Result;
use crate::gateway::{Caller, Gateway, GatewayError, Link};
use crate::kv::Kv;
use crate::model::{Model, Models};
use crate::storage::Storage;

/// What all calls of a process share.
pub(crate) struct Services {
    pub(crate) link: Link,
    pub(crate) models: Models,
}

impl Context {
    /// The function's own keys and values.
    pub fn kv(&self) -> Kv {
        Kv::new(self.gateway())
    }

    /// Objects of the function and its organisation.
    pub fn storage(&self) -> Storage {
        Storage::new(self.gateway())
    }

    /// Publishes a message: a subject that begins with `mq.` goes to the message queue, a `snake_case` topic to the
    /// stream. The message's id, once the broker has acknowledged it.
    ///
    /// # Errors
    /// A [`GatewayError`]: a subject that does not parse, a message over 1 MiB, no broker.
    pub async fn publish(&self, subject: &str, data: &(impl Serialize + ?Sized)) -> Result<String> {
        let message = json!({"subject": subject, "data": serde_json::to_value(data)?});
        self.send_message(&message).await
    }

    /// Publishes a message under an id of the function's own, by which the broker tells duplicates.
    ///
    /// # Errors
    /// As [`Context::publish`].
    pub async fn publish_as(
        &self,
        id: &str,
        subject: &str,
        data: &(impl Serialize + ?Sized),
    ) -> Result<String> {
        let message = json!({"subject": subject, "data": serde_json::to_value(data)?, "id": id});
        self.send_message(&message).await
    }

    /// A model by its name, found on this machine or brought to it.
    ///
    /// # Errors
    /// A [`GatewayError`]: `not_found` names the places that were looked at.
    pub async fn model(&self, name: &str) -> Result<Model> {
        self.inner.services.models.get(name, &self.gateway()).await
    }

    async fn send_message(&self, message: &Value) -> Result<String> {
        let answer = self.gateway().post("/v1/publish", message).await?;
        match answer.get("id").and_then(Value::as_str) {
            Some(id) => Ok(id.to_owned()),
            None => Err(GatewayError::unavailable(
                "the gateway's answer names no id of the message",
            ))?,
        }
    }

    fn gateway(&self) -> Gateway {
        let mut headers = HeaderMap::new();
        if let Ok(id) = HeaderValue::try_from(self.request_id()) {
            headers.insert("x-request-id", id);
        }
        for name in ["traceparent", "tracestate"] {
            let value = self.headers().filled(name);
            if let Some(Ok(value)) = value.map(|value| HeaderValue::try_from(&*value)) {
                headers.insert(name, value);
            }
        }
        Gateway::new(self.inner.services.link.clone(), Caller { headers })
    }
}

impl std::fmt::Debug for Services {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Services")
    }
}

/// Shared by the calls of one process.
pub(crate) type Shared = Arc<Services>;
