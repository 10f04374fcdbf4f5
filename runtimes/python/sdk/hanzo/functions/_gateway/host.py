"""What the server gives every context: where the platform is."""

from __future__ import annotations

from json import loads
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import error_of, unavailable
from .aio import AsyncClient, AsyncReply
from .blocking import BlockingClient, Reply

if TYPE_CHECKING:
    from ..context import Context
    from .message import Request

_LONGEST_ERROR = 64 * 1024


class Address:
    """Where the gateway listens: a Unix socket (``path``), or a host and a port."""

    __slots__ = ("host", "path", "port")

    def __init__(self, url: str) -> None:
        """``unix:/path`` or ``http://host:port``. Raises ValueError for anything else."""
        self.path = ""
        self.host = "gateway"
        self.port = 0
        if url.startswith("unix:"):
            self.path = url[len("unix:") :]
            if not self.path.startswith("/"):
                raise ValueError(f"the gateway {url!r} is no absolute path")
            return
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"the gateway {url!r} is neither unix:/path nor http://host:port")
        self.host = parts.hostname
        self.port = parts.port or 80

    @property
    def name(self) -> str:
        """For the host header."""
        if self.path:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Gateway:
    """The platform's gateway with one client for threads and one for event loops."""

    def __init__(self, url: str, token: str) -> None:
        address = Address(url)
        self._blocking = BlockingClient(address, token)
        self._aio = AsyncClient(address, token)

    def send(self, context: Context, request: Request) -> Reply:
        """The answer, whatever its status. Raises GatewayError where there is none."""
        return self._blocking.request(context, request)

    async def send_async(self, context: Context, request: Request) -> AsyncReply:
        """As :meth:`send`, on the event loop that runs here."""
        return await self._aio.request(context, request)


class Host:
    """The platform as a context sees it."""

    __slots__ = ("flights", "gateway", "models")

    def __init__(self, gateway: Any = None, models: str = "") -> None:
        """``gateway`` is a :class:`Gateway` or acts as one; ``models`` the directory of models, or empty."""
        self.gateway = gateway
        self.models = models
        # Models that are loaded or on their way, by name; see hanzo/functions/model.py.
        self.flights: dict[str, Any] = {}


def _gateway_of(context: Context) -> Any:
    gateway = context._host.gateway if context._host is not None else None
    if gateway is None:
        raise unavailable(
            "the platform's gateway is not configured",
            "run the function with hanzo-fn, or call the handler through hanzo.functions.testing",
        )
    if context.cancelled:
        if context.deadline == 0:
            raise TimeoutError("the deadline of the call has passed")
        raise ConnectionError("the client of the call went away")
    return gateway


def send(context: Context, request: Request) -> Reply:
    """The answer of the gateway. Raises GatewayError for a status from 400."""
    reply: Reply = _gateway_of(context).send(context, request)
    if reply.status >= 400:
        with reply:
            raise error_of(reply.status, reply.read(_LONGEST_ERROR) if request.method != "HEAD" else b"")
    return reply


async def send_async(context: Context, request: Request) -> AsyncReply:
    """As :func:`send`."""
    reply: AsyncReply = await _gateway_of(context).send_async(context, request)
    if reply.status >= 400:
        try:
            raise error_of(reply.status, await reply.read(_LONGEST_ERROR) if request.method != "HEAD" else b"")
        finally:
            await reply.close()
    return reply


def send_for(context: Context, request: Request, name: str) -> Any:
    """One member of the answer, which is a JSON object."""
    return _member(send_whole(context, request), name)


async def send_for_async(context: Context, request: Request, name: str) -> Any:
    """As :func:`send_for`."""
    return _member(await send_whole_async(context, request), name)


def _member(body: bytes, name: str) -> Any:
    try:
        return loads(body)[name]
    except (ValueError, KeyError, TypeError):
        raise unavailable(f"the gateway's answer has no {name}") from None


def send_whole(context: Context, request: Request) -> bytes:
    """The body of the answer."""
    with send(context, request) as reply:
        return reply.read()


async def send_whole_async(context: Context, request: Request) -> bytes:
    """As :func:`send_whole`."""
    reply = await send_async(context, request)
    try:
        return await reply.read()
    finally:
        await reply.close()
