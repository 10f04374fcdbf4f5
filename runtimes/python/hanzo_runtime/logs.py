"""Log lines: one JSON object a line on standard output, with the request id of the call they belong to."""

from __future__ import annotations

import contextvars
from json import JSONEncoder
from json.encoder import encode_basestring
from time import gmtime, strftime, time
from typing import Any

from .pipe import LinePipe

MAX_TEXT_BYTES = 65536


class Begun:
    """A line without its line break yet. Text beyond the bound of a line is counted and forgotten."""

    __slots__ = ("_parts", "_size", "missing")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0
        self.missing = 0

    def add(self, text: str) -> None:
        room = MAX_TEXT_BYTES - self._size
        if len(text) > room:
            self.missing += len(text[room:].encode("utf-8", "backslashreplace"))
            text = text[:room]
        if text:
            self._parts.append(text)
            self._size += len(text)

    def text(self) -> str:
        return "".join(self._parts)


class Scope:
    """What ties text to a call: its request id, and the begun lines of its streams."""

    __slots__ = ("partials", "request_id")

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.partials: dict[str, Begun] = {}


current: contextvars.ContextVar[Scope | None] = contextvars.ContextVar("hanzo_call", default=None)


class LogSink:
    """Writes lines in the form of the contract, section 5, to a file descriptor."""

    def __init__(self, fd: int) -> None:
        self._second = -1
        self._stamp = ""
        self._pipe = LinePipe(fd, self._dropped_line)

    def emit(
        self,
        level: str,
        msg: str,
        stream: str,
        request_id: str | None,
        fields: dict[str, Any] | None = None,
        missing: int = 0,
    ) -> None:
        """``missing`` counts bytes of the message that were left out already."""
        self._pipe.write(self._line(level, msg, stream, request_id, fields, missing))

    def emit_here(self, level: str, msg: str, fields: dict[str, Any] | None = None) -> None:
        """A line of stream ``log`` for whatever call runs here."""
        scope = current.get()
        self.emit(level, msg, "log", scope and scope.request_id, fields)

    def flush(self, timeout: float) -> None:
        self._pipe.flush(timeout)

    def _line(
        self,
        level: str,
        msg: str,
        stream: str,
        request_id: str | None,
        fields: dict[str, Any] | None,
        missing: int = 0,
    ) -> bytes:
        if len(msg) * 4 > MAX_TEXT_BYTES:
            msg, cut = _cut(msg)
            missing += cut
        parts = [f'{{"ts":"{self._now()}","level":"{level}","msg":{encode_basestring(msg)},"stream":"{stream}"']
        if request_id:
            parts.append(f',"request_id":{encode_basestring(request_id)}')
        if fields:
            text = _encode_fields(fields)
            size = len(text.encode("utf-8", "backslashreplace"))
            if size > MAX_TEXT_BYTES:
                missing += size
            else:
                parts.append(f',"fields":{text}')
        if missing:
            parts.append(f',"truncated":{missing}')
        parts.append("}\n")
        # A lone surrogate becomes \udXXX, which inside a JSON string is its escape.
        return "".join(parts).encode("utf-8", "backslashreplace")

    def _now(self) -> str:
        now = time()
        second = int(now)
        if second != self._second:
            self._stamp = strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))
            self._second = second
        return f"{self._stamp}.{int((now - second) * 1000):03d}Z"

    def _dropped_line(self, count: int) -> bytes:
        msg = f"{count} log lines were dropped: they were written faster than they could be read"
        return self._line("warn", msg, "log", None, {"dropped": count})


def _cut(msg: str) -> tuple[str, int]:
    data = msg.encode("utf-8", "backslashreplace")
    if len(data) <= MAX_TEXT_BYTES:
        return msg, 0
    kept = data[:MAX_TEXT_BYTES].decode("utf-8", "ignore")
    return kept, len(data) - len(kept.encode())


def _encode_fields(fields: dict[str, Any]) -> str:
    """Whatever the fields hold, the line stays JSON."""
    try:
        return _dumps(fields)
    except Exception:
        pairs = (f"{encode_basestring(str(name))}:{encode_basestring(_plain(value))}" for name, value in fields.items())
        return "{" + ",".join(pairs) + "}"


def _plain(value: object) -> str:
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__}>"


_dumps = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain).encode
