//! The body of an answer on its way out.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{ready, Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;
use tokio::time::Sleep;

use super::reply::Next;
use super::shared::Call;
use crate::cancel::CancelReason;

/// No piece that hyper is given is larger.
const PIECE: usize = 64 * 1024;

/// A body: none, whole, or piece by piece.
pub(crate) struct Outgoing {
    ready: Bytes,
    stream: Option<Stream>,
}

struct Stream {
    next: mpsc::Receiver<Next>,
    call: Arc<Call>,
    deadline: Pin<Box<Sleep>>,
    late: Option<Box<dyn FnOnce() + Send>>,
    finished: bool,
}

/// The stream was not finished: the connection is to be cut.
#[derive(Debug)]
pub(crate) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the answer was cut")
    }
}

impl std::error::Error for Cut {}

impl Outgoing {
    pub(crate) fn whole(content: Bytes) -> Self {
        Self {
            ready: content,
            stream: None,
        }
    }

    /// A stream; `late` is called where the deadline cuts it.
    pub(crate) fn stream(
        first: Bytes,
        next: mpsc::Receiver<Next>,
        call: Arc<Call>,
        late: Box<dyn FnOnce() + Send>,
    ) -> Self {
        let deadline = Box::pin(tokio::time::sleep_until(call.deadline.into()));
        Self {
            ready: first,
            stream: Some(Stream {
                next,
                call,
                deadline,
                late: Some(late),
                finished: false,
            }),
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        loop {
            if !self.ready.is_empty() {
                let size = self.ready.len().min(PIECE);
                let piece = self.ready.split_to(size);
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            let Some(stream) = &mut self.stream else {
                return Poll::Ready(None);
            };
            if stream.deadline.as_mut().poll(context).is_ready() {
                if stream.call.cancel(CancelReason::DeadlineExceeded) {
                    if let Some(late) = stream.late.take() {
                        late();
                    }
                }
                return Poll::Ready(Some(Err(Cut)));
            }
            match ready!(stream.next.poll_recv(context)) {
                Some(Next::Piece(piece)) => self.ready = piece,
                Some(Next::End) => {
                    stream.finished = true;
                    self.stream = None;
                }
                None => return Poll::Ready(Some(Err(Cut))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_empty() && self.stream.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.stream {
            None => SizeHint::with_exact(self.ready.len() as u64),
            Some(_) => SizeHint::default(),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if !self.finished {
            self.call.cancel(CancelReason::ClosedByCaller);
        }
    }
}
