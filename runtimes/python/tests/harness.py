"""Starts the real server as a child process and speaks HTTP to it over its Unix socket."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest
from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOKEN = "control-token"
WAIT_S = 20.0


class Answer:
    def __init__(self, status: int, headers: http.client.HTTPMessage, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("instance", timeout=WAIT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(WAIT_S)
        self.sock.connect(self._path)


class Lines:
    """What a child writes to one of its outputs, with a way to wait for a line."""

    def __init__(self, stream: Any) -> None:
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream: Any) -> None:
        with stream:
            for line in stream:
                with self._changed:
                    self._lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait(self, wanted: Any, what: str = "a line") -> Any:
        """The first line, parsed where it is JSON, for which ``wanted(line)`` is true."""
        found: list[Any] = []

        def look() -> bool:
            found[:] = [line for line in self.parsed() if wanted(line)]
            return bool(found) or self._ended

        with self._changed:
            self._changed.wait_for(look, WAIT_S)
            if not found:
                raise AssertionError(f"{what} was not written; there is {self._lines[-20:]}")
        return found[0]

    def wait_end(self) -> list[Any]:
        self._thread.join(WAIT_S)
        return self.parsed()

    def parsed(self) -> list[Any]:
        lines: list[Any] = []
        for line in list(self._lines):
            try:
                lines.append(json.loads(line))
            except ValueError:
                lines.append(line)
        return lines

    def of(self, request_id: str) -> list[dict[str, Any]]:
        return [line for line in self.parsed() if isinstance(line, dict) and line.get("request_id") == request_id]


class Instance:
    """One server process; a generic worker unless ``env`` says otherwise."""

    def __init__(self, env: dict[str, str] | None = None, stdin: Any = subprocess.PIPE) -> None:
        self.dir = tempfile.mkdtemp(prefix="hzfn")
        self.socket = os.path.join(self.dir, "s")
        self.source = os.path.join(self.dir, "source")
        os.mkdir(self.source)
        self._env = {
            "PATH": os.environ.get("PATH", ""),
            "HANZO_FN_SOCKET": self.socket,
            "HANZO_FN_CONTROL_TOKEN": TOKEN,
            **(env or {}),
        }
        self._stdin = stdin

    def write(self, **files: str) -> Instance:
        """``handler="..."`` writes handler.py; ``pkg__inner`` writes pkg/inner.py."""
        for name, text in files.items():
            path = os.path.join(self.source, *name.split("__")) + ".py"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(textwrap.dedent(text))
        return self

    def start(self) -> Instance:
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", os.path.join(ROOT, "server_main.py")],
            env=self._env,
            stdin=self._stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.dir,
        )
        self.out = Lines(self.process.stdout)
        self.err = Lines(self.process.stderr)
        deadline = time.monotonic() + WAIT_S
        while not os.path.exists(self.socket):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server does not listen: {self.err.wait_end()}")
            time.sleep(0.005)
        return self

    def specialise(self, entry: str, **order: Any) -> Answer:
        body = {
            "org": "acme",
            "function": "f",
            "revision": "f-00001",
            "instance": "fn-f-00001-local-1",
            "source": self.source,
            "entry": entry,
            "paths": [],
            "environment": {},
            "concurrency": 10,
            "timeout_ms": 20_000,
            "tmp": self.dir,
            **order,
        }
        return self.call("POST", "/.hanzo/specialise", json.dumps(body).encode(), {"X-Hanzo-Control": TOKEN})

    def call(
        self, method: str = "POST", path: str = "/", body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        connection = UnixConnection(self.socket)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def raw(self, data: bytes = b"") -> socket.socket:
        """A connected socket on which ``data`` has been sent."""
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(WAIT_S)
        sock.connect(self.socket)
        if data:
            sock.sendall(data)
        return sock

    def exchange(self, data: bytes) -> bytes:
        """Everything that comes back until the server closes."""
        with self.raw(data) as sock:
            return read_all(sock)

    def state(self) -> str:
        return self.call("GET", "/.hanzo/ping").json["state"]

    def wait_exit(self) -> int:
        return self.process.wait(WAIT_S)

    def stop(self) -> None:
        if hasattr(self, "process"):
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
            if self.process.stdin:
                self.process.stdin.close()
            self.out.wait_end()
            self.err.wait_end()
        shutil.rmtree(self.dir, ignore_errors=True)


def peak_kb(pid: int) -> int:
    """The most memory that the process has had."""
    with open(f"/proc/{pid}/status") as file:
        return int(next(line for line in file if line.startswith("VmHWM")).split()[1])


def read_all(sock: socket.socket) -> bytes:
    data = b""
    while True:
        piece = sock.recv(65536)
        if not piece:
            return data
        data += piece


def read_until(sock: socket.socket, end: bytes) -> bytes:
    data = b""
    while end not in data:
        piece = sock.recv(65536)
        if not piece:
            raise AssertionError(f"closed before {end!r}: {data!r}")
        data += piece
    return data


class ServerCase(unittest.TestCase):
    """Tests that start their own instances."""

    def instance(self, env: dict[str, str] | None = None, stdin: Any = subprocess.PIPE, **files: str) -> Instance:
        instance = Instance(env, stdin)
        self.addCleanup(instance.stop)
        return instance.write(**files)

    def ready(self, handler: str, entry: str = "handler.handle", **order: Any) -> Instance:
        instance = self.instance(handler=handler).start()
        answer = instance.specialise(entry, **order)
        self.assertEqual(answer.status, 200, answer.body)
        return instance
