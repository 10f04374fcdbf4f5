use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::task::{ready, Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};

use crate::error::{Error, Result};
use crate::pieces;

/// What is left unread of a body when it is dropped is read up to here, so that the connection can serve again.
const DRAIN_LIMIT: usize = 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// The body of a request as a stream of pieces: the second parameter of a handler.
///
/// The server reads from the connection only as fast as the pieces are taken. A body that ends early is an error.
pub struct Body {
    source: Source,
    progress: Option<Progress>,
}

/// How far a request body has been read; clones tell the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress(Arc<State>);

#[derive(Debug, Default)]
struct State {
    complete: AtomicBool,
    abandoned: AtomicBool,
}

impl Progress {
    pub(crate) fn complete(&self) {
        self.0.complete.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.0.complete.load(Ordering::Relaxed)
    }

    fn is_abandoned(&self) -> bool {
        self.0.abandoned.load(Ordering::Relaxed)
    }

    /// The connection ends with this call: the rest of the body is not to be read.
    pub(crate) fn abandon(&self) {
        self.0.abandoned.store(true, Ordering::Relaxed);
    }
}

enum Source {
    Memory(Bytes),
    Connection(Option<Incoming>),
}

impl Body {
    pub(crate) fn from_connection(incoming: Incoming, progress: Progress) -> Self {
        Self {
            source: Source::Connection(Some(incoming)),
            progress: Some(progress),
        }
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// Where the body ends before its end: the caller went away, or its framing is wrong.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        pieces::next(self).await
    }

    /// All that is left of the body.
    ///
    /// # Errors
    /// As [`Body::next`].
    pub async fn read_to_end(&mut self) -> Result<Bytes> {
        pieces::read_to_end(self).await
    }
}

impl Stream for Body {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let body = &mut *self;
        let incoming = match &mut body.source {
            Source::Memory(bytes) => {
                let whole = std::mem::take(bytes);
                return Poll::Ready((!whole.is_empty()).then_some(Ok(whole)));
            }
            Source::Connection(None) => return Poll::Ready(None),
            Source::Connection(Some(incoming)) => incoming,
        };
        match ready!(pieces::poll_data(incoming, context)) {
            None => {
                if let Some(progress) = &body.progress {
                    progress.complete();
                }
                Poll::Ready(None)
            }
            Some(Ok(data)) => Poll::Ready(Some(Ok(data))),
            Some(Err(error)) => {
                body.source = Source::Connection(None);
                let message = format!("the body ended early: {error}");
                Poll::Ready(Some(Err(Error::named("BodyError", message))))
            }
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let source = std::mem::replace(&mut self.source, Source::Connection(None));
        let Source::Connection(Some(mut incoming)) = source else {
            return;
        };
        if incoming.is_end_stream() || self.progress.as_ref().is_some_and(Progress::is_abandoned) {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = tokio::time::timeout(DRAIN_TIME, drain(&mut incoming)).await;
            });
        }
    }
}

async fn drain(incoming: &mut Incoming) {
    let mut seen = 0;
    while let Some(Ok(frame)) = incoming.frame().await {
        seen += frame.data_ref().map_or(0, Bytes::len);
        if seen > DRAIN_LIMIT {
            return;
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        let source = Source::Memory(bytes);
        Self {
            source,
            progress: None,
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::from(Bytes::new())
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Body")
    }
}
