//! Identifiers: request ids (`req_` and a ULID) and version 4 UUIDs.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// `req_` and a ULID, for a call that came without an id.
pub(crate) fn request_id() -> Arc<str> {
    let now_ms = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis());
    let random = u128::from(next_random()) << 64 | u128::from(next_random());
    let number = (now_ms << 80) | (random >> 48);
    let mut id = *b"req_00000000000000000000000000";
    let mut rest = number;
    for digit in id[4..].iter_mut().rev() {
        *digit = CROCKFORD[(rest & 31) as usize];
        rest >>= 5;
    }
    Arc::from(std::str::from_utf8(&id).unwrap_or_default())
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

/// The next number of this thread's generator (SplitMix64), which begins with the system's random bytes: good enough
/// to tell calls apart, and without a call of the system for each of them.
fn next_random() -> u64 {
    thread_local!(static STATE: Cell<u64> = Cell::new(seed()));
    let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(state);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn seed() -> u64 {
    let [first @ .., _, _, _, _, _, _, _, _] = random_bytes();
    u64::from_ne_bytes(first)
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
