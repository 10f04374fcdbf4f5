use bytes::Bytes;
use serde_json::{Map, Value};

use crate::data::{media_type, parse_body, parse_json};
use crate::headers::Headers;
use crate::names;
use crate::text::{base64, ids, percent, time};

/// The media type of one event in structured mode.
pub(crate) const STRUCTURED: &str = "application/cloudevents+json";
const REQUIRED: [&str; 3] = ["id", "source", "type"];

/// The attributes of a CloudEvent 1.0 that came in; names are in lower case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    attributes: Map<String, Value>,
}

impl Event {
    /// The attribute `name` as text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).and_then(Value::as_str)
    }

    /// The event's id.
    pub fn id(&self) -> &str {
        self.get("id").unwrap_or_default()
    }

    /// Where the event comes from.
    pub fn source(&self) -> &str {
        self.get("source").unwrap_or_default()
    }

    /// The event's `type`.
    pub fn kind(&self) -> &str {
        self.get("type").unwrap_or_default()
    }

    /// Every attribute, `specversion` included.
    pub fn attributes(&self) -> &Map<String, Value> {
        &self.attributes
    }

    /// The event that the headers of binary mode describe.
    pub(crate) fn from_headers(headers: &Headers) -> Option<Self> {
        if !headers.has(&names::SPECVERSION) || headers.get("ce-specversion")? != "1.0" {
            return None;
        }
        let mut attributes: Map<String, Value> = headers
            .iter()
            .filter_map(|(name, value)| {
                let name = name.strip_prefix("ce-")?;
                let value = percent::decode(&value, false).into_owned();
                Some((name.to_owned(), Value::from(value)))
            })
            .collect();
        // The HTTP binding puts this one attribute into the header of its own.
        if let Some(media) = headers.filled("content-type") {
            attributes.insert("datacontenttype".to_owned(), Value::from(&*media));
        }
        Some(Self { attributes })
    }

    /// An event in structured mode: its attributes and its data, or what is wrong with it.
    pub(crate) fn from_structured(value: Value) -> Result<(Self, Value), String> {
        let Value::Object(mut fields) = value else {
            return Err("a structured event is a JSON object".to_owned());
        };
        if fields.get("specversion").and_then(Value::as_str) != Some("1.0") {
            return Err("a structured event needs specversion \"1.0\"".to_owned());
        }
        for name in REQUIRED {
            let there = fields.get(name).and_then(Value::as_str);
            if there.is_none_or_empty() {
                return Err(format!("a structured event needs {name}"));
            }
        }
        let plain = fields.remove("data");
        let data = match (plain, fields.remove("data_base64")) {
            (Some(data), _) => data,
            (None, Some(encoded)) => decode_data(&encoded, fields.get("datacontenttype"))?,
            (None, None) => Value::Null,
        };
        let attributes = fields
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        Ok((Self { attributes }, data))
    }
}

trait Blank {
    fn is_none_or_empty(&self) -> bool;
}

impl Blank for Option<&str> {
    fn is_none_or_empty(&self) -> bool {
        self.map_or(true, str::is_empty)
    }
}

fn decode_data(encoded: &Value, content_type: Option<&Value>) -> Result<Value, String> {
    let bytes = encoded
        .as_str()
        .and_then(base64::decode)
        .ok_or("data_base64 is no base64")?;
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    // Without a content type the data of an event is JSON.
    let media = content_type.and_then(Value::as_str).map(media_type);
    parse_body(&bytes, media.as_deref().unwrap_or(""))
}

/// What a body is, given its media type: one structured event, parsed.
pub(crate) fn parse_structured(body: &[u8]) -> Result<(Event, Value), String> {
    Event::from_structured(parse_json(body)?)
}

/// How an event is put into an HTTP answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventMode {
    /// Attributes as `ce-*` headers, the data as body.
    #[default]
    Binary,
    /// One JSON object that holds the attributes and the data.
    Structured,
}

/// A CloudEvent that a function answers with: see [`crate::Response::event`].
///
/// `id` defaults to a fresh UUID, `source` to `/functions/<function>`, `time` to now.
#[derive(Clone, Debug)]
pub struct EventOut {
    pub(crate) attributes: Map<String, Value>,
    pub(crate) data: EventData,
    pub(crate) mode: EventMode,
    pub(crate) status: u16,
}

/// The data of an event: JSON (a string under a content type that is not JSON is text), or bytes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum EventData {
    /// A JSON value.
    Json(Value),
    /// Bytes; structured mode carries them as base64.
    Bytes(Bytes),
}

impl<V: Into<Value>> From<V> for EventData {
    fn from(value: V) -> Self {
        Self::Json(value.into())
    }
}

impl EventOut {
    /// An event of this type with this data.
    pub fn new(kind: impl Into<String>, data: impl Into<EventData>) -> Self {
        let mut attributes = Map::new();
        attributes.insert("specversion".to_owned(), Value::from("1.0"));
        attributes.insert("type".to_owned(), Value::from(kind.into()));
        attributes.insert("id".to_owned(), Value::from(ids::uuid()));
        attributes.insert("time".to_owned(), Value::from(time::now()));
        Self {
            attributes,
            data: data.into(),
            mode: EventMode::Binary,
            status: 200,
        }
    }

    /// Sets an attribute: `id`, `source`, `subject`, `time`, `datacontenttype` or an extension.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.attributes.insert(name.to_ascii_lowercase(), value.into());
        self
    }

    /// One JSON object instead of headers and a body.
    #[must_use]
    pub fn structured(mut self) -> Self {
        self.mode = EventMode::Structured;
        self
    }

    /// Another status than 200.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}

/// The value of a `ce-` header: the HTTP binding encodes spaces, quotes, percent signs and all beyond ASCII.
pub(crate) fn header_value(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    percent::encode_where(&text, |byte| {
        (0x21..=0x7e).contains(&byte) && byte != b'"' && byte != b'%'
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn structured_events_give_attributes_and_data() {
        let given =
            json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "Ext": 3, "data": {"a": 1}});
        let (event, data) = Event::from_structured(given).unwrap();
        assert_eq!((event.id(), event.source(), event.kind()), ("1", "/s", "t"));
        assert_eq!(event.attributes()["ext"], 3);
        assert_eq!(data, json!({"a": 1}));
    }

    #[test]
    fn base64_data_follows_the_ordinary_rules_under_its_content_type() {
        let event = |content_type: &str| {
            json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "t",
                   "datacontenttype": content_type, "data_base64": "WzFd"})
        };
        let data = |content_type| Event::from_structured(event(content_type)).unwrap().1;
        assert_eq!(data("application/json"), json!([1]));
        assert_eq!(data("text/plain"), json!({"body": "[1]"}));
    }

    #[test]
    fn an_event_without_a_required_attribute_is_refused() {
        let whole = json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "t"});
        for name in ["specversion", "id", "source", "type"] {
            let mut event = whole.clone();
            event.as_object_mut().unwrap().remove(name);
            assert!(Event::from_structured(event).unwrap_err().contains(name));
        }
    }

    #[test]
    fn header_values_are_percent_encoded() {
        assert_eq!(header_value(&json!("a ü\"%")), "a%20%C3%BC%22%25");
        assert_eq!(header_value(&json!(3)), "3");
    }
}
