"""What a handler receives."""

from __future__ import annotations

from asyncio import _get_running_loop
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Union

from .event import BatchItem, Event, now
from .headers import Headers
from .kv import KV, AsyncKV
from .logger import Logger
from .model import AsyncModel, get_model, get_model_async
from .publish import publish, publish_async
from .storage import AsyncStorage, Storage

if TYPE_CHECKING:
    from ._gateway import Host
    from .models import Model
    from .websocket import WebSocket

Query = dict[str, Union[str, list[str]]]

# Tells "no payload" from the payload null.
_NO_DATA: Any = object()


class TriggerInfo:
    """What caused the call.

    ``type`` is one of ``http``, ``mq``, ``stream``, ``cron``, ``inference``; ``source`` the path, subject, topic
    or schedule; ``timestamp`` RFC 3339; ``id`` the trigger's id or empty; ``attempt`` counts from 1.
    """

    __slots__ = ("_timestamp", "attempt", "id", "source", "type")

    def __init__(
        self, type: str = "http", source: str = "/", timestamp: str = "", id: str = "", attempt: int = 1
    ) -> None:
        self.type = type
        self.source = source
        self._timestamp: str | float = timestamp or time()
        self.id = id
        self.attempt = attempt

    @property
    def timestamp(self) -> str:
        """RFC 3339; where the trigger brought none, when the call came."""
        if not isinstance(self._timestamp, str):
            self._timestamp = now(self._timestamp)
        return self._timestamp

    @timestamp.setter
    def timestamp(self, value: str) -> None:
        self._timestamp = value

    def __repr__(self) -> str:
        return (
            f"TriggerInfo(type={self.type!r}, source={self.source!r}, timestamp={self.timestamp!r}, "
            f"id={self.id!r}, attempt={self.attempt!r})"
        )


