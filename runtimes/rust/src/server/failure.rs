//! The platform's one error body.

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderValue, CONTENT_TYPE};
use hyper::StatusCode;
use serde_json::{json, Value};

use super::reply::Head;
use crate::context::Identity;
use crate::names;

/// The errors that the server itself answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    BadRequest,
    NotFound,
    PayloadTooLarge,
    HeadTooLarge,
    HandlerError,
    Unserialisable,
    Draining,
    Timeout,
}

impl Code {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::NotFound => "not_found",
            Self::PayloadTooLarge => "payload_too_large",
            Self::HeadTooLarge => "head_too_large",
            Self::HandlerError => "handler_error",
            Self::Unserialisable => "unserialisable",
            Self::Draining => "draining",
            Self::Timeout => "timeout",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::HandlerError | Self::Unserialisable => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Draining => StatusCode::SERVICE_UNAVAILABLE,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

/// The head and the body of a failure.
pub(crate) fn failure(code: Code, msg: &str, request_id: &str, identity: &Identity) -> (Head, Bytes) {
    let name = &identity.function;
    // Written field by field, since a map would sort them.
    let body = format!(
        concat!(
            r#"{{"status":"error","code":{},"error":"{}","msg":{},"component":"function","requestId":{},"#,
            r#""function":{},"revision":{},"next":{}}}"#
        ),
        code.status().as_u16(),
        code.name(),
        Value::from(msg),
        Value::from(request_id),
        Value::from(name.as_str()),
        Value::from(identity.revision.as_str()),
        json!(format!("hanzo-fn logs {name} --request-id {request_id}")),
    );
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(names::ERROR, HeaderValue::from_static(code.name()));
    let status = code.status();
    (Head { status, headers }, Bytes::from(body))
}
