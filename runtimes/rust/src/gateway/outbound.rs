//! The body of a request to the gateway.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

/// Whole, or the pieces that a channel brings: the source itself is user code and stays with its caller.
pub(crate) enum Outbound {
    Whole(Bytes),
    Stream(mpsc::Receiver<Option<Bytes>>),
    Ended,
}

/// The source of the pieces failed.
#[derive(Debug)]
pub(crate) struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the source of the body failed")
    }
}

impl std::error::Error for Broken {}

impl Body for Outbound {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut *self {
            Self::Whole(bytes) => {
                let whole = std::mem::take(bytes);
                *self = Self::Ended;
                Poll::Ready((!whole.is_empty()).then(|| Ok(Frame::data(whole))))
            }
            Self::Stream(pieces) => pieces.poll_recv(context).map(|received| match received {
                Some(Some(piece)) => Some(Ok(Frame::data(piece))),
                // `None` ends the body; a channel that ends without it was left by its caller.
                Some(None) => {
                    *self = Self::Ended;
                    None
                }
                None => Some(Err(Broken)),
            }),
            Self::Ended => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Stream(_) => false,
            Self::Ended => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(_) => SizeHint::default(),
            Self::Ended => SizeHint::with_exact(0),
        }
    }
}
