//! Percent-encoding (RFC 3986) and the query strings of forms.

use std::borrow::Cow;

/// Bytes for `%XX`; what is no such triple stays as it is. With `plus`, `+` is a space.
pub(crate) fn decode(text: &str, plus: bool) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte == b'%' || plus && byte == b'+') {
        return Cow::Borrowed(text);
    }
    let source = text.as_bytes();
    let mut bytes = Vec::with_capacity(source.len());
    let mut at = 0;
    while at < source.len() {
        let triple = (source[at] == b'%').then(|| hex_pair(source.get(at + 1..at + 3)?));
        match (source[at], triple.flatten()) {
            (_, Some(byte)) => {
                bytes.push(byte);
                at += 2;
            }
            (b'+', None) if plus => bytes.push(b' '),
            (byte, None) => bytes.push(byte),
        }
        at += 1;
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn hex_pair(digits: &[u8]) -> Option<u8> {
    let high = char::from(digits[0]).to_digit(16)?;
    let low = char::from(digits[1]).to_digit(16)?;
    u8::try_from(high << 4 | low).ok()
}

/// Encodes everything but the unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    encode_where(text, |byte| {
        byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
    })
}

/// Encodes every byte that `keep` does not hold for.
pub(crate) fn encode_where(text: &str, keep: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if keep(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The names and values of a query, in order.
pub(crate) fn query_pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|part| !part.is_empty()).map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (decode(name, true), decode(value, true))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_triples_and_leaves_the_rest() {
        assert_eq!(decode("a%20b+%C3%BC", false), "a b+ü");
        assert_eq!(decode("a%20b+%c3%bc", true), "a b ü");
        assert_eq!(decode("100%", true), "100%");
        assert_eq!(decode("%zz%4", true), "%zz%4");
        assert_eq!(decode("%ff", true), "\u{fffd}");
    }

    #[test]
    fn encodes_all_but_the_unreserved() {
        assert_eq!(encode("a/ü~."), "a%2F%C3%BC~.");
    }

    #[test]
    fn splits_queries() {
        let pairs: Vec<_> = query_pairs("a=1&&b=x%20y&c&=d").collect();
        let wanted = [("a", "1"), ("b", "x y"), ("c", ""), ("", "d")];
        assert_eq!(pairs, wanted.map(|(n, v)| (Cow::from(n), Cow::from(v))));
    }
}
