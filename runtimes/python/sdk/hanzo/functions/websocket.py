"""The socket that ``await ctx.accept()`` gives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Union

Message = Union[str, bytes]


class WebSocketClosed(ConnectionError):
    """Sending on a socket that is closed; ``code`` and ``reason`` are those of the close."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"the WebSocket is closed: {code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class WebSocket:
    """A WebSocket (RFC 6455). It answers pings itself, refuses messages over 16 MiB with 1009, and ends with the
    handler: its return closes with 1000, an exception with 1011.

    >>> async def handle(ctx):
    ...     ws = await ctx.accept()
    ...     async for message in ws:
    ...         await ws.send(message)

    ``subprotocol`` is the one that was accepted, or None. ``close_code`` and ``close_reason`` are those of the client's
    close, once :meth:`receive` has returned None; 1005 where it gave none.
    """

    subprotocol: str | None = None
    close_code: int | None = None
    close_reason: str = ""

    async def send(self, message: Message) -> None:
        """Sends a text (``str``) or binary (bytes) message; returns when the client reads fast enough for the next.
        Raises :class:`WebSocketClosed`."""
        raise NotImplementedError

    async def receive(self) -> Message | None:
        """The next message: ``str`` for text, ``bytes`` for binary; None when the socket has been closed."""
        raise NotImplementedError

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes, and waits a moment for the client to do so too.

        ``code`` is 1000, 3000 to 4999 or another registered one, ``reason`` at most 123 bytes of UTF-8.
        """
        raise NotImplementedError

    async def __aiter__(self) -> AsyncIterator[Message]:
        while (message := await self.receive()) is not None:
            yield message
