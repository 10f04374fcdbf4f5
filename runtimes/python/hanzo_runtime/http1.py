"""HTTP/1.1 messages as text: strict parsing of request heads and chunked bodies, and writing of answer heads."""

from __future__ import annotations

import re

MAX_HEAD_BYTES = 65536

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# One unambiguous alternative per character, so that matching stays linear in the size of the head.
_HEAD = re.compile(
    rf"({_TOKEN}) ([\x21-\x7e]+) HTTP/1\.([0-9])\r\n((?:{_TOKEN}:[\t\x20-\x7e\x80-\xff]*\r\n)*)\r\n"
)
_FIELD = re.compile(r"([^:\r]+):([^\r]*)\r\n")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_MAX_CHUNK_LINE = 4096

REASONS = {
    100: "Continue", 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content",
    301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified", 307: "Temporary Redirect",
    308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 409: "Conflict", 410: "Gone", 413: "Content Too Large",
    415: "Unsupported Media Type", 417: "Expectation Failed", 422: "Unprocessable Content",
    429: "Too Many Requests", 431: "Request Header Fields Too Large", 500: "Internal Server Error",
    501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
}  # fmt: skip


class Refused(Exception):
    """A request that is answered with an error and the end of the connection."""

    def __init__(self, status: int, error: str, msg: str) -> None:
        super().__init__(msg)
        self.status = status
        self.error = error
        self.msg = msg


class Request:
    """One request; ``body`` is set when it is complete."""

    __slots__ = ("body", "expects_continue", "headers", "keep_alive", "length", "method", "minor", "target")

    def __init__(self, method: str, target: str, minor: int, headers: dict[str, str]) -> None:
        self.method = method
        self.target = target
        self.minor = minor
        self.headers = headers
        self.body = b""
        # Bytes of body to come; -1 for a chunked one.
        self.length = 0
        self.keep_alive = minor >= 1
        self.expects_continue = False


def parse_head(head: bytes) -> Request:
    """The request of a whole head, blank line included. Raises Refused for anything ambiguous."""
    match = _HEAD.fullmatch(head.decode("latin-1"))
    if match is None:
        raise Refused(400, "malformed_http", "the request head is malformed")
    method, target, minor, block = match.groups()
    headers: dict[str, str] = {}
    for name, value in _FIELD.findall(block):
        name = name.lower()
        value = value.strip(" \t")
        if name not in headers:
            headers[name] = value
        elif name in ("content-length", "host", "transfer-encoding"):
            raise Refused(400, "malformed_http", f"the field {name} is repeated")
        else:
            headers[name] += ("; " if name == "cookie" else ", ") + value
    request = Request(method, target, int(minor), headers)
    _frame(request, headers)
    return request


def _frame(request: Request, headers: dict[str, str]) -> None:
    length = headers.get("content-length")
    coding = headers.get("transfer-encoding")
    if coding is not None:
        if length is not None:
            raise Refused(400, "malformed_http", "content-length together with transfer-encoding")
        if coding.lower() != "chunked" or request.minor == 0:
            raise Refused(501, "not_implemented", "the only transfer coding is chunked, in HTTP/1.1")
        request.length = -1
    elif length is not None:
        if not (length.isascii() and length.isdigit()) or len(length) > 15:
            raise Refused(400, "malformed_http", "the content-length is not a number")
        request.length = int(length)
    connection = headers.get("connection")
    if connection is not None:
        options = [option.strip() for option in connection.lower().split(",")]
        if "close" in options:
            request.keep_alive = False
        elif "keep-alive" in options:
            request.keep_alive = True
    expect = headers.get("expect")
    if expect is not None and request.minor >= 1:
        if expect.lower() != "100-continue":
            raise Refused(417, "expectation_failed", "the only expectation is 100-continue")
        request.expects_continue = request.length != 0


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


def too_large(limit: int) -> Refused:
    return Refused(413, "payload_too_large", f"the body is larger than {limit} bytes")


def head_bytes(status: int, fields: str) -> bytes:
    """An answer head; ``fields`` are whole lines. Text beyond latin-1 goes out as UTF-8."""
    text = f"HTTP/1.1 {status} {REASONS.get(status, '')}\r\n{fields}\r\n"
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")
