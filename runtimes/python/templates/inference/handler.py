"""The handler of {{name}}: adds up the tokens of each model, and alerts over a limit."""

import os
from typing import Any

from hanzo.functions import Context, Response

# Seconds; longer than an event can come again.
KEPT = 7 * 24 * 3600


def watch(ctx: Context) -> Response:
    """Takes one usage event of the language models' gateway (hanzo.stream.v1)."""
    event = ctx.data
    model, day = event["data"]["model"], event["timestamp"][:10]
    total = tally(ctx, f"tokens:{model}:{day}", event)
    ctx.log.info("tokens counted", {"model": model, "day": day, "total": total})
    if total >= int(os.environ["TOKEN_LIMIT"]):
        alert(ctx, model, day, total)
    return Response.ok({"model": model, "total": total})


def tally(ctx: Context, key: str, event: dict[str, Any]) -> int:
    """The sum, with this event in it once. A crash between the two writes is the one moment that counts it twice."""
    seen = f"seen:{event['id']}"
    if ctx.kv.exists(seen):
        return int(ctx.kv.get(key) or 0)
    total = ctx.kv.incr(key, event["data"]["total_tokens"])
    ctx.kv.set(seen, "1", ttl=KEPT)
    ctx.kv.expire(key, KEPT)
    return total


def alert(ctx: Context, model: str, day: str, total: int) -> None:
    """Once for each model and day."""
    alerted = f"alerted:{model}:{day}"
    if ctx.kv.exists(alerted):
        return
    ctx.publish("mq.alerts.tokens", {"model": model, "day": day, "total": total}, id=alerted)
    ctx.kv.set(alerted, "1", ttl=KEPT)
    ctx.log.warn("limit reached", {"model": model, "total": total})
