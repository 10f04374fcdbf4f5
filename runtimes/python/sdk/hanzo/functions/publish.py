"""``ctx.publish``: messages to queues and streams; gateway/protocol.md, POST /v1/publish."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ._gateway.host import send_whole, send_whole_async
from ._gateway.message import Request, json_request

if TYPE_CHECKING:
    from .context import Context


def _request(subject: str, data: Any, id: str | None) -> Request:
    body: dict[str, Any] = {"subject": subject, "data": data}
    if id is not None:
        body["id"] = id
    return json_request("/v1/publish", body)


def publish(context: Context, subject: str, data: Any, id: str | None) -> str:
    """The message's id, once the broker has it."""
    return json.loads(send_whole(context, _request(subject, data, id)))["id"]


async def publish_async(context: Context, subject: str, data: Any, id: str | None) -> str:
    """As :func:`publish`."""
    return json.loads(await send_whole_async(context, _request(subject, data, id)))["id"]
