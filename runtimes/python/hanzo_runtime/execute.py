"""Runs handlers: coroutines as tasks on the loop, everything else on worker threads."""

from __future__ import annotations

import asyncio
import contextvars
import os
from collections import deque
from collections.abc import Callable
from functools import partial
from inspect import isawaitable
from time import monotonic
from traceback import clear_frames
from types import FrameType
from typing import Any

from hanzo.functions._answers import BadAnswer, Stream, Unserialisable, Whole, encode
from hanzo.functions._gateway import Host
from hanzo.functions._handler import Handler
from hanzo.functions._payload import fill, make_trigger, parse_query
from hanzo.functions.body import AsyncBody, Body
from hanzo.functions.context import AsyncContext, Context
from hanzo.functions.errors import BodyError
from hanzo.functions.headers import Headers
from hanzo.functions.logger import Logger

from .ahead import Ahead
from .answering import PIECE
from .calls import Call
from .connection import Connection
from .errors import error_body
from .http1 import Refused
from .incoming import AsyncIncoming, BlockingIncoming, Incoming
from .logs import LogSink, current
from .settings import Identity
from .streams import Capture, stack_of, trace_of
from .websocket import Socket, handshake, is_upgrade
from .workers import Job, Workers, job_here

# Bodies beyond this are parsed on a worker thread, so that the loop goes on.
_PARSE_HERE = 256 * 1024


