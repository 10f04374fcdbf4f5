"""The handler of {{name}}: fulfils orders, each once, and says what became of each message of a batch."""

from typing import Any

from hanzo.functions import BatchItem, Context, Response

# Seconds; longer than a message can come again.
REMEMBERED = 7 * 24 * 3600


def fulfil(ctx: Context) -> Response:
    """What is raised, as where the broker is away, fails the batch: it comes again, and what is done is skipped."""
    if ctx.batch is None:
        return Response.error(400, "orders come in batches")
    return Response.batch([fulfil_one(ctx, item) for item in ctx.batch])


def fulfil_one(ctx: Context, item: BatchItem) -> dict[str, Any]:
    order = item.data
    if not is_order(order):
        ctx.log.warn("order refused", {"id": item.id})
        # It would fail again: a dead letter at once.
        return failed(item, "permanent", "an order has the texts order and sku, and a quantity")
    if ctx.kv.exists(f"hold:{order['sku']}"):
        # It comes again, later each time, until its attempts are spent.
        return failed(item, "transient", f"{order['sku']} is on hold")
    done = f"done:{item.id}"
    if not ctx.kv.exists(done):
        # Should this call end before the next line, the broker drops what the next attempt sends, by its id.
        ctx.publish("mq.shipping.request", order, id=f"ship:{item.id}")
        ctx.kv.set(done, order["order"], ttl=REMEMBERED)
        ctx.log.info("order fulfilled", {"order": order["order"], "attempt": item.attempt})
    return {"id": item.id}


def is_order(data: Any) -> bool:
    return (
        isinstance(data, dict)
        and all(isinstance(data.get(name), str) for name in ("order", "sku"))
        and isinstance(data.get("quantity"), int)
    )


def failed(item: BatchItem, kind: str, message: str) -> dict[str, Any]:
    return {"id": item.id, "error": {"kind": kind, "message": message}}
