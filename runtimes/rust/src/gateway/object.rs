use std::fmt;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use hyper::body::{Body as _, Incoming};

use super::http::Returning;
use super::{GatewayError, Result};

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
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context))
            .await
            .transpose()
    }

    /// All that is left.
    ///
    /// # Errors
    /// As [`Object::next`].
    pub async fn read_to_end(&mut self) -> Result<Bytes> {
        let Some(first) = self.next().await? else {
            return Ok(Bytes::new());
        };
        let Some(second) = self.next().await? else {
            return Ok(first);
        };
        let mut whole = BytesMut::from(&first[..]);
        whole.extend_from_slice(&second);
        while let Some(piece) = self.next().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
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
        loop {
            match ready!(Pin::new(&mut *incoming).poll_frame(context)) {
                None => {
                    if let Some(back) = back.take() {
                        back.give();
                    }
                    return Poll::Ready(None);
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => return Poll::Ready(Some(Ok(data))),
                    _ => {}
                },
                Some(Err(error)) => {
                    *back = None;
                    let message = format!("the gateway's answer was cut: {error}");
                    return Poll::Ready(Some(Err(GatewayError::unavailable(message))));
                }
            }
        }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Object")
    }
}
