"""How far a worker thread may be ahead of the socket it writes to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .workers import job_here

if TYPE_CHECKING:
    from hanzo.functions._answers import Stream

    from .calls import Call

_MAX_AHEAD = 256 * 1024


class Ahead:
    """Holds a worker thread back while the client reads more slowly than it writes."""

    def __init__(self, call: Call) -> None:
        self._call = call
        # One number is written by the worker's thread only, the other by the loop's.
        self._produced = 0
        self._written = 0

    def write(self, data: bytes) -> None:
        self._call.connection.write_piece(self._call, data)
        self._wrote(data)

    def begin(self, begin: Callable[..., None], stream: Stream, piece: Any, data: bytes) -> None:
        begin(self._call, stream, piece, data)
        self._wrote(data)

    def _wrote(self, data: bytes) -> None:
        self._written += len(data)
        if not self._call.connection.write_paused:
            self._call.connection.open_gate()

    def wait(self, size: int) -> None:
        self._produced += size
        if self._must_wait():
            job = job_here()
            assert job is not None
            # Cancelling opens the gate; what was raised meanwhile is met as the shield is lowered.
            job.shielded = True
            gate = self._call.connection.make_gate()
            while self._must_wait():
                gate.clear()
                if self._must_wait():
                    gate.wait()
            job.lower_shield()

    def _must_wait(self) -> bool:
        call = self._call
        if call.cancelled is not None or call.connection.gone:
            return False
        return call.connection.write_paused or self._produced - self._written > _MAX_AHEAD
