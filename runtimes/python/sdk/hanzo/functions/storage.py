"""``ctx.storage``: objects of the function and its organisation; gateway/protocol.md, Storage."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from json import loads
from typing import TYPE_CHECKING, Any, NamedTuple, Union

from ._gateway.host import send, send_async, send_for, send_for_async, send_whole, send_whole_async
from ._gateway.message import PIECE, Request, json_request, target_of
from .errors import GatewayError, unavailable

if TYPE_CHECKING:
    from ._gateway.aio import AsyncReply
    from ._gateway.blocking import Reply
    from .context import Context

_OBJECT = "/v1/storage/object"
_LIST = "/v1/storage/list"

Data = Union[bytes, str, Iterable[bytes], AsyncIterable[bytes], Any]
"""What an object is made of: bytes, text (its UTF-8), a binary file, or an iterable of pieces."""


class StoredObject(NamedTuple):
    """What an object is: ``size`` in bytes; ``modified`` is RFC 3339 in a list, elsewhere HTTP's date, or empty."""

    key: str
    size: int
    etag: str
    modified: str = ""
    content_type: str = ""


class StorageStream:
    """An object while it is read: a binary file to read from, an iterable of pieces, a context manager."""

    __slots__ = ("_reply", "info")

    def __init__(self, reply: Reply, info: StoredObject) -> None:
        self._reply = reply
        self.info = info

    def read(self, size: int | None = -1) -> bytes:
        """Up to ``size`` bytes, fewer only at the end; without a size all that is left."""
        return self._reply.read(size)

    def readable(self) -> bool:
        """True, as for a file that can be read."""
        return True

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._reply)

    def close(self) -> None:
        """Ends the stream; what was not read is not fetched."""
        self._reply.close()

    def __enter__(self) -> StorageStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncStorageStream:
    """:class:`StorageStream` where an event loop runs: ``await stream.read(n)``, ``async for piece in stream``."""

    __slots__ = ("_reply", "info")

    def __init__(self, reply: AsyncReply, info: StoredObject) -> None:
        self._reply = reply
        self.info = info

    async def read(self, size: int | None = -1) -> bytes:
        """Up to ``size`` bytes, fewer only at the end; without a size all that is left."""
        return await self._reply.read(size)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._reply.__aiter__()

    async def close(self) -> None:
        """Ends the stream; what was not read is not fetched."""
        await self._reply.close()

    async def __aenter__(self) -> AsyncStorageStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _get(ref: str, start: int | None = None, end: int | None = None) -> Request:
    span = None
    if start is not None or end is not None:
        first = start or 0
        if first < 0 or (end is not None and end <= first):
            raise ValueError("a range begins at 0 or later and ends beyond its start")
        span = f"bytes={first}-{'' if end is None else end - 1}"
    return Request("GET", target_of(_OBJECT, ref=ref), range=span)


def _put(ref: str, data: Any, content_type: str | None, pieces: Any) -> Request:
    if isinstance(data, (bytes, bytearray, memoryview)):
        body: Any = bytes(data)
    elif isinstance(data, str):
        body = data.encode()
        content_type = content_type or "text/plain; charset=utf-8"
    else:
        body = pieces(data)
    return Request("PUT", target_of(_OBJECT, ref=ref), body, content_type)


def _pieces(data: Any) -> Iterator[bytes]:
    if hasattr(data, "read"):
        return iter(lambda: data.read(PIECE), b"")
    if isinstance(data, Iterable):
        return iter(data)
    raise TypeError(f"an object is made of bytes, text, a binary file or an iterable, not {type(data).__name__}")


async def _async_pieces(data: Any) -> AsyncIterator[bytes]:
    if isinstance(data, AsyncIterable):
        async for piece in data:
            yield piece
    elif hasattr(data, "read"):
        while True:
            if inspect.iscoroutinefunction(data.read):
                found = await data.read(PIECE)
            else:
                found = await asyncio.to_thread(data.read, PIECE)
            if not found:
                return
            yield found
    else:
        for piece in _pieces(data):
            yield piece


def _info(ref: str, headers: dict[str, str]) -> StoredObject:
    span, length = headers.get("content-range", ""), headers.get("content-length", "0")
    total = span.rpartition("/")[2]
    size = int(total) if total.isdigit() else int(length) if length.isdigit() else 0
    return StoredObject(
        ref, size, headers.get("etag", ""), headers.get("last-modified", ""), headers.get("content-type", "")
    )


def _put_answer(body: bytes) -> StoredObject:
    try:
        value = loads(body)
        return StoredObject(value["key"], value["size"], value["etag"])
    except (ValueError, KeyError, TypeError):
        raise unavailable("the gateway does not say what it stored") from None


