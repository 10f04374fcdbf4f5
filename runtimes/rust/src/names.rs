//! The header names that every call is asked for, parsed once.

// What is inside a name does not change; clippy cannot know.
#![allow(clippy::declare_interior_mutable_const)]

use hyper::header::HeaderName;

macro_rules! names {
    ($($name:ident = $text:literal),* $(,)?) => {
        $(pub(crate) const $name: HeaderName = HeaderName::from_static($text);)*
    };
}

names! {
    REQUEST_ID = "x-request-id",
    DEADLINE_MS = "x-function-deadline-ms",
    ERROR = "x-function-error",
    DURATION_MS = "x-function-duration-ms",
    INSTANCE = "x-function-instance",
    COLD_START = "x-function-cold-start",
    SPECVERSION = "ce-specversion",
}
