//! Ways to make the streams of [`crate::Response::stream`] and [`crate::Response::sse`] without another library.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::error::Result;

/// The items of an iterator as a stream.
pub fn iter<I: IntoIterator>(items: I) -> Iter<I::IntoIter> {
    Iter(items.into_iter())
}

/// See [`iter`].
#[derive(Clone, Debug)]
pub struct Iter<I>(I);

impl<I> Unpin for Iter<I> {}

impl<I: Iterator> Stream for Iter<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.0.next())
    }
}

/// A stream of what an async block sends.
///
/// ```
/// use hanzo_functions::{stream, Response};
///
/// let answer = Response::stream(stream::generate(|out| async move {
///     for n in 0..3 {
///         out.send(format!("piece {n}\n")).await;
///     }
///     Ok(())
/// }));
/// ```
pub fn generate<T, F, Fut>(body: F) -> Generate<T>
where
    T: Send + 'static,
    F: FnOnce(Sender<T>) -> Fut,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    let slot = Slot::default();
    let sender = Sender {
        slot: Arc::clone(&slot),
    };
    Generate {
        slot,
        body: Some(Box::pin(body(sender))),
    }
}

type Slot<T> = Arc<Mutex<Option<T>>>;

/// Takes the items of a [`generate`]d stream.
#[derive(Debug)]
pub struct Sender<T> {
    slot: Arc<Mutex<Option<T>>>,
}

impl<T> Sender<T> {
    /// Hands an item over; goes on when it has been taken.
    pub async fn send(&self, item: T) {
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(item);
        std::future::poll_fn(|_| {
            // The stream polls the body again once it has taken the item; there is nobody to wake.
            let waiting = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
            match *waiting {
                Some(_) => Poll::Pending,
                None => Poll::Ready(()),
            }
        })
        .await;
    }
}

/// See [`generate`].
pub struct Generate<T> {
    slot: Slot<T>,
    body: Option<Pin<Box<dyn Future<Output = Result<()>> + Send>>>,
}

impl<T> Unpin for Generate<T> {}

impl<T> Stream for Generate<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = body.as_mut().poll(context);
        let sent = self.slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (sent, polled) {
            (Some(item), Poll::Pending) => Poll::Ready(Some(Ok(item))),
            (_, Poll::Ready(Err(error))) => {
                self.body = None;
                Poll::Ready(Some(Err(error)))
            }
            (_, Poll::Ready(Ok(()))) => {
                self.body = None;
                Poll::Ready(None)
            }
            (None, Poll::Pending) => Poll::Pending,
        }
    }
}
