"""The process: listening, signals, the pipe on standard input, and the end."""

from __future__ import annotations

import asyncio
import atexit
import builtins
import contextvars
import faulthandler
import fcntl
import gc
import os
import signal
import socket
import stat
import sys
import threading
from time import CLOCK_BOOTTIME, clock_gettime, monotonic
from typing import Any

from .connection import Connection
from .loader import LoadFailed
from .logs import LogSink
from .server import Server
from .settings import Settings, take_settings
from .streams import Capture

EXIT_CANNOT_LISTEN = 70
_FLUSH_S = 2.0


class Loop(asyncio.SelectorEventLoop):
    """Carries context variables, and with them the request id, into the threads of ``run_in_executor`` too; stands on
    nothing that user code can patch."""

    def time(self) -> float:
        return monotonic()

    def _write_to_self(self) -> None:
        """Wakes the loop; where that fails, its descriptors are closed and it would sleep for ever."""
        wake = self._csock  # type: ignore[attr-defined]
        try:
            wake.send(b"\0")
        except BlockingIOError:
            pass  # It is awake.
        except OSError:
            _die("the function closed file descriptors of its server")

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        return super().run_in_executor(executor, contextvars.copy_context().run, func, *args)


def _own_output() -> int:
    """Standard output under a number of its own: user code that closes 1 and opens a file there gets no log lines."""
    try:
        return fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 200)
    except OSError:
        return 1


class Listener(socket.socket):
    """Takes connections also after user code has replaced ``socket.socket``."""

    def accept(self, _made: type[socket.socket] = socket.socket) -> tuple[socket.socket, Any]:
        fd, address = self._accept()  # type: ignore[attr-defined]
        return _made(self.family, self.type, self.proto, fileno=fd), address


