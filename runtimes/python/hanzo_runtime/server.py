"""The state of the server and what it does with each request: the platform's calls and the user's."""

from __future__ import annotations

import asyncio
import contextvars
import json
from _operator import _compare_digest  # type: ignore[attr-defined]
from collections.abc import Callable
from time import monotonic, perf_counter
from typing import Any

from hanzo.functions._gateway import Gateway, Host
from hanzo.functions._handler import Handler
from hanzo.functions._payload import split_target

from .calls import Call, Turns
from .connection import Connection
from .errors import error_body
from .execute import Executor
from .http1 import Request
from .incoming import Incoming
from .loader import LoadFailed, load_entry, prepare
from .logs import LogSink
from .settings import Identity, Load, Settings
from .streams import Capture
from .watchdog import Watchdog
from .workers import Job

_CONTROL = "/.hanzo/"
_JSON = "content-type: application/json\r\n"


class Server:
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        settings: Settings,
        sink: LogSink,
        capture: Capture,
        exit_process: Callable[[SystemExit], None],
    ) -> None:
        self.loop = loop
        self.max_body_bytes = settings.max_body_bytes
        self.connections: set[Connection] = set()
        self.state = "generic"
        self.draining = False
        # Milliseconds from the start of the process until it listened.
        self.boot_ms = 0.0
        self._token = settings.control_token
        self._capture = capture
        self._exit = exit_process
        self._executor = Executor(loop, sink, capture, exit_process)
        self.turns = Turns(loop, self._executor.start, self._executor.expired)
        self._executor.release = self.turns.release
        self._identity = Identity()

    # -- requests

    def takes_stream(self, request: Request) -> bool:
        """Whether the call begins with the head of the request, and its body is read by the handler."""
        if self.state != "ready" or not self._executor.entry.streams or self.draining:
            return False
        return not split_target(request.target)[0].startswith(_CONTROL)

    def make_incoming(self, connection: Connection, wants_continue: bool) -> Incoming:
        """For a request that :meth:`takes_stream`."""
        return self._executor.make_incoming(connection, wants_continue)

    def dispatch(self, connection: Connection, request: Request, incoming: Incoming | None) -> None:
        """A request is there, whole or (``incoming``) with its body on the way."""
        path, query = split_target(request.target)
        if path.startswith(_CONTROL):
            self._control(connection, request, path)
            return
        call = Call(request, connection, path, query, self._identity.timeout_ms, monotonic())
        call.incoming = incoming
        connection.call = call
        if self.draining:
            self._executor.send_error(call, 503, "draining", "the instance is about to end")
        elif self.state != "ready":
            self._executor.send_error(call, 503, "not_ready", f"no function is loaded: the state is {self.state}")
        elif call.timeout_ms == 0:
            self._executor.expired(call)
        else:
            self.turns.enter(call)

    def disconnected(self, call: Call) -> None:
        call.cancel(ConnectionError)
        if not call.turn:
            self.turns.release(call)

    # -- the platform's calls

    def _control(self, connection: Connection, request: Request, path: str) -> None:
        operation = f"{request.method} {path}"
        if operation in ("GET /.hanzo/ping", "HEAD /.hanzo/ping"):
            self._reply(connection, 200, self._state_body())
        elif operation in ("GET /.hanzo/ready", "HEAD /.hanzo/ready"):
            self._reply(connection, 200 if self._shown_state() == "ready" else 503, self._state_body())
        elif operation == "POST /.hanzo/specialise":
            self._specialise(connection, request)
        else:
            self._reply_error(connection, request, 404, "not_found", f"there is no {operation}")

    def _shown_state(self) -> str:
        return "draining" if self.draining else self.state

    def _state_body(self) -> bytes:
        return b'{"state":"%b"}' % self._shown_state().encode()

    def _reply(self, connection: Connection, status: int, body: bytes) -> None:
        connection.respond(None, status, _JSON, body)

    def _reply_error(self, connection: Connection, request: Request, status: int, error: str, msg: str) -> None:
        body = error_body(status, error, msg, request.headers.get("x-request-id", ""))
        connection.respond(None, status, f"{_JSON}x-function-error: {error}\r\n", body)

    def _specialise(self, connection: Connection, request: Request) -> None:
        sent = request.headers.get("x-hanzo-control", "")
        if not self._token or not _compare_digest(sent.encode(), self._token.encode()):
            self._reply_error(connection, request, 401, "unauthorized", "the control token is missing or wrong")
            return
        if self.state != "generic" or self.draining:
            self._reply_error(connection, request, 409, "conflict", f"the state is {self._shown_state()}")
            return
        try:
            load = parse_order(request.body)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            self._reply_error(connection, request, 400, "bad_request", f"the order cannot be read: {error}")
            return

        def loaded(load_ms: float, failure: LoadFailed | None) -> None:
            if failure is None:
                self._reply(connection, 200, json.dumps({"load_ms": load_ms}).encode())
                return
            error = {"kind": failure.kind, "message": failure.message, "trace": failure.trace}
            self._reply(connection, 422, json.dumps({"error": error}).encode())

        self.load(load, loaded)

    # -- loading

    def load(self, load: Load, loaded: Callable[[float, LoadFailed | None], None]) -> None:
        """
        Loads user code on a worker thread, so that pings are answered meanwhile, whatever a module does when it
        is imported. The thread counts as one with this event loop, for modules that ask for the current one.
        """
        self.state = "loading"
        started = perf_counter()
        context = contextvars.Context()

        def work() -> Handler:
            asyncio.set_event_loop(self.loop)
            try:
                self._executor.host = _host_of(load)
                prepare(load)
                return load_entry(load.source, load.entry)
            finally:
                self._capture.end()

        def done(entry: Handler | None, error: BaseException | None) -> None:
            self._executor.post(lambda: self._loaded(load, context, entry, error, started, loaded))

        self._executor.workers.submit(Job(lambda: context.run(work), done))

    def _loaded(
        self,
        load: Load,
        context: contextvars.Context,
        entry: Handler | None,
        error: BaseException | None,
        started: float,
        loaded: Callable[[float, LoadFailed | None], None],
    ) -> None:
        if isinstance(error, SystemExit):
            self._exit(error)
            return
        if error is not None and not isinstance(error, LoadFailed):
            error = LoadFailed("import_error", f"{type(error).__name__}: {error}")
        if error is None and entry is not None:
            self._identity = self._executor.identity = load.identity
            self._executor.entry = entry
            self._executor.base = context
            self._executor.workers.keep = load.identity.concurrency
            self.turns.limit = load.identity.concurrency
            if entry.is_async:
                Watchdog(self.loop, self.turns, self._executor.blocked).start()
            self.state = "ready"
        else:
            self.state = "failed"
        load_ms = round((perf_counter() - started) * 1000, 1)
        if self.state == "ready":
            self._executor.cold_start = f"x-function-cold-start: boot={self.boot_ms:.1f}, load={load_ms:.1f}\r\n"
        loaded(load_ms, error)

    # -- the end

    def begin_drain(self) -> None:
        self.draining = True
        for connection in list(self.connections):
            connection.close_if_idle()

    def end_sockets(self) -> None:
        """The drain time is over."""
        for call in self.turns.calls():
            if call.socket is not None:
                call.socket.finish(1001, "the instance ends")


