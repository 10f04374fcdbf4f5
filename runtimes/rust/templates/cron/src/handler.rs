//! The handler of {{name}}.

use std::collections::BTreeMap;
use std::time::Duration;

use hanzo_functions::{Context, KvValue, Level, Response, Result, SetOptions};
use serde_json::json;

const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Writes the report of a scheduled time, once however often it is run.
pub async fn report(ctx: Context) -> Result<Response> {
    let Some(regions) = ctx.data().get_opt::<Vec<String>>("regions")? else {
        return Ok(Response::error(400, "the payload has no regions"));
    };
    let mut orders = BTreeMap::new();
    for region in regions {
        let count: u64 = match ctx.kv().get(&format!("orders:{region}")).await? {
            Some(text) => text.parse()?,
            None => 0,
        };
        orders.insert(region, count);
    }
    // When the run was due, not when it runs: later attempts and runs that are made up for have the same name.
    let due = &ctx.trigger().timestamp;
    let options = SetOptions {
        ttl: Some(KEPT),
        nx: true,
        ..SetOptions::default()
    };
    let is_new = ctx
        .kv()
        .set_with(&format!("report:{due}"), KvValue::json(&orders)?, options)
        .await?;
    let message = if is_new {
        "report written"
    } else {
        "report was there"
    };
    ctx.log().with(
        Level::Info,
        message,
        json!({ "due": due, "orders": orders }),
    );
    Ok(Response::ok(json!({ "due": due, "new": is_new })))
}
