use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::text::{base64, percent};

/// The parsed payload of a call: a JSON value with helpers to take parts of it.
///
/// `Data` reads like the [`Value`] inside it: `data["key"]`, `data.as_object()` and the rest work.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Data(Value);

impl Data {
    /// The field `key` as a `T`.
    ///
    /// # Errors
    /// Where the payload is no JSON object, has no such field, or the field is no `T`.
    #[track_caller]
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<T> {
        let Some(object) = self.0.as_object() else {
            let kind = kind_of(&self.0);
            return Err(Error::named(
                "DataError",
                format!("the payload is {kind}, so it has no field {key:?}"),
            ));
        };
        let Some(value) = object.get(key) else {
            return Err(Error::named(
                "DataError",
                format!("the payload has no field {key:?}"),
            ));
        };
        match T::deserialize(value) {
            Ok(value) => Ok(value),
            Err(error) => Err(Error::named(
                "DataError",
                format!("the field {key:?} of the payload: {error}"),
            )),
        }
    }

    /// The field `key`, where it is there and no `null`.
    ///
    /// # Errors
    /// Where the field is there and no `T`.
    #[track_caller]
    pub fn get_opt<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.get(key).map(Some),
        }
    }

    /// The whole payload as a `T`.
    ///
    /// # Errors
    /// Where it is no `T`.
    #[track_caller]
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        match T::deserialize(&self.0) {
            Ok(value) => Ok(value),
            Err(error) => Err(Error::named("DataError", format!("the payload: {error}"))),
        }
    }

    /// The JSON value itself.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// Gives the JSON value away.
    pub fn into_value(self) -> Value {
        self.0
    }
}

impl std::ops::Deref for Data {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl From<Value> for Data {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a bool",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The query of a request, decoded; a name may come more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = percent::query_pairs(text)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        Self { pairs }
    }

    /// The first value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// Every value of `name`, in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.pairs
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every name with its value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A map from name to value; a repeated name has the list of its values.
    pub fn to_value(&self) -> Value {
        let mut map = Map::new();
        for (name, value) in self.iter() {
            match map.get_mut(name) {
                None => {
                    map.insert(name.to_owned(), Value::from(value));
                }
                Some(Value::Array(values)) => values.push(Value::from(value)),
                Some(first) => *first = Value::Array(vec![first.take(), Value::from(value)]),
            }
        }
        Value::Object(map)
    }
}

/// The part of a content type before its parameters, in lower case.
pub(crate) fn media_type(content_type: &str) -> String {
    let plain = content_type.split(';').next().unwrap_or_default();
    plain.trim().to_ascii_lowercase()
}

/// The ordinary rules of the runtime contract for a body that is not empty. `Err` has the reason why a body that is
/// declared JSON cannot be read.
pub(crate) fn parse_body(body: &[u8], media: &str) -> std::result::Result<Value, String> {
    let declared = media == "application/json" || media.ends_with("+json");
    if declared || media.is_empty() {
        match parse_json(body) {
            Ok(value) => return Ok(value),
            Err(reason) if declared => return Err(reason),
            Err(_) => {}
        }
    }
    let mut map = Map::new();
    match std::str::from_utf8(body) {
        Ok(text) => {
            map.insert("body".to_owned(), Value::from(text));
        }
        Err(_) => {
            map.insert("body".to_owned(), Value::from(base64::encode(body)));
            map.insert("encoding".to_owned(), Value::from("base64"));
        }
    }
    Ok(Value::Object(map))
}

/// Strict JSON; a byte order mark before it is skipped.
pub(crate) fn parse_json(body: &[u8]) -> std::result::Result<Value, String> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_field_is_taken_as_the_type_that_is_asked_for() {
        let data = Data::from(json!({"text": "x", "n": 3, "nothing": null}));
        let text: String = data.get("text").unwrap();
        let n: u8 = data.get("n").unwrap();
        assert_eq!((text.as_str(), n), ("x", 3));
        assert_eq!(data.get_opt::<String>("nothing").unwrap(), None);
        assert_eq!(data["n"], 3);
        let missing = data.get::<String>("absent").unwrap_err();
        assert_eq!(missing.to_string(), "the payload has no field \"absent\"");
        let wrong = data.get::<u8>("text").unwrap_err();
        assert!(wrong.to_string().contains("the field \"text\""));
    }

    #[test]
    fn bodies_follow_the_ordinary_rules() {
        assert_eq!(parse_body(b"[1]", "text/x+json"), Ok(json!([1])));
        assert_eq!(parse_body(b"{a", ""), Ok(json!({"body": "{a"})));
        assert_eq!(parse_body(b"{}", "text/plain"), Ok(json!({"body": "{}"})));
        let base64 = json!({"body": "/wA=", "encoding": "base64"});
        assert_eq!(parse_body(&[0xff, 0], "application/pdf"), Ok(base64));
        for bad in ["{", "NaN", "Infinity", "{'a': 1}", "1 2"] {
            assert!(parse_body(bad.as_bytes(), "application/json").is_err());
        }
        assert!(parse_body(&[0x22, 0xff, 0x22], "application/json").is_err());
    }

    #[test]
    fn repeated_names_of_a_query_become_a_list() {
        let query = Query::parse("a=1&b=x%20y&b=z&b=w&c=");
        let wanted = json!({"a": "1", "b": ["x y", "z", "w"], "c": ""});
        assert_eq!(query.to_value(), wanted);
        assert_eq!(query.get("b"), Some("x y"));
    }
}
