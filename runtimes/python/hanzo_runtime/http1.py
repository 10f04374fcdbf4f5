"""HTTP/1.1 messages as text: strict parsing of request heads, and writing of answer heads."""

from __future__ import annotations

import re

from hanzo.functions._http1 import MAX_HEAD_BYTES, UNBOUNDED, ChunkedBody, Refused, too_large

__all__ = [
    "MAX_HEAD_BYTES", "UNBOUNDED", "ChunkedBody", "Refused", "Request", "head_bytes", "parse_head", "too_large",
]  # fmt: skip

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# One unambiguous alternative per character, so that matching stays linear in the size of the head.
_HEAD = re.compile(
    rf"({_TOKEN}) ([\x21-\x7e]+) HTTP/1\.([0-9])\r\n((?:{_TOKEN}:[\t\x20-\x7e\x80-\xff]*\r\n)*)\r\n"
)
_FIELD = re.compile(r"([^:\r]+):([^\r]*)\r\n")

REASONS = {
    100: "Continue", 101: "Switching Protocols", 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content",
    206: "Partial Content", 301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified",
    307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 409: "Conflict", 410: "Gone", 413: "Content Too Large",
    415: "Unsupported Media Type", 417: "Expectation Failed", 422: "Unprocessable Content", 426: "Upgrade Required",
    429: "Too Many Requests", 431: "Request Header Fields Too Large", 500: "Internal Server Error",
    501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
}  # fmt: skip


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


def head_bytes(status: int, fields: str) -> bytes:
    """An answer head; ``fields`` are whole lines. Text beyond latin-1 goes out as UTF-8."""
    text = f"HTTP/1.1 {status} {REASONS.get(status, '')}\r\n{fields}\r\n"
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")
