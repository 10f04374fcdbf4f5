"""Threads for synchronous user code, whose work can be interrupted by an exception from outside."""

from __future__ import annotations

import ctypes
import threading
from _thread import get_ident, start_new_thread
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any

raise_in_thread = ctypes.pythonapi.PyThreadState_SetAsyncExc
raise_in_thread.argtypes = (ctypes.c_ulong, ctypes.py_object)
# A null pointer, which takes back what was set and not delivered yet.
_NOTHING: Any = ctypes.py_object()


_here = threading.local()


def job_here() -> Job | None:
    """The job that this thread performs."""
    return getattr(_here, "job", None)


class Job:
    """One piece of work for a thread; ``done(result, error)`` is called there when it has ended.

    No lock guards the state: an interrupt may come at any bytecode, also right after a lock was taken, and the event
    loop must never wait for a lock that is lost that way. Under the interpreter's lock the check and the raise in
    ``interrupt`` are one step, and a thread meets what was raised before it goes on.
    """

    __slots__ = ("_done", "_error", "_pending", "_thread", "_work", "shielded")

    def __init__(self, work: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        self._work = work
        self._done = done
        self._thread = 0
        self._error: type[BaseException] | None = None
        self._pending = False
        self.shielded = True

    def interrupt(self, error: type[BaseException]) -> None:
        """Raises ``error`` in the work, once: at its next bytecode, or where it lowers its shield."""
        if self._error is None:
            self._error = error
            if self.shielded:
                self._pending = True
            else:
                raise_in_thread(self._thread, error)

    def lower_shield(self) -> None:
        """Ends a part of the work that must not be interrupted; raises what came meanwhile."""
        self.shielded = False
        if self._pending and self._error is not None:
            self._pending = False
            raise self._error

    def perform(self) -> None:
        result = None
        failure: BaseException | None = None
        try:
            try:
                _here.job = self
                self._thread = get_ident()
                self.lower_shield()
                result = self._work()
                self.shielded = True
            except BaseException as error:
                self.shielded = True
                failure = error
        except (TimeoutError, ConnectionError) as late:
            # The interrupt came between the end of the work and the shield.
            failure = late
        self.shielded = True
        if self._error is not None and not self._pending:
            raise_in_thread(self._thread, _NOTHING)
        _here.job = None
        done, self._done, self._work = self._done, None, None  # type: ignore[assignment]
        done(result, failure)
        # The trace of a failure holds this frame, and with it would hold all that the handler had in memory.
        result = failure = None


class Workers:
    """Starts a thread when none is idle, so that a stuck one never holds up another call."""

    def __init__(self) -> None:
        # Threads that stay when they have nothing to do.
        self.keep = 1
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._idle = 0
        self._lock = Lock()

    def submit(self, job: Job) -> None:
        with self._lock:
            if self._idle:
                self._idle -= 1
                self._jobs.put(job)
                return
        try:
            Thread(target=self._serve, args=(job,), name="hanzo-call", daemon=True).start()
        except Exception:
            # The module may be patched by user code; what it stands on is not.
            start_new_thread(self._serve, (job,))

    def _serve(self, job: Job) -> None:
        while True:
            job.perform()
            del job
            with self._lock:
                if self._idle >= self.keep:
                    return
                self._idle += 1
            job = self._jobs.get()