def parse_order(body: bytes) -> Load:
    """The body of ``specialise``. Raises ValueError, TypeError or KeyError for any other."""
    order: Any = json.loads(body)
    if not isinstance(order, dict):
        raise TypeError("it is not an object")
    texts: dict[str, str] = {}
    for name in ("org", "function", "revision", "instance", "source", "entry", "tmp", "models"):
        value = order[name] if name in ("source", "entry") else order.get(name, "")
        if not isinstance(value, str):
            raise TypeError(f"{name} is not a string")
        texts[name] = value
    paths = order.get("paths") or []
    environment = order.get("environment") or {}
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise TypeError("paths is not a list of strings")
    if not isinstance(environment, dict) or not all(isinstance(value, str) for value in environment.values()):
        raise TypeError("environment is not a map of strings")
    identity = Identity(
        org=texts["org"],
        function=texts["function"],
        revision=texts["revision"],
        instance=texts["instance"],
        concurrency=max(1, int(order.get("concurrency") or 10)),
        timeout_ms=max(1, int(order.get("timeout_ms") or 60_000)),
    )
    gateway = order.get("gateway") or {}
    if not isinstance(gateway, dict) or not all(isinstance(gateway.get(name, ""), str) for name in ("url", "token")):
        raise TypeError("gateway is not an object with url and token")
    url = gateway.get("url", "")
    if url:
        Gateway(url, "")
    token = gateway.get("token", "")
    return Load(
        identity, texts["source"], texts["entry"], paths, environment, texts["tmp"], url, token, texts["models"]
    )


def _host_of(load: Load) -> Host:
    try:
        return Host(Gateway(load.gateway, load.gateway_token) if load.gateway else None, load.models)
    except ValueError as error:
        raise LoadFailed("import_error", str(error)) from None
