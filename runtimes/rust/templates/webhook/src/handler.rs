//! The handler of {{name}}: takes bodies whose HMAC-SHA256 stands in `X-Signature: sha256=<hex>`.

use std::env;

use hanzo_functions::{Context, Level, Response, Result};
use hmac::{Hmac, Mac};
use serde_json::json;
use sha2::Sha256;

/// Answers 401 to what its sender has not signed.
pub async fn receive(ctx: Context) -> Result<Response> {
    let secret = env::var("WEBHOOK_SECRET").unwrap_or_default();
    let signature = ctx.headers().get("X-Signature").unwrap_or_default();
    if !is_signed(&secret, ctx.body(), &signature) {
        return Ok(Response::error(401, "the signature does not fit"));
    }
    let Ok(Some(kind)) = ctx.data().get_opt::<String>("type") else {
        return Ok(Response::error(400, "the event has no type"));
    };
    ctx.log()
        .with(Level::Info, "event received", json!({ "type": kind }));
    Ok(Response::ok(json!({ "received": kind })))
}

fn is_signed(secret: &str, body: &[u8], signature: &str) -> bool {
    let Some(code) = signature.strip_prefix("sha256=").and_then(bytes_of) else {
        return false;
    };
    if secret.is_empty() {
        return false;
    }
    let mut wanted = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    wanted.update(body);
    // In constant time: how long a comparison takes must not tell how much of a guess is right.
    wanted.verify_slice(&code).is_ok()
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    if !hex.is_ascii() || hex.len() % 2 != 0 {
        return None;
    }
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok())
        .collect()
}
