"""One call of the handler, and the rules of who may run: turns, deadlines, cancellation."""

from __future__ import annotations

import asyncio
from collections import deque
from os import urandom
from time import time
from typing import TYPE_CHECKING, Any

from .http1 import Request
from .logs import Scope
from .workers import Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from hanzo.functions import Context

    from .connection import Connection
    from .incoming import Incoming
    from .websocket import Socket

# What a handler that was cancelled at its deadline may do before its turn is given to the next call.
_LAST_WORDS_S = 0.02
_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_request_id() -> str:
    """``req_`` and a ULID."""
    number = (int(time() * 1000) << 80) | int.from_bytes(urandom(10), "big")
    return "req_" + "".join(_BASE32[(number >> shift) & 31] for shift in range(125, -1, -5))


class Call(Scope):
    """The state of one call. Everything but the worker's job is touched by the loop's thread only."""

    __slots__ = (
        "answered",
        "cancelled",
        "connection",
        "context",
        "deadline_at",
        "ended",
        "incoming",
        "job",
        "path",
        "query",
        "request",
        "socket",
        "started_at",
        "task",
        "timeout_ms",
        "turn",
    )

    def __init__(
        self, request: Request, connection: Connection, path: str, query: str, timeout_ms: int, now: float
    ) -> None:
        super().__init__(request.headers.get("x-request-id") or new_request_id())
        self.request = request
        self.connection = connection
        self.path = path
        self.query = query
        self.timeout_ms = _deadline_ms(request.headers, timeout_ms)
        self.started_at = now
        self.deadline_at = now + self.timeout_ms / 1000
        # TimeoutError or ConnectionError once nobody waits for the answer.
        self.cancelled: type[BaseException] | None = None
        self.answered = False
        self.ended = False
        self.turn = False
        self.task: asyncio.Task[Any] | None = None
        self.job: Job | None = None
        self.context: Context | None = None
        # The body on its way to a handler that takes it as a stream.
        self.incoming: Incoming | None = None
        self.socket: Socket | None = None

    def cancel(self, why: type[BaseException]) -> None:
        if self.cancelled is not None or self.ended:
            return
        self.cancelled = why
        context = self.context
        if context is not None:
            context._cancelled = True
        if self.job is not None:
            self.job.interrupt(why)
        if self.task is not None:
            self.task.cancel()
        self.connection.open_gate()
        if self.incoming is not None:
            self.incoming.fail(why("the call was cancelled"))
        if context is not None:
            # After the interrupt: a thread that is woken meets it before it goes on.
            context._cancel()


def _deadline_ms(headers: dict[str, str], default: int) -> int:
    text = headers.get("x-function-deadline-ms", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else default


class Turns:
    """At most ``limit`` calls run; the others wait in order. One timer serves all deadlines."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        start: Callable[[Call], None],
        expired: Callable[[Call], None],
    ) -> None:
        self._loop = loop
        self._start = start
        self._expired = expired
        self.limit = 10
        self._running = 0
        self._waiting: deque[Call] = deque()
        self._calls: set[Call] = set()
        self._timer: asyncio.TimerHandle | None = None
        # When the next sweep is due; 0 when none is.
        self.timer_at = 0.0
        # Told of every sweep that becomes due, where somebody watches.
        self.armed: Callable[[float], None] | None = None
        # Called when the last call has ended.
        self.on_idle: Callable[[], None] | None = None

    @property
    def busy(self) -> bool:
        return bool(self._calls)

    def calls(self) -> list[Call]:
        """Those that have not ended."""
        return list(self._calls)

    def enter(self, call: Call) -> None:
        self._calls.add(call)
        if self._timer is None or call.deadline_at < self.timer_at:
            self._set_timer(call.deadline_at)
        if self._running < self.limit:
            self._run(call)
        else:
            self._waiting.append(call)

    def _run(self, call: Call) -> None:
        call.turn = True
        self._running += 1
        self._start(call)

    def release(self, call: Call) -> None:
        """Gives the turn on and forgets the call; harmless when repeated."""
        self._calls.discard(call)
        if call.turn:
            call.turn = False
            self._running -= 1
            while self._waiting and self._running < self.limit:
                after = self._waiting.popleft()
                if after in self._calls:
                    self._run(after)
        if not self._calls and self.on_idle is not None:
            self.on_idle()

    def _set_timer(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.timer_at = at
        self._timer = self._loop.call_at(at, self._sweep)
        if self.armed is not None:
            self.armed(at)

    def _sweep(self) -> None:
        # Calls that have ended leave the timer as it is: it fires once in vain and is not set again when idle.
        self._timer = None
        self.timer_at = 0.0
        now = self._loop.time() + 0.0005
        for call in [call for call in self._calls if call.deadline_at <= now]:
            self._expired(call)
            if call.turn:
                self._calls.discard(call)
                self._loop.call_later(_LAST_WORDS_S, self.release, call)
            else:
                self.release(call)
        if self._calls:
            self._set_timer(min(call.deadline_at for call in self._calls))
