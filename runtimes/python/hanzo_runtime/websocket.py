"""WebSocket (RFC 6455), the server's side: the handshake, frames apart and together, and the socket of a handler."""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64decode, b64encode
from collections import deque
from typing import TYPE_CHECKING, Union

from hanzo.functions.websocket import Message, WebSocket, WebSocketClosed

from .http1 import Request

if TYPE_CHECKING:
    from .calls import Call
    from .connection import Connection

MAX_MESSAGE = 16 * 1024 * 1024
# Messages held for a handler before the client is not read any more.
_HIGH = 1024 * 1024
_CLOSE_S = 2.0
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10
# Codes that may stand in a close frame; the RFC, 7.4, and IANA's registry.
_CODES = frozenset((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014))
NO_CODE = 1005
GONE = 1006

Event = tuple[int, Union[str, bytes]]


class Failed(Exception):
    """What the client sent breaks the protocol; ``code`` is that of the close."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def is_upgrade(request: Request) -> bool:
    """Whether the request asks for a WebSocket."""
    headers = request.headers
    return (
        request.method == "GET"
        and request.minor >= 1
        and _has(headers.get("upgrade", ""), "websocket")
        and _has(headers.get("connection", ""), "upgrade")
    )


def _has(text: str, option: str) -> bool:
    return any(part.strip().lower() == option for part in text.split(","))


def handshake(request: Request, subprotocol: str | None) -> str:
    """The header lines of the 101. Raises RuntimeError for a request that is no handshake of version 13, ValueError for
    a subprotocol that the client does not offer."""
    headers = request.headers
    if headers.get("sec-websocket-version") != "13":
        raise RuntimeError("ctx.accept(): the client does not speak version 13 of WebSocket")
    key = headers.get("sec-websocket-key", "")
    try:
        good = len(b64decode(key, validate=True)) == 16
    except ValueError:
        good = False
    if not good:
        raise RuntimeError("ctx.accept(): the sec-websocket-key of the request is not 16 bytes of base64")
    accept = b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()
    fields = f"upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {accept}\r\n"
    if subprotocol is not None:
        offered = [part.strip() for part in headers.get("sec-websocket-protocol", "").split(",")]
        if not subprotocol or subprotocol not in offered:
            raise ValueError(f"the client does not offer the subprotocol {subprotocol!r}")
        fields += f"sec-websocket-protocol: {subprotocol}\r\n"
    return fields


def frame(kind: int, payload: bytes) -> bytes:
    """One whole, unmasked frame."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | kind, size)) + payload
    if size < 65536:
        return bytes((0x80 | kind, 126)) + size.to_bytes(2, "big") + payload
    return bytes((0x80 | kind, 127)) + size.to_bytes(8, "big") + payload


def close_frame(code: int, reason: str) -> bytes:
    """A close; NO_CODE makes an empty one."""
    return frame(_CLOSE, b"" if code == NO_CODE else code.to_bytes(2, "big") + reason.encode())


def unmask(payload: bytes, mask: bytes) -> bytes:
    """The payload without its mask."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")).to_bytes(size, "little")


class FrameReader:
    """Takes a client's frames apart into messages and control frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._size = 0
        # Of the message whose frames are coming; 0 between messages.
        self._kind = 0

    def feed(self, data: bytes) -> list[Event]:
        """What has become complete: ``(kind, payload)``, text as str. Raises Failed."""
        self._buffer += data
        events: list[Event] = []
        while (event := self._frame()) is not None:
            events.extend(event)
        return events

    def _frame(self) -> list[Event] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        final, kind, size = buffer[0] & 0x80, buffer[0] & 0x0F, buffer[1] & 0x7F
        self._check(buffer[0], buffer[1], kind, size)
        at = 2
        if size >= 126:
            at += 2 if size == 126 else 8
            if len(buffer) < at:
                return None
            size = int.from_bytes(buffer[2:at], "big")
        if kind < 8 and self._size + size > MAX_MESSAGE:
            raise Failed(1009, f"a message is larger than {MAX_MESSAGE} bytes")
        end = at + 4 + size
        if len(buffer) < end:
            return None
        payload = unmask(bytes(buffer[at + 4 : end]), bytes(buffer[at : at + 4]))
        del buffer[:end]
        return [(kind, payload)] if kind >= 8 else self._part(bool(final), kind, payload)

    def _check(self, first: int, second: int, kind: int, size: int) -> None:
        if first & 0x70:
            raise Failed(1002, "a reserved bit is set")
        if not second & 0x80:
            raise Failed(1002, "a frame of the client is not masked")
        if kind >= 8:
            if kind > _PONG:
                raise Failed(1002, "a frame of unknown kind")
            if size > 125 or not first & 0x80:
                raise Failed(1002, "a control frame is too long or in pieces")
        elif kind > _BINARY:
            raise Failed(1002, "a frame of unknown kind")
        elif (kind == 0) != (self._kind != 0):
            raise Failed(1002, "the frames of a message are out of order")

    def _part(self, final: bool, kind: int, payload: bytes) -> list[Event]:
        if kind:
            self._kind = kind
        self._parts.append(payload)
        self._size += len(payload)
        if not final:
            return []
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        kind, self._kind, self._parts, self._size = self._kind, 0, [], 0
        if kind == _BINARY:
            return [(kind, data)]
        try:
            return [(kind, data.decode("utf-8"))]
        except UnicodeDecodeError:
            raise Failed(1007, "a text message is not UTF-8") from None


