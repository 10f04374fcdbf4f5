"""The handler of {{name}}: counts the views of each page."""

from typing import Any

from hanzo.functions import Context, Response


def aggregate(ctx: Context) -> Response:
    """Adds a batch of events to the counts in ctx.kv."""
    if ctx.batch is None:
        return Response.error(400, "events come in batches")
    counts: dict[str, dict[str, int]] = {}
    for item in ctx.batch:
        page = page_of(item.data)
        if page is None:
            # Failing would hold up its partition, and it would be no better the next time.
            ctx.log.warn("event without a page", {"id": item.id})
            continue
        # The end of the id: partitions are counted at the same time, so each has counts of its own.
        partition, offset = item.id.split(":")[-2:]
        key = f"views:{page}:{partition}"
        if key not in counts:
            counts[key] = ctx.kv.get_json(key) or {"views": 0, "offset": -1}
        add(counts[key], int(offset))
    for key, count in counts.items():
        # Count and offset in one value: there is no moment at which only one of them is stored.
        ctx.kv.set(key, count)
    ctx.log.info("views counted", {"events": len(ctx.batch), "counts": len(counts)})
    return Response.ok({"counts": counts})


def add(count: dict[str, int], offset: int) -> None:
    """Offsets of a partition ascend: what is not beyond the last one has been counted."""
    if offset > count["offset"]:
        count["views"] += 1
        count["offset"] = offset


def page_of(event: Any) -> str | None:
    """From the envelope hanzo.stream.v1."""
    data = event.get("data") if isinstance(event, dict) else None
    page = data.get("page") if isinstance(data, dict) else None
    return page if isinstance(page, str) else None
