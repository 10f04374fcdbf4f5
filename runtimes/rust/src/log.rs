use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::Value;

use crate::text::time;

/// Bytes of UTF-8 that a message, and fields as JSON, may have: section 5 of the runtime contract.
const LIMIT: usize = 64 * 1024;

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For whoever looks for a mistake.
    Debug,
    /// What happens.
    Info,
    /// What may become a fault.
    Warn,
    /// A fault.
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// One line that a handler under test logged.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LogLine {
    /// How grave it is.
    pub level: Level,
    /// The text.
    pub msg: String,
    /// The fields, `Null` without any.
    pub fields: Value,
}

/// The structured log of one call; every line carries its request id.
#[derive(Clone)]
pub struct Log {
    request_id: Option<Arc<str>>,
    sink: Sink,
}

#[derive(Clone)]
pub(crate) enum Sink {
    /// Lines of JSON to a file descriptor.
    Descriptor(i32),
    /// Kept for a test.
    Memory(Arc<Mutex<Vec<LogLine>>>),
}

impl Log {
    pub(crate) fn new(sink: Sink, request_id: Option<Arc<str>>) -> Self {
        Self { request_id, sink }
    }

    /// A line of level debug.
    pub fn debug(&self, msg: impl fmt::Display) {
        self.write(Level::Debug, &msg.to_string(), None::<()>);
    }

    /// A line of level info.
    pub fn info(&self, msg: impl fmt::Display) {
        self.write(Level::Info, &msg.to_string(), None::<()>);
    }

    /// A line of level warn.
    pub fn warn(&self, msg: impl fmt::Display) {
        self.write(Level::Warn, &msg.to_string(), None::<()>);
    }

    /// A line of level error.
    pub fn error(&self, msg: impl fmt::Display) {
        self.write(Level::Error, &msg.to_string(), None::<()>);
    }

    /// A line with fields, which are any serialisable value, best an object: `json!({"n": 1})`.
    pub fn with(&self, level: Level, msg: impl fmt::Display, fields: impl Serialize) {
        self.write(level, &msg.to_string(), Some(fields));
    }

    fn write(&self, level: Level, msg: &str, fields: Option<impl Serialize>) {
        let fields = fields.map(|fields| {
            // A line of the log must not fail.
            serde_json::to_value(fields).unwrap_or_else(|error| Value::from(error.to_string()))
        });
        match &self.sink {
            Sink::Descriptor(fd) => {
                let line = encode(level, msg, self.request_id.as_deref(), fields.as_ref());
                write_line(*fd, line.as_bytes());
            }
            Sink::Memory(lines) => {
                let fields = fields.unwrap_or_default();
                let msg = msg.to_owned();
                let line = LogLine { level, msg, fields };
                lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Log")
            .field("request_id", &self.request_id)
            .finish()
    }
}

fn encode(level: Level, msg: &str, request_id: Option<&str>, fields: Option<&Value>) -> String {
    let kept = cut(msg);
    let mut missing = msg.len() - kept.len();
    let mut line = format!(
        "{{\"ts\":\"{}\",\"level\":\"{}\",\"msg\":{},\"stream\":\"log\"",
        time::now(),
        level.name(),
        Value::from(kept),
    );
    if let Some(id) = request_id {
        line.push_str(&format!(",\"request_id\":{}", Value::from(id)));
    }
    if let Some(fields) = fields {
        let text = match fields {
            Value::Object(_) => fields.to_string(),
            other => serde_json::json!({ "value": other }).to_string(),
        };
        if text.len() > LIMIT {
            missing += text.len();
        } else {
            line.push_str(&format!(",\"fields\":{text}"));
        }
    }
    if missing > 0 {
        line.push_str(&format!(",\"truncated\":{missing}"));
    }
    line.push_str("}\n");
    line
}

/// The longest start of the text within the limit that ends between two characters.
fn cut(text: &str) -> &str {
    if text.len() <= LIMIT {
        return text;
    }
    let end = (0..=LIMIT).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// Writes all of a line before it returns, so that lines are out before an exit and a function that logs faster than
/// the platform reads is held up. The lock of the standard output keeps `println!` from cutting into it.
fn write_line(fd: i32, line: &[u8]) {
    let _order = std::io::stdout().lock();
    let mut rest = line;
    while !rest.is_empty() {
        // SAFETY: the pointer and the length are those of `rest`.
        let written = unsafe { libc::write(fd, rest.as_ptr().cast(), rest.len()) };
        match usize::try_from(written) {
            Ok(count) => rest = &rest[count..],
            Err(_) => match std::io::Error::last_os_error().kind() {
                std::io::ErrorKind::Interrupted => {}
                std::io::ErrorKind::WouldBlock => wait_writable(fd),
                // Nobody reads any more: there is no one left to tell.
                _ => return,
            },
        }
    }
}

fn wait_writable(fd: i32) {
    let mut ask = libc::pollfd {
        fd,
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: `ask` is one valid entry.
    unsafe { libc::poll(&mut ask, 1, -1) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parsed(msg: &str, fields: Option<&Value>) -> Value {
        serde_json::from_str(&encode(Level::Info, msg, Some("req_1"), fields)).unwrap()
    }

    #[test]
    fn a_line_has_the_fields_of_the_contract() {
        let line = parsed("a\n\"b\"", Some(&json!({"n": 1})));
        assert_eq!(line["msg"], "a\n\"b\"");
        assert_eq!((&line["level"], &line["stream"]), (&json!("info"), &json!("log")));
        assert_eq!(
            (&line["request_id"], &line["fields"]["n"]),
            (&json!("req_1"), &json!(1))
        );
        assert!(line.get("truncated").is_none());
    }

    #[test]
    fn long_messages_are_cut_between_characters_and_long_fields_left_out() {
        let line = parsed(&"ä".repeat(50_000), None);
        assert_eq!(line["msg"].as_str().unwrap().len(), LIMIT);
        assert_eq!(line["truncated"], 100_000 - LIMIT);
        let odd = parsed(&format!("x{}", "ä".repeat(40_000)), None);
        assert_eq!(odd["msg"].as_str().unwrap().len(), LIMIT - 1);
        let fields = parsed("big", Some(&json!({"big": "y".repeat(70_000)})));
        assert_eq!(
            (fields.get("fields"), &fields["truncated"]),
            (None, &json!(70_010))
        );
    }
}
