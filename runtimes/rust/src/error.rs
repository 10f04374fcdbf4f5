use std::any::Any;
use std::fmt;
use std::panic::Location;

/// What a handler returns: `Result<Response>`, or `Result<T>` with a `T` that serde can serialise.
pub type Result<T, E = Error> = std::result::Result<T, E>;

const UNSERIALISABLE: &str = "UnserialisableError";

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Any failure of a handler. Every `std::error::Error` becomes one by `?`, which notes the place in the source.
///
/// A handler that returns it is answered with 500 `handler_error`; the caller sees the name of its type, the log its
/// text, its causes and the place.
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    name: String,
    cause: Cause,
    place: Option<&'static Location<'static>>,
}

enum Cause {
    Message(String),
    Source(Source),
}

impl Error {
    /// An error that has only words.
    #[track_caller]
    pub fn new(message: impl Into<String>) -> Self {
        Self::named("Error", message)
    }

    #[track_caller]
    pub(crate) fn named(name: &str, message: impl Into<String>) -> Self {
        let cause = Cause::Message(message.into());
        Self::of(name.to_owned(), cause, Some(Location::caller()))
    }

    fn of(name: String, cause: Cause, place: Option<&'static Location<'static>>) -> Self {
        let inner = Box::new(Inner { name, cause, place });
        Self { inner }
    }

    /// A value that JSON cannot hold.
    #[track_caller]
    pub(crate) fn unserialisable(error: serde_json::Error) -> Self {
        let name = UNSERIALISABLE.to_owned();
        Self::of(name, Cause::Source(Box::new(error)), Some(Location::caller()))
    }

    pub(crate) fn unserialisable_because(reason: String) -> Self {
        Self::of(UNSERIALISABLE.to_owned(), Cause::Message(reason), None)
    }

    pub(crate) fn is_unserialisable(&self) -> bool {
        self.inner.name == UNSERIALISABLE
    }

    /// The name of the type of the error that this was made of, without its path: `ParseIntError`.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The error that this was made of, where it is an `E`.
    pub fn downcast_ref<E: std::error::Error + 'static>(&self) -> Option<&E> {
        match &self.inner.cause {
            Cause::Source(source) => source.downcast_ref(),
            Cause::Message(_) => None,
        }
    }

    /// The text for the log: name, words, place and causes.
    pub(crate) fn trace(&self) -> String {
        let mut text = format!("{}: {self}", self.inner.name);
        if let Some(place) = self.inner.place {
            text.push_str(&format!("\n    at {place}"));
        }
        if let Cause::Source(source) = &self.inner.cause {
            let mut next = source.source();
            while let Some(cause) = next {
                text.push_str(&format!("\n  caused by: {cause}"));
                next = cause.source();
            }
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner.cause {
            Cause::Message(message) => formatter.write_str(message),
            Cause::Source(source) => fmt::Display::fmt(source, formatter),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.trace())
    }
}

// `Error` itself is no `std::error::Error`: the two impls would overlap.
impl<E: std::error::Error + Send + Sync + 'static> From<E> for Error {
    #[track_caller]
    fn from(source: E) -> Self {
        let name = short_name(std::any::type_name::<E>());
        Self::of(name, Cause::Source(Box::new(source)), Some(Location::caller()))
    }
}

/// What a handler may have as the `E` of its `Result<T, E>`: everything with words, such as `anyhow::Error` or
/// `String`.
pub trait IntoError {
    #[doc(hidden)]
    fn into_error(self) -> Error;
}

impl<E: fmt::Display + fmt::Debug + 'static> IntoError for E {
    fn into_error(self) -> Error {
        let mut given = Some(self);
        // A blanket impl cannot tell our own error apart in another way.
        if let Some(error) = (&mut given as &mut dyn Any).downcast_mut::<Option<Error>>() {
            if let Some(error) = error.take() {
                return error;
            }
        }
        let name = short_name(std::any::type_name::<E>());
        let text = given.map_or_else(String::new, |error| format!("{error:#}"));
        Error::of(name, Cause::Message(text), None)
    }
}

fn short_name(full: &str) -> String {
    let plain = full.split('<').next().unwrap_or(full);
    plain.rsplit("::").next().unwrap_or(plain).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails() -> Result<u8> {
        Ok("x".parse::<u8>()?)
    }

    #[test]
    fn a_question_mark_keeps_the_type_and_notes_the_place() {
        let error = fails().unwrap_err();
        assert_eq!(error.name(), "ParseIntError");
        assert_eq!(error.to_string(), "invalid digit found in string");
        assert!(error.trace().contains("src/error.rs:"), "{}", error.trace());
        assert!(error.downcast_ref::<std::num::ParseIntError>().is_some());
    }

    #[test]
    fn errors_of_any_type_become_one_and_ours_stays_as_it_is() {
        let text = "words".to_owned().into_error();
        assert_eq!((text.name(), text.to_string()), ("String", "words".to_owned()));
        let ours = fails().unwrap_err().into_error();
        assert_eq!(ours.name(), "ParseIntError");
    }
}
