"""One HTTP/1.1 connection: requests in order, one at a time, back-pressure both ways."""

from __future__ import annotations

import asyncio
import socket
import struct
from threading import Event
from typing import TYPE_CHECKING

from hanzo.functions.errors import BodyError

from .errors import error_body
from .http1 import MAX_HEAD_BYTES, UNBOUNDED, ChunkedBody, Refused, Request, head_bytes, parse_head, too_large
from .incoming import MAX_DROPPED

if TYPE_CHECKING:
    from .calls import Call
    from .incoming import Incoming
    from .server import Server
    from .websocket import Socket

# What a client may send ahead of its turn before it is not read any more.
_MAX_AHEAD = 65536
# An answer goes out in pieces of at most so many bytes, held up by a slow reader.
PIECE = 65536
_ABORT = struct.pack("ii", 1, 0)
# How long a connection that the server ends is still read, so that the client meets the answer and not a reset.
_LINGER_S = 2.0
# So often more where the client has not read the answer yet.
_LINGERS = 14


class Connection(asyncio.Protocol):
    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: asyncio.Transport = None  # type: ignore[assignment]
        self._buffer = bytearray()
        self._request: Request | None = None
        self._chunks: ChunkedBody | None = None
        self._left: list[bytes] = []
        self._missing = 0
        # The body that a handler reads as a stream, or that is dropped after the answer.
        self._incoming: Incoming | None = None
        # The rest of a large answer.
        self._outgoing: memoryview | None = None
        # A connection that has become a WebSocket.
        self._socket: Socket | None = None
        self._lingering: asyncio.TimerHandle | None = None
        # True from a whole request until its whole answer.
        self.busy = False
        # The call whose answer this connection waits for.
        self.call: Call | None = None
        self._chunked = False
        self._closing = False
        self._reading = True
        self.write_paused = False
        self._writable: asyncio.Future[None] | None = None
        # Set when a worker thread may write on; made by the first that has to wait.
        self.gate: Event | None = None

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

    def pause_writing(self) -> None:
        self.write_paused = True

    def resume_writing(self) -> None:
        self.write_paused = False
        if self._outgoing is not None:
            self._send_on()
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None
        self.open_gate()

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

    def send_continue(self) -> None:
        """Lets a client that asked first send its body."""
        if not self._closing:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

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

    def pause_body(self) -> None:
        """Reads no more from the client for now."""
        if self._reading and not self._closing:
            self._reading = False
            self._transport.pause_reading()

    def resume_body(self) -> None:
        """Reads on."""
        if not self._reading and not self._closing:
            self._reading = True
            self._transport.resume_reading()

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

    def respond(self, call: Call | None, status: int, fields: str, body: bytes) -> None:
        """A whole answer; ``fields`` are header lines without the length. Ignored when it is not the call's turn."""
        request = self._request
        if self._closing or request is None or self.call is not call:
            return
        if status != 204 and status != 304:
            fields += f"content-length: {len(body)}\r\n"
        else:
            body = b""
        if self._ends(request):
            fields += "connection: close\r\n"
        elif request.minor == 0:
            fields += "connection: keep-alive\r\n"
        head = head_bytes(status, fields)
        if request.method == "HEAD":
            self._transport.write(head)
        elif len(body) > PIECE:
            self._transport.write(head)
            self._outgoing = memoryview(body)
            if not self.write_paused:
                self._send_on()
            return
        else:
            self._transport.write(head + body)
        self._finish()

    def _send_on(self) -> None:
        """Sends a large answer as the client reads it, so that it is in memory once."""
        while self._outgoing is not None and not self.write_paused and not self._closing:
            piece, rest = self._outgoing[:PIECE], self._outgoing[PIECE:]
            self._outgoing = rest if rest else None
            self._transport.write(piece)
            if self._outgoing is None:
                self._finish()

    def begin_stream(self, call: Call, status: int, fields: str, first: bytes) -> None:
        """The head of a streamed answer together with its first piece, which may be empty."""
        request = self._request
        if self._closing or request is None or self.call is not call:
            return
        self._chunked = request.minor >= 1
        if not self._chunked:
            request.keep_alive = False
        if self._chunked:
            fields += "transfer-encoding: chunked\r\n"
        if self._ends(request):
            fields += "connection: close\r\n"
        self._transport.write(head_bytes(status, fields) + self._chunk(first))

    def write_piece(self, call: Call, data: bytes) -> None:
        if data and not self._closing and self.call is call:
            self._transport.write(self._chunk(data))

    def _chunk(self, data: bytes) -> bytes:
        if not data or not self._chunked:
            return data
        return b"%x\r\n%b\r\n" % (len(data), data)

    def end_stream(self, call: Call) -> None:
        if self._closing or self.call is not call:
            return
        if self._chunked:
            self._transport.write(b"0\r\n\r\n")
        self._finish()

    def cut(self, call: Call) -> None:
        """Ends the connection in the middle of an answer, so that nobody takes the part for the whole."""
        if self._closing or self.call is not call:
            return
        self._closing = True
        if self._socket is not None:
            self._transport.close()
            return
        if not self._chunked:
            sock = self._transport.get_extra_info("socket")
            if sock is not None and sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
            self._transport.abort()
        else:
            self._transport.close()

    def give_up_body(self, call: Call) -> None:
        """Whoever sends the rest of the call's body sends it in vain: the answer ends the connection."""
        if self.call is call and self._incoming is not None and self._request is not None:
            self._request.keep_alive = False

    def _ends(self, request: Request) -> bool:
        if not request.keep_alive or self._server.draining:
            return True
        incoming = self._incoming
        # What is left of the body is more than is dropped, or will never come.
        return incoming is not None and (incoming.wants_continue or self._missing > MAX_DROPPED)

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

    def _close_gently(self) -> None:
        """Closes after the answer; what the client still sends is read and dropped for a moment."""
        if self._incoming is None and self._reading:
            self._closing = True
            self._transport.close()
            return
        self.resume_body()
        self._closing = True
        self._linger()

    def _linger(self) -> None:
        """A close with unread bytes would reset the connection, and the client might never see the answer."""
        if self._transport.is_closing():
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._lingering = self._server.loop.call_later(_LINGER_S, self._give_up, _LINGERS)

    def _give_up(self, left: int) -> None:
        if left and self._transport.get_write_buffer_size():
            # The client reads slowly, but it may still read.
            self._lingering = self._server.loop.call_later(_LINGER_S, self._give_up, left - 1)
        else:
            self._transport.abort()

    # -- WebSocket

    def upgrade(self, call: Call, fields: str, sock: Socket) -> bytes:
        """Answers 101; what the client has sent behind its request is returned."""
        self._transport.write(head_bytes(101, fields))
        self._socket = sock
        rest = bytes(self._buffer)
        self._buffer.clear()
        self.resume_body()
        return rest

    def write_frame(self, data: bytes) -> None:
        """Frames of a WebSocket."""
        if not self._closing:
            self._transport.write(data)

    def end_socket(self, gently: bool) -> None:
        """The WebSocket is over: the call is answered."""
        self.call = None
        if self._closing:
            return
        self._closing = True
        if gently:
            self._linger()
        else:
            self._transport.close()

    def close_if_idle(self) -> None:
        if not self.busy and not self._closing:
            self._closing = True
            self._transport.close()

    # -- back-pressure

    async def drain(self) -> None:
        """Waits until the client has read enough."""
        while self.write_paused and not self._closing:
            if self._writable is None:
                self._writable = self._server.loop.create_future()
            await asyncio.shield(self._writable)

    def make_gate(self) -> Event:
        if self.gate is None:
            self.gate = Event()
        return self.gate

    def open_gate(self) -> None:
        if self.gate is not None:
            self.gate.set()

    @property
    def gone(self) -> bool:
        return self._closing

