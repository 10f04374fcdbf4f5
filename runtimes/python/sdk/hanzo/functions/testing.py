"""A test kit: calls a handler in process, as the platform would, with services from memory.

>>> from hanzo.functions.testing import Services, invoke
>>> services = Services(kv={"greeting": "Hello"})
>>> result = invoke(handler, {"name": "Ada"}, services=services)
>>> assert result.status == 200 and result.json() == {"message": "Hello, Ada!"}
>>> assert services.published == []

:func:`invoke` goes through the rules of the platform: the payload becomes JSON and is parsed again, what the handler
returns becomes an answer with status, headers and body. ``ctx.kv``, ``ctx.storage`` and ``ctx.publish`` work on
:class:`Services`, ``ctx.model`` gives the models that were put in. A handler's exception is raised in the test. In an
async test: ``await ainvoke(...)``.
"""

from __future__ import annotations

import asyncio
import json
import threading
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, NamedTuple, Union
from urllib.parse import urlencode

from ._answers import Stream, Whole, encode
from ._gateway import Host
from ._handler import Handler
from ._http1 import Refused
from ._memory import MemoryGateway, MemorySocket
from ._payload import fill, make_trigger, parse_query
from .body import AsyncBody, Body
from .context import AsyncContext, Context
from .event import PLATFORM_BATCH, STRUCTURED
from .headers import Headers
from .kv import stored
from .logger import Logger
from .model import _Flight

if TYPE_CHECKING:
    from .websocket import Message

Pieces = Union[bytes, str, Iterable[bytes]]

_NOTHING: Any = object()


class Published(NamedTuple):
    """One message of ``ctx.publish``."""

    subject: str
    data: Any
    id: str


class LogLine(NamedTuple):
    """One line of ``ctx.log``."""

    level: str
    msg: str
    fields: dict[str, Any]


class Services:
    """What the platform does for a function, in memory. One of them may serve several calls."""

    def __init__(
        self,
        kv: Mapping[str, Any] | None = None,
        storage: Mapping[str, bytes | str] | None = None,
        models: Mapping[str, Any] | None = None,
    ) -> None:
        """``kv`` and ``storage`` are what is there at the start, by key; ``models`` gives each name an object with the
        methods that the handler uses, or a directory."""
        self._memory = MemoryGateway()
        self._host = Host(self._memory)
        for key, value in (kv or {}).items():
            self._memory.kv.run({"op": "set", "key": key, "data": stored(value)})
        for ref, data in (storage or {}).items():
            self._memory.objects[ref] = data.encode() if isinstance(data, str) else bytes(data)
        for name, model in (models or {}).items():
            if isinstance(model, str):
                self._memory.models[name] = model
            else:
                self._host.flights[name] = _landed(model)

    @property
    def kv(self) -> dict[str, Any]:
        """A copy of the keys: text (or bytes where it is none), hashes as dicts, lists as lists."""
        return {key: _shown(value) for key, value in self._memory.kv.values.items()}

    @property
    def storage(self) -> dict[str, bytes]:
        """A copy of the objects, by their refs."""
        return dict(self._memory.objects)

    @property
    def published(self) -> list[Published]:
        """The messages so far, in order."""
        return [Published(*message) for message in self._memory.published]


def _landed(model: Any) -> _Flight:
    flight = _Flight()
    flight.model, flight.done = model, True
    return flight


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shown(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


class Result:
    """What a call answered.

    ``status``, ``headers`` and ``body`` are those of the answer, ``pieces`` the body as it was streamed, ``value`` what
    the handler returned, ``logs`` the lines of ``ctx.log``, ``published`` the messages of this call. Of a WebSocket
    (``status`` 101) ``sent`` holds the messages, ``close_code`` the code it was closed with.
    """

    def __init__(self, value: Any, status: int, headers: Headers, pieces: list[bytes]) -> None:
        self.value = value
        self.status = status
        self.headers = headers
        self.pieces = pieces
        self.logs: list[LogLine] = []
        self.published: list[Published] = []
        self.sent: list[Message] = []
        self.close_code: int | None = None

    def __repr__(self) -> str:
        return f"Result(status={self.status!r}, body={self.body[:200]!r})"

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.pieces)

    @property
    def text(self) -> str:
        """The body as text. Raises UnicodeDecodeError for one that is none."""
        return self.body.decode()

    def json(self) -> Any:
        """The body parsed as JSON. Raises ValueError for one that does not parse."""
        return json.loads(self.body)


