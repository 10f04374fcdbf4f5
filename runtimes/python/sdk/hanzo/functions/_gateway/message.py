"""Requests to the gateway, as values."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Union
from urllib.parse import quote

if TYPE_CHECKING:
    from ..context import Context

Data = Union[bytes, Iterator[bytes], AsyncIterator[bytes], None]

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class Request:
    """One request. ``body`` is bytes, or an iterator (async in an event loop) whose pieces are sent as they come."""

    __slots__ = ("body", "content_type", "method", "range", "target")

    def __init__(
        self, method: str, target: str, body: Data = None, content_type: str | None = None, range: str | None = None
    ) -> None:
        self.method = method
        self.target = target
        self.body = body
        self.content_type = content_type
        self.range = range


def json_request(target: str, value: Any) -> Request:
    """A POST of JSON. Raises TypeError or ValueError for what JSON cannot hold."""
    return Request("POST", target, _encode(value).encode(), "application/json")


def target_of(path: str, **query: Any) -> str:
    """A path with its query; names whose value is None are left out."""
    pairs = [f"{name}={quote(str(value), safe='')}" for name, value in query.items() if value is not None]
    return f"{path}?{'&'.join(pairs)}" if pairs else path


def head_of(request: Request, host: str, token: str, context: Context) -> bytes:
    """The head on the wire, with the token and what correlates the call."""
    lines = [f"{request.method} {request.target} HTTP/1.1", f"host: {host}", f"authorization: Bearer {token}"]
    if context.request_id:
        lines.append(f"x-request-id: {context.request_id}")
    for name in ("traceparent", "tracestate"):
        value = context.headers.get(name)
        if value is not None:
            lines.append(f"{name}: {value}")
    if request.content_type is not None:
        lines.append(f"content-type: {request.content_type}")
    if request.range is not None:
        lines.append(f"range: {request.range}")
    if isinstance(request.body, bytes):
        lines.append(f"content-length: {len(request.body)}")
    elif request.body is not None:
        lines.append("transfer-encoding: chunked")
    text = "\r\n".join(lines)
    if "\n" in text.replace("\r\n", "") or "\0" in text:
        raise ValueError("a header of the request holds a line break")
    return (text + "\r\n\r\n").encode("latin-1", "replace")


def chunk_of(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


LAST_CHUNK = b"0\r\n\r\n"
PIECE = 65536


def bytes_of(piece: Any) -> bytes:
    """A piece of a stream that is sent."""
    if isinstance(piece, str):
        return piece.encode()
    return piece if isinstance(piece, bytes) else bytes(memoryview(piece))
