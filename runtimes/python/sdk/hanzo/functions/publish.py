"""``ctx.publish``: messages to queues and streams; gateway/protocol.md, POST /v1/publish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._gateway.host import send_for, send_for_async
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
    return send_for(context, _request(subject, data, id), "id")


async def publish_async(context: Context, subject: str, data: Any, id: str | None) -> str:
    """As :func:`publish`."""
    return await send_for_async(context, _request(subject, data, id), "id")
