"""From what a handler returned to an answer on the wire."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from .body import Body
from .event import STRUCTURED, complete, header_of, is_json
from .response import NO_DATA, Response
from .storage import StorageStream

_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_dumps_ascii = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
LINES = "application/x-ndjson"
EVENTS = "text/event-stream"

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_DROPPED = frozenset(
    ("connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade")
)
_FILE_PIECE = 65536


class Unserialisable(Exception):
    """A value that has no form on the wire."""


class BadAnswer(Exception):
    """A Response with a status or a header that HTTP does not know."""


class Whole:
    """A complete answer; ``fields`` are header lines without content-length."""

    __slots__ = ("body", "fields", "status")

    def __init__(self, status: int, fields: str, body: bytes) -> None:
        self.status = status
        self.fields = fields
        self.body = body


class Stream:
    """An answer in pieces. ``content_type`` is empty where the first piece decides."""

    __slots__ = ("content_type", "encode", "fields", "is_async", "source", "status")

    def __init__(self, status: int, fields: str, content_type: str, source: Any, encode: Any) -> None:
        self.status = status
        self.fields = fields
        self.content_type = content_type
        self.is_async = isinstance(source, AsyncIterable)
        self.source: Any = source if self.is_async else iter(source)
        self.encode = encode

    def head_fields(self, first: Any) -> str:
        """Header lines, with the content type that follows from the first piece."""
        return self.fields if self.content_type else f"content-type: {_type_of(first)}\r\n{self.fields}"


def encode_json(value: Any) -> bytes:
    """Raises Unserialisable, with the path of the offending value where it is known."""
    try:
        return _dumps(value).encode()
    except UnicodeEncodeError:
        return _dumps_ascii(value).encode()
    except RecursionError:
        raise Unserialisable("the value is nested too deeply for JSON") from None
    except (TypeError, ValueError) as error:
        raise Unserialisable(f"{_where(value)}{error}") from None


def _where(value: Any, path: str = "$", depth: int = 0) -> str:
    """``at $.a[2]: `` for the first value inside that JSON does not take."""
    if depth > 50:
        return ""
    items: Iterable[tuple[str, Any]] = ()
    if isinstance(value, dict):
        items = ((f"{path}.{key}", item) for key, item in value.items())
    elif isinstance(value, (list, tuple)):
        items = ((f"{path}[{index}]", item) for index, item in enumerate(value))
    for inner, item in items:
        try:
            _dumps(item)
        except Exception:
            return _where(item, inner, depth + 1)
    return "" if path == "$" else f"at {path}: "


def encode(value: Any, function: str = "") -> Whole | Stream:
    """The answer for a returned value; the table of the contract, section 3. ``function`` is its name, for events."""
    if isinstance(value, Response):
        return _encode_response(value, function)
    if value is None:
        return Whole(204, "", b"")
    if is_stream(value):
        return Stream(200, "", "", value, encode_piece)
    content_type, body = _encode_plain(value)
    return Whole(200, f"content-type: {content_type}\r\n", body)


def is_stream(value: Any) -> bool:
    """Whether a returned value is sent piece by piece."""
    return isinstance(value, (Iterator, AsyncIterator, Body, StorageStream)) or (
        isinstance(value, AsyncIterable) and not isinstance(value, (dict, list, str))
    )


def _encode_plain(value: Any) -> tuple[str, bytes]:
    if isinstance(value, str):
        return TEXT, _utf8(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return BYTES, bytes(value)
    return JSON, encode_json(value)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Unserialisable(f"the text is not valid Unicode: {error.reason}") from None


def _encode_response(response: Response, function: str) -> Whole | Stream:
    status = response.status
    if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599:
        raise BadAnswer(f"the status of the Response is {status!r}, not a number from 200 to 599")
    fields, content_type = _header_lines(response.headers)
    kind, body = response._kind, response.body
    status = int(status)
    if kind == "event":
        return _encode_event(status, fields, body, function)
    if kind == "sse":
        _check_source(body)
        return Stream(status, _typed(fields, content_type, EVENTS), EVENTS, body, encode_event)
    if kind == "stream":
        if hasattr(body, "read") and not isinstance(body, (AsyncIterable, Body, StorageStream)):
            body = iter(partial(body.read, _FILE_PIECE), b"" if "b" in getattr(body, "mode", "b") else "")
        _check_source(body)
    if kind == "stream" or (kind != "json" and is_stream(body)):
        return Stream(status, fields, content_type, body, encode_piece)
    if kind == "json":
        return Whole(status, _typed(fields, content_type, JSON), encode_json(body))
    if body is None:
        return Whole(status, fields, b"")
    own_type, data = _encode_plain(body)
    return Whole(status, _typed(fields, content_type, own_type), data)


def _encode_event(status: int, fields: str, event: Any, function: str) -> Whole:
    """A CloudEvent in binary or structured mode; the contract, section 8."""
    attributes = complete(event.attributes, function)
    data, given = event.data, event.data is not NO_DATA
    raw = isinstance(data, (bytes, bytearray, memoryview))
    content_type = attributes.get("datacontenttype")
    as_it_is = raw or (isinstance(data, str) and content_type is not None and not is_json(content_type))
    if given and not as_it_is and content_type is None:
        content_type = attributes["datacontenttype"] = JSON
    if event.mode == "structured":
        if raw:
            attributes["data_base64"] = b64encode(data).decode("ascii")
        elif given:
            attributes["data"] = data
        return Whole(status, f"content-type: {STRUCTURED}\r\n{fields}", encode_json(attributes))
    attributes.pop("datacontenttype", None)
    lines = [f"ce-{name}: {header_of(value)}\r\n" for name, value in attributes.items()]
    if content_type is not None:
        if not _VALUE.fullmatch(content_type):
            raise BadAnswer("the datacontenttype of the event holds a control character")
        lines.append(f"content-type: {content_type}\r\n")
    body = b"" if not given else (bytes(data) if raw else _utf8(data)) if as_it_is else encode_json(data)
    return Whole(status, "".join(lines) + fields, body)


def _check_source(source: Any) -> None:
    if not isinstance(source, (Iterable, AsyncIterable)):
        raise BadAnswer(f"a stream needs an iterable, not {type(source).__name__}")


def _typed(fields: str, content_type: str, default: str) -> str:
    return fields if content_type else f"content-type: {default}\r\n{fields}"


def _header_lines(headers: Mapping[str, Any]) -> tuple[str, str]:
    """The lines, and the content type among them."""
    if not headers:
        return "", ""
    lines: list[str] = []
    content_type = ""
    for name, value in headers.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise BadAnswer(f"{name!r} is not a header name")
        lower = name.lower()
        if lower in _DROPPED or lower.startswith("x-function-"):
            continue
        for item in value if isinstance(value, (list, tuple)) else (value,):
            text = item if isinstance(item, str) else str(item)
            if not _VALUE.fullmatch(text):
                raise BadAnswer(f"the value of the header {name} holds a control character")
            lines.append(f"{lower}: {text}\r\n")
            if lower == "content-type":
                content_type = text
    return "".join(lines), content_type


def _type_of(piece: Any) -> str:
    if isinstance(piece, (bytes, bytearray, memoryview)):
        return BYTES
    return TEXT if isinstance(piece, str) else LINES


def encode_piece(piece: Any) -> bytes:
    if isinstance(piece, (bytes, bytearray, memoryview)):
        return bytes(piece)
    if isinstance(piece, str):
        return _utf8(piece)
    return encode_json(piece) + b"\n"


_EVENT_KEYS = frozenset(("event", "id", "retry", "data"))


def encode_event(piece: Any) -> bytes:
    """One server-sent event."""
    if not (isinstance(piece, dict) and piece.keys() <= _EVENT_KEYS and piece):
        return _event_data(piece) + b"\n"
    lines = b""
    for name in ("event", "id", "retry"):
        value = piece.get(name)
        if value is not None:
            text = str(value)
            if "\n" in text or "\r" in text or "\0" in text:
                raise BadAnswer(f"the {name} of a server-sent event holds a line break")
            lines += f"{name}: {text}\n".encode()
    if "data" in piece:
        lines += _event_data(piece["data"])
    return lines + b"\n"


def _event_data(data: Any) -> bytes:
    if isinstance(data, (bytes, bytearray, memoryview)):
        text = bytes(data).decode("utf-8", "replace")
    else:
        text = data if isinstance(data, str) else encode_json(data).decode()
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _utf8("".join(f"data: {line}\n" for line in text.split("\n")))