def main() -> None:
    """Takes the settings from the environment and serves until the process ends."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # Until the loop takes them: there is nothing to drain yet.
        signal.signal(number, lambda *_: os._exit(0))
    settings = take_settings(os.environ)
    try:
        listener = listen(settings)
    except (OSError, ValueError, OverflowError) as error:
        print(f"cannot listen: {error}", file=sys.stderr)
        sys.exit(EXIT_CANNOT_LISTEN)
    sink = LogSink(_own_output())
    capture = Capture(sink)
    capture.install()
    faulthandler.enable(file=2)
    Process(settings, listener, sink, capture).run()


def listen(settings: Settings) -> socket.socket:
    if settings.socket:
        return _listen_unix(settings.socket)
    if settings.port is None or settings.port > 65535:
        raise ValueError("neither HANZO_FN_SOCKET nor a PORT is set")
    if not settings.host and socket.has_dualstack_ipv6():
        made = socket.create_server(("", settings.port), family=socket.AF_INET6, backlog=1024, dualstack_ipv6=True)
    else:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        made = socket.create_server((settings.host, settings.port), family=family, backlog=1024)
    return Listener(fileno=made.detach())


def _listen_unix(path: str) -> socket.socket:
    """The path appears when connections are taken, so that whoever waits for it need not try again."""
    listener = Listener(socket.AF_UNIX, socket.SOCK_STREAM)
    first = path + "~"
    for stale in (first, path):
        try:
            if stat.S_ISSOCK(os.stat(stale).st_mode):
                os.unlink(stale)
        except FileNotFoundError:
            pass
    if os.path.exists(path):
        raise OSError(f"{path} exists and is no socket")
    listener.bind(first)
    listener.listen(1024)
    os.rename(first, path)
    return listener


def _die(msg: str) -> None:
    try:
        os.write(2, msg.encode() + b"\n")
    finally:
        os._exit(1)


class Process:
    def __init__(self, settings: Settings, listener: socket.socket, sink: LogSink, capture: Capture) -> None:
        self._settings = settings
        self._listener = listener
        self._sink = sink
        self._capture = capture
        self._loop = Loop()
        self._server = Server(self._loop, settings, sink, capture, self.exit_by_user)
        self._server.boot_ms = _age_ms()
        self._accepting: asyncio.AbstractServer | None = None

    def run(self) -> None:
        loop = self._loop
        asyncio.set_event_loop(loop)
        loop.set_exception_handler(self._loop_error)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._terminate)
        self._watch_stdin()
        _add_exit_builtins()
        create = loop.create_unix_server if self._settings.socket else loop.create_server
        self._accepting = loop.run_until_complete(
            create(lambda: Connection(self._server), sock=self._listener, backlog=1024)
        )
        if self._settings.load is not None:
            self._server.load(self._settings.load, self._booted)
        gc.collect()
        gc.freeze()
        while True:
            try:
                loop.run_forever()
                self._sink.emit_here("warn", "the function stopped the event loop, which goes on")
            except TimeoutError as error:
                # The watchdog's, which the handler it was meant for did not wait for.
                self._capture.uncaught(error)
            except OSError as error:
                _die(f"the event loop cannot go on, perhaps since the function closed its descriptors: {error}")

    def _booted(self, _load_ms: float, failure: LoadFailed | None) -> None:
        if failure is not None:
            text = f"load failed: {failure.kind}: {failure.message}"
            if failure.trace:
                text += "\n" + failure.trace
            self._sink.emit("error", text, "log", None, {"kind": failure.kind})
            self._exit(1)

    def _loop_error(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        message = str(context.get("message", ""))
        if isinstance(error, SystemExit):
            self.exit_by_user(error)
        if error is not None:
            self._capture.uncaught(error, f"{message}: ")
        else:
            self._sink.emit_here("error", message)

    # -- the end

    def _terminate(self) -> None:
        if self._server.draining:
            self._exit(0)
        if self._accepting is not None:
            self._accepting.close()
        if self._settings.socket:
            try:
                os.unlink(self._settings.socket)
            except OSError:
                pass
        self._server.begin_drain()
        self._server.turns.on_idle = self._drained
        self._loop.call_later(self._settings.drain_ms / 1000, self._drain_over)
        if not self._server.turns.busy:
            self._drained()

    def _drain_over(self) -> None:
        self._server.end_sockets()
        # Not at once: the last frames have to leave.
        self._loop.call_soon(self._exit, 0)

    def _drained(self) -> None:
        # The last answers leave first.
        if not self._server.connections:
            self._exit(0)
        self._loop.call_later(0.01, self._drained)

    def _watch_stdin(self) -> None:
        """
        The end of the pipe on standard input is the end of the platform. A thread of its own waits for it, since
        user code may hold up the loop; user code reads an empty standard input.
        """
        try:
            mode = os.fstat(0).st_mode
        except OSError:
            mode = 0
        watched = os.dup(0) if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) else -1
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        if watched >= 0:
            threading.Thread(target=_exit_at_end, args=(watched,), name="hanzo-stdin", daemon=True).start()

    def exit_by_user(self, error: SystemExit) -> None:
        """What the interpreter does with an exit: a number is the status, nothing is 0, any other text is told."""
        code = error.code
        if code is not None and not isinstance(code, int):
            print(code, file=sys.stderr)
            code = 1
        self._exit(code or 0)

    def _exit(self, code: int) -> None:
        try:
            atexit._run_exitfuncs()
        finally:
            self._capture.end()
            for call in self._server.turns.calls():
                self._capture.end(call)
            self._sink.flush(_FLUSH_S)
            os._exit(code & 0xFF)


def _age_ms() -> float:
    """Milliseconds since this process was started, as far as its clock tick tells; 0 where nothing does."""
    try:
        with open("/proc/self/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        return max(0.0, (clock_gettime(CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")) * 1000)
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0


def _exit_at_end(fd: int) -> None:
    while True:
        try:
            if not os.read(fd, 4096):
                break
        except InterruptedError:
            continue
        except OSError:
            break
    os._exit(0)


def _add_exit_builtins() -> None:
    """``exit`` and ``quit``, which come from the module ``site`` that this server runs without."""
    from _sitebuiltins import Quitter

    for name in ("exit", "quit"):
        if not hasattr(builtins, name):
            setattr(builtins, name, Quitter(name, "Ctrl-D (i.e. EOF)"))
