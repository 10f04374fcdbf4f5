use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::Serialize;
use serde_json::{json, Map, Value};

use crate::error::Error;
use crate::gateway::{Gateway, GatewayError};
use crate::text::base64;

type Result<T> = std::result::Result<T, GatewayError>;

/// The function's own keys and values: see [`crate::Context::kv`].
///
/// Keys have at most 1 KiB, values 1 MiB.
#[derive(Clone, Debug)]
pub struct Kv {
    gateway: Gateway,
}

/// A value to store: text as its UTF-8, bytes as they are, anything else as its JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvValue(Bytes);

impl KvValue {
    /// Any value as its JSON text.
    ///
    /// # Errors
    /// Where JSON cannot hold it.
    pub fn json(value: &impl Serialize) -> crate::Result<Self> {
        let text = serde_json::to_vec(value).map_err(Error::unserialisable)?;
        Ok(Self(Bytes::from(text)))
    }

    fn encode(&self) -> Value {
        match std::str::from_utf8(&self.0) {
            Ok(text) => json!({ "text": text }),
            Err(_) => json!({"base64": base64::encode(&self.0)}),
        }
    }
}

macro_rules! values {
    ($($kind:ty => $bytes:expr),* $(,)?) => {$(
        impl From<$kind> for KvValue {
            fn from(value: $kind) -> Self {
                let bytes: fn($kind) -> Bytes = $bytes;
                Self(bytes(value))
            }
        }
    )*};
}
values! {
    &str => |text| Bytes::copy_from_slice(text.as_bytes()),
    &String => |text| Bytes::copy_from_slice(text.as_bytes()),
    String => Bytes::from,
    &[u8] => Bytes::copy_from_slice,
    Vec<u8> => Bytes::from,
    Bytes => |bytes| bytes,
    Value => |value| Bytes::from(match value {
        Value::String(text) => text,
        other => other.to_string(),
    }),
    i64 => |number| Bytes::from(number.to_string()),
    u64 => |number| Bytes::from(number.to_string()),
    i32 => |number| Bytes::from(number.to_string()),
    u32 => |number| Bytes::from(number.to_string()),
    bool => |flag| Bytes::from(flag.to_string()),
}

/// How [`Kv::set_with`] sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetOptions {
    /// How long the key stays; for ever without.
    pub ttl: Option<Duration>,
    /// Only where there is no such key.
    pub nx: bool,
    /// Only where there is one.
    pub xx: bool,
}

impl Kv {
    pub(crate) fn new(gateway: Gateway) -> Self {
        Self { gateway }
    }

    /// The text of a key; `None` where there is none.
    pub async fn get(&self, key: &str) -> Result<Option<String>> {
        let value = self.send(json!({"op": "get", "key": key})).await?;
        text(&value)
    }

    /// The bytes of a key.
    pub async fn get_bytes(&self, key: &str) -> Result<Option<Bytes>> {
        let value = self.send(json!({"op": "get", "key": key})).await?;
        bytes(&value)
    }

