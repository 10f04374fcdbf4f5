//! The handler of {{name}}.

use std::env;

use hanzo_functions::{Context, Level, Response, Result};
use serde_json::json;

/// Greets whoever the payload names.
pub async fn hello(ctx: Context) -> Result<Response> {
    let name: String = ctx.data().get_opt("name")?.unwrap_or_else(|| "world".into());
    ctx.log().with(Level::Info, "greeting", json!({ "name": name }));
    let greeting = env::var("GREETING").unwrap_or_else(|_| "Hello".into());
    Ok(Response::ok(json!({ "message": format!("{greeting}, {name}!") })))
}
