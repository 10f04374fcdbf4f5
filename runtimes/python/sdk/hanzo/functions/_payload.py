"""From a request to ``ctx.data`` and the rest of the context; the contract, sections 3 and 8."""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from urllib.parse import parse_qsl

from ._http1 import Refused
from .context import Context, Query, TriggerInfo
from .event import (
    BATCH,
    PLATFORM_BATCH,
    STRUCTURED,
    EventInvalid,
    event_of_headers,
    is_json,
    loads,
    open_event,
    open_event_batch,
    open_platform_batch,
)

_BOM = b"\xef\xbb\xbf"
_ENVELOPES = frozenset((STRUCTURED, BATCH, PLATFORM_BATCH))


def parse_query(text: str) -> Query:
    """Decoded parameters; a repeated name gives a list."""
    query: Query = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        before = query.get(name)
        if before is None:
            query[name] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            query[name] = [before, value]
    return query


def parse_data(body: bytes, content_type: str | None, query: Query) -> Any:
    """``ctx.data``. Raises Refused for a body that says it is JSON and is not."""
    if not body:
        # A copy, so that a handler that changes one does not change the other.
        return dict(query)
    if content_type is None:
        try:
            return loads(body.removeprefix(_BOM).decode())
        except (ValueError, RecursionError):
            return _text(body)
    return _parse_json(body, content_type) if is_json(content_type) else _text(body)


def _parse_json(body: bytes, content_type: str) -> Any:
    try:
        return loads(body.removeprefix(_BOM).decode())
    except (ValueError, RecursionError) as error:
        kind = content_type.partition(";")[0].strip().lower()
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Refused(400, "bad_request", f"the body is declared {kind} but does not parse: {reason}") from None


def _text(body: bytes) -> dict[str, str]:
    try:
        return {"body": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"body": b64encode(body).decode("ascii"), "encoding": "base64"}


def split_target(target: str) -> tuple[str, str]:
    """Path and query of a request target; the absolute form loses its authority."""
    if not target.startswith("/") and "://" in target:
        rest = target.partition("://")[2]
        at = min((i for i in (rest.find("/"), rest.find("?")) if i >= 0), default=len(rest))
        target = rest[at:] if rest[at:].startswith("/") else "/" + rest[at:]
    path, _, query = target.partition("?")
    return path, query


def make_trigger(headers: dict[str, str], path: str) -> TriggerInfo:
    """What caused the call, from the platform's headers."""
    attempt = headers.get("x-function-attempt", "")
    return TriggerInfo(
        headers.get("x-function-trigger") or "http",
        headers.get("x-function-trigger-source") or path,
        headers.get("x-function-trigger-timestamp", ""),
        headers.get("x-function-trigger-id", ""),
        int(attempt) if attempt.isascii() and attempt.isdigit() and len(attempt) < 10 else 1,
    )


def fill(context: Context, headers: dict[str, str], body: bytes, streamed: bool) -> None:
    """Sets data, event and batch by the headers (lower case) and the body. Raises Refused."""
    if "ce-specversion" in headers:
        context.event = event_of_headers(headers)
    if streamed:
        return
    context.body = body
    content_type = headers.get("content-type")
    if content_type is not None and body and content_type.partition(";")[0].strip().lower() in _ENVELOPES:
        _open(context, content_type, body)
    else:
        context.data = parse_data(body, content_type, context.query)


def _open(context: Context, content_type: str, body: bytes) -> None:
    value = _parse_json(body, content_type)
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind == STRUCTURED:
            context.event, context.data = open_event(value, _data_of)
            return
        if kind == PLATFORM_BATCH:
            items = open_platform_batch(value, context.trigger)
        else:
            items = open_event_batch(value, _data_of, context.trigger)
    except EventInvalid as error:
        raise Refused(400, "bad_request", str(error)) from None
    context.batch = items
    context.data = [item.data for item in items]


def _data_of(body: bytes, content_type: str | None) -> Any:
    return parse_data(body, content_type, {})