class Context:
    """One call of a function.

    The server makes it; in a unit test make it yourself: ``Context({"text": "hello"})``, or call the handler through
    :mod:`hanzo.functions.testing`, which serves ``kv``, ``storage`` and ``publish`` from memory.

    **Sync and async.** ``kv``, ``storage``, ``publish``, ``model`` and what they give go by where they are used. In a
    thread without a running event loop (a handler that is not ``async``, or ``asyncio.to_thread``) a call blocks and
    returns its value. Where an event loop runs (an ``async`` handler) the same call returns an awaitable. Annotate an
    ``async`` handler's parameter as :class:`AsyncContext`, and the editor knows it too.

    >>> def handle(ctx: Context):
    ...     return ctx.kv.get("greeting")
    >>> async def handle(ctx: AsyncContext):
    ...     return await ctx.kv.get("greeting")
    """

    __slots__ = (
        "_accept",
        "_cancelled",
        "_deadline_at",
        "_host",
        "_wakers",
        "batch",
        "body",
        "data",
        "event",
        "function",
        "headers",
        "log",
        "method",
        "org",
        "path",
        "query",
        "request_id",
        "revision",
        "trigger",
    )

    data: Any
    """The payload: the parsed JSON body; for an empty body the query as a map; any other body as
    ``{"body": text}`` or ``{"body": base64, "encoding": "base64"}``; of a CloudEvent its data; of a batch the list of
    the items' data; None for a handler that takes the body as a stream."""
    headers: Headers
    """The header fields of the request, by case-insensitive name."""
    trigger: TriggerInfo
    """What caused the call."""
    log: Logger
    """Writes to the log, with the request id of this call."""
    body: bytes
    """The body as the client sent it; empty for a handler that takes it as a stream."""
    event: Event | None
    """The attributes of the CloudEvent that the call is, else None."""
    batch: list[BatchItem] | None
    """The items, where the call is a batch, else None."""
    method: str
    """The method of the request, in capitals."""
    path: str
    """The path as the client sent it, percent-encoding included, without the query."""
    query: Query
    """Decoded query parameters; a repeated name gives a list."""
    request_id: str
    """Correlates the call's lines in the log, here and in whatever it calls."""
    function: str
    """The function's name."""
    revision: str
    """The revision of the function that runs."""
    org: str
    """The organisation that the function belongs to."""

    def __init__(
        self,
        data: Any = _NO_DATA,
        *,
        headers: Mapping[str, str] | None = None,
        trigger: TriggerInfo | None = None,
        log: Logger | None = None,
        body: bytes = b"",
        event: Event | None = None,
        batch: list[BatchItem] | None = None,
        method: str = "POST",
        path: str = "/",
        query: Query | None = None,
        request_id: str = "",
        function: str = "",
        revision: str = "",
        org: str = "",
        timeout: float = 60.0,
    ) -> None:
        self.data = {} if data is _NO_DATA else data
        self.headers = headers if isinstance(headers, Headers) else Headers(headers)
        self.trigger = trigger or TriggerInfo(source=path)
        self.log = log or Logger()
        self.body = body
        self.event = event
        self.batch = batch
        self.method = method
        self.path = path
        self.query = {} if query is None else query
        self.request_id = request_id
        self.function = function
        self.revision = revision
        self.org = org
        self._deadline_at = monotonic() + timeout
        self._cancelled = False
        self._host: Host | None = None
        # Called when the call is cancelled, to wake threads that wait for the platform.
        self._wakers: set[Callable[[], None]] | None = None
        self._accept: Callable[[Context, str | None], Awaitable[WebSocket]] | None = None

    @property
    def deadline(self) -> float:
        """Seconds left until the call is cancelled; never below 0."""
        return max(0.0, self._deadline_at - monotonic())

    @property
    def cancelled(self) -> bool:
        """True when nobody waits for the answer any more: the deadline passed or the client went away."""
        return self._cancelled or self._deadline_at <= monotonic()

    @property
    def kv(self) -> KV:
        """The function's own keys in the platform's key-value store. In an async handler :class:`AsyncKV`."""
        return KV(self) if _get_running_loop() is None else AsyncKV(self)  # type: ignore[return-value]

    @property
    def storage(self) -> Storage:
        """Objects of the function and its organisation. In an async handler :class:`AsyncStorage`."""
        return Storage(self) if _get_running_loop() is None else AsyncStorage(self)  # type: ignore[return-value]

    def publish(self, subject: str, data: Any, id: str | None = None) -> str:
        """Publishes ``data``, which JSON can hold, and returns the message's id once the broker has it.

        A subject that begins with ``mq.`` is a queue's, a snake_case name without dots a stream's topic. Two messages
        with the same ``id`` (1 to 128 printable characters) are one to the broker. At most 1 MiB with its envelope.
        Raises :class:`GatewayError`. In an async handler: ``await ctx.publish(...)``.
        """
        send = publish if _get_running_loop() is None else publish_async
        return send(self, subject, data, id)  # type: ignore[return-value]

    def model(self, name: str) -> Model:
        """The model of that name, loaded once for the whole process.

        ``path`` is its directory; ``encode``, ``predict`` and ``transcribe`` are there where its architecture has them.
        Raises :class:`GatewayError` with every place that was looked at where there is none. In an async handler:
        ``model = await ctx.model(...)``, an :class:`AsyncModel`.
        """
        get = get_model if _get_running_loop() is None else get_model_async
        return get(self, name)  # type: ignore[return-value]

    async def accept(self, subprotocol: str | None = None) -> WebSocket:
        """Answers 101 and gives the socket; in an ``async`` handler, for a call that asks for a WebSocket.

        ``subprotocol`` is one of those the client offers in ``sec-websocket-protocol``. Raises RuntimeError where the
        call is no upgrade or was answered already.
        """
        if self._accept is None:
            raise RuntimeError("ctx.accept(): this call does not ask for a WebSocket")
        return await self._accept(self, subprotocol)

    def _cancel(self) -> None:
        """Nobody waits any more: wakes what waits for the platform."""
        self._cancelled = True
        if self._wakers is not None:
            for wake in list(self._wakers):
                wake()


class AsyncContext(Context):
    """:class:`Context` as an ``async`` handler gets it: what speaks to the platform is awaited.

    It behaves by where it is used, as every Context does; as an annotation it tells the editor.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def kv(self) -> AsyncKV:  # type: ignore[override]
            """The function's own keys in the platform's key-value store."""
            ...

        @property
        def storage(self) -> AsyncStorage:  # type: ignore[override]
            """Objects of the function and its organisation."""
            ...

        async def publish(self, subject: str, data: Any, id: str | None = None) -> str:  # type: ignore[override]
            """As :meth:`Context.publish`."""
            ...

        async def model(self, name: str) -> AsyncModel:  # type: ignore[override]
            """As :meth:`Context.model`."""
            ...
