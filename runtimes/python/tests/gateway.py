"""A gateway for the tests: the one of the test kit, over HTTP on a Unix socket or TCP, that remembers what it was asked."""

from __future__ import annotations

import http.server
import os
import socket
import socketserver
import sys
import threading
from typing import Any

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "sdk"))

from hanzo.functions._gateway import Request
from hanzo.functions._memory import MemoryGateway

TOKEN = "token-of-the-instance"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        self.disable_nagle_algorithm = self.request.family == socket.AF_INET
        super().setup()

    def address_string(self) -> str:
        return "peer"

    def log_message(self, *_: Any) -> None:
        pass

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def _serve(self) -> None:
        gateway: TestGateway = self.server.gateway  # type: ignore[attr-defined]
        data = self._body()
        gateway.seen.append((self.command, self.path, dict(self.headers), self.connection.fileno()))
        if self.path in gateway.held:
            gateway.reached.set()
            gateway.held[self.path].wait(10)
        if self.headers.get("authorization") != f"Bearer {TOKEN}":
            status, headers, body = 401, {}, b'{"error":"unauthorized","msg":"no such token"}'
        else:
            request = Request(
                self.command, self.path, None, self.headers.get("content-type"), self.headers.get("range")
            )
            status, headers, body = gateway.memory.answer(request, data)
        self.send_response(status)
        for name, value in {**headers, "content-length": headers.get("content-length", str(len(body)))}.items():
            if not (status == 204 and name == "content-length"):
                self.send_header(name, value)
        if gateway.close_after:
            self.send_header("connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve


class _Quiet(socketserver.ThreadingMixIn):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: Any) -> None:
        pass  # A client that is cancelled goes away.


class _Unix(_Quiet, socketserver.UnixStreamServer):
    pass


class _Tcp(_Quiet, socketserver.TCPServer):
    pass


class TestGateway:
    """``seen`` holds (method, target, headers, connection) of every request; a target in ``held`` waits for its event."""

    __test__ = False

    def __init__(self, socket_path: str = "") -> None:
        self.memory = MemoryGateway()
        self.seen: list[tuple[str, str, dict[str, str], int]] = []
        self.held: dict[str, threading.Event] = {}
        self.reached = threading.Event()
        self.close_after = False
        self._server: Any = _Unix(socket_path, _Handler) if socket_path else _Tcp(("127.0.0.1", 0), _Handler)
        self._server.gateway = self
        self.url = f"unix:{socket_path}" if socket_path else f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def order(self) -> dict[str, str]:
        """What ``specialise`` is given."""
        return {"url": self.url, "token": TOKEN}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