def parse_close(payload: bytes) -> tuple[int, str]:
    """Code and reason of a close frame. Raises Failed."""
    if not payload:
        return NO_CODE, ""
    code = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 or not (code in _CODES or 3000 <= code < 5000):
        raise Failed(1002, "the code of a close is not one of WebSocket's")
    try:
        return code, payload[2:].decode("utf-8")
    except UnicodeDecodeError:
        raise Failed(1007, "the reason of a close is not UTF-8") from None


class Socket(WebSocket):
    """The socket of one call, on the loop's thread."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, connection: Connection, call: Call, subprotocol: str | None
    ) -> None:
        self._loop = loop
        self._connection = connection
        self._call = call
        self._reader = FrameReader()
        self._messages: deque[Message] = deque()
        self._held = 0
        self._waiters: set[asyncio.Future[None]] = set()
        # True once no message can be sent, and once none can come.
        self._sent_close = False
        self._ended = False
        self.subprotocol = subprotocol

    # -- the handler's side

    async def send(self, message: Message) -> None:
        """See :class:`WebSocket`."""
        if self._sent_close:
            raise WebSocketClosed(self.close_code or GONE, self.close_reason)
        if isinstance(message, str):
            data = frame(_TEXT, message.encode())
        else:
            data = frame(_BINARY, bytes(memoryview(message)))
        self._connection.write_frame(data)
        if self._connection.write_paused:
            await self._connection.drain()

    async def receive(self) -> Message | None:
        """See :class:`WebSocket`."""
        while not self._messages:
            if self._ended:
                return None
            await self._changed()
        message = self._messages.popleft()
        self._held -= len(message)
        if self._held < _HIGH // 2:
            self._connection.resume_body()
        return message

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """See :class:`WebSocket`."""
        if not (code in _CODES or 3000 <= code < 5000):
            raise ValueError(f"{code} is no code of a close")
        if len(reason.encode()) > 123:
            raise ValueError("the reason of a close is longer than 123 bytes")
        if self._sent_close:
            return
        self._send_close(code, reason)
        self._connection.resume_body()
        timer = self._loop.call_later(_CLOSE_S, self._end)
        try:
            while not self._ended:
                await self._changed()
        finally:
            timer.cancel()

    async def _changed(self) -> None:
        waiter = self._loop.create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    # -- the connection's side

    def feed(self, data: bytes) -> None:
        """Bytes of the client."""
        if self._ended:
            return
        try:
            for kind, payload in self._reader.feed(data):
                self._take(kind, payload)
                if self._ended:
                    return
        except Failed as failed:
            self._send_close(failed.code, failed.reason)
            self._end(failed.code, failed.reason)
            self._connection.end_socket(gently=True)

    def _take(self, kind: int, payload: str | bytes) -> None:
        if kind < 8:
            if not self._sent_close:
                self._messages.append(payload)
                self._held += len(payload)
                if self._held > _HIGH:
                    self._connection.pause_body()
                self._wake()
        elif kind == _PING:
            self._connection.write_frame(frame(_PONG, payload))  # type: ignore[arg-type]
        elif kind == _CLOSE:
            code, reason = parse_close(payload)  # type: ignore[arg-type]
            self._send_close(code, "")
            self._end(code, reason)
            self._connection.end_socket(gently=False)

    def lost(self) -> None:
        """The connection has ended."""
        self._sent_close = True
        self._end()

    def finish(self, code: int, reason: str = "") -> None:
        """The handler has ended, or must."""
        self._send_close(code, reason)
        if not self._ended:
            self._end()
            self._connection.end_socket(gently=True)

    def _send_close(self, code: int, reason: str) -> None:
        if not self._sent_close:
            self._sent_close = True
            self._connection.write_frame(close_frame(code, reason))

    def _end(self, code: int = GONE, reason: str = "") -> None:
        if not self._ended:
            self._ended = True
            self.close_code, self.close_reason = code, reason
            self._wake()
