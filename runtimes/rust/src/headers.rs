use std::borrow::Cow;

use hyper::header::{HeaderMap, HeaderName, HeaderValue, COOKIE};

/// The headers of a request, by name without regard to case.
#[derive(Clone, Debug, Default)]
pub struct Headers(HeaderMap);

impl Headers {
    /// The value of `name`; those of a repeated field are joined by `, ` (`cookie`: `; `).
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut values = self.0.get_all(name).iter();
        let first = text(values.next()?);
        let Some(second) = values.next() else {
            return Some(first);
        };
        let separator = if name.eq_ignore_ascii_case(COOKIE.as_str()) {
            "; "
        } else {
            ", "
        };
        let mut joined = first.into_owned();
        for value in std::iter::once(second).chain(values) {
            joined.push_str(separator);
            joined.push_str(&text(value));
        }
        Some(Cow::Owned(joined))
    }

    /// Whether there is a header of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Every name, in lower case, with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        self.0
            .keys()
            .filter_map(|name| Some((name.as_str(), self.get(name.as_str())?)))
    }

    /// Whether there is a header of a name that is parsed already.
    pub(crate) fn has(&self, name: &HeaderName) -> bool {
        self.0.contains_key(name)
    }

    /// The value where it is there and not empty.
    pub(crate) fn filled(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).filter(|value| !value.is_empty())
    }
}

impl From<HeaderMap> for Headers {
    fn from(map: HeaderMap) -> Self {
        Self(map)
    }
}

// HTTP allows bytes above 127, which it gives no meaning; what is no UTF-8 is read as Latin-1.
fn text(value: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(value.as_bytes().iter().copied().map(char::from).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_fields_are_joined() {
        let mut map = HeaderMap::new();
        for (name, value) in [("x-a", "1"), ("x-a", "2"), ("cookie", "a"), ("cookie", "b")] {
            map.append(name, HeaderValue::from_static(value));
        }
        let headers = Headers::from(map);
        assert_eq!(headers.get("X-A").as_deref(), Some("1, 2"));
        assert_eq!(headers.get("Cookie").as_deref(), Some("a; b"));
        assert_eq!(headers.get("missing"), None);
        assert_eq!(headers.iter().count(), 2);
    }
}
