//! Keys and values in memory, with the limits and refusals of the platform's.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde_json::{json, Map, Value};

use super::glob;
use crate::gateway::GatewayError;
use crate::text::base64;

const MAX_KEY: usize = 1024;
const MAX_VALUE: usize = 1024 * 1024;
/// Whole numbers that every language holds exactly.
const MAX_NUMBER: i64 = (1 << 53) - 1;

type Bytes = Vec<u8>;
type Result<T> = std::result::Result<T, GatewayError>;

enum Held {
    Value(Bytes),
    Hash(BTreeMap<String, Bytes>),
    List(VecDeque<Bytes>),
}

struct Entry {
    held: Held,
    ends: Option<Instant>,
}

#[derive(Default)]
pub(crate) struct Keys(BTreeMap<String, Entry>);

impl Keys {
    /// Runs one command of the wire.
    pub(crate) fn run(&mut self, command: &Value) -> Result<Value> {
        let now = Instant::now();
        self.0
            .retain(|_, entry| entry.ends.map_or(true, |ends| ends > now));
        let text = |name: &str| command.get(name).and_then(Value::as_str).unwrap_or_default();
        match text("op") {
            "delete" => self.each(command, |keys, key| keys.0.remove(key).is_some()),
            "exists" => self.each(command, |keys, key| keys.0.contains_key(key)),
            "scan" => Ok(self.scan(command.get("pattern").and_then(Value::as_str))),
            op => {
                let key = text("key");
                check_key(key)?;
                match op {
                    "get" => Ok(self.value(key)?.map_or(Value::Null, encode)),
                    "set" => self.set(key, command),
                    "incr" => self.incr(key, command.get("by").and_then(Value::as_i64).unwrap_or(1)),
                    "expire" => Ok(self.expire(key, command)),
                    "ttl" => Ok(self.ttl(key, now)),
                    "hget" | "hset" | "hgetall" | "hdel" => self.hash(op, key, command),
                    "lpush" | "rpush" | "lpop" | "rpop" | "llen" => self.list(op, key, command),
                    other => Err(bad(format!("there is no command {other:?}"))),
                }
            }
        }
    }

    fn each(&mut self, command: &Value, did: fn(&mut Self, &str) -> bool) -> Result<Value> {
        let mut count = 0;
        for key in strings(command, "keys") {
            check_key(key)?;
            count += u64::from(did(self, key));
        }
        Ok(Value::from(count))
    }

    fn scan(&self, pattern: Option<&str>) -> Value {
        let fits = |key: &&String| pattern.map_or(true, |pattern| glob::matches(pattern, key));
        let keys: Vec<&String> = self.0.keys().filter(fits).collect();
        json!({"keys": keys, "cursor": null})
    }

    fn value(&self, key: &str) -> Result<Option<&Bytes>> {
        match self.0.get(key).map(|entry| &entry.held) {
            None => Ok(None),
            Some(Held::Value(bytes)) => Ok(Some(bytes)),
            Some(other) => Err(other_kind(key, other)),
        }
    }

    fn set(&mut self, key: &str, command: &Value) -> Result<Value> {
        let flag = |name: &str| command.get(name).and_then(Value::as_bool).unwrap_or(false);
        let there = self.0.contains_key(key);
        let held = Held::Value(decode(command.get("data"))?);
        if flag("nx") && there || flag("xx") && !there {
            return Ok(Value::Bool(false));
        }
        let ends = lifetime(command).map(|ttl| Instant::now() + ttl);
        self.0.insert(key.to_owned(), Entry { held, ends });
        Ok(Value::Bool(true))
    }

    fn incr(&mut self, key: &str, by: i64) -> Result<Value> {
        let no_number = || conflict(format!("the key {key:?} holds no whole number"));
        let text = self
            .value(key)?
            .map_or("0", |bytes| std::str::from_utf8(bytes).unwrap_or(""));
        let number: i64 = text.parse().map_err(|_| no_number())?;
        let sum = number.checked_add(by).filter(|sum| sum.abs() <= MAX_NUMBER);
        let sum = sum.ok_or_else(no_number)?;
        let entry = self.entry(key, || Held::Value(Bytes::new()));
        entry.held = Held::Value(sum.to_string().into_bytes());
        Ok(Value::from(sum))
    }

    fn expire(&mut self, key: &str, command: &Value) -> Value {
        let Some(entry) = self.0.get_mut(key) else {
            return Value::Bool(false);
        };
        match lifetime(command).filter(|ttl| !ttl.is_zero()) {
            Some(ttl) => entry.ends = Some(Instant::now() + ttl),
            None => {
                self.0.remove(key);
            }
        }
        Value::Bool(true)
    }

