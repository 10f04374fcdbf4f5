//! The handler of {{name}}.

use std::env;
use std::time::Duration;

use hanzo_functions::{Context, Data, Level, Response, Result, SetOptions};
use serde_json::{json, Value};

/// Longer than an event can come again.
const KEPT: SetOptions = SetOptions {
    ttl: Some(Duration::from_secs(7 * 24 * 3600)),
    nx: false,
    xx: false,
};

/// Takes one usage event of the language models' gateway (hanzo.stream.v1).
pub async fn watch(ctx: Context) -> Result<Response> {
    let limit: i64 = env::var("TOKEN_LIMIT")?.parse()?;
    let event = ctx.data();
    let timestamp: String = event.get("timestamp")?;
    let day = timestamp.split('T').next().unwrap_or_default();
    let usage = Data::from(event.get::<Value>("data")?);
    let model: String = usage.get("model")?;
    let total = tally(
        &ctx,
        &format!("tokens:{model}:{day}"),
        usage.get("total_tokens")?,
    )
    .await?;
    let found = json!({ "model": model, "day": day, "total": total });
    ctx.log().with(Level::Info, "tokens counted", &found);
    if total >= limit {
        alert(&ctx, &format!("alerted:{model}:{day}"), &found).await?;
    }
    Ok(Response::ok(json!({ "model": model, "total": total })))
}

/// The sum, with this event in it once. A crash between the two writes is the one moment that counts it twice.
async fn tally(ctx: &Context, key: &str, tokens: i64) -> Result<i64> {
    let seen = format!("seen:{}", ctx.data().get::<String>("id")?);
    if ctx.kv().exists([&seen]).await? > 0 {
        return Ok(ctx.kv().incr(key, 0).await?);
    }
    let total = ctx.kv().incr(key, tokens).await?;
    ctx.kv().set_with(&seen, "1", KEPT).await?;
    if let Some(ttl) = KEPT.ttl {
        ctx.kv().expire(key, ttl).await?;
    }
    Ok(total)
}

/// Publishes once for each model and day.
async fn alert(ctx: &Context, alerted: &str, found: &Value) -> Result<()> {
    if ctx.kv().exists([alerted]).await? > 0 {
        return Ok(());
    }
    ctx.publish_as(alerted, "mq.alerts.tokens", found).await?;
    ctx.kv().set_with(alerted, "1", KEPT).await?;
    ctx.log().with(Level::Warn, "limit reached", found);
    Ok(())
}
