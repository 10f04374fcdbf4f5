//! The handler of {{name}}.

use std::collections::BTreeMap;

use hanzo_functions::{Context, Error, Item, Level, Response, Result};
use serde_json::{json, Value};

/// Views, and the offset of the last event that is counted.
type Count = (u64, Option<u64>);

/// Adds a batch of events to the counts in `ctx.kv`.
pub async fn aggregate(ctx: Context) -> Result<Response> {
    let Some(batch) = ctx.batch() else {
        return Ok(Response::error(400, "events come in batches"));
    };
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    for item in batch {
        let Some(page) = page_of(item) else {
            // Failing would hold up its partition, and it would be no better the next time.
            ctx.log().with(
                Level::Warn,
                "event without a page",
                json!({ "id": item.id }),
            );
            continue;
        };
        let (partition, offset) = position(&item.id)?;
        // Partitions are counted at the same time, so each has counts of its own.
        let key = format!("views:{page}:{partition}");
        let count = match counts.get(&key) {
            Some(count) => *count,
            None => read(&ctx, &key).await?,
        };
        counts.insert(key, add(count, offset));
    }
    for (key, (views, offset)) in &counts {
        // Count and offset in one value: there is no moment at which only one of them is stored.
        ctx.kv()
            .set(key, json!({ "views": views, "offset": offset }))
            .await?;
    }
    ctx.log().with(
        Level::Info,
        "views counted",
        json!({ "events": batch.len(), "counts": counts.len() }),
    );
    Ok(Response::ok(json!({ "counts": counts })))
}

async fn read(ctx: &Context, key: &str) -> Result<Count> {
    let stored = ctx.kv().get_json::<Value>(key).await?.unwrap_or_default();
    Ok((
        stored["views"].as_u64().unwrap_or_default(),
        stored["offset"].as_u64(),
    ))
}

/// Offsets of a partition ascend: what is not beyond the last one has been counted.
fn add((views, last): Count, offset: u64) -> Count {
    if last.is_some_and(|last| offset <= last) {
        (views, last)
    } else {
        (views + 1, Some(offset))
    }
}

/// The end of an event's id: `kafka:<topic>:<partition>:<offset>`.
fn position(id: &str) -> Result<(&str, u64)> {
    let mut parts = id.rsplit(':');
    match (parts.next().map(str::parse), parts.next()) {
        (Some(Ok(offset)), Some(partition)) => Ok((partition, offset)),
        _ => Err(Error::new(format!(
            "{id:?} is no id of an event of a stream"
        ))),
    }
}

/// Looks into the envelope hanzo.stream.v1.
fn page_of(item: &Item) -> Option<&str> {
    item.data["data"]["page"].as_str()
}
