"""Takes print, sys.stderr, the logging module and uncaught exceptions into the log."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import sys
import threading
import traceback
import warnings
from types import FrameType
from typing import Any

from .logs import Begun, LogSink, Scope, current

_LEVELS = {"stdout": "info", "stderr": "error"}


class LogStream(io.TextIOBase):
    """A text stream whose lines become log lines. Begun lines are kept per call and end with it."""

    def __init__(self, sink: LogSink, name: str, fd: int) -> None:
        self._sink = sink
        self._name = name
        self._fd = fd
        # Begun lines of code that runs outside a call.
        self._outside = threading.local()
        self.buffer = _ByteStream(self)

    encoding = "utf-8"
    errors = "backslashreplace"
    line_buffering = True
    mode = "w"

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"<{self._name}>"

    def fileno(self) -> int:
        return self._fd

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def reconfigure(self, **_: Any) -> None:
        """Accepted, since programs call it on the standard streams; lines stay UTF-8."""

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        scope = current.get() or self._outside_scope()
        first, *more = text.split("\n")
        begun = scope.partials.get(self._name)
        if begun is None and more:
            self._line(scope, first)
        elif first or begun is not None:
            if begun is None:
                begun = scope.partials[self._name] = Begun()
            begun.add(first)
            if more:
                self.end(scope)
        if more:
            for line in more[:-1]:
                self._line(scope, line)
            if more[-1]:
                begun = scope.partials[self._name] = Begun()
                begun.add(more[-1])
        return len(text)

    def _outside_scope(self) -> Scope:
        scope = getattr(self._outside, "scope", None)
        if scope is None:
            scope = self._outside.scope = Scope("")
        return scope

    def _line(self, scope: Scope, line: str, missing: int = 0) -> None:
        self._sink.emit(_LEVELS[self._name], line.rstrip("\r"), self._name, scope.request_id, None, missing)

    def end(self, scope: Scope | None = None) -> None:
        """Writes what is begun and has no line break, of a call or of this thread outside a call."""
        scope = scope or self._outside_scope()
        begun = scope.partials.pop(self._name, None)
        if begun is not None:
            self._line(scope, begun.text(), begun.missing)


class _ByteStream(io.RawIOBase):
    """``sys.stdout.buffer``: bytes take the same way."""

    def __init__(self, text: LogStream) -> None:
        self._text = text

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._text.fileno()

    def write(self, data: Any) -> int:
        view = memoryview(data)
        self._text.write(bytes(view).decode("utf-8", "backslashreplace"))
        return view.nbytes


class LogHandler(logging.Handler):
    """The root handler of the logging module."""

    def __init__(self, sink: LogSink) -> None:
        super().__init__()
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        try:
            msg = record.getMessage()
            fields: dict[str, Any] = {"logger": record.name}
            if record.exc_info and record.exc_info[1] is not None:
                fields["trace"] = "".join(traceback.format_exception(*record.exc_info))
            self._sink.emit_here(_level(record.levelno), msg, fields)
        except Exception:
            self.handleError(record)


def _level(number: int) -> str:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warn"
    return "info" if number >= logging.INFO else "debug"


def trace_of(error: BaseException) -> str:
    """The trace as Python prints it, without the frames of this server and of the import machinery."""
    try:
        return _trace(error)
    except Exception:
        # What prints traces is patched by user code, or fails on its exception.
        return f"{type(error).__name__} (its trace cannot be shown)"


def _trace(error: BaseException) -> str:
    shown = traceback.TracebackException.from_exception(error)
    own = os.path.dirname(__file__) + os.sep
    seen: set[int] = set()
    at: traceback.TracebackException | None = shown
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        at.stack[:] = [
            frame
            for frame in at.stack
            if not frame.filename.startswith((own, "<frozen importlib", "<frozen runpy"))
            and not frame.filename.endswith(("importlib/__init__.py",))
        ]
        at = at.__cause__ or at.__context__
    return "".join(shown.format()).rstrip("\n")


def stack_of(frame: FrameType | None) -> str:
    """Where a thread is, as a trace shows it, without the frames of this server and of the event loop."""
    try:
        own = (os.path.dirname(__file__) + os.sep, os.path.dirname(asyncio.__file__) + os.sep)
        shown = [
            entry
            for entry in traceback.extract_stack(frame)
            if not entry.filename.startswith(own) and not entry.filename.endswith("server_main.py")
        ]
        return "".join(traceback.format_list(shown)).rstrip()
    except Exception:
        return ""


class Capture:
    """The streams and hooks that lead into the sink, for the whole process."""

    def __init__(self, sink: LogSink) -> None:
        self._sink = sink
        self._streams = [LogStream(sink, "stdout", 1), LogStream(sink, "stderr", 2)]

    def install(self) -> None:
        sys.stdout, sys.stderr = self._streams
        logging.root.handlers[:] = [LogHandler(self._sink)]
        logging.root.setLevel(logging.INFO)
        warnings.showwarning = self._warn  # type: ignore[assignment]
        sys.excepthook = lambda _kind, error, _trace: self.uncaught(error)
        threading.excepthook = self._thread_died

    def _warn(self, message, category, filename, lineno, file=None, line=None) -> None:
        self._sink.emit_here("warn", f"{filename}:{lineno}: {category.__name__}: {message}")

    def _thread_died(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            name = args.thread.name if args.thread else "?"
            self.uncaught(args.exc_value, f"uncaught in thread {name}: ")

    def uncaught(self, error: BaseException, prefix: str = "uncaught: ") -> None:
        self._sink.emit_here("error", prefix + trace_of(error), {"error": type(error).__name__})

    def end(self, scope: Scope | None = None) -> None:
        for stream in self._streams:
            stream.end(scope)