    /// The value of a key, parsed as JSON.
    ///
    /// # Errors
    /// Where the gateway refuses, or the value is no `T`.
    #[allow(clippy::missing_panics_doc)]
    pub async fn get_json<T: DeserializeOwned>(&self, key: &str) -> crate::Result<Option<T>> {
        match self.get_bytes(key).await? {
            None => Ok(None),
            Some(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        }
    }

    /// Sets a key for good.
    pub async fn set(&self, key: &str, value: impl Into<KvValue>) -> Result<()> {
        self.set_with(key, value, SetOptions::default()).await?;
        Ok(())
    }

    /// Sets a key; false where `nx` or `xx` forbade it.
    pub async fn set_with(&self, key: &str, value: impl Into<KvValue>, options: SetOptions) -> Result<bool> {
        let mut command = json!({"op": "set", "key": key, "data": value.into().encode()});
        if let Some(ttl) = options.ttl {
            command["ttl_ms"] = Value::from(milliseconds(ttl));
        }
        for (name, set) in [("nx", options.nx), ("xx", options.xx)] {
            if set {
                command[name] = Value::Bool(true);
            }
        }
        self.flag(command).await
    }

    /// Deletes keys; how many there were.
    pub async fn delete<K: AsRef<str>>(&self, keys: impl IntoIterator<Item = K>) -> Result<u64> {
        self.count(json!({"op": "delete", "keys": list(keys)})).await
    }

    /// How many of the keys there are.
    pub async fn exists<K: AsRef<str>>(&self, keys: impl IntoIterator<Item = K>) -> Result<u64> {
        self.count(json!({"op": "exists", "keys": list(keys)})).await
    }

    /// Adds to a number; the new one. A missing key counts as 0.
    pub async fn incr(&self, key: &str, by: i64) -> Result<i64> {
        let value = self.send(json!({"op": "incr", "key": key, "by": by})).await?;
        value.as_i64().ok_or_else(|| strange(&value))
    }

    /// Lets a key go after a time; whether it is there.
    pub async fn expire(&self, key: &str, ttl: Duration) -> Result<bool> {
        self.flag(json!({"op": "expire", "key": key, "ttl_ms": milliseconds(ttl)}))
            .await
    }

    /// Seconds until the key goes; -1 for a key that stays, -2 where there is none.
    pub async fn ttl(&self, key: &str) -> Result<f64> {
        let value = self.send(json!({"op": "ttl", "key": key})).await?;
        let ms = value.as_f64().ok_or_else(|| strange(&value))?;
        Ok(if ms < 0.0 { ms } else { ms / 1000.0 })
    }

    /// The text of one field of a hash.
    pub async fn hget(&self, key: &str, field: &str) -> Result<Option<String>> {
        let value = self
            .send(json!({"op": "hget", "key": key, "field": field}))
            .await?;
        text(&value)
    }

    /// Sets fields of a hash; how many are new.
    pub async fn hset<F, V>(&self, key: &str, fields: impl IntoIterator<Item = (F, V)>) -> Result<u64>
    where
        F: Into<String>,
        V: Into<KvValue>,
    {
        let fields: Map<String, Value> = fields
            .into_iter()
            .map(|(field, value)| (field.into(), value.into().encode()))
            .collect();
        self.count(json!({"op": "hset", "key": key, "fields": fields}))
            .await
    }

    /// Every field of a hash with its text.
    pub async fn hgetall(&self, key: &str) -> Result<BTreeMap<String, String>> {
        let value = self.send(json!({"op": "hgetall", "key": key})).await?;
        let Value::Object(fields) = value else {
            return Ok(BTreeMap::new());
        };
        fields
            .into_iter()
            .map(|(field, value)| Ok((field, text(&value)?.unwrap_or_default())))
            .collect()
    }

    /// Deletes fields of a hash; how many there were.
    pub async fn hdel<F: AsRef<str>>(&self, key: &str, fields: impl IntoIterator<Item = F>) -> Result<u64> {
        self.count(json!({"op": "hdel", "key": key, "fields": list(fields)}))
            .await
    }

    /// Puts values before the first of a list, one after the other; the new length.
    pub async fn lpush<V: Into<KvValue>>(
        &self,
        key: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Result<u64> {
        self.count(json!({"op": "lpush", "key": key, "values": encoded(values)}))
            .await
    }

    /// Puts values behind the last of a list; the new length.
    pub async fn rpush<V: Into<KvValue>>(
        &self,
        key: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Result<u64> {
        self.count(json!({"op": "rpush", "key": key, "values": encoded(values)}))
            .await
    }

    /// Takes the first of a list.
    pub async fn lpop(&self, key: &str) -> Result<Option<String>> {
        text(&self.send(json!({"op": "lpop", "key": key})).await?)
    }

    /// Takes the last of a list.
    pub async fn rpop(&self, key: &str) -> Result<Option<String>> {
        text(&self.send(json!({"op": "rpop", "key": key})).await?)
    }

    /// The length of a list.
    pub async fn llen(&self, key: &str) -> Result<u64> {
        self.count(json!({"op": "llen", "key": key})).await
    }

    /// The keys that match a glob pattern, page by page.
    pub fn scan(&self, pattern: &str) -> Scan {
        Scan {
            kv: self.clone(),
            pattern: pattern.to_owned(),
            page: VecDeque::new(),
            cursor: Some(Value::Null),
        }
    }

    async fn send(&self, command: Value) -> Result<Value> {
        let mut answer = self.gateway.post("/v1/kv", &command).await?;
        Ok(answer.get_mut("value").map(Value::take).unwrap_or_default())
    }

    async fn count(&self, command: Value) -> Result<u64> {
        let value = self.send(command).await?;
        value.as_u64().ok_or_else(|| strange(&value))
    }

    async fn flag(&self, command: Value) -> Result<bool> {
        let value = self.send(command).await?;
        value.as_bool().ok_or_else(|| strange(&value))
    }
}

/// The keys of [`Kv::scan`]. A key that is there all the time comes at least once.
#[derive(Debug)]
pub struct Scan {
    kv: Kv,
    pattern: String,
    page: VecDeque<String>,
    /// `Null` before the first page, `None` after the last.
    cursor: Option<Value>,
}

impl Scan {
    /// The next key; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<String>> {
        while self.page.is_empty() {
            let Some(cursor) = self.cursor.take() else {
                return Ok(None);
            };
            let mut command = json!({"op": "scan", "pattern": self.pattern});
            if !cursor.is_null() {
                command["cursor"] = cursor;
            }
            let mut page = self.kv.send(command).await?;
            let next = page.get_mut("cursor").map(Value::take).unwrap_or_default();
            self.cursor = (!next.is_null()).then_some(next);
            let keys = page.get_mut("keys").and_then(Value::as_array_mut);
            let keys = keys.map(std::mem::take).unwrap_or_default();
            self.page.extend(keys.into_iter().filter_map(|key| match key {
                Value::String(key) => Some(key),
                _ => None,
            }));
        }
        Ok(self.page.pop_front())
    }

    /// All keys that are left.
    pub async fn all(mut self) -> Result<Vec<String>> {
        let mut keys = Vec::new();
        while let Some(key) = self.next().await? {
            keys.push(key);
        }
        Ok(keys)
    }
}

fn list<S: AsRef<str>>(items: impl IntoIterator<Item = S>) -> Value {
    items.into_iter().map(|item| Value::from(item.as_ref())).collect()
}

fn encoded<V: Into<KvValue>>(values: impl IntoIterator<Item = V>) -> Value {
    values.into_iter().map(|value| value.into().encode()).collect()
}

fn milliseconds(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)
}

fn bytes(value: &Value) -> Result<Option<Bytes>> {
    if value.is_null() {
        return Ok(None);
    }
    if let Some(text) = value.get("text").and_then(Value::as_str) {
        return Ok(Some(Bytes::copy_from_slice(text.as_bytes())));
    }
    let encoded = value.get("base64").and_then(Value::as_str);
    let decoded = encoded.and_then(base64::decode).ok_or_else(|| strange(value))?;
    Ok(Some(Bytes::from(decoded)))
}

fn text(value: &Value) -> Result<Option<String>> {
    let bytes = bytes(value)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

fn strange(value: &Value) -> GatewayError {
    GatewayError::unavailable(format!("the gateway's answer has an unknown value: {value}"))
}
