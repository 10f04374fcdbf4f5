//! What the streams of bytes that come over a connection have in common.

use std::pin::Pin;
use std::task::{ready, Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use hyper::body::{Body as _, Incoming};

/// The next piece; `None` at the end.
pub(crate) async fn next<S, E>(stream: &mut S) -> Result<Option<Bytes>, E>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    std::future::poll_fn(|context| Pin::new(&mut *stream).poll_next(context))
        .await
        .transpose()
}

/// All that is left, copied only where it comes in more than one piece.
pub(crate) async fn read_to_end<S, E>(stream: &mut S) -> Result<Bytes, E>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    let Some(first) = next(stream).await? else {
        return Ok(Bytes::new());
    };
    let Some(second) = next(stream).await? else {
        return Ok(first);
    };
    let mut whole = BytesMut::from(&first[..]);
    whole.extend_from_slice(&second);
    while let Some(piece) = next(stream).await? {
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// The next bytes of a connection; trailers carry nothing for a function.
pub(crate) fn poll_data(
    incoming: &mut Incoming,
    context: &mut Context<'_>,
) -> Poll<Option<hyper::Result<Bytes>>> {
    loop {
        match ready!(Pin::new(&mut *incoming).poll_frame(context)).transpose()? {
            None => return Poll::Ready(None),
            Some(frame) => match frame.into_data() {
                Ok(data) if !data.is_empty() => return Poll::Ready(Some(Ok(data))),
                _ => {}
            },
        }
    }
}
