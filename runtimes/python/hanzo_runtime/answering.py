"""The answering half of a connection: heads, bodies, streams and frames on their way out, and the end."""

from __future__ import annotations

import asyncio
import socket
import struct
from threading import Event
from typing import TYPE_CHECKING

from .http1 import Request, head_bytes
from .incoming import MAX_DROPPED

if TYPE_CHECKING:
    from .calls import Call
    from .incoming import Incoming
    from .server import Server
    from .websocket import Socket

# An answer goes out in pieces of at most so many bytes, held up by a slow reader.
PIECE = 65536
_ABORT = struct.pack("ii", 1, 0)
# How long a connection that the server ends is still read, so that the client meets the answer and not a reset.
_LINGER_S = 2.0
# So often more where the client has not read the answer yet.
_LINGERS = 14


class Answering(asyncio.Protocol):
    """What :class:`Connection` writes. One answer at a time, to the call whose turn it is."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: asyncio.Transport = None  # type: ignore[assignment]
        self._buffer = bytearray()
        self._request: Request | None = None
        # Bytes of the body to come, where its length is known.
        self._missing = 0
        # The body that a handler reads as a stream, or that is dropped after the answer.
        self._incoming: Incoming | None = None
        # The rest of a large answer.
        self._outgoing: memoryview | None = None
        # A connection that has become a WebSocket.
        self._socket: Socket | None = None
        self._lingering: asyncio.TimerHandle | None = None
        # The call whose answer this connection waits for.
        self.call: Call | None = None
        self._chunked = False
        self._closing = False
        self._reading = True
        self.write_paused = False
        self._writable: asyncio.Future[None] | None = None
        # Set when a worker thread may write on; made by the first that has to wait.
        self.gate: Event | None = None

    def _finish(self) -> None:
        """The whole answer has been given to the transport."""
        raise NotImplementedError

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

    def send_continue(self) -> None:
        """Lets a client that asked first send its body."""
        if not self._closing:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

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

    # -- the end

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

    # -- back-pressure

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
