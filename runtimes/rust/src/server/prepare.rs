//! Everything before the handler runs: the body, a turn, the context.

use std::sync::{Arc, Mutex, OnceLock};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::http::request::Parts;
use tokio::sync::OwnedSemaphorePermit;

use super::failure::Code;
use super::request::Content;
use super::shared::Call;
use super::Server;
use crate::body::{Body, Progress};
use crate::context::{Context, Inner, Trigger};
use crate::data::{Data, Query};
use crate::headers::Headers;
use crate::log::Log;
use crate::websocket::Offer;

/// A refusal by the server itself.
pub(crate) struct Refused(pub(crate) Code, pub(crate) String);

/// What a call is made of.
pub(crate) struct Asked {
    pub(crate) request_id: Arc<str>,
    pub(crate) headers: Headers,
    pub(crate) parts: Parts,
    pub(crate) offer: Option<Offer>,
    pub(crate) progress: Progress,
}

/// What a handler is called with, and the turn it has.
pub(crate) struct Ready {
    pub(crate) context: Context,
    pub(crate) body: Body,
    pub(crate) turn: OwnedSemaphorePermit,
}

pub(crate) async fn prepare(
    server: &Server,
    call: &Arc<Call>,
    asked: Asked,
    incoming: Incoming,
) -> Result<Ready, Refused> {
    if incoming.is_end_stream() {
        asked.progress.complete();
    }
    let (bytes, body) = if server.handler.streams_body {
        let body = Body::from_connection(incoming, asked.progress.clone());
        (Bytes::new(), body)
    } else {
        let whole = collect(incoming, server.max_body).await?;
        asked.progress.complete();
        (whole, Body::default())
    };
    let turn = match Arc::clone(&server.gate).try_acquire_owned() {
        Ok(turn) => turn,
        Err(_) => {
            let turn = Arc::clone(&server.gate).acquire_owned().await;
            turn.map_err(|_| Refused(Code::Draining, "this instance ends".to_owned()))?
        }
    };
    let context = context_of(server, call, asked, bytes)?;
    Ok(Ready { context, body, turn })
}

async fn collect(mut incoming: Incoming, limit: u64) -> Result<Bytes, Refused> {
    let too_large = || {
        let msg = format!("the body is larger than {limit} bytes");
        Refused(Code::PayloadTooLarge, msg)
    };
    let broken = |error| Refused(Code::BadRequest, format!("the body ended early: {error}"));
    if incoming.is_end_stream() {
        return Ok(Bytes::new());
    }
    if incoming.size_hint().lower() > limit {
        return Err(too_large());
    }
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(broken)?.into_data() else {
            continue;
        };
        if (first.len() + whole.len() + data.len()) as u64 > limit {
            return Err(too_large());
        }
        if first.is_empty() && whole.is_empty() {
            first = data;
            continue;
        }
        if whole.is_empty() {
            whole.extend_from_slice(&first);
            first = Bytes::new();
        }
        whole.extend_from_slice(&data);
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

fn context_of(server: &Server, call: &Call, asked: Asked, body: Bytes) -> Result<Context, Refused> {
    let Asked {
        request_id,
        headers,
        parts,
        offer,
        ..
    } = asked;
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let content = if server.handler.streams_body {
        Content::unread(&headers)
    } else {
        Content::parse(&headers, &body, &query, || {
            Trigger::of(&headers, parts.uri.path())
        })
        .map_err(|reason| Refused(Code::BadRequest, reason))?
    };
    let inner = Inner {
        data: Data::from(content.data),
        trigger: OnceLock::new(),
        headers,
        log: Log::new(server.sink.clone(), Some(Arc::clone(&request_id))),
        body,
        method: parts.method,
        uri: parts.uri,
        query,
        request_id,
        identity: Arc::clone(&server.identity),
        deadline: call.deadline,
        cancelled: call.cancelled.clone(),
        event: content.event,
        batch: content.batch,
        services: Arc::clone(&server.services),
        offer: Mutex::new(offer),
    };
    Ok(Context {
        inner: Arc::new(inner),
    })
}
