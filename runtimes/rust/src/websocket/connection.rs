//! An open WebSocket: one task reads, one writes, whatever the handler does.

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep_until, timeout, timeout_at};

use super::frame::{encode, encode_close, Decoder, Received, Violation, BINARY, PONG, TEXT};
use super::handshake::Ties;
use super::{Message, WebSocket};
use crate::cancel::CancelReason;
use crate::server::{Call, Io};

/// How long the other side has to answer a close.
const CLOSE_WAIT: Duration = Duration::from_secs(2);
const READ_SIZE: usize = 64 * 1024;
const GOING_AWAY: u16 = 1001;
const INTERNAL: u16 = 1011;

/// What the writing task is given.
pub(crate) enum Outgoing {
    Message(Message),
    Pong(Bytes),
    /// Code and reason; nothing goes out after it.
    Close(u16, String),
}

/// Starts the tasks of an upgraded connection; `first` came behind the head of the request.
pub(crate) fn open(io: Io, first: &[u8], call: Arc<Call>, ties: Ties) -> WebSocket {
    let (to_handler, incoming) = mpsc::channel(1);
    let (outgoing, to_writer) = mpsc::channel(1);
    let (ended, end) = oneshot::channel();
    call.ends_socket(ended);
    let close_code = Arc::new(AtomicU16::new(0));
    let mut decoder = Decoder::default();
    decoder.feed(first);
    let io = Arc::new(io);
    let reader = Reader {
        io: Arc::clone(&io),
        decoder,
        to_handler,
        to_writer: outgoing.clone(),
        close_code: Arc::clone(&close_code),
        call: Arc::clone(&call),
    };
    let reading = tokio::spawn(reader.run());
    tokio::spawn(async move {
        let closed = write(&io, to_writer, end, &call, ties.over).await;
        let reader = reading.abort_handle();
        if closed.is_ok() {
            let _ = timeout(CLOSE_WAIT, reading).await;
        }
        // It holds the connection open.
        reader.abort();
        drop(ties.alive);
    });
    WebSocket {
        incoming,
        outgoing,
        close_code,
    }
}

struct Reader {
    io: Arc<Io>,
    decoder: Decoder,
    to_handler: mpsc::Sender<Message>,
    to_writer: mpsc::Sender<Outgoing>,
    close_code: Arc<AtomicU16>,
    call: Arc<Call>,
}

enum Ended {
    /// The other side sent a close; this is the code.
    Close(u16),
    /// The other side broke the rules.
    Violation(u16),
    /// The connection ended without a close.
    Gone,
}

impl Reader {
    async fn run(mut self) {
        let ended = self.messages().await;
        match ended {
            Ended::Close(code) => {
                self.close_code.store(code, Ordering::Release);
                let _ = self.to_writer.send(Outgoing::Close(code, String::new())).await;
            }
            Ended::Violation(code) => {
                self.close_code.store(code, Ordering::Release);
                let _ = self.to_writer.send(Outgoing::Close(code, String::new())).await;
                let Self { io, to_handler, .. } = self;
                drop(to_handler);
                // Closing on bytes that nobody has read would reset the connection before the close arrives.
                let mut scrap = vec![0; READ_SIZE];
                while matches!(io.read(&mut scrap).await, Ok(count) if count > 0) {}
            }
            Ended::Gone => {
                self.call.cancel(CancelReason::ClosedByCaller);
            }
        }
    }

    /// Reads until the end.
    async fn messages(&mut self) -> Ended {
        let mut bytes = vec![0; READ_SIZE];
        loop {
            match self.decoder.next() {
                Err(Violation(code)) => return Ended::Violation(code),
                Ok(Some(Received::Close(code))) => return Ended::Close(code),
                Ok(Some(received)) => self.pass_on(received).await,
                Ok(None) => match self.io.read(&mut bytes).await {
                    Ok(0) | Err(_) => return Ended::Gone,
                    Ok(count) => self.decoder.feed(&bytes[..count]),
                },
            }
        }
    }

    // Who does not take messages any more does not miss them.
    async fn pass_on(&self, received: Received) {
        let message = match received {
            Received::Text(text) => Message::Text(text),
            Received::Binary(bytes) => Message::Binary(bytes),
            Received::Ping(payload) => {
                let _ = self.to_writer.send(Outgoing::Pong(payload)).await;
                return;
            }
            Received::Pong | Received::Close(_) => return,
        };
        let _ = self.to_handler.send(message).await;
    }
}

/// Writes until a close has been sent.
async fn write(
    io: &Io,
    mut outgoing: mpsc::Receiver<Outgoing>,
    end: oneshot::Receiver<u16>,
    call: &Arc<Call>,
    over: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut ending = Box::pin(ending(end, call, over));
    loop {
        let next = std::future::poll_fn(|context| {
            // What the handler has sent goes before its end.
            if let Poll::Ready(Some(next)) = outgoing.poll_recv(context) {
                return Poll::Ready(next);
            }
            ending
                .as_mut()
                .poll(context)
                .map(|code| Outgoing::Close(code, String::new()))
        })
        .await;
        let last = matches!(next, Outgoing::Close(..));
        let frame = match next {
            Outgoing::Message(Message::Text(text)) => encode(TEXT, text.as_bytes()),
            Outgoing::Message(Message::Binary(bytes)) => encode(BINARY, &bytes),
            Outgoing::Pong(payload) => encode(PONG, &payload),
            Outgoing::Close(code, reason) => encode_close(code, &reason),
        };
        // Who does not read is not waited for beyond the deadline.
        timeout_at((call.deadline + CLOSE_WAIT).into(), io.write_all(&frame)).await??;
        if last {
            return Ok(());
        }
    }
}

/// The code to close with once the handler, the deadline or the drain has come to its end.
async fn ending(end: oneshot::Receiver<u16>, call: &Arc<Call>, mut over: watch::Receiver<bool>) -> u16 {
    let mut ended = std::pin::pin!(end);
    let mut deadline = std::pin::pin!(sleep_until(call.deadline.into()));
    let mut over = std::pin::pin!(over.wait_for(|over| *over));
    std::future::poll_fn(|context| {
        if let Poll::Ready(code) = ended.as_mut().poll(context) {
            return Poll::Ready(code.unwrap_or(INTERNAL));
        }
        if deadline.as_mut().poll(context).is_ready() {
            call.cancel(CancelReason::DeadlineExceeded);
            return Poll::Ready(INTERNAL);
        }
        if over.as_mut().poll(context).is_ready() {
            call.cancel(CancelReason::Draining);
            return Poll::Ready(GOING_AWAY);
        }
        Poll::Pending
    })
    .await
}
