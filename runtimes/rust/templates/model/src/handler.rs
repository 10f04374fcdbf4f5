//! The handler of {{name}}.

use std::env;

use hanzo_functions::{Context, Level, Response, Result};
use serde_json::json;

/// Answers the embedding of `text`.
pub async fn embed(ctx: Context) -> Result<Response> {
    let Some(text) = ctx
        .data()
        .get_opt::<String>("text")?
        .filter(|text| !text.is_empty())
    else {
        return Ok(Response::error(400, "text is missing"));
    };
    // Loaded once for each instance; later calls find it.
    let model = ctx.model(&env::var("MODEL_NAME").unwrap_or_default()).await?;
    let embedding = model.encode(&text).await?;
    ctx.log().with(
        Level::Info,
        "embedded",
        json!({ "model": model.name(), "dimensions": embedding.len() }),
    );
    Ok(Response::ok(
        json!({ "embedding": embedding, "dimensions": embedding.len() }),
    ))
}
