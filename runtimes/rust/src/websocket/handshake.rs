//! The opening handshake (RFC 6455, section 4.2).

use std::fmt;
use std::sync::Arc;

use hyper::header::{HeaderMap, HeaderValue, CONNECTION, UPGRADE};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request};
use tokio::sync::watch;

use super::connection;
use super::WebSocket;
use crate::error::{Error, Result};
use crate::server::{Alive, Call, Io, Reply};
use crate::text::{base64, sha1};

const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const KEY_BYTES: usize = 16;

/// What a socket is tied to besides its handler.
#[derive(Clone)]
pub(crate) struct Ties {
    /// Holds up the end of the drain.
    pub(crate) alive: Alive,
    /// True once the drain time is over.
    pub(crate) over: watch::Receiver<bool>,
}

/// A call that may become a WebSocket.
pub(crate) struct Offer {
    pub(crate) upgrade: OnUpgrade,
    pub(crate) key: HeaderValue,
    pub(crate) call: Arc<Call>,
    pub(crate) ties: Ties,
}

impl fmt::Debug for Offer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Offer")
    }
}

/// The way to a WebSocket, with the answer to the client's key, where a request asks for one.
pub(crate) fn offer<B>(request: &mut Request<B>) -> Option<(OnUpgrade, HeaderValue)> {
    let headers = request.headers();
    // Almost every call ends here.
    headers.get(UPGRADE)?;
    let asked = request.method() == Method::GET
        && lists(headers, UPGRADE.as_str(), "websocket")
        && lists(headers, CONNECTION.as_str(), "upgrade")
        && headers
            .get("sec-websocket-version")
            .is_some_and(|version| version == "13");
    let key = headers.get("sec-websocket-key")?.to_str().ok()?;
    let fits = base64::decode(key).is_some_and(|bytes| bytes.len() == KEY_BYTES);
    let accept = HeaderValue::try_from(accept_key(key)).ok()?;
    (asked && fits).then(|| (hyper::upgrade::on(request), accept))
}

fn lists(headers: &HeaderMap, name: &str, wanted: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case(wanted))
}

fn accept_key(key: &str) -> String {
    base64::encode(&sha1::digest(format!("{key}{GUID}").as_bytes()))
}

impl Offer {
    pub(crate) async fn accept(self) -> Result<WebSocket> {
        let broken = |reason: &str| {
            let message = format!("the WebSocket could not be opened: {reason}");
            Error::named("SocketError", message)
        };
        if !self.call.answer(Reply::Upgrade(self.key)) {
            return Err(broken("the call has been answered"));
        }
        let upgraded = self.upgrade.await.map_err(|error| broken(&error.to_string()))?;
        let parts = upgraded
            .downcast::<Io>()
            .map_err(|_| broken("the connection is of an unknown kind"))?;
        Ok(connection::open(parts.io, &parts.read_buf, self.call, self.ties))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_standard_has_its_answer() {
        assert_eq!(
            accept_key("dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }
}
