"""HTTP/1.1 as text, without input or output: what the server and the gateway's clients share."""

from __future__ import annotations

import re
from collections import deque

MAX_HEAD_BYTES = 65536
UNBOUNDED = 1 << 62

_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_MAX_CHUNK_LINE = 4096
_STATUS = re.compile(r"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]*)?")


class Refused(Exception):
    """A message that breaks the protocol or its limits; ``status`` and ``error`` are what a server answers."""

    def __init__(self, status: int, error: str, msg: str) -> None:
        super().__init__(msg)
        self.status = status
        self.error = error
        self.msg = msg


def too_large(limit: int) -> Refused:
    return Refused(413, "payload_too_large", f"the body is larger than {limit} bytes")


class ChunkedBody:
    """Takes a chunked body apart. ``feed`` eats from the front of the buffer; trailers are dropped."""

    __slots__ = ("_left", "_limit", "_state", "pieces", "size")

    def __init__(self, limit: int) -> None:
        self.pieces: list[bytes] = []
        self.size = 0
        self._limit = limit
        self._left = 0
        self._state = "size"

    def feed(self, buffer: bytearray) -> bool:
        """True when the body is complete; what follows it is left in the buffer."""
        while True:
            if self._state == "data":
                if self._left:
                    piece = bytes(buffer[: self._left])
                    if not piece:
                        return False
                    del buffer[: len(piece)]
                    self.pieces.append(piece)
                    self._left -= len(piece)
                if self._left or len(buffer) < 2:
                    return False
                if buffer[:2] != b"\r\n":
                    raise Refused(400, "malformed_http", "a chunk does not end where its size says")
                del buffer[:2]
                self._state = "size"
            elif self._state == "size":
                if not self._size_line(buffer):
                    return False
            elif not self._trailer_line(buffer):
                return False
            elif self._state == "end":
                return True

    def take(self) -> list[bytes]:
        """The pieces that have come since the last time."""
        pieces, self.pieces = self.pieces, []
        return pieces

    def _size_line(self, buffer: bytearray) -> bool:
        match = _CHUNK.match(buffer)
        if match is None:
            if b"\n" in buffer or len(buffer) > _MAX_CHUNK_LINE:
                raise Refused(400, "malformed_http", "a chunk size is malformed")
            return False
        self._left = int(match.group(1), 16)
        self.size += self._left
        if self.size > self._limit:
            raise too_large(self._limit)
        end = match.end()
        del match  # it holds the buffer, which cannot shrink meanwhile
        del buffer[:end]
        self._state = "data" if self._left else "trailer"
        return True

    def _trailer_line(self, buffer: bytearray) -> bool:
        end = buffer.find(b"\r\n")
        if end < 0:
            if len(buffer) > MAX_HEAD_BYTES:
                raise Refused(431, "head_too_large", "the trailers are too large")
            return False
        if b"\n" in buffer[:end]:
            raise Refused(400, "malformed_http", "a trailer is malformed")
        del buffer[: end + 2]
        if end == 0:
            self._state = "end"
        return True


class ReplyReader:
    """Takes the answer to one request apart, as its bytes come. Raises Refused for one that is no HTTP/1.1.

    ``status`` is 0 until the head is there; ``headers`` have lower-case names. ``complete`` says that the body has
    ended, ``reusable`` that the connection may carry another request then.
    """

    __slots__ = ("_buffer", "_chunks", "_left", "_without_body", "complete", "headers", "pieces", "reusable", "status")

    def __init__(self, method: str) -> None:
        self._without_body = method == "HEAD"
        self._buffer = bytearray()
        self._chunks: ChunkedBody | None = None
        # Bytes of body to come; -1 until the connection ends.
        self._left = 0
        self.status = 0
        self.headers: dict[str, str] = {}
        self.pieces: deque[bytes] = deque()
        self.complete = False
        self.reusable = False

    def feed(self, data: bytes) -> None:
        """Takes what was received; ``b""`` is the end of the connection."""
        if not data:
            self._ended()
        elif self.status:
            self._body(data)
        else:
            self._buffer += data
            while not self.status and self._head():
                pass

    def _ended(self) -> None:
        if self.status and self._left == -1:
            self.complete = True
        elif not self.complete:
            raise Refused(502, "unavailable", "the connection ended before the answer was complete")

    def _head(self) -> bool:
        """Reads one head from the buffer; False when it is not whole yet. Interim answers are skipped."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise Refused(502, "unavailable", "the head of the answer is too large")
            return False
        first, *lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        match = _STATUS.fullmatch(first)
        if match is None:
            raise Refused(502, "unavailable", "the answer is no HTTP/1.1")
        status = int(match.group(1))
        if status < 200:
            return True
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip(" \t")
        self.status, self.headers = status, headers
        self.reusable = "close" not in headers.get("connection", "").lower() and first.startswith("HTTP/1.1")
        self._frame()
        rest = bytes(self._buffer)
        self._buffer.clear()
        if rest:
            self._body(rest)
        return True

    def _frame(self) -> None:
        headers = self.headers
        if self._without_body or self.status in (204, 304):
            self.complete = True
        elif headers.get("transfer-encoding", "").lower() == "chunked":
            self._chunks = ChunkedBody(UNBOUNDED)
        elif "content-length" in headers:
            length = headers["content-length"]
            if not (length.isascii() and length.isdigit()):
                raise Refused(502, "unavailable", "the content-length of the answer is no number")
            self._left = int(length)
            self.complete = self._left == 0
        else:
            self._left = -1
            self.reusable = False

    def _body(self, data: bytes) -> None:
        if self.complete:
            # More than was asked for.
            self.reusable = False
        elif self._chunks is not None:
            self._buffer += data
            self.complete = self._chunks.feed(self._buffer)
            self.pieces.extend(self._chunks.take())
            if self.complete and self._buffer:
                self.reusable = False
        elif self._left == -1:
            self.pieces.append(data)
        else:
            self.pieces.append(data[: self._left])
            self.reusable = self.reusable and len(data) <= self._left
            self._left = max(0, self._left - len(data))
            self.complete = self._left == 0
