"""Writes whole lines to a file descriptor from any thread without holding up the event loop."""

from __future__ import annotations

import os
import stat
from _thread import get_ident, start_new_thread
from collections import deque
from os import write
from select import POLLOUT, poll
from threading import Condition, Lock
from time import monotonic

from .workers import job_here

# Lines wait in memory while the reader is slow. Beyond the bound a writer is held up, for a moment on the event
# loop's thread and longer elsewhere; then lines are dropped and counted.
_MAX_BACKLOG = 1024 * 1024
_HOLD_LOOP_S = 2.0
_HOLD_THREAD_S = 10.0


class LinePipe:
    """``dropped_line(count)`` makes the line that says how many lines were lost."""

    def __init__(self, fd: int, dropped_line) -> None:
        self._fd = fd
        self._dropped_line = dropped_line
        self._poll = poll()
        self._poll.register(fd, POLLOUT)
        # A pipe that is writable takes a page without blocking; other files take what one write is likely to carry.
        self._step = 4096 if stat.S_ISFIFO(os.fstat(fd).st_mode) else 65536
        self.loop_thread = get_ident()
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._lock = Lock()
        self._room = Condition(self._lock)
        self._backlog: deque[bytes] = deque()
        self._backlog_bytes = 0
        self._flushing = False
        self._dropped = 0

    def write(self, line: bytes) -> None:
        job = job_here()
        if job is None or job.shielded:
            self._write(line)
            return
        # An interrupt in here would lose the lock, or half of the line.
        job.shielded = True
        self._write(line)
        job.lower_shield()

    def _write(self, line: bytes) -> None:
        with self._lock:
            if self._flushing and not self._make_room():
                self._dropped += 1
            elif self._flushing:
                self._queue(line)
            else:
                # Also where waiting for room let the flush end.
                rest = self._write_now(line)
                if rest is not None:
                    self._queue(rest)
                    self._flushing = True
                    start_new_thread(self._flush_backlog, ())

    def _queue(self, data: bytes) -> None:
        self._backlog.append(data)
        self._backlog_bytes += len(data)

    def _write_now(self, line: bytes) -> bytes | None:
        """What could not be written without blocking, or None."""
        at = 0
        try:
            while at < len(line):
                if not self._poll.poll(0):
                    return line[at:]
                at += write(self._fd, line[at : at + self._step] if at or len(line) > self._step else line)
        except BlockingIOError:
            return line[at:]
        except OSError:
            pass  # Nobody reads any more; there is nowhere to say so.
        return None

    def _make_room(self) -> bool:
        if self._backlog_bytes < _MAX_BACKLOG:
            return True
        hold = _HOLD_LOOP_S if get_ident() == self.loop_thread else _HOLD_THREAD_S
        if self._dropped:
            hold = 0.0 if hold == _HOLD_LOOP_S else hold
        return self._room.wait_for(lambda: self._backlog_bytes < _MAX_BACKLOG, hold)

    def _flush_backlog(self) -> None:
        while True:
            with self._lock:
                if self._dropped and self._backlog_bytes < _MAX_BACKLOG:
                    self._queue(self._dropped_line(self._dropped))
                    self._dropped = 0
                data = b"".join(self._backlog)
                self._backlog.clear()
                if not data:
                    self._flushing = False
                    self._room.notify_all()
                    return
            self._write_all(data)
            with self._lock:
                self._backlog_bytes -= len(data)
                self._room.notify_all()

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[write(self._fd, view[:65536]) :]
            except BlockingIOError:
                self._poll_blocking()
            except OSError:
                return

    def _poll_blocking(self) -> None:
        writable = poll()
        writable.register(self._fd, POLLOUT)
        writable.poll()

    def flush(self, timeout: float) -> None:
        """Waits until every line is written, at most so many seconds."""
        deadline = monotonic() + timeout
        if self._lock.acquire(timeout=timeout):
            try:
                self._room.wait_for(lambda: not self._flushing, max(0.0, deadline - monotonic()))
            finally:
                self._lock.release()
