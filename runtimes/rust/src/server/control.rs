//! Control calls: section 2 of the runtime contract. Compiled code is always specialised.

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderValue, CONTENT_TYPE};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use serde_json::json;

use super::failure::{failure, Code};
use super::outgoing::Outgoing;
use super::reply::Head;
use super::{request, Server};
use crate::headers::Headers;

pub(crate) const PREFIX: &str = "/.hanzo/";

pub(crate) fn control(server: &Server, parts: Parts) -> Response<Outgoing> {
    let state = if server.is_draining() { "draining" } else { "ready" };
    let states = json!({ "state": state }).to_string();
    let reading = parts.method == Method::GET || parts.method == Method::HEAD;
    match parts.uri.path() {
        "/.hanzo/ping" if reading => respond(StatusCode::OK, states),
        "/.hanzo/ready" if reading && server.is_draining() => {
            respond(StatusCode::SERVICE_UNAVAILABLE, states)
        }
        "/.hanzo/ready" if reading => respond(StatusCode::OK, states),
        "/.hanzo/specialise" if parts.method == Method::POST => {
            let given = parts.headers.get("x-hanzo-control").map(HeaderValue::as_bytes);
            if same(
                given.unwrap_or_default(),
                server.control_token.as_deref().unwrap_or_default(),
            ) {
                respond(StatusCode::CONFLICT, states)
            } else {
                let error = json!({"error": "the control token does not fit"});
                respond(StatusCode::UNAUTHORIZED, error.to_string())
            }
        }
        path => {
            let msg = format!("the runtime has no {} {path}", parts.method);
            let id = request::request_id(&Headers::from(parts.headers));
            let (head, body) = failure(Code::NotFound, &msg, &id, &server.identity);
            put(head, body)
        }
    }
}

fn respond(status: StatusCode, body: String) -> Response<Outgoing> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    put(Head { status, headers }, Bytes::from(body))
}

fn put(head: Head, body: Bytes) -> Response<Outgoing> {
    let mut response = Response::new(Outgoing::whole(body));
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    response
}

/// Compares without telling by its duration how much of a guess fits; an empty secret fits nothing.
fn same(given: &[u8], secret: &str) -> bool {
    let secret = secret.as_bytes();
    let differs = secret
        .iter()
        .enumerate()
        .fold(given.len() ^ secret.len(), |differs, (index, byte)| {
            differs | usize::from(byte ^ given.get(index).unwrap_or(&0))
        });
    !secret.is_empty() && differs == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_fits() {
        assert!(same(b"secret", "secret"));
        for guess in [&b""[..], b"secre", b"secrets", b"Secret"] {
            assert!(!same(guess, "secret"));
        }
        assert!(!same(b"", ""));
    }
}
