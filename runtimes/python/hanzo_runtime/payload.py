"""From a request to ``ctx.data`` and the rest of the context."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any
from urllib.parse import parse_qsl

from hanzo.functions.context import Context, Headers, Query, TriggerInfo

from .http1 import Refused, Request


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


# Python's parser would take NaN and Infinity, which are not JSON.
_decode = json.JSONDecoder(parse_constant=_no_constant).decode


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
            return _decode(body.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            return _text(body)
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return _decode(body.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise Refused(400, "bad_request", f"the body is declared {kind} but does not parse: {reason}") from None
    return _text(body)


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
    attempt = headers.get("x-function-attempt", "")
    return TriggerInfo(
        headers.get("x-function-trigger") or "http",
        headers.get("x-function-trigger-source") or path,
        headers.get("x-function-trigger-timestamp", ""),
        headers.get("x-function-trigger-id", ""),
        int(attempt) if attempt.isascii() and attempt.isdigit() and len(attempt) < 10 else 1,
    )


def make_context(request: Request, path: str, query_text: str, **rest: Any) -> Context:
    """``rest`` goes to Context as it is: log, request_id, function, revision, org, timeout."""
    query = parse_query(query_text) if query_text else {}
    headers = request.headers
    context = Context(
        parse_data(request.body, headers.get("content-type"), query),
        headers=Headers._of_lower(headers),
        trigger=make_trigger(headers, path),
        body=request.body,
        method=request.method,
        path=path,
        query=query,
        **rest,
    )
    return context