def _page(body: bytes) -> tuple[list[StoredObject], str | None]:
    try:
        value = loads(body)
        objects = [
            StoredObject(item["key"], item["size"], item.get("etag", ""), item.get("modified", ""))
            for item in value["objects"]
        ]
        return objects, value["cursor"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise unavailable("the gateway's list cannot be read") from None


def _presign(ref: str, method: str, expires: float) -> Request:
    return json_request("/v1/storage/presign", {"ref": ref, "method": method, "expires_s": int(expires)})


class Storage:
    """Objects. A ``ref`` is a key relative to the function's own folder (``out/a.txt``), ``s3://bucket/key``, or a URL
    of the storage endpoint. Every method raises :class:`GatewayError`."""

    __slots__ = ("_context",)

    def __init__(self, context: Context) -> None:
        self._context = context

    def get(self, ref: str) -> bytes:
        """The whole object. Raises GatewayError ``not_found`` where there is none."""
        return send_whole(self._context, _get(ref))

    def open(self, ref: str, start: int | None = None, end: int | None = None) -> StorageStream:
        """The object as a stream, or its bytes from ``start`` up to and without ``end``.

        Close it, or read it to its end.
        """
        reply = send(self._context, _get(ref, start, end))
        return StorageStream(reply, _info(ref, reply.headers))

    def put(self, ref: str, data: Data, content_type: str | None = None) -> StoredObject:
        """Stores an object, whole or not at all. ``data`` is bytes, text, a binary file or an iterable of pieces, which
        is sent as it comes, whatever its length."""
        return _put_answer(send_whole(self._context, _put(ref, data, content_type, _pieces)))

    def head(self, ref: str) -> StoredObject | None:
        """What the object is, or None where there is none."""
        try:
            with send(self._context, Request("HEAD", target_of(_OBJECT, ref=ref))) as reply:
                return _info(ref, reply.headers)
        except GatewayError as error:
            if error.status == 404:
                return None
            raise

    def delete(self, ref: str) -> None:
        """Deletes the object; nothing happens where there is none."""
        send_whole(self._context, Request("DELETE", target_of(_OBJECT, ref=ref)))

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """The objects whose key begins with the prefix, page by page; keys are relative where the prefix was."""
        cursor: str | None = None
        while True:
            objects, cursor = _page(
                send_whole(self._context, Request("GET", target_of(_LIST, prefix=prefix, cursor=cursor)))
            )
            yield from objects
            if cursor is None:
                return

    def presign(self, ref: str, method: str = "GET", expires: float = 3600) -> str:
        """A URL with which anyone may get the object (at most 24 h) or put it (at most 1 h) for ``expires`` seconds."""
        return send_for(self._context, _presign(ref, method, expires), "url")


class AsyncStorage:
    """:class:`Storage` where an event loop runs: every method is awaited, ``list`` is an async iterator."""

    __slots__ = ("_context",)

    def __init__(self, context: Context) -> None:
        self._context = context

    async def get(self, ref: str) -> bytes:
        """As :meth:`Storage.get`."""
        return await send_whole_async(self._context, _get(ref))

    async def open(self, ref: str, start: int | None = None, end: int | None = None) -> AsyncStorageStream:
        """As :meth:`Storage.open`."""
        reply = await send_async(self._context, _get(ref, start, end))
        return AsyncStorageStream(reply, _info(ref, reply.headers))

    async def put(self, ref: str, data: Data, content_type: str | None = None) -> StoredObject:
        """As :meth:`Storage.put`; async iterables and streams too."""
        return _put_answer(await send_whole_async(self._context, _put(ref, data, content_type, _async_pieces)))

    async def head(self, ref: str) -> StoredObject | None:
        """As :meth:`Storage.head`."""
        try:
            async with await send_async(self._context, Request("HEAD", target_of(_OBJECT, ref=ref))) as reply:
                return _info(ref, reply.headers)
        except GatewayError as error:
            if error.status == 404:
                return None
            raise

    async def delete(self, ref: str) -> None:
        """As :meth:`Storage.delete`."""
        await send_whole_async(self._context, Request("DELETE", target_of(_OBJECT, ref=ref)))

    async def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """As :meth:`Storage.list`."""
        cursor: str | None = None
        while True:
            objects, cursor = _page(
                await send_whole_async(self._context, Request("GET", target_of(_LIST, prefix=prefix, cursor=cursor)))
            )
            for item in objects:
                yield item
            if cursor is None:
                return

    async def presign(self, ref: str, method: str = "GET", expires: float = 3600) -> str:
        """As :meth:`Storage.presign`."""
        return await send_for_async(self._context, _presign(ref, method, expires), "url")
