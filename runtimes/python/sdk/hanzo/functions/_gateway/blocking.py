"""The gateway's client for threads: one connection per exchange that runs, kept for the next one.

The server may raise an exception here at any bytecode when the call is cancelled. So there is no lock, and a connection
that is not returned in good order is closed.
"""

from __future__ import annotations

import os
import select
import socket
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from .._http1 import Refused, ReplyReader
from ..body import Body
from ..errors import GatewayError, unavailable
from .message import LAST_CHUNK, PIECE, Request, bytes_of, chunk_of, head_of

if TYPE_CHECKING:
    from ..context import Context
    from .host import Address

_MOST_IDLE = 32
_RECEIVE = 256 * 1024


class BlockingClient:
    """Connections to one gateway."""

    def __init__(self, address: Address, token: str) -> None:
        self._address = address
        self._token = token
        self._idle: deque[socket.socket] = deque()
        # A child must not speak on the connections of its parent.
        os.register_at_fork(after_in_child=self._idle.clear)

    def request(self, context: Context, request: Request) -> Reply:
        """Sends a request and returns with the head of its answer."""
        head = head_of(request, self._address.name, self._token, context)
        reply = Reply(context, request.method, self._give_back)
        try:
            sock = self._take_idle()
            if sock is None or not reply.use(sock).begin(head, request.body):
                # The one retry: nothing was sent on the connection that was kept.
                reply.use(self._connect(context)).begin(head, request.body)
            reply.read_head()
        except BaseException as error:
            reply.abandon()
            raise _told(context, error) from None
        return reply

    def _connect(self, context: Context) -> socket.socket:
        address = self._address
        limit = max(0.001, context.deadline)
        if not address.path:
            sock = socket.create_connection((address.host, address.port), timeout=limit)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(limit)
            sock.connect(address.path)
        except BaseException:
            sock.close()
            raise
        return sock

    def _take_idle(self) -> socket.socket | None:
        while self._idle:
            try:
                sock = self._idle.pop()
            except IndexError:
                return None
            poll = select.poll()
            poll.register(sock, select.POLLIN)
            # One that can be read was closed, or speaks out of turn.
            if not poll.poll(0):
                return sock
            sock.close()
        return None

    def _give_back(self, sock: socket.socket) -> None:
        if len(self._idle) < _MOST_IDLE:
            self._idle.append(sock)
        else:
            sock.close()


class Reply(Body):
    """The answer to one request: ``status``, ``headers`` and the body as a stream. Close it, or read it to its end."""

    __slots__ = ("_context", "_give_back", "_reader", "_sock", "_wake")

    def __init__(self, context: Context, method: str, give_back: Callable[[socket.socket], None]) -> None:
        super().__init__(self._receive)
        self._context = context
        self._reader = ReplyReader(method)
        self._give_back = give_back
        self._sock: socket.socket | None = None
        self._wake: Callable[[], None] | None = None

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._reader.status

    @property
    def headers(self) -> dict[str, str]:
        """By their names in lower case."""
        return self._reader.headers

    def use(self, sock: socket.socket) -> Reply:
        """The connection; cancelling the call wakes whoever waits on it."""
        self._sock = sock
        wakers = self._context._wakers
        if wakers is None:
            wakers = self._context._wakers = set()
        self._wake = partial(_shut, sock)
        wakers.add(self._wake)
        return self

    def begin(self, head: bytes, body: Any) -> bool:
        """Sends the request. False where the connection fails before a byte of it has left."""
        sock = self._sock
        assert sock is not None
        sock.settimeout(max(0.001, self._context.deadline))
        first = head + body if isinstance(body, bytes) and len(body) <= PIECE else head
        try:
            sent = sock.send(first)
        except (BrokenPipeError, ConnectionResetError):
            if self._context.cancelled:
                raise
            self.abandon()
            return False
        try:
            if sent < len(first):
                sock.sendall(memoryview(first)[sent:])
            if first is head and body is not None:
                self._send_body(sock, body)
        except (BrokenPipeError, ConnectionResetError):
            # The gateway may have answered, and closed, before it read everything.
            if self._context.cancelled:
                raise
        return True

    def _send_body(self, sock: socket.socket, body: Any) -> None:
        if isinstance(body, bytes):
            sock.sendall(body)
            return
        for piece in body:
            data = bytes_of(piece)
            if data:
                sock.settimeout(max(0.001, self._context.deadline))
                sock.sendall(chunk_of(data))
        sock.sendall(LAST_CHUNK)

    def read_head(self) -> None:
        """Waits for the head of the answer."""
        while not self._reader.status:
            self._feed()
        if self._reader.complete and not self._reader.pieces:
            self._finish()

    def _feed(self) -> None:
        sock = self._sock
        if sock is None:
            raise ConnectionError("the stream is closed")
        sock.settimeout(max(0.001, self._context.deadline))
        self._reader.feed(sock.recv(_RECEIVE))

    def _receive(self) -> bytes:
        reader = self._reader
        try:
            while not reader.pieces:
                if reader.complete:
                    return b""
                self._feed()
            piece = reader.pieces.popleft()
            if reader.complete and not reader.pieces:
                self._finish()
            return piece
        except BaseException as error:
            self.abandon()
            raise _told(self._context, error) from None

    def _finish(self) -> None:
        """The whole answer is here: the connection is free."""
        sock = self._release()
        if sock is not None:
            if self._reader.reusable:
                self._give_back(sock)
            else:
                sock.close()

    def _release(self) -> socket.socket | None:
        sock, self._sock = self._sock, None
        wakers = self._context._wakers
        if wakers is not None and self._wake is not None:
            wakers.discard(self._wake)
        return sock

    def abandon(self) -> None:
        """Ends the connection, wherever it is."""
        sock = self._release()
        if sock is not None:
            sock.close()

    def close(self) -> None:
        """Ends the stream; what was not read is lost."""
        self.abandon()

    def __enter__(self) -> Reply:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _shut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def _told(context: Context, error: BaseException) -> BaseException:
    """The exception that user code sees."""
    if context.cancelled and isinstance(error, (OSError, Refused)):
        if context.deadline == 0:
            return error if isinstance(error, TimeoutError) else TimeoutError("the deadline of the call has passed")
        return error if type(error) is ConnectionError else ConnectionError("the client of the call went away")
    if isinstance(error, Refused):
        return unavailable(f"the gateway's answer cannot be read: {error.msg}")
    if isinstance(error, OSError) and not isinstance(error, GatewayError):
        return unavailable(f"the gateway does not answer: {error}")
    return error
