"""The structured logger behind ``ctx.log``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, Optional

Emit = Callable[[str, str, Optional[dict[str, Any]]], None]


def _print(level: str, msg: str, fields: dict[str, Any] | None) -> None:
    """Where lines go when no server runs the handler, as in a unit test."""
    print(f"{level}: {msg}" + (f" {fields}" if fields else ""), file=sys.stderr)


class Logger:
    """Writes one structured line per call; every line carries the request id of its call.

    >>> ctx.log.info("chunked", {"chunks": 12})
    >>> ctx.log.info("chunked", chunks=12)
    """

    __slots__ = ("_emit",)

    def __init__(self, emit: Emit = _print) -> None:
        self._emit = emit

    def debug(self, msg: object, fields: Mapping[str, Any] | None = None, **more: Any) -> None:
        """One line of level ``debug``; ``fields`` and keyword arguments become its fields."""
        self._emit("debug", str(msg), _merge(fields, more))

    def info(self, msg: object, fields: Mapping[str, Any] | None = None, **more: Any) -> None:
        """One line of level ``info``; ``fields`` and keyword arguments become its fields."""
        self._emit("info", str(msg), _merge(fields, more))

    def warn(self, msg: object, fields: Mapping[str, Any] | None = None, **more: Any) -> None:
        """One line of level ``warn``; ``fields`` and keyword arguments become its fields."""
        self._emit("warn", str(msg), _merge(fields, more))

    def warning(self, msg: object, fields: Mapping[str, Any] | None = None, **more: Any) -> None:
        """The same as ``warn``, under the name of the standard library."""
        self._emit("warn", str(msg), _merge(fields, more))

    def error(self, msg: object, fields: Mapping[str, Any] | None = None, **more: Any) -> None:
        """One line of level ``error``; ``fields`` and keyword arguments become its fields."""
        self._emit("error", str(msg), _merge(fields, more))

    def exception(self, msg: object, fields: Mapping[str, Any] | None = None, **more: Any) -> None:
        """``error`` with the trace of the exception that is being handled in the field ``trace``."""
        import traceback

        self._emit("error", str(msg), {"trace": traceback.format_exc(), **(_merge(fields, more) or {})})


def _merge(fields: Mapping[str, Any] | None, more: dict[str, Any]) -> dict[str, Any] | None:
    if fields is None:
        return more or None
    return {**fields, **more}
