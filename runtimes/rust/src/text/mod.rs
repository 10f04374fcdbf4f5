//! Small encodings that are not worth a dependency each.

pub(crate) mod base64;
pub(crate) mod ids;
pub(crate) mod percent;
pub(crate) mod sha1;
pub(crate) mod time;
