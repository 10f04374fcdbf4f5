use std::collections::{BTreeMap, HashSet};

use serde_json::{json, Value};

use crate::context::Trigger;
use crate::data::{parse_json, Data};
use crate::event::Event;

/// A JSON array of structured events.
pub(crate) const EVENTS: &str = "application/cloudevents-batch+json";
/// What the event plane sends.
pub(crate) const ITEMS: &str = "application/vnd.hanzo.batch+json";

/// One item of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item {
    /// Unique within the batch; the answer names items by it.
    pub id: String,
    /// The payload.
    pub data: Data,
    /// The subject, topic or URI that it comes from.
    pub source: String,
    /// RFC 3339.
    pub timestamp: String,
    /// 1 for the first delivery.
    pub attempt: u32,
    /// The headers of the message.
    pub headers: ItemHeaders,
    /// The attributes, where the item is a CloudEvent.
    pub event: Option<Event>,
}

/// The headers of one message of a batch, by name without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemHeaders(BTreeMap<String, String>);

impl ItemHeaders {
    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(&name.to_ascii_lowercase()).map(String::as_str)
    }

    /// Every name, in lower case, with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl FromIterator<(String, Value)> for ItemHeaders {
    fn from_iter<T: IntoIterator<Item = (String, Value)>>(fields: T) -> Self {
        let named = fields.into_iter().map(|(name, value)| {
            let text = match value {
                Value::String(text) => text,
                other => other.to_string(),
            };
            (name.to_ascii_lowercase(), text)
        });
        Self(named.collect())
    }
}

/// The items of a batch body, or what is wrong with it. What an item does not say of its delivery is the call's.
pub(crate) fn parse(media: &str, body: &[u8], call: &Trigger) -> Result<Vec<Item>, String> {
    let value = parse_json(body)?;
    let items = if media == EVENTS {
        let Value::Array(events) = value else {
            return Err("a batch of events is a JSON array".to_owned());
        };
        collect(events, |event| event_item(event, call))?
    } else {
        let Some(Value::Array(items)) = take(value, "items") else {
            return Err("a batch is an object with the list items".to_owned());
        };
        collect(items, |item| plain_item(item, call))?
    };
    let mut known = HashSet::new();
    match items.iter().find(|item| !known.insert(item.id.as_str())) {
        // CloudEvents tells events apart by source and id.
        Some(twice) if media == ITEMS => Err(format!("the id {:?} is there twice", twice.id)),
        _ => Ok(items),
    }
}

fn collect(values: Vec<Value>, item: impl Fn(Value) -> Result<Item, String>) -> Result<Vec<Item>, String> {
    values
        .into_iter()
        .enumerate()
        .map(|(index, value)| item(value).map_err(|reason| format!("item {index}: {reason}")))
        .collect()
}

fn take(value: Value, name: &str) -> Option<Value> {
    match value {
        Value::Object(mut fields) => fields.remove(name),
        _ => None,
    }
}

fn event_item(value: Value, call: &Trigger) -> Result<Item, String> {
    let (event, data) = Event::from_structured(value)?;
    Ok(Item {
        id: event.id().to_owned(),
        data: Data::from(data),
        source: event.source().to_owned(),
        timestamp: event.get("time").unwrap_or(&call.timestamp).to_owned(),
        attempt: call.attempt,
        headers: ItemHeaders::default(),
        event: Some(event),
    })
}

fn plain_item(value: Value, call: &Trigger) -> Result<Item, String> {
    let Value::Object(mut fields) = value else {
        return Err("it is no object".to_owned());
    };
    let id = match fields.remove("id") {
        Some(Value::String(id)) if !id.is_empty() => id,
        _ => return Err("it has no id".to_owned()),
    };
    let data = fields.remove("data").ok_or("it has no data")?;
    let mut text = |name: &str, fallback: &str| match fields.remove(name) {
        Some(Value::String(text)) => text,
        _ => fallback.to_owned(),
    };
    let source = text("source", &call.source);
    let timestamp = text("timestamp", &call.timestamp);
    let attempt = fields.get("attempt").and_then(Value::as_u64);
    let headers = match fields.remove("headers") {
        Some(Value::Object(headers)) => headers.into_iter().collect(),
        _ => ItemHeaders::default(),
    };
    Ok(Item {
        id,
        data: Data::from(data),
        source,
        timestamp,
        attempt: attempt.map_or(call.attempt, |n| u32::try_from(n).unwrap_or(u32::MAX).max(1)),
        headers,
        event: None,
    })
}

/// What became of one item: see [`crate::Response::batch`].
#[derive(Clone, Debug, PartialEq)]
pub struct ItemResult(Value);

impl ItemResult {
    /// The item succeeded.
    pub fn ok(id: impl Into<String>) -> Self {
        Self(json!({"id": id.into()}))
    }

    /// The item succeeded with this output, as udf and pipeline calls give.
    pub fn output(id: impl Into<String>, output: impl Into<Value>) -> Self {
        Self(json!({"id": id.into(), "output": output.into()}))
    }

    /// The item failed and is to be delivered again.
    pub fn transient(id: impl Into<String>, message: impl Into<String>) -> Self {
        Self::error(id, "transient", message)
    }

    /// The item failed for good.
    pub fn permanent(id: impl Into<String>, message: impl Into<String>) -> Self {
        Self::error(id, "permanent", message)
    }

    /// The item failed with a kind of the function's own.
    pub fn error(id: impl Into<String>, kind: &str, message: impl Into<String>) -> Self {
        Self(json!({"id": id.into(), "error": {"kind": kind, "message": message.into()}}))
    }

    pub(crate) fn into_value(self) -> Value {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(body: &Value) -> Result<Vec<Item>, String> {
        let call = Trigger {
            source: "mq.call".to_owned(),
            attempt: 2,
            ..Trigger::default()
        };
        parse(ITEMS, body.to_string().as_bytes(), &call)
    }

    #[test]
    fn items_have_what_came_and_defaults() {
        let body = json!({"items": [
            {"id": "a", "data": {"n": 1}, "source": "mq.x", "timestamp": "2026-01-01T00:00:00Z", "attempt": 3, "headers": {"X-A": "1"}},
            {"id": "b", "data": null},
        ]});
        let items = items(&body).unwrap();
        assert_eq!((items[0].attempt, items[1].attempt), (3, 2));
        assert_eq!((&*items[0].source, &*items[1].source), ("mq.x", "mq.call"));
        assert_eq!(items[0].headers.get("X-a"), Some("1"));
        assert_eq!(items[0].data.get::<u8>("n").unwrap(), 1);
        assert_eq!(items[1].data.value(), &Value::Null);
    }

    #[test]
    fn bad_batches_are_refused() {
        for body in [
            json!([]),
            json!({"items": 3}),
            json!({"items": [{"data": 1}]}),
            json!({"items": [{"id": "a"}]}),
            json!({"items": [{"id": "a", "data": 1}, {"id": "a", "data": 2}]}),
        ] {
            assert!(items(&body).is_err(), "{body}");
        }
    }
}
