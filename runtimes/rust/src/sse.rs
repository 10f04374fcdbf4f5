use serde_json::Value;

/// One event of `text/event-stream`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SseEvent {
    event: Option<String>,
    id: Option<String>,
    retry_ms: Option<u64>,
    data: Option<String>,
}

impl SseEvent {
    /// An event with this data; what is no string is sent as JSON.
    pub fn data(data: impl Into<Value>) -> Self {
        let data = match data.into() {
            Value::String(text) => text,
            other => other.to_string(),
        };
        Self {
            data: Some(data),
            ..Self::default()
        }
    }

    /// The event's name.
    #[must_use]
    pub fn event(mut self, name: impl Into<String>) -> Self {
        self.event = Some(name.into());
        self
    }

    /// The id that a client gives when it reconnects.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Milliseconds a client waits before it reconnects.
    #[must_use]
    pub fn retry(mut self, ms: u64) -> Self {
        self.retry_ms = Some(ms);
        self
    }

    pub(crate) fn encode(&self) -> String {
        let mut text = String::new();
        for (field, value) in [("event", &self.event), ("id", &self.id)] {
            if let Some(value) = value {
                // A line break here would start another field.
                let line = value.replace(['\r', '\n', '\0'], " ");
                text.push_str(&format!("{field}: {line}\n"));
            }
        }
        if let Some(ms) = self.retry_ms {
            text.push_str(&format!("retry: {ms}\n"));
        }
        if let Some(data) = &self.data {
            let unified = data.replace("\r\n", "\n").replace('\r', "\n");
            for line in unified.split('\n') {
                text.push_str(&format!("data: {line}\n"));
            }
        }
        text.push('\n');
        text
    }
}

impl From<String> for SseEvent {
    fn from(text: String) -> Self {
        Self::data(text)
    }
}

impl From<&str> for SseEvent {
    fn from(text: &str) -> Self {
        Self::data(text)
    }
}

impl From<Value> for SseEvent {
    fn from(value: Value) -> Self {
        Self::data(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_are_written_field_by_field() {
        let event = SseEvent::data(json!({"n": 1}))
            .event("to\nken")
            .id("7")
            .retry(1000);
        let wanted = "event: to ken\nid: 7\nretry: 1000\ndata: {\"n\":1}\n\n";
        assert_eq!(event.encode(), wanted);
        let lines = SseEvent::from("one\r\ntwo\rthree").encode();
        assert_eq!(lines, "data: one\ndata: two\ndata: three\n\n");
    }
}