def make_context(
    data: Any = _NOTHING,
    *,
    body: Pieces | None = None,
    method: str | None = None,
    path: str = "/",
    query: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    event: Mapping[str, Any] | None = None,
    batch: Iterable[Mapping[str, Any]] | None = None,
    services: Services | None = None,
    timeout: float = 60.0,
    log: Logger | None = None,
    function: str = "function",
    _streamed: bool = False,
    _made: type[Context] = Context,
) -> Context:
    """A Context as the platform makes it from a request. Give one of:

    ``data`` -- a payload, sent as JSON; ``body`` -- bytes or text, with the ``content-type`` in ``headers``; ``event``
    -- a CloudEvent as a map of its attributes and ``data``; ``batch`` -- items as maps of ``id``, ``data`` and what
    else they have.

    Raises ValueError where the platform would answer 400.
    """
    fields = {name.lower(): value for name, value in (headers or {}).items()}
    raw, content_type = _raw(data, body, event, batch)
    if content_type:
        fields.setdefault("content-type", content_type)
    context = _made(
        None,
        headers=Headers(fields),
        trigger=make_trigger(fields, path),
        log=log,
        method=method or ("POST" if raw or body is not None else "GET"),
        path=path,
        query=parse_query(urlencode(query or {}, doseq=True)),
        request_id=fields.get("x-request-id", "req_test"),
        function=function,
        revision=f"{function}-00001",
        org="test",
        timeout=timeout,
    )
    try:
        fill(context, fields, raw, _streamed)
    except Refused as refused:
        raise ValueError(refused.msg) from None
    context._host = (services or Services())._host
    return context


def _raw(data: Any, body: Pieces | None, event: Any, batch: Any) -> tuple[bytes, str]:
    """The bytes of the request and their type."""
    if sum((data is not _NOTHING, body is not None, event is not None, batch is not None)) > 1:
        raise TypeError("give one of data, body, event and batch")
    if event is not None:
        known = {"specversion": "1.0", "id": "event-1", "source": "/test", "type": "test", **event}
        if isinstance(known.get("data"), bytes):
            known["data_base64"] = b64encode(known.pop("data")).decode()
        return json.dumps(known).encode(), STRUCTURED
    if batch is not None:
        return json.dumps({"items": [dict(item) for item in batch]}).encode(), PLATFORM_BATCH
    if data is not _NOTHING:
        return json.dumps(data).encode(), "application/json"
    if isinstance(body, str):
        return body.encode(), "text/plain; charset=utf-8"
    return (body if isinstance(body, bytes) else b"".join(body or ())), ""


def invoke(handler: Callable[..., Any], data: Any = _NOTHING, **request: Any) -> Result:
    """Calls a handler, async or not, and waits for its whole answer. ``request`` goes to :func:`make_context`; and
    ``messages``, where it is given, makes the call a WebSocket whose client sends these and then closes.

    A handler that takes the body as a stream gets the pieces of ``body``.
    """
    call = _Call(handler, data, request)
    if asyncio._get_running_loop() is None:
        return call.run()
    # In an async test: a thread has no event loop yet.
    out: list[Any] = []
    thread = threading.Thread(target=lambda: out.append(call.settle()))
    thread.start()
    thread.join()
    return _opened(out[0])


async def ainvoke(handler: Callable[..., Any], data: Any = _NOTHING, **request: Any) -> Result:
    """:func:`invoke` for async tests: an async handler runs on the test's own event loop."""
    call = _Call(handler, data, request)
    if call.handler.is_async:
        return await call.run_async()
    return _opened(await asyncio.to_thread(call.settle))


