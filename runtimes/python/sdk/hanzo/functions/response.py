"""What a handler may return when a plain value does not say enough."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from typing import Any, Literal, Union

_ATTRIBUTE = re.compile(r"[a-z0-9]{1,40}")

HeaderValue = Union[str, int, Sequence[str]]
Source = Union[Iterable[Any], AsyncIterable[Any]]


# Tells an event without data from one whose data is null.
NO_DATA: Any = object()


class _OutgoingEvent:
    """What ``Response.event`` was given."""

    __slots__ = ("attributes", "data", "mode")

    def __init__(self, attributes: dict[str, Any], data: Any, mode: str) -> None:
        self.attributes = attributes
        self.data = data
        self.mode = mode


class Response:
    """An answer with its status, body and headers.

    ``body`` follows the rules of a returned value: dict, list, number and bool are JSON, a string is text,
    bytes stay bytes, a generator or iterator is streamed, ``None`` is an empty body. Without a status it is 200,
    or 204 where there is no body. A header value that is a list is sent as one field per item (``set-cookie``).
    Fields of the connection (``connection``, ``transfer-encoding``, ``content-length``, ...) and every
    ``x-function-*`` field belong to the platform and are left out.
    """

    __slots__ = ("_kind", "body", "headers", "status")

    def __init__(
        self, status: int | None = None, body: Any = None, headers: Mapping[str, HeaderValue] | None = None
    ) -> None:
        self.status: int = status if status is not None else 204 if body is None else 200
        self.body = body
        self.headers: dict[str, HeaderValue] = dict(headers) if headers else {}
        self._kind = ""

    def __repr__(self) -> str:
        return f"Response(status={self.status!r}, body={self.body!r}, headers={self.headers!r})"

    @classmethod
    def ok(cls, body: Any = None, headers: Mapping[str, HeaderValue] | None = None) -> Response:
        """200 with the body."""
        return cls(200, body, headers)

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Mapping[str, HeaderValue] | None = None) -> Response:
        """The value as JSON, also where it is a string or ``None``."""
        response = cls(status, value, headers)
        response._kind = "json"
        return response

    @classmethod
    def text(cls, text: str, status: int = 200, headers: Mapping[str, HeaderValue] | None = None) -> Response:
        """``text/plain; charset=utf-8``."""
        return cls(status, str(text), headers)

    @classmethod
    def stream(
        cls,
        source: Source,
        status: int = 200,
        headers: Mapping[str, HeaderValue] | None = None,
        content_type: str | None = None,
    ) -> Response:
        """Streams an iterable or async iterable, each piece flushed at once.

        Bytes and strings are sent as they are, anything else as one line of JSON. Without ``content_type`` the
        first piece decides: ``application/octet-stream``, ``text/plain`` or ``application/x-ndjson``.
        """
        response = cls(status, source, headers)
        response._kind = "stream"
        if content_type is not None:
            response.headers["content-type"] = content_type
        return response

    @classmethod
    def sse(cls, source: Source, status: int = 200, headers: Mapping[str, HeaderValue] | None = None) -> Response:
        """Server-sent events. A piece is a string, or ``{"event"?, "id"?, "retry"?, "data"}``.

        ``data`` that is not a string is sent as JSON, and so is any other piece.
        """
        response = cls(status, source, headers)
        response._kind = "sse"
        return response

    @classmethod
    def error(
        cls, status: int, message: object, headers: Mapping[str, HeaderValue] | None = None
    ) -> Response:
        """An error that the handler answers on purpose: the JSON ``{"error": message}``."""
        return cls(status, {"error": str(message)}, headers)

    @classmethod
    def batch(cls, results: Iterable[Mapping[str, Any]], status: int = 200) -> Response:
        """What became of each item of a batch: ``{"id": ..., "output": ...}`` for one that succeeded,
        ``{"id": ..., "error": {"kind": "transient" | "permanent", "message": ...}}`` for one that failed.

        The platform reads it where the trigger declares ``partial_response: true``; an id that is missing is a
        transient failure then.
        """
        entries = [dict(result) for result in results]
        for entry in entries:
            if not isinstance(entry.get("id"), str):
                raise ValueError(f"a result of a batch needs the id of its item: {entry!r}")
        return cls.json({"results": entries}, status)

    @classmethod
    def event(
        cls,
        *,
        type: str,
        data: Any = NO_DATA,
        source: str | None = None,
        id: str | None = None,
        subject: str | None = None,
        time: str | None = None,
        datacontenttype: str | None = None,
        mode: Literal["binary", "structured"] = "binary",
        status: int = 200,
        **extensions: str | int | bool | None,
    ) -> Response:
        """A CloudEvent 1.0. In ``binary`` mode its attributes are ``ce-*`` headers and ``data`` the body; in
        ``structured`` mode it is one JSON object. ``data`` that is bytes, or text under a ``datacontenttype`` that is
        not JSON, goes out as it is; anything else is JSON, with the ``datacontenttype`` ``application/json`` where none
        is given.

        ``id`` defaults to a fresh UUID, ``source`` to ``/functions/<function>``, ``time`` (RFC 3339) to now. The name
        of an extension is lower-case letters and digits.
        """
        if mode not in ("binary", "structured"):
            raise ValueError(f"the mode of an event is binary or structured, not {mode!r}")
        if not isinstance(type, str) or not type:
            raise ValueError("an event needs a type")
        for name, value in extensions.items():
            if not _ATTRIBUTE.fullmatch(name) or name in ("specversion", "data"):
                raise ValueError(f"{name!r} is no name of an extension attribute")
            if value is not None and not isinstance(value, (str, int)):
                raise TypeError(f"the attribute {name} is text, an integer or a boolean, not {value!r}")
        known = {"id": id, "source": source, "type": type, "subject": subject, "time": time}
        attributes = {**known, "datacontenttype": datacontenttype, **extensions}
        response = cls(status, _OutgoingEvent(attributes, data, mode))
        response._kind = "event"
        return response
