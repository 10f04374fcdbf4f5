"""The body of a request as a stream: the second parameter of a handler that takes one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator


class Body:
    """What a handler that is not ``async`` reads. It reads like a binary file and iterates over pieces of bytes.

    The server reads from the client only as fast as the handler reads. A body that ends early raises
    :class:`BodyError` in the read.

    >>> def handle(ctx, body):
    ...     return {"bytes": sum(len(piece) for piece in body)}
    """

    __slots__ = ("_ended", "_rest", "_take")

    def __init__(self, take: Callable[[], bytes]) -> None:
        """``take()`` gives the next piece, or ``b""`` at the end."""
        self._take = take
        self._rest = b""
        self._ended = False

    def read(self, size: int | None = -1) -> bytes:
        """Up to ``size`` bytes, fewer only at the end; without a size all that is left. ``b""`` at the end."""
        if size == 0:
            return b""
        bounded = size is not None and size > 0
        pieces: list[bytes] = []
        held = 0
        while not bounded or held < size:  # type: ignore[operator]
            piece = self._next()
            if not piece:
                break
            pieces.append(piece)
            held += len(piece)
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if bounded and held > size:  # type: ignore[operator]
            data, self._rest = data[:size], data[size:]
        return data

    def readable(self) -> bool:
        """True, as for a file that can be read."""
        return True

    def __iter__(self) -> Iterator[bytes]:
        while piece := self._next():
            yield piece

    def _next(self) -> bytes:
        if self._rest:
            piece, self._rest = self._rest, b""
            return piece
        if self._ended:
            return b""
        piece = self._take()
        self._ended = not piece
        return piece


class AsyncBody:
    """What an ``async`` handler reads: ``await body.read(n)`` or ``async for piece in body``.

    Otherwise as :class:`Body`.
    """

    __slots__ = ("_ended", "_rest", "_take")

    def __init__(self, take: Callable[[], Awaitable[bytes]]) -> None:
        """``await take()`` gives the next piece, or ``b""`` at the end."""
        self._take = take
        self._rest = b""
        self._ended = False

    async def read(self, size: int | None = -1) -> bytes:
        """Up to ``size`` bytes, fewer only at the end; without a size all that is left. ``b""`` at the end."""
        if size == 0:
            return b""
        bounded = size is not None and size > 0
        pieces: list[bytes] = []
        held = 0
        while not bounded or held < size:  # type: ignore[operator]
            piece = await self._next()
            if not piece:
                break
            pieces.append(piece)
            held += len(piece)
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if bounded and held > size:  # type: ignore[operator]
            data, self._rest = data[:size], data[size:]
        return data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self._next():
            yield piece

    async def _next(self) -> bytes:
        if self._rest:
            piece, self._rest = self._rest, b""
            return piece
        if self._ended:
            return b""
        piece = await self._take()
        self._ended = not piece
        return piece
