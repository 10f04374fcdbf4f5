"""Threads for synchronous user code, whose work can be interrupted by an exception from outside."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

_raise_in_thread = ctypes.pythonapi.PyThreadState_SetAsyncExc
_raise_in_thread.argtypes = (ctypes.c_ulong, ctypes.py_object)
# A null pointer, which takes back what was set and not delivered yet.
_NOTHING: Any = ctypes.py_object()


class Job:
    """One piece of work for a thread; ``done(result, error)`` is called there when it has ended."""

    __slots__ = ("_done", "_guard", "_interrupt", "_thread", "_work")

    def __init__(self, work: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        self._work = work
        self._done = done
        self._guard = threading.Lock()
        self._thread = 0
        self._interrupt: type[BaseException] | None = None

    def interrupt(self, error: type[BaseException]) -> None:
        """Raises ``error`` at the next bytecode of the work, once, and only while the work runs."""
        with self._guard:
            if self._interrupt is None:
                self._interrupt = error
                if self._thread:
                    _raise_in_thread(self._thread, error)

    def perform(self) -> None:
        result = None
        failure: BaseException | None = None
        # The interrupt may arrive at any bytecode between the two changes of _thread, also beside the work itself.
        try:
            try:
                with self._guard:
                    self._thread = threading.get_ident()
                if self._interrupt is not None:
                    raise self._interrupt
                result = self._work()
            except BaseException as error:
                failure = error
            self._leave()
        except (TimeoutError, ConnectionError) as late:
            failure = failure or late
            self._leave()
        done, self._done, self._work = self._done, None, None  # type: ignore[assignment]
        done(result, failure)

    def _leave(self) -> None:
        with self._guard:
            thread, self._thread = self._thread, 0
        if self._interrupt is not None:
            _raise_in_thread(thread or threading.get_ident(), _NOTHING)


class Workers:
    """Starts a thread when none is idle, so that a stuck one never holds up another call."""

    def __init__(self) -> None:
        # Threads that stay when they have nothing to do.
        self.keep = 1
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._idle = 0
        self._lock = threading.Lock()

    def submit(self, job: Job) -> None:
        with self._lock:
            if self._idle:
                self._idle -= 1
                self._jobs.put(job)
                return
        threading.Thread(target=self._serve, args=(job,), name="hanzo-call", daemon=True).start()

    def _serve(self, job: Job) -> None:
        while True:
            job.perform()
            del job
            with self._lock:
                if self._idle >= self.keep:
                    return
                self._idle += 1
            job = self._jobs.get()
