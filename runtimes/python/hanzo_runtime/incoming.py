"""A request's body on its way from the connection to a handler that reads it as a stream."""

from __future__ import annotations

import asyncio
from _thread import get_ident
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Union

from hanzo.functions.body import AsyncBody, Body
from hanzo.functions.errors import BodyError

if TYPE_CHECKING:
    from .connection import Connection

# What is held for the handler before the client is not read any more, and when it is read again. The transport reads
# 256 KiB at once, so that at most 512 KiB are held.
_HIGH = 256 * 1024
_LOW = 128 * 1024
# What a handler left unread is read and dropped up to here; the contract, section 7.
MAX_DROPPED = 1024 * 1024

Item = Union[bytes, BaseException]


class Incoming:
    """One body. Everything but a blocking read happens on the loop's thread."""

    def __init__(self, connection: Connection, wants_continue: bool) -> None:
        self._connection = connection
        self._held = 0
        self._paused = False
        self._done = False
        self._dropping = False
        self.dropped = 0
        # The client waits for "100 Continue" until the handler reads.
        self.wants_continue = wants_continue

    def feed(self, piece: bytes) -> None:
        """A piece has come."""
        if self._dropping:
            self.dropped += len(piece)
            return
        self._held += len(piece)
        if self._held >= _HIGH and not self._paused:
            self._paused = True
            self._connection.pause_body()
        if not self._done:
            self._put(piece)

    def end(self) -> None:
        """The body is complete."""
        if not self._done:
            self._done = True
            self._put(b"")

    def fail(self, error: BaseException) -> None:
        """No more will come; whoever reads gets the error, after what has come."""
        if not self._done:
            self._done = True
            self._put(error)

    def drop(self) -> None:
        """Nobody reads any more."""
        self.fail(BodyError("the call has been answered"))
        self._dropping = True
        self.dropped += self._held
        self._resume()

    def consumed(self, size: int) -> None:
        """The handler has taken so many bytes."""
        self._held -= size
        if self._held < _LOW:
            self._resume()

    def wanted(self) -> None:
        """The handler reads."""
        if self.wants_continue:
            self.wants_continue = False
            self._connection.send_continue()

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._connection.resume_body()

    def _put(self, item: Item) -> None:
        raise NotImplementedError


class BlockingIncoming(Incoming):
    """For a handler on a worker thread. A cancelled call puts an error behind the pieces, which wakes the reader."""

    def __init__(
        self, connection: Connection, wants_continue: bool, post: Callable[[Callable[[], None]], None]
    ) -> None:
        super().__init__(connection, wants_continue)
        self._queue: SimpleQueue[Item] = SimpleQueue()
        self._post = post
        self._taken = 0
        self._error: BaseException | None = None
        self._loop_thread = get_ident()

    def _put(self, item: Item) -> None:
        self._queue.put(item)

    def body(self) -> Body:
        """What the handler gets."""
        return Body(self._take)

    def _take(self) -> bytes:
        if self._error is not None:
            raise self._error
        if get_ident() == self._loop_thread:
            raise RuntimeError("this body blocks: read it in the handler's own thread, or make the handler async def")
        if self.wants_continue:
            self._post(self.wanted)
        item = self._queue.get()
        if not isinstance(item, bytes):
            self._error = item
            raise item
        self._taken += len(item)
        # Telling the loop costs a wake-up: not for every small piece.
        if self._taken >= _HIGH - _LOW:
            taken, self._taken = self._taken, 0
            self._post(partial(self.consumed, taken))
        return item


class AsyncIncoming(Incoming):
    """For a handler on the event loop."""

    def __init__(self, connection: Connection, wants_continue: bool, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(connection, wants_continue)
        self._loop = loop
        self._items: deque[Item] = deque()
        self._waiter: asyncio.Future[None] | None = None

    def _put(self, item: Item) -> None:
        self._items.append(item)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def body(self) -> AsyncBody:
        """What the handler gets."""
        return AsyncBody(self._take)

    async def _take(self) -> bytes:
        self.wanted()
        while not self._items:
            if self._waiter is not None:
                raise RuntimeError("two tasks read the body at once")
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        item = self._items[0]
        if not isinstance(item, bytes):
            raise item
        self._items.popleft()
        self.consumed(len(item))
        return item
