"""What a handler receives."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Union

from .logger import Logger

Query = dict[str, Union[str, list[str]]]

_LATER = {
    "kv": "the key-value client",
    "storage": "the object storage client",
    "publish": "publishing to queues and streams",
    "model": "the model cache",
}


# Tells "no payload" from the payload null.
_NO_DATA: Any = object()


class NotServedError(NotImplementedError, AttributeError):
    """Raised for a part of the context that this version of the platform does not serve."""


class Headers(Mapping[str, str]):
    """Header fields by case-insensitive name; the values of a repeated field are joined by a comma."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, str] | None = None) -> None:
        self._fields = {name.lower(): value for name, value in fields.items()} if fields else {}

    @classmethod
    def _of_lower(cls, fields: dict[str, str]) -> Headers:
        headers = cls.__new__(cls)
        headers._fields = fields
        return headers

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def __repr__(self) -> str:
        return f"Headers({self._fields!r})"


class TriggerInfo:
    """What caused the call.

    ``type`` is one of ``http``, ``mq``, ``stream``, ``cron``, ``inference``; ``source`` the path, subject, topic
    or schedule; ``timestamp`` RFC 3339; ``id`` the trigger's id or empty; ``attempt`` counts from 1.
    """

    __slots__ = ("attempt", "id", "source", "timestamp", "type")

    def __init__(
        self, type: str = "http", source: str = "/", timestamp: str = "", id: str = "", attempt: int = 1
    ) -> None:
        self.type = type
        self.source = source
        self.timestamp = timestamp or _now()
        self.id = id
        self.attempt = attempt

    def __repr__(self) -> str:
        return (
            f"TriggerInfo(type={self.type!r}, source={self.source!r}, timestamp={self.timestamp!r}, "
            f"id={self.id!r}, attempt={self.attempt!r})"
        )


def _now() -> str:
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"


class Context:
    """One call of a function.

    The server makes it; in a unit test make it yourself: ``Context({"text": "hello"})``.
    """

    __slots__ = (
        "_cancelled",
        "_deadline_at",
        "body",
        "data",
        "function",
        "headers",
        "log",
        "method",
        "org",
        "path",
        "query",
        "request_id",
        "revision",
        "trigger",
    )

    data: Any
    """The payload: the parsed JSON body; for an empty body the query as a map; any other body as
    ``{"body": text}`` or ``{"body": base64, "encoding": "base64"}``."""
    headers: Headers
    trigger: TriggerInfo
    log: Logger
    body: bytes
    """The body as the client sent it."""
    method: str
    path: str
    """The path as the client sent it, percent-encoding included, without the query."""
    query: Query
    """Decoded query parameters; a repeated name gives a list."""
    request_id: str
    function: str
    revision: str
    org: str

    def __init__(
        self,
        data: Any = _NO_DATA,
        *,
        headers: Mapping[str, str] | None = None,
        trigger: TriggerInfo | None = None,
        log: Logger | None = None,
        body: bytes = b"",
        method: str = "POST",
        path: str = "/",
        query: Query | None = None,
        request_id: str = "",
        function: str = "",
        revision: str = "",
        org: str = "",
        timeout: float = 60.0,
    ) -> None:
        self.data = {} if data is _NO_DATA else data
        self.headers = headers if isinstance(headers, Headers) else Headers(headers)
        self.trigger = trigger or TriggerInfo(source=path)
        self.log = log or Logger()
        self.body = body
        self.method = method
        self.path = path
        self.query = {} if query is None else query
        self.request_id = request_id
        self.function = function
        self.revision = revision
        self.org = org
        self._deadline_at = time.monotonic() + timeout
        self._cancelled = False

    @property
    def deadline(self) -> float:
        """Seconds left until the call is cancelled; never below 0."""
        return max(0.0, self._deadline_at - time.monotonic())

    @property
    def cancelled(self) -> bool:
        """True when nobody waits for the answer any more: the deadline passed or the client went away."""
        return self._cancelled or self._deadline_at <= time.monotonic()

    def __getattr__(self, name: str) -> Any:
        what = _LATER.get(name)
        if what is not None:
            raise NotServedError(f"ctx.{name} is not served: this version of the platform does not have {what} yet")
        raise AttributeError(f"'Context' object has no attribute {name!r}")
