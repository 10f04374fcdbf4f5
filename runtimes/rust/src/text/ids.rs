//! Identifiers: request ids (`req_` and a ULID) and version 4 UUIDs.

use std::time::{SystemTime, UNIX_EPOCH};

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// `req_` and a ULID, for a call that came without an id.
pub(crate) fn request_id() -> String {
    let now_ms = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis());
    let mut random = [0; 16];
    random[6..].copy_from_slice(&random_bytes()[..10]);
    let number = (now_ms << 80) | u128::from_be_bytes(random);
    let mut id = String::with_capacity(30);
    id.push_str("req_");
    for place in (0..26).rev() {
        let digit = (number >> (5 * place)) & 31;
        id.push(char::from(CROCKFORD[digit as usize]));
    }
    id
}

/// A random (version 4) UUID in its usual text form.
pub(crate) fn uuid() -> String {
    let mut bytes = random_bytes();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for half in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(half)]));
        }
    }
    text
}

fn random_bytes() -> [u8; 16] {
    let mut bytes = [0_u8; 16];
    // SAFETY: the pointer and the length are those of `bytes`; at most 256 bytes are allowed.
    let failed = unsafe { libc::getentropy(bytes.as_mut_ptr().cast(), bytes.len()) } != 0;
    assert!(!failed, "the system gives no random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_have_their_form_and_differ() {
        let (a, b) = (request_id(), request_id());
        assert_ne!(a, b);
        assert!(a.starts_with("req_0") && a.len() == 30);
        assert!(a[4..].bytes().all(|digit| CROCKFORD.contains(&digit)));
    }

    #[test]
    fn uuids_have_version_and_variant() {
        let text = uuid();
        assert_ne!(text, uuid());
        assert_eq!((text.len(), &text[14..15]), (36, "4"));
        assert!(matches!(&text[19..20], "8" | "9" | "a" | "b"));
    }
}
