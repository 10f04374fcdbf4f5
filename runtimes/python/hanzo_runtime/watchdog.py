"""Frees the event loop from an ``async`` handler that blocks it beyond its deadline.

Such a handler cannot be cancelled by the loop, which it does not let run. A thread notices that the sweep of deadlines
is overdue and raises ``TimeoutError`` in the handler at its next bytecode, as the server does to handlers on threads. A
wait inside a call of C (``time.sleep``) ends first.
"""

from __future__ import annotations

import asyncio
import os
import sys
from _thread import get_ident, start_new_thread
from collections.abc import Callable
from queue import Empty, SimpleQueue
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING

from .workers import raise_in_thread

if TYPE_CHECKING:
    from .calls import Call, Turns

# How late the sweep may be before the loop counts as blocked, looked at twice: a process that was frozen, or starved of
# its CPU, gets the time to catch up.
_GRACE_S = 0.5
_OWN = (os.path.dirname(asyncio.__file__) + os.sep, os.path.dirname(os.path.abspath(__file__)) + os.sep)
_OWN_FILES = ("selectors.py", "server_main.py")


class Watchdog:
    """Made on the loop's thread. ``blocked(call, stack)`` is told, on the watchdog's, whom it interrupts."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, turns: Turns, blocked: Callable[[Call | None, FrameType | None], None]
    ) -> None:
        self._loop = loop
        self._turns = turns
        self._blocked = blocked
        self._loop_thread = get_ident()
        self._armed: SimpleQueue[float] = SimpleQueue()
        self._told: object = None

    def start(self) -> None:
        """From now on every sweep that is due is watched."""
        self._turns.armed = self._armed.put
        start_new_thread(self._watch, ())

    def _watch(self) -> None:
        while True:
            at: float | None = self._armed.get()
            while at is not None:
                at = self._look(at)

    def _look(self, at: float) -> float | None:
        """Waits for the sweep that is due at that time; the next one to wait for, or None."""
        for until in (at + _GRACE_S, 0.0):
            try:
                return self._armed.get(timeout=max(0.0, until - monotonic()) if until else _GRACE_S)
            except Empty:
                if self._turns.timer_at != at:
                    return None
        self._free()
        return at

    def _free(self) -> None:
        frame = sys._current_frames().get(self._loop_thread)
        if not _in_user_code(frame):
            return
        task = asyncio.current_task(self._loop)
        call = next((call for call in self._turns.calls() if task is not None and call.task is task), None)
        if self._told is not (call or self):
            self._told = call or self
            self._blocked(call, frame)
        # What no call owns, or a call within its deadline, goes on.
        if call is not None and call.deadline_at + _GRACE_S <= monotonic():
            raise_in_thread(self._loop_thread, TimeoutError)


def _in_user_code(frame: FrameType | None) -> bool:
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(_OWN) and not name.endswith(_OWN_FILES) and not name.startswith("<frozen"):
            return True
        frame = frame.f_back
    return False