class Executor:
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sink: LogSink,
        capture: Capture,
        exit_process: Callable[[SystemExit], None],
    ) -> None:
        self._loop = loop
        self._sink = sink
        self._capture = capture
        self._exit = exit_process
        self.workers = Workers()
        self.identity = Identity()
        self.host = Host()
        # Header line of the first answer: what a cold start took. Empty once it has been given.
        self.cold_start = ""
        self.entry: Handler = None  # type: ignore[assignment]
        # What the user's module set in context variables while it was loaded.
        self.base = contextvars.Context()
        self.release: Callable[[Call], None] = lambda _call: None
        self._posted: deque[Callable[[], None]] = deque()
        self._posting = False
        # True in a child that user code has forked.
        self._forked = False
        os.register_at_fork(after_in_child=self._mark_forked)

    # -- the way in

    def start(self, call: Call) -> None:
        if self.entry.is_async:
            self._start_task(call, self._run_task(call))
        else:
            self._start_job(call, partial(self._work, call), partial(self._worked, call))

    def _start_task(self, call: Call, coroutine: Any) -> None:
        context = self.base.copy()
        context.run(current.set, call)
        call.task = context.run(self._loop.create_task, coroutine)

    def _start_job(
        self, call: Call, work: Callable[[], Any], done: Callable[[Any, BaseException | None], None]
    ) -> None:
        context = self.base.copy()
        context.run(current.set, call)
        call.job = Job(partial(context.run, work), done)
        self.workers.submit(call.job)

    def post(self, run: Callable[[], None]) -> None:
        """Runs it on the loop's thread; posts of many threads share one wake-up."""
        job = job_here()
        if job is None or job.shielded:
            self._post(run)
            return
        job.shielded = True
        self._post(run)
        job.lower_shield()

    def _post(self, run: Callable[[], None]) -> None:
        self._posted.append(run)
        if not self._posting:
            self._posting = True
            self._loop.call_soon_threadsafe(self._run_posted)

    def _run_posted(self) -> None:
        self._posting = False
        posted = self._posted
        while posted:
            posted.popleft()()

    # -- forks

    def _mark_forked(self) -> None:
        self._forked = True

    def _end_child(self, error: BaseException | None) -> None:
        """A handler has ended in a child that it forked: the call is its parent's, and so is everything else here."""
        code = 0
        if isinstance(error, SystemExit):
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
        elif error is not None:
            code = 1
            self._sink.emit("error", f"in a forked child: {trace_of(error)}", "log", None, None)
        self._capture.end(current.get())
        self._sink.flush(1.0)
        os._exit(code & 0xFF)

    # -- the context

    def _context(self, call: Call) -> Context:
        identity = self.identity
        request_id = call.request_id
        sink = self._sink

        def emit(level: str, msg: str, fields: dict[str, Any] | None) -> None:
            sink.emit(level, msg, "log", request_id, fields)

        request = call.request
        context = (AsyncContext if self.entry.is_async else Context)(
            None,
            headers=Headers._of_lower(request.headers),
            trigger=make_trigger(request.headers, call.path),
            log=Logger(emit),
            method=request.method,
            path=call.path,
            query=parse_query(call.query) if call.query else {},
            request_id=request_id,
            function=identity.function,
            revision=identity.revision,
            org=identity.org,
        )
        fill(context, request.headers, request.body, self.entry.streams)
        context._host = self.host
        if "upgrade" in request.headers and is_upgrade(request) and self.entry.is_async:
            context._accept = partial(self._accept, call)
        context._deadline_at = call.deadline_at
        call.context = context
        if call.cancelled is not None:
            context._cancelled = True
        return context

    def make_incoming(self, connection: Connection, wants_continue: bool) -> Incoming:
        """For a handler that takes the body as a stream."""
        if self.entry.is_async:
            return AsyncIncoming(connection, wants_continue, self._loop)
        return BlockingIncoming(connection, wants_continue, self.post)

    def _invoke(self, call: Call) -> Any:
        """Calls the user's handler."""
        context = self._context(call)
        if not self.entry.streams:
            return self.entry.call(context)
        return self.entry.call(context, self._body(call))

    def _body(self, call: Call) -> Body | AsyncBody:
        incoming = call.incoming
        if isinstance(incoming, (BlockingIncoming, AsyncIncoming)):
            return incoming.body()
        return AsyncBody(_nothing) if self.entry.is_async else Body(bytes)

    async def _accept(self, call: Call, _context: Context, subprotocol: str | None) -> Socket:
        if call.answered or call.cancelled is not None or call.ended:
            raise RuntimeError("ctx.accept(): the call has been answered")
        if asyncio.get_running_loop() is not self._loop:
            raise RuntimeError("ctx.accept(): only the handler's own event loop has the connection")
        connection = call.connection
        fields = handshake(call.request, subprotocol)
        sock = call.socket = Socket(self._loop, connection, call, subprotocol)
        call.answered = True
        sock.feed(connection.upgrade(call, self._stamped(call, fields), sock))
        return sock

    # -- asynchronous handlers

    async def _run_task(self, call: Call) -> None:
        try:
            if len(call.request.body) > _PARSE_HERE:
                value = self.entry.call(await self._in_worker(call, partial(self._context, call)))
            else:
                value = self._invoke(call)
            if isawaitable(value):
                value = await value
            if self._forked:
                self._end_child(None)
            if call.socket is not None:
                call.socket.finish(1000)
            else:
                await self._answer(call, encode(value, self.identity.function))
        except BaseException as error:
            if self._forked:
                self._end_child(error)
            if isinstance(error, MemoryError):
                # What the handler had filled the memory with is free before anything else needs some.
                clear_frames(error.__traceback__)
            self._failed(call, error)
        finally:
            self._end(call)

    async def _answer(self, call: Call, answer: Whole | Stream) -> None:
        if self._is_late(call):
            return
        if isinstance(answer, Whole):
            self._send(call, answer)
        elif call.request.method == "HEAD":
            await self._close_source(answer)
            self._send(call, Whole(answer.status, answer.fields, b""))
        elif answer.is_async:
            await self._stream(call, answer)
        else:
            await self._in_worker(call, partial(self._pump, call, answer))

    async def _close_source(self, answer: Stream) -> None:
        close = getattr(answer.source, "aclose" if answer.is_async else "close", None)
        if close is not None:
            closing = close()
            if isawaitable(closing):
                await closing

    async def _stream(self, call: Call, stream: Stream) -> None:
        connection = call.connection
        source = stream.source.__aiter__()
        try:
            async for piece in source:
                data = stream.encode(piece)
                if not call.answered:
                    self._begin(call, stream, piece, data[:PIECE])
                    data = data[PIECE:]
                while data:
                    if connection.write_paused:
                        await connection.drain()
                    connection.write_piece(call, data[:PIECE])
                    data = data[PIECE:]
                if connection.write_paused:
                    await connection.drain()
            self._end_stream(call, stream)
        finally:
            close = getattr(source, "aclose", None)
            if close is not None:
                await close()

    async def _in_worker(self, call: Call, work: Callable[[], Any]) -> Any:
        """Runs a part of an asynchronous call on a worker thread; cancelling the task interrupts it."""
        future: asyncio.Future[Any] = self._loop.create_future()

        def done(result: Any, error: BaseException | None) -> None:
            self.post(partial(_settle, future, result, error))

        self._start_job(call, work, done)
        return await future

    # -- synchronous handlers, on a worker thread

    def _work(self, call: Call) -> Any:
        """Returns an answer that is ready to be sent, a value that the loop has to go on with, or None."""
        value = self._invoke(call)
        if isawaitable(value):
            return value
        answer = encode(value, self.identity.function)
        if isinstance(answer, Stream) and not answer.is_async and call.request.method != "HEAD":
            self._pump(call, answer)
            return None
        return answer

    def _worked(self, call: Call, result: Any, error: BaseException | None) -> None:
        if self._forked:
            self._end_child(error)
        if isinstance(error, MemoryError):
            clear_frames(error.__traceback__)
        self.post(partial(self._finish_job, call, result, error))

    def _finish_job(self, call: Call, result: Any, error: BaseException | None) -> None:
        call.job = None
        if error is not None:
            self._failed(call, error)
        elif self._is_late(call):
            close = getattr(result, "close", None)
            if close is not None:
                close()
        elif isinstance(result, Whole):
            self._send(call, result)
        elif result is not None:
            self._start_task(call, self._go_on(call, result))
            return
        self._end(call)

    async def _go_on(self, call: Call, value: Any) -> None:
        """A synchronous handler returned something asynchronous."""
        try:
            answer = value if isinstance(value, Stream) else encode(await value, self.identity.function)
            await self._answer(call, answer)
        except BaseException as error:
            self._failed(call, error)
        finally:
            self._end(call)

    def _pump(self, call: Call, stream: Stream) -> None:
        """Sends the pieces of a synchronous source from a worker thread."""
        ahead = Ahead(call)
        begun = False
        source = stream.source
        try:
            for piece in source:
                data = stream.encode(piece)
                if not begun:
                    begun = True
                    first, data = data[:PIECE], data[PIECE:]
                    self.post(partial(ahead.begin, self._begin, stream, piece, first))
                    ahead.wait(len(first))
                while data:
                    part, data = data[:PIECE], data[PIECE:]
                    self.post(partial(ahead.write, part))
                    ahead.wait(len(part))
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()
        self.post(partial(self._end_stream, call, stream))

    # -- the way out, on the loop's thread

    def _is_late(self, call: Call) -> bool:
        """Whether the deadline passed while the handler held up the loop, which could not tell it so."""
        if call.cancelled is None and not call.answered and call.deadline_at <= monotonic():
            self.expired(call)
        return call.cancelled is not None

    def _send(self, call: Call, answer: Whole) -> None:
        if not call.answered:
            call.answered = True
            call.connection.respond(call, answer.status, self._stamped(call, answer.fields), answer.body)

    def _begin(self, call: Call, stream: Stream, piece: Any, data: bytes) -> None:
        if not call.answered:
            call.answered = True
            call.connection.begin_stream(call, stream.status, self._stamped(call, stream.head_fields(piece)), data)

    def _end_stream(self, call: Call, stream: Stream) -> None:
        if call.answered:
            if call.cancelled is None:
                call.connection.end_stream(call)
        else:
            self._send(call, Whole(stream.status, stream.head_fields(b""), b""))

    def _stamped(self, call: Call, fields: str) -> str:
        took = (monotonic() - call.started_at) * 1000
        cold, self.cold_start = self.cold_start, ""
        return (
            f"{fields}{cold}x-function-duration-ms: {took:.1f}\r\nx-function-instance: {self.identity.instance}\r\n"
        )

    def send_error(self, call: Call, status: int, error: str, msg: str, hint: bool = False) -> None:
        identity = self.identity
        body = error_body(status, error, msg, call.request_id, identity.function, identity.revision, hint)
        self._send(call, Whole(status, f"content-type: application/json\r\nx-function-error: {error}\r\n", body))

    def expired(self, call: Call) -> None:
        """The deadline: the answer goes out now, the handler is cancelled and may take its time."""
        if call.cancelled is not None:
            return
        # Before the answer: sending lets other threads run, a handler that computes among them.
        call.cancel(TimeoutError)
        if call.socket is not None:
            call.socket.finish(1011, "the deadline of the call has passed")
        elif call.answered:
            call.connection.cut(call)
        else:
            call.connection.give_up_body(call)
            msg = f"the handler did not answer within {call.timeout_ms} ms"
            self.send_error(call, 504, "timeout", msg, hint=True)

    def blocked(self, call: Call | None, frame: FrameType | None) -> None:
        """The watchdog's thread says that user code holds up the event loop."""
        msg = f"the event loop is blocked: use await, or asyncio.to_thread for what takes long\n{stack_of(frame)}"
        self._sink.emit("error", msg, "log", call and call.request_id, None)

    def _failed(self, call: Call, error: BaseException) -> None:
        if isinstance(error, SystemExit):
            self._exit(error)
            return
        # What waits for the platform gives up at the deadline by itself, perhaps a moment before the loop's timer.
        if call.cancelled is not None or (isinstance(error, TimeoutError) and self._is_late(call)):
            return
        if isinstance(error, BodyError) and call.incoming is not None and not call.answered:
            self.send_error(call, 400, "bad_request", f"the body cannot be read: {error}")
            return
        if isinstance(error, Refused):
            self.send_error(call, error.status, error.error, error.msg)
            return
        if isinstance(error, Unserialisable):
            code, msg = "unserialisable", f"the handler returned a value that cannot be sent: {error}"
            self._sink.emit("error", msg, "log", call.request_id, None)
        elif isinstance(error, BadAnswer):
            code, msg = "handler_error", str(error)
            self._sink.emit("error", msg, "log", call.request_id, None)
        else:
            name = type(error).__name__
            code, msg = "handler_error", f"the handler raised {name}"
            self._sink.emit("error", trace_of(error), "log", call.request_id, {"error": name})
        if call.socket is not None:
            call.socket.finish(1011, "the handler failed")
        elif call.answered:
            call.connection.cut(call)
        else:
            self.send_error(call, 500, code, msg, hint=True)

    def _end(self, call: Call) -> None:
        call.ended = True
        call.task = None
        call.context = None
        if call.partials:
            self._capture.end(call)
        self.release(call)


async def _nothing() -> bytes:
    return b""


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, (StopIteration, StopAsyncIteration)):
        future.set_exception(RuntimeError(f"{type(error).__name__} left the handler"))
    else:
        future.set_exception(error)
