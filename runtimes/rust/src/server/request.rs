//! What the head and the body of a request say.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::CONTENT_TYPE;
use serde_json::Value;

use crate::batch::{self, Item};
use crate::context::Trigger;
use crate::data::{media_type, parse_body, Query};
use crate::event::{self, Event};
use crate::headers::Headers;
use crate::names;
use crate::text::ids;

pub(crate) fn request_id(headers: &Headers) -> Arc<str> {
    let given = headers
        .has(&names::REQUEST_ID)
        .then(|| headers.filled("x-request-id"));
    match given.flatten() {
        Some(id) => Arc::from(&*id),
        None => ids::request_id(),
    }
}

/// How long the caller still waits; `None` where it does not say.
pub(crate) fn deadline(headers: &Headers) -> Option<Duration> {
    if !headers.has(&names::DEADLINE_MS) {
        return None;
    }
    let text = headers.filled("x-function-deadline-ms")?;
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let ms = text.parse::<f64>().ok().filter(|ms| plain && *ms < 1e10)?;
    Some(Duration::from_secs_f64(ms / 1000.0))
}

/// What a body gives to the context.
pub(crate) struct Content {
    pub(crate) data: Value,
    pub(crate) event: Option<Event>,
    pub(crate) batch: Option<Vec<Item>>,
}

impl Content {
    /// For a body that the handler reads itself.
    pub(crate) fn unread(headers: &Headers) -> Self {
        Self {
            data: Value::Null,
            event: Event::from_headers(headers),
            batch: None,
        }
    }

    /// For a body that is there. `Err` says why it cannot be read.
    pub(crate) fn parse(
        headers: &Headers,
        body: &[u8],
        query: &Query,
        trigger: impl FnOnce() -> Trigger,
    ) -> Result<Self, String> {
        let media = match headers.has(&CONTENT_TYPE) {
            true => media_type(&headers.get("content-type").unwrap_or_default()),
            false => String::new(),
        };
        if media == event::STRUCTURED {
            let (event, data) = event::parse_structured(body)?;
            return Ok(Self {
                data,
                event: Some(event),
                batch: None,
            });
        }
        if media == batch::EVENTS || media == batch::ITEMS {
            let items = batch::parse(&media, body, &trigger())?;
            let data = items.iter().map(|item| item.data.value().clone()).collect();
            return Ok(Self {
                data: Value::Array(data),
                event: None,
                batch: Some(items),
            });
        }
        let data = if body.is_empty() {
            query.to_value()
        } else {
            parse_body(body, &media)
                .map_err(|reason| format!("the body is declared JSON but does not parse: {reason}"))?
        };
        Ok(Self {
            data,
            event: Event::from_headers(headers),
            batch: None,
        })
    }
}
