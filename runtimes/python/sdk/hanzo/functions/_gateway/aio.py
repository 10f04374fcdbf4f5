"""The gateway's client for event loops."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterable, Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from .._http1 import ReplyReader
from ..body import AsyncBody
from .blocking import _told
from .message import LAST_CHUNK, PIECE, Request, bytes_of, chunk_of, head_of

if TYPE_CHECKING:
    from ..context import Context
    from .host import Address

_MOST_IDLE = 32
_RECEIVE = 256 * 1024

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class AsyncClient:
    """Connections to one gateway, apart for every event loop."""

    def __init__(self, address: Address, token: str) -> None:
        self._address = address
        self._token = token
        self._idle: WeakKeyDictionary[asyncio.AbstractEventLoop, deque[Pair]] = WeakKeyDictionary()
        os.register_at_fork(after_in_child=self._idle.clear)

    async def request(self, context: Context, request: Request) -> AsyncReply:
        """Sends a request and returns with the head of its answer."""
        head = head_of(request, self._address.name, self._token, context)
        idle = self._idle.setdefault(asyncio.get_running_loop(), deque())
        pair = None
        try:
            pair = _take_idle(idle) or await self._connect()
            reply = AsyncReply(context, request.method, pair, idle.append if len(idle) < _MOST_IDLE else None)
            await _send(pair[1], head, request.body, context)
            await reply.read_head()
            return reply
        except BaseException as error:
            if pair is not None:
                pair[1].transport.abort()
            raise _told(context, error) from None

    async def _connect(self) -> Pair:
        address = self._address
        if address.path:
            return await asyncio.open_unix_connection(address.path, limit=_RECEIVE)
        return await asyncio.open_connection(address.host, address.port, limit=_RECEIVE)


def _take_idle(idle: deque[Pair]) -> Pair | None:
    """A connection that is still open: the loop has seen the end of any other."""
    while idle:
        reader, writer = idle.pop()
        if not reader.at_eof() and not writer.is_closing() and reader.exception() is None:
            return reader, writer
        writer.transport.abort()
    return None


async def _send(writer: asyncio.StreamWriter, head: bytes, body: Any, context: Context) -> None:
    try:
        if isinstance(body, bytes) and len(body) <= PIECE:
            writer.write(head + body)
            return
        writer.write(head)
        if isinstance(body, bytes):
            for at in range(0, len(body), PIECE):
                writer.write(body[at : at + PIECE])
                await writer.drain()
        elif body is not None:
            await _send_pieces(writer, body)
    except (BrokenPipeError, ConnectionResetError):
        # The gateway may have answered, and closed, before it read everything.
        if context.cancelled:
            raise


async def _send_pieces(writer: asyncio.StreamWriter, body: Any) -> None:
    if isinstance(body, AsyncIterable):
        async for piece in body:
            await _send_piece(writer, piece)
    else:
        for piece in body:
            await _send_piece(writer, piece)
    writer.write(LAST_CHUNK)


async def _send_piece(writer: asyncio.StreamWriter, piece: Any) -> None:
    data = bytes_of(piece)
    if data:
        writer.write(chunk_of(data))
        await writer.drain()


class AsyncReply(AsyncBody):
    """The answer to one request: ``status``, ``headers`` and the body as a stream. Close it, or read it to its end."""

    __slots__ = ("_context", "_give_back", "_pair", "_reader")

    def __init__(
        self, context: Context, method: str, pair: Pair, give_back: Callable[[Pair], None] | None
    ) -> None:
        super().__init__(self._receive)
        self._context = context
        self._reader = ReplyReader(method)
        self._pair: Pair | None = pair
        self._give_back = give_back

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._reader.status

    @property
    def headers(self) -> dict[str, str]:
        """By their names in lower case."""
        return self._reader.headers

    async def read_head(self) -> None:
        """Waits for the head of the answer."""
        while not self._reader.status:
            await self._feed()
        if self._reader.complete and not self._reader.pieces:
            self._finish()

    async def _feed(self) -> None:
        if self._pair is None:
            raise ConnectionError("the stream is closed")
        self._reader.feed(await self._pair[0].read(_RECEIVE))

    async def _receive(self) -> bytes:
        reader = self._reader
        try:
            while not reader.pieces:
                if reader.complete:
                    return b""
                await self._feed()
            piece = reader.pieces.popleft()
            if reader.complete and not reader.pieces:
                self._finish()
            return piece
        except BaseException as error:
            self._abandon()
            raise _told(self._context, error) from None

    def _finish(self) -> None:
        pair, self._pair = self._pair, None
        if pair is not None:
            if self._reader.reusable and self._give_back is not None:
                self._give_back(pair)
            else:
                pair[1].close()

    def _abandon(self) -> None:
        pair, self._pair = self._pair, None
        if pair is not None:
            pair[1].transport.abort()

    async def close(self) -> None:
        """Ends the stream; what was not read is lost."""
        self._abandon()

    async def __aenter__(self) -> AsyncReply:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._abandon()
