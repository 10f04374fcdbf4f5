"""``ctx.model``: where a model lies, and loading it once; gateway/protocol.md, POST /v1/models."""

from __future__ import annotations

import _thread
import asyncio
import os
import re
from collections.abc import Callable, Sequence
from json import loads
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ._gateway.host import send, send_whole
from ._gateway.message import PIECE, Request, json_request
from .errors import GatewayError, unavailable

if TYPE_CHECKING:
    from ._gateway import Host
    from .context import Context
    from .models import Model, Prediction

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)?")
# Loading goes on when the call that began it ends: the next one finds the model there.
_LOAD_LIMIT_S = 900.0


class AsyncModel:
    """A model where an event loop runs: its methods work on another thread and are awaited."""

    __slots__ = ("_model", "name", "path")

    def __init__(self, model: Model) -> None:
        self._model = model
        self.name = model.name
        self.path = model.path

    def __repr__(self) -> str:
        return f"AsyncModel(name={self.name!r}, path={self.path!r})"

    async def encode(self, text: str | Sequence[str], batch_size: int = 32) -> Any:
        """As :meth:`hanzo.functions.models.Model.encode`."""
        return await asyncio.to_thread(self._model.encode, text, batch_size)

    async def predict(self, text: str | Sequence[str], batch_size: int = 32) -> Prediction | list[Prediction]:
        """As :meth:`hanzo.functions.models.Model.predict`."""
        return await asyncio.to_thread(self._model.predict, text, batch_size)

    async def transcribe(self, audio: Any, language: str | None = None) -> str:
        """As :meth:`hanzo.functions.models.Model.transcribe`."""
        return await asyncio.to_thread(self._model.transcribe, audio, language)


class _Flight:
    """One model on its way into memory. No lock: callers may be interrupted at any bytecode."""

    __slots__ = ("done", "error", "model", "waiting")

    def __init__(self) -> None:
        self.done = False
        self.model: Model | None = None
        self.error: BaseException | None = None
        self.waiting: list[Callable[[], None]] = []

    def land(self) -> None:
        self.done = True
        for wake in list(self.waiting):
            wake()

    def result(self) -> Model:
        if self.error is not None:
            raise self.error.with_traceback(None)
        assert self.model is not None
        return self.model


def get_model(context: Context, name: str) -> Model:
    """Blocks until the model is loaded, or the call is cancelled."""
    flight = _flight_of(context, name)
    if not flight.done:
        woken: SimpleQueue[None] = SimpleQueue()

        def wake() -> None:
            woken.put(None)

        if context._wakers is None:
            context._wakers = set()
        context._wakers.add(wake)
        flight.waiting.append(wake)
        try:
            if not flight.done:
                woken.get(timeout=max(0.001, context.deadline))
        except Empty:
            pass
        finally:
            context._wakers.discard(wake)
        if not flight.done:
            raise TimeoutError(f"the call ended while the model {name} was loading; the next one may find it loaded")
    return flight.result()


async def get_model_async(context: Context, name: str) -> AsyncModel:
    """As :func:`get_model`."""
    flight = _flight_of(context, name)
    if not flight.done:
        loop = asyncio.get_running_loop()
        landed = asyncio.Event()

        def wake() -> None:
            try:
                loop.call_soon_threadsafe(landed.set)
            except RuntimeError:
                pass  # The loop that waited is closed.

        flight.waiting.append(wake)
        if not flight.done:
            await landed.wait()
    return AsyncModel(flight.result())


def _flight_of(context: Context, name: str) -> _Flight:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise GatewayError("bad_request", 400, f"{name!r} is no name of a model")
    host = context._host
    if host is None:
        raise unavailable(
            f"the model {name} cannot be looked up: the platform's gateway is not configured",
            "run the function with hanzo-fn, or call the handler through hanzo.functions.testing",
        )
    made = _Flight()
    flight = host.flights.setdefault(name, made)
    if flight is made:
        _thread.start_new_thread(_fly, (host, flight, _own_context(context), name))
    return flight


def _own_context(context: Context) -> Context:
    from .context import Context as Made

    own = Made(request_id=context.request_id, headers=context.headers, timeout=_LOAD_LIMIT_S)
    own._host = context._host
    return own


def _fly(host: Host, flight: _Flight, context: Context, name: str) -> None:
    try:
        from .models import load

        flight.model = load(resolve(context, name), name)
    except BaseException as error:
        flight.error = error
        # The next call tries again.
        host.flights.pop(name, None)
    flight.land()


def resolve(context: Context, name: str) -> str:
    """The directory of a model. Raises GatewayError ``not_found`` with every place that was looked at."""
    host = context._host
    assert host is not None
    local = os.path.join(host.models, *name.split("/")) if host.models else ""
    if local and os.path.isdir(local):
        return local
    if host.gateway is None:
        looked = f"it is not in {local}" if local else "there is no directory of models"
        raise unavailable(
            f"there is no model {name}: {looked}, and the platform's gateway, which could fetch it, is not configured",
            "run the function with hanzo-fn, or call the handler through hanzo.functions.testing",
        )
    try:
        found = loads(send_whole(context, json_request("/v1/models", {"name": name})))
    except GatewayError as error:
        if error.status != 404 or not local:
            raise
        raise GatewayError(error.code, 404, f"{error.message}; nor is it in {local}", error.next) from None
    if os.path.isdir(found["path"]) or not found["files"]:
        return found["path"]
    return _download(context, name, found)


def _download(context: Context, name: str, found: dict[str, Any]) -> str:
    """Fetches the files of a model that lies on another machine's disk."""
    import tempfile

    digest = re.sub(r"[^A-Za-z0-9]", "-", str(found["digest"]))
    path = os.path.join(tempfile.gettempdir(), "hanzo-models", digest)
    if os.path.isdir(path):
        return path
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fresh = tempfile.mkdtemp(dir=os.path.dirname(path))
    for file in found["files"]:
        _download_file(context, name, file, fresh)
    try:
        os.rename(fresh, path)
    except OSError:
        # Another process was first.
        if not os.path.isdir(path):
            raise
    return path


def _download_file(context: Context, name: str, file: dict[str, Any], folder: str) -> None:
    import hashlib

    parts = file["name"].split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise GatewayError("bad_request", 502, f"the gateway names a file {file['name']!r} of the model {name}")
    target = os.path.join(folder, *parts)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    sum = hashlib.sha256()
    source = f"/v1/models/{quote(name, safe='')}/files/{quote(file['name'], safe='')}"
    with send(context, Request("GET", source)) as reply, open(target, "wb") as out:
        while piece := reply.read(16 * PIECE):
            sum.update(piece)
            out.write(piece)
    if sum.hexdigest() != file["sha256"].removeprefix("sha256:"):
        raise GatewayError("unavailable", 502, f"the file {file['name']} of the model {name} came damaged")
