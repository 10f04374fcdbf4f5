use std::fmt;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use hyper::body::Incoming;

use super::http::Returning;
use super::{GatewayError, Result};
use crate::pieces;

/// The bytes of an object, piece by piece.
pub struct Object(Source);

enum Source {
    Memory(Bytes),
    /// The connection goes back to the others when the body has been read.
    Connection(Incoming, Option<Returning>),
}

impl Object {
    pub(crate) fn from_memory(bytes: Bytes) -> Self {
        Self(Source::Memory(bytes))
    }

    pub(crate) fn from_connection(incoming: Incoming, back: Returning) -> Self {
        Self(Source::Connection(incoming, Some(back)))
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// Where the gateway cuts its answer.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        pieces::next(self).await
    }

    /// All that is left.
    ///
    /// # Errors
    /// As [`Object::next`].
    pub async fn read_to_end(&mut self) -> Result<Bytes> {
        pieces::read_to_end(self).await
    }
}

impl Stream for Object {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let (incoming, back) = match &mut self.0 {
            Source::Memory(bytes) => {
                let whole = std::mem::take(bytes);
                return Poll::Ready((!whole.is_empty()).then_some(Ok(whole)));
            }
            Source::Connection(incoming, back) => (incoming, back),
        };
        match ready!(pieces::poll_data(incoming, context)) {
            None => {
                if let Some(back) = back.take() {
                    back.give();
                }
                Poll::Ready(None)
            }
            Some(Ok(data)) => Poll::Ready(Some(Ok(data))),
            Some(Err(error)) => {
                *back = None;
                let message = format!("the gateway's answer was cut: {error}");
                Poll::Ready(Some(Err(GatewayError::unavailable(message))))
            }
        }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Object")
    }
}