    fn ttl(&self, key: &str, now: Instant) -> Value {
        match self.0.get(key).map(|entry| entry.ends) {
            None => Value::from(-2),
            Some(None) => Value::from(-1),
            Some(Some(ends)) => Value::from(ends.saturating_duration_since(now).as_millis() as u64),
        }
    }

    fn hash(&mut self, op: &str, key: &str, command: &Value) -> Result<Value> {
        let entry = self.entry(key, || Held::Hash(BTreeMap::new()));
        let Held::Hash(fields) = &mut entry.held else {
            return Err(other_kind(key, &entry.held));
        };
        let answer = match op {
            "hget" => {
                let field = command.get("field").and_then(Value::as_str).unwrap_or_default();
                fields.get(field).map_or(Value::Null, encode)
            }
            "hgetall" => {
                let all: Map<String, Value> = fields
                    .iter()
                    .map(|(name, value)| (name.clone(), encode(value)))
                    .collect();
                Value::Object(all)
            }
            "hset" => {
                let given = command.get("fields").and_then(Value::as_object);
                let mut new = 0;
                for (name, value) in given.into_iter().flatten() {
                    new += u64::from(fields.insert(name.clone(), decode(Some(value))?).is_none());
                }
                Value::from(new)
            }
            _ => {
                let gone = strings(command, "fields").filter(|name| fields.remove(*name).is_some());
                Value::from(gone.count())
            }
        };
        if fields.is_empty() {
            self.0.remove(key);
        }
        Ok(answer)
    }

    fn list(&mut self, op: &str, key: &str, command: &Value) -> Result<Value> {
        let entry = self.entry(key, || Held::List(VecDeque::new()));
        let Held::List(values) = &mut entry.held else {
            return Err(other_kind(key, &entry.held));
        };
        let given = command.get("values").and_then(Value::as_array);
        let answer = match op {
            "lpush" | "rpush" => {
                for value in given.into_iter().flatten() {
                    let bytes = decode(Some(value))?;
                    if op == "lpush" {
                        values.push_front(bytes);
                    } else {
                        values.push_back(bytes);
                    }
                }
                Value::from(values.len())
            }
            "lpop" => values.pop_front().as_ref().map_or(Value::Null, encode),
            "rpop" => values.pop_back().as_ref().map_or(Value::Null, encode),
            _ => Value::from(values.len()),
        };
        if values.is_empty() {
            self.0.remove(key);
        }
        Ok(answer)
    }

    /// What a key holds, made where it holds nothing.
    fn entry(&mut self, key: &str, make: impl FnOnce() -> Held) -> &mut Entry {
        let entry = self.0.entry(key.to_owned());
        entry.or_insert_with(|| Entry {
            held: make(),
            ends: None,
        })
    }
}

fn check_key(key: &str) -> Result<()> {
    if key.is_empty() || key.contains('\0') {
        return Err(bad("a key is not empty and has no NUL".to_owned()));
    }
    if key.len() > MAX_KEY {
        return Err(GatewayError::new(
            "payload_too_large",
            413,
            "the key is longer than 1 KiB",
        ));
    }
    Ok(())
}

fn lifetime(command: &Value) -> Option<Duration> {
    command
        .get("ttl_ms")
        .and_then(Value::as_u64)
        .map(Duration::from_millis)
}

fn strings<'a>(command: &'a Value, name: &str) -> impl Iterator<Item = &'a str> {
    let list = command.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

fn encode(bytes: &Bytes) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!({ "text": text }),
        Err(_) => json!({"base64": base64::encode(bytes)}),
    }
}

fn decode(value: Option<&Value>) -> Result<Bytes> {
    let text = |name: &str| value.and_then(|value| value.get(name)).and_then(Value::as_str);
    let bytes = match (text("text"), text("base64")) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(encoded)) => {
            base64::decode(encoded).ok_or_else(|| bad("base64 that is none".to_owned()))?
        }
        (None, None) => return Err(bad("a value is {\"text\"} or {\"base64\"}".to_owned())),
    };
    if bytes.len() > MAX_VALUE {
        return Err(GatewayError::new(
            "payload_too_large",
            413,
            "the value is larger than 1 MiB",
        ));
    }
    Ok(bytes)
}

fn bad(message: String) -> GatewayError {
    GatewayError::new("bad_request", 400, message)
}

fn conflict(message: String) -> GatewayError {
    GatewayError::new("conflict", 409, message)
}

fn other_kind(key: &str, held: &Held) -> GatewayError {
    let kind = match held {
        Held::Value(_) => "value",
        Held::Hash(_) => "hash",
        Held::List(_) => "list",
    };
    conflict(format!("the key {key:?} holds a {kind}"))
}
