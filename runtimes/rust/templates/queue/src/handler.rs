//! The handler of {{name}}.

use std::time::Duration;

use hanzo_functions::{Context, Item, ItemResult, Level, Response, Result, SetOptions};
use serde_json::json;

/// Longer than a message can come again.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3600);

/// Takes a batch of orders and says what became of each. An error, as where the broker is away, fails the whole batch:
/// it comes again, and what is done is skipped.
pub async fn fulfil(ctx: Context) -> Result<Response> {
    let Some(batch) = ctx.batch() else {
        return Ok(Response::error(400, "orders come in batches"));
    };
    let mut results = Vec::new();
    for item in batch {
        results.push(fulfil_one(&ctx, item).await?);
    }
    Ok(Response::batch(results))
}

async fn fulfil_one(ctx: &Context, item: &Item) -> Result<ItemResult> {
    let (number, sku) = match order_of(item) {
        Ok(order) => order,
        Err(error) => {
            ctx.log()
                .with(Level::Warn, "order refused", json!({ "id": item.id }));
            // It would fail again: a dead letter at once.
            return Ok(ItemResult::permanent(&item.id, error.to_string()));
        }
    };
    if ctx.kv().exists([format!("hold:{sku}")]).await? > 0 {
        // It comes again, later each time, until its attempts are spent.
        return Ok(ItemResult::transient(&item.id, format!("{sku} is on hold")));
    }
    let done = format!("done:{}", item.id);
    if ctx.kv().exists([&done]).await? == 0 {
        // Should this call end before the next write, the broker drops what the next attempt sends, by its id.
        ctx.publish_as(
            &format!("ship:{}", item.id),
            "mq.shipping.request",
            item.data.value(),
        )
        .await?;
        let options = SetOptions {
            ttl: Some(REMEMBERED),
            ..SetOptions::default()
        };
        ctx.kv().set_with(&done, &number, options).await?;
        ctx.log().with(
            Level::Info,
            "order fulfilled",
            json!({ "order": number, "attempt": item.attempt }),
        );
    }
    Ok(ItemResult::ok(&item.id))
}

/// Number and SKU of an order.
fn order_of(item: &Item) -> Result<(String, String)> {
    let _quantity: u64 = item.data.get("quantity")?;
    Ok((item.data.get("order")?, item.data.get("sku")?))
}
