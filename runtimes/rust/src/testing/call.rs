use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Uri};
use serde_json::{json, Value};

use super::TestPlatform;
use crate::batch::ITEMS;
use crate::cancel::Cancelled;
use crate::context::{Context, Inner, Trigger};
use crate::data::{Data, Query};
use crate::error::{Error, Result};
use crate::event::STRUCTURED;
use crate::headers::Headers;
use crate::server::Content;
use crate::text::time;

const TIMEOUT: Duration = Duration::from_secs(60);

/// A call as a test describes it.
#[derive(Clone, Debug)]
pub struct Call {
    content: Bytes,
    headers: HeaderMap,
    method: Option<String>,
    target: String,
    trigger: Option<Trigger>,
    request_id: String,
    timeout: Duration,
    cancelled: Cancelled,
}

impl Default for Call {
    fn default() -> Self {
        Self::empty()
    }
}

impl Call {
    /// A GET without a body.
    pub fn empty() -> Self {
        Self {
            content: Bytes::new(),
            headers: HeaderMap::new(),
            method: None,
            target: "/".to_owned(),
            trigger: None,
            request_id: "req_test".to_owned(),
            timeout: TIMEOUT,
            cancelled: Cancelled::default(),
        }
    }

    /// A POST of JSON.
    pub fn json(data: impl Into<Value>) -> Self {
        Self::body(data.into().to_string(), "application/json")
    }

    /// A POST of any body.
    pub fn body(content: impl Into<Bytes>, content_type: &str) -> Self {
        let call = Self {
            content: content.into(),
            ..Self::empty()
        };
        call.header("content-type", content_type)
    }

    /// A CloudEvent in structured mode; `id` and `source` have defaults.
    pub fn event(kind: &str, data: impl Into<Value>) -> Self {
        let event = json!({
            "specversion": "1.0", "id": "event-1", "source": "/test", "type": kind, "data": data.into(),
        });
        Self::body(event.to_string(), STRUCTURED)
    }

    /// A batch as the event plane sends it: ids and their data.
    pub fn batch<'a>(items: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        let items: Vec<Value> = items
            .into_iter()
            .map(|(id, data)| json!({"id": id, "data": data}))
            .collect();
        Self::body(json!({ "items": items }).to_string(), ITEMS)
    }

    /// Adds a header. One that HTTP cannot carry is left out.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            self.headers.append(name, value);
        }
        self
    }

    /// Sets the method; without it POST where there is a body, else GET.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Sets the path, with its query.
    #[must_use]
    pub fn path(mut self, target: &str) -> Self {
        target.clone_into(&mut self.target);
        self
    }

    /// Sets what called the function: `mq` and a subject, for example. Without it the headers `X-Function-Trigger`,
    /// `X-Function-Trigger-Timestamp` and their like say so, as they do on the platform.
    #[must_use]
    pub fn trigger(mut self, kind: &str, source: &str) -> Self {
        self.trigger = Some(Trigger {
            kind: kind.to_owned(),
            source: source.to_owned(),
            id: "event-1".to_owned(),
            timestamp: time::now(),
            attempt: 1,
        });
        self
    }

    /// Sets the request id.
    #[must_use]
    pub fn request_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.request_id);
        self
    }

    /// Sets how long the caller waits; a minute without it. A test is not ended by it.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) fn content(&self) -> Bytes {
        self.content.clone()
    }

    pub(crate) fn into_context(self, platform: &TestPlatform, streamed: bool) -> Result<Context> {
        let headers = Headers::from(self.headers);
        let uri: Uri = self.target.parse()?;
        let (path, query) = (uri.path(), Query::parse(uri.query().unwrap_or_default()));
        let trigger = self.trigger.unwrap_or_else(|| Trigger::of(&headers, path));
        let method = match &self.method {
            Some(method) => method.parse()?,
            None if self.content.is_empty() => Method::GET,
            None => Method::POST,
        };
        let content = if streamed {
            Content::unread(&headers)
        } else {
            Content::parse(&headers, &self.content, &query, || trigger.clone())
                .map_err(|reason| Error::new(format!("the platform would answer 400: {reason}")))?
        };
        let inner = Inner {
            data: Data::from(content.data),
            headers,
            trigger: OnceLock::from(trigger),
            log: platform.log(),
            body: if streamed { Bytes::new() } else { self.content },
            method,
            uri,
            query,
            request_id: Arc::from(self.request_id),
            identity: Arc::clone(&platform.identity),
            deadline: Instant::now() + self.timeout,
            cancelled: self.cancelled,
            event: content.event,
            batch: content.batch,
            services: Arc::clone(&platform.services),
            offer: Mutex::new(None),
        };
        Ok(Context {
            inner: Arc::new(inner),
        })
    }
}
