"""One HTTP/1.1 connection: requests in order, one at a time, back-pressure both ways."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hanzo.functions.errors import BodyError

from .answering import Answering
from .errors import error_body
from .http1 import MAX_HEAD_BYTES, UNBOUNDED, ChunkedBody, Refused, head_bytes, parse_head, too_large
from .incoming import MAX_DROPPED

if TYPE_CHECKING:
    from .server import Server

# What a client may send ahead of its turn before it is not read any more.
_MAX_AHEAD = 65536


class Connection(Answering):
    """One client: its requests apart, and each to the server when its turn has come."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._chunks: ChunkedBody | None = None
        self._left: list[bytes] = []
        # True from a whole request until its whole answer.
        self.busy = False

    # -- from the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._server.connections.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self._server.connections.discard(self)
        self._closing = True
        self._outgoing = None
        if self._lingering is not None:
            self._lingering.cancel()
        self.resume_writing()
        if self._socket is not None:
            self._socket.lost()
        if self._incoming is not None:
            self._incoming.fail(BodyError("the client went away before the body was complete"))
            self._incoming = None
        call, self.call = self.call, None
        if call is not None:
            self._server.disconnected(call)

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        if self._socket is not None:
            self._socket.feed(data)
        elif self._incoming is not None:
            self._stream_body(data)
        elif self.busy:
            self._buffer += data
            if len(self._buffer) > _MAX_AHEAD:
                self.pause_body()
        else:
            try:
                self._take(data)
            except Refused as refused:
                self._refuse(refused)

    # -- requests

    def _take(self, data: bytes) -> None:
        if self._request is None:
            # The common case is a whole request in one piece.
            if not self._buffer:
                end = data.find(b"\r\n\r\n")
                if end >= 0:
                    self._begin(data[: end + 4])
                    data = data[end + 4 :]
                    if self._incoming is not None:
                        self._begin_stream(data)
                        return
                    if self._missing == 0 and self._chunks is None:
                        self._buffer += data
                        self._complete()
                        return
                    self._body(data)
                    return
            self._buffer += data
            self._find_head()
        else:
            self._body(data)

    def _find_head(self) -> None:
        buffer = self._buffer
        # An empty line before a request line is allowed.
        while buffer[:2] == b"\r\n":
            del buffer[:2]
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(buffer) > MAX_HEAD_BYTES:
                raise Refused(431, "head_too_large", f"the request head is larger than {MAX_HEAD_BYTES} bytes")
            return
        head = bytes(buffer[: end + 4])
        rest = bytes(buffer[end + 4 :])
        buffer.clear()
        self._begin(head)
        if self._incoming is not None:
            self._begin_stream(rest)
        else:
            self._body(rest)

    def _begin(self, head: bytes) -> None:
        if len(head) > MAX_HEAD_BYTES:
            raise Refused(431, "head_too_large", f"the request head is larger than {MAX_HEAD_BYTES} bytes")
        if head.startswith(b"\r\n"):
            head = head.lstrip(b"\r\n")
        request = parse_head(head)
        self._request = request
        streamed = request.length != 0 and self._server.takes_stream(request)
        limit = UNBOUNDED if streamed else self._server.max_body_bytes
        if request.length > limit:
            raise too_large(limit)
        if request.length < 0:
            self._chunks = ChunkedBody(limit)
        else:
            self._missing = request.length
        if streamed:
            self._incoming = self._server.make_incoming(self, request.expects_continue)
        elif request.expects_continue:
            self.send_continue()

    # -- bodies as streams

    def _begin_stream(self, data: bytes) -> None:
        """The head is there: the call begins, and its body goes on coming."""
        request = self._request
        assert request is not None
        self.busy = True
        self._server.dispatch(self, request, self._incoming)
        self._stream_body(data)

    def _stream_body(self, data: bytes) -> None:
        incoming = self._incoming
        if incoming is None:
            # The answer to the call came at once and ended the connection.
            return
        chunks = self._chunks
        if chunks is not None:
            self._buffer += data
            try:
                ended = chunks.feed(self._buffer)
            except Refused as refused:
                self._break_body(refused)
                return
            for piece in chunks.take():
                incoming.feed(piece)
        else:
            ended = len(data) >= self._missing
            piece = data[: self._missing] if ended else data
            self._missing -= len(piece)
            if piece:
                incoming.feed(piece)
            if ended:
                self._buffer += data[len(piece) :]
        if ended:
            self._chunks = None
            self._incoming = None
            incoming.end()
            if not self.busy and not self._closing:
                self._next()
        elif not self.busy and incoming.dropped > MAX_DROPPED:
            self._close_gently()

    def _break_body(self, refused: Refused) -> None:
        """Nothing that follows can be understood."""
        incoming, self._incoming = self._incoming, None
        assert incoming is not None
        if self._request is not None:
            self._request.keep_alive = False
        incoming.fail(BodyError(refused.msg))
        if not self.busy:
            self._close_gently()

    # -- bodies as a whole

    def _body(self, data: bytes) -> None:
        chunks = self._chunks
        if chunks is not None:
            self._buffer += data
            if not chunks.feed(self._buffer):
                return
            self._left = chunks.pieces
            self._chunks = None
        elif len(data) < self._missing:
            if data:
                self._left.append(data)
                self._missing -= len(data)
            return
        elif self._missing:
            self._left.append(data[: self._missing])
            self._buffer += data[self._missing :]
            self._missing = 0
        else:
            self._buffer += data
        self._complete()

    def _complete(self) -> None:
        request = self._request
        assert request is not None
        if self._left:
            request.body = self._left[0] if len(self._left) == 1 else b"".join(self._left)
            self._left = []
        self.busy = True
        self._server.dispatch(self, request, None)

    def _refuse(self, refused: Refused) -> None:
        self._closing = True
        request_id = self._request.headers.get("x-request-id", "") if self._request is not None else ""
        body = error_body(refused.status, refused.error, refused.msg, request_id)
        fields = (
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
            f"x-function-error: {refused.error}\r\nconnection: close\r\n"
        )
        self._transport.write(head_bytes(refused.status, fields) + body)
        self._linger()

    # -- answers

    def _finish(self) -> None:
        request = self._request
        assert request is not None
        self._request = None
        self.call = None
        self.busy = False
        ends = self._ends(request)
        incoming = self._incoming
        if incoming is not None:
            incoming.drop()
            ends = ends or incoming.dropped > MAX_DROPPED
        if ends:
            self._close_gently()
        elif incoming is None:
            self._next()

    def _next(self) -> None:
        if self._buffer:
            # Not from here: a client that sends many requests ahead must not build a stack of them.
            self._server.loop.call_soon(self._take_ahead)
        self.resume_body()

    def _take_ahead(self) -> None:
        if self.busy or self._closing or self._request is not None or self._incoming is not None:
            return
        try:
            self._find_head()
        except Refused as refused:
            self._refuse(refused)

    # -- the end

    def close_if_idle(self) -> None:
        """Closes unless a request is under way."""
        if not self.busy and not self._closing:
            self._closing = True
            self._transport.close()