def _opened(settled: Result | BaseException) -> Result:
    if isinstance(settled, BaseException):
        raise settled
    return settled


class _Call:
    def __init__(self, handler: Callable[..., Any], data: Any, request: dict[str, Any]) -> None:
        self.handler = Handler(handler)
        self._logs: list[LogLine] = []
        self._services: Services = request.setdefault("services", None) or Services()
        self._before = len(self._services.published)
        messages = request.pop("messages", None)
        request["services"] = self._services
        if "log" not in request:
            request["log"] = Logger(self._log)
        pieces = _pieces_of(data, request) if self.handler.streams else []
        self.context = make_context(
            data,
            _streamed=self.handler.streams,
            _made=AsyncContext if self.handler.is_async else Context,
            **request,
        )
        self._body = _body_of(pieces, self.handler.is_async)
        self._socket = MemorySocket(messages) if messages is not None else None
        if self._socket is not None:
            self.context._accept = self._socket.accept

    def _log(self, level: str, msg: str, fields: dict[str, Any] | None) -> None:
        self._logs.append(LogLine(level, msg, fields or {}))

    def _start(self) -> Any:
        return self.handler.call(*((self.context, self._body) if self.handler.streams else (self.context,)))

    def settle(self) -> Result | BaseException:
        """The result, or what was raised."""
        try:
            return self.run()
        except BaseException as error:
            return error

    def run(self) -> Result:
        """In a thread without an event loop."""
        if self.handler.is_async:
            return asyncio.run(self.run_async())
        value = self._start()
        if isawaitable(value):
            return asyncio.run(self._finish(value))
        answer = encode(value, self.context.function)
        if isinstance(answer, Stream) and answer.is_async:
            return asyncio.run(self._collect(value, answer))
        return self._result(value, answer, list(answer.source) if isinstance(answer, Stream) else [])

    async def run_async(self) -> Result:
        """On the event loop."""
        return await self._finish(self._start())

    async def _finish(self, value: Any) -> Result:
        if isawaitable(value):
            value = await value
        if self._socket is not None and self._socket.accepted:
            return self._result(value, Whole(101, "", b""), [])
        return await self._collect(value, encode(value, self.context.function))

    async def _collect(self, value: Any, answer: Whole | Stream) -> Result:
        pieces: list[Any] = []
        if isinstance(answer, Stream):
            pieces = [piece async for piece in answer.source] if answer.is_async else list(answer.source)
        return self._result(value, answer, pieces)

    def _result(self, value: Any, answer: Whole | Stream, pieces: list[Any]) -> Result:
        if isinstance(answer, Stream):
            fields = answer.head_fields(pieces[0] if pieces else b"")
            result = Result(value, answer.status, _headers(fields), [answer.encode(piece) for piece in pieces])
        else:
            result = Result(value, answer.status, _headers(answer.fields), [answer.body] if answer.body else [])
        result.logs = self._logs
        result.published = self._services.published[self._before :]
        if self._socket is not None:
            result.sent = self._socket.sent
            result.close_code = 1000 if self._socket.code is None else self._socket.code
        return result


def _pieces_of(data: Any, request: dict[str, Any]) -> list[bytes]:
    """The pieces of a streamed body; the request keeps none."""
    body = request.pop("body", None)
    if body is None:
        return [json.dumps(data).encode()] if data is not _NOTHING else []
    request.setdefault("method", "POST")
    if isinstance(body, str):
        return [body.encode()]
    return [body] if isinstance(body, bytes) else [bytes(piece) for piece in body]


def _body_of(pieces: list[bytes], is_async: bool) -> Body | AsyncBody:
    left = [piece for piece in pieces if piece]
    left.reverse()

    def take() -> bytes:
        return left.pop() if left else b""

    async def take_async() -> bytes:
        return take()

    return AsyncBody(take_async) if is_async else Body(take)


def _headers(fields: str) -> Headers:
    found: dict[str, str] = {}
    for line in fields.split("\r\n"):
        name, colon, value = line.partition(": ")
        if colon:
            found[name] = f"{found[name]}, {value}" if name in found else value
    return Headers(found)
