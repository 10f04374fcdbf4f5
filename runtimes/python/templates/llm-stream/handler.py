"""The handler of {{name}}."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from hanzo.functions import Context, Response

PAUSE_SECONDS = 0.03


async def answer(ctx: Context) -> Response:
    """Answers `prompt` piece by piece, as server-sent events; each goes out as soon as it is there."""
    prompt = ctx.data.get("prompt")
    if not isinstance(prompt, str) or prompt == "":
        return Response.error(400, "prompt is missing")
    return Response.sse(events(prompt))


async def events(prompt: str) -> AsyncIterator[Any]:
    """One event a token, then one that says how many there were."""
    count = 0
    async for token in tokens(prompt):
        count += 1
        yield {"data": {"delta": token}}
    yield {"event": "done", "data": {"tokens": count}}


async def tokens(prompt: str) -> AsyncIterator[str]:
    """Call your model here. When the caller goes away, the task is cancelled at the next `await`."""
    for word in f"You asked: {prompt}".split(" "):
        await asyncio.sleep(PAUSE_SECONDS)
        yield f"{word} "
