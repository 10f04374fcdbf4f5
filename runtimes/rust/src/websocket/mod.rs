//! WebSocket (RFC 6455).

mod connection;
pub(crate) mod frame;
mod handshake;

use std::fmt;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

pub(crate) use self::connection::Outgoing;
pub(crate) use self::handshake::{offer, Offer, Ties};
use crate::context::Context;
use crate::error::{Error, Result};

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Bytes),
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(Bytes::from(bytes))
    }
}

/// An accepted WebSocket: see [`Context::accept`].
///
/// It ends with the handler: a return closes it with 1000, an error with 1011. Pings are answered without the
/// handler's doing.
pub struct WebSocket {
    incoming: mpsc::Receiver<Message>,
    outgoing: mpsc::Sender<Outgoing>,
    close_code: Arc<AtomicU16>,
}

impl WebSocket {
    /// The next message; `None` when the other side has closed.
    pub async fn receive(&mut self) -> Option<Message> {
        self.incoming.recv().await
    }

    /// Sends a message. It waits while the other side reads more slowly than this one sends.
    ///
    /// # Errors
    /// Where the socket is closed.
    pub async fn send(&self, message: impl Into<Message>) -> Result<()> {
        self.put(Outgoing::Message(message.into())).await
    }

    /// Closes with a code (1000, or 3000 to 4999 for a function's own) and a reason of at most 123 bytes.
    ///
    /// # Errors
    /// Where the socket is closed, or the code is not one that may be sent.
    pub async fn close(&self, code: u16, reason: &str) -> Result<()> {
        if !frame::is_sendable(code) {
            let message = format!("a WebSocket cannot be closed with the code {code}");
            return Err(Error::named("SocketError", message));
        }
        self.put(Outgoing::Close(code, reason.to_owned())).await
    }

    /// The code that the other side closed with (1005 without one); `None` while it has not.
    pub fn close_code(&self) -> Option<u16> {
        match self.close_code.load(Ordering::Acquire) {
            0 => None,
            code => Some(code),
        }
    }

    async fn put(&self, outgoing: Outgoing) -> Result<()> {
        let sent = self.outgoing.send(outgoing).await;
        sent.map_err(|_| Error::named("SocketError", "the WebSocket is closed"))
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WebSocket").finish_non_exhaustive()
    }
}

impl Context {
    /// Accepts the WebSocket that this call asks for. A handler that answers without it answers in plain HTTP.
    ///
    /// # Errors
    /// Where the call does not ask for a WebSocket (a GET with `Upgrade: websocket`), or it has been accepted before.
    pub async fn accept(&self) -> Result<WebSocket> {
        let offer = self.take_offer();
        let Some(offer) = offer else {
            let message = "this call is no WebSocket, or it has been accepted already";
            return Err(Error::named("SocketError", message));
        };
        offer.accept().await
    }
}
