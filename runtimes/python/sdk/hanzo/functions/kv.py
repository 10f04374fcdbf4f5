"""``ctx.kv``: the function's own keys in the platform's key-value store; gateway/protocol.md, POST /v1/kv."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Iterator, Mapping
from json import JSONEncoder, loads
from typing import TYPE_CHECKING, Any, Union

from ._gateway.host import send_for, send_for_async
from ._gateway.message import json_request

if TYPE_CHECKING:
    from .context import Context

Text = Union[str, bytes]
"""A stored value: text where its bytes are UTF-8, else the bytes."""

_dumps = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def stored(value: Any) -> dict[str, str]:
    """A value as it is stored: text as UTF-8, bytes as they are, anything else as its JSON text."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        try:
            return {"text": data.decode("utf-8")}
        except UnicodeDecodeError:
            return {"base64": b64encode(data).decode("ascii")}
    return {"text": value if isinstance(value, str) else _dumps(value)}


def opened(value: dict[str, str] | None) -> Text | None:
    """The other way round."""
    if value is None:
        return None
    return value["text"] if "text" in value else b64decode(value["base64"])


def _as_text(key: str, value: dict[str, str] | None) -> str | None:
    found = opened(value)
    if isinstance(found, bytes):
        raise ValueError(f"the value of {key!r} is not text; use get_bytes")
    return found


def _as_bytes(value: dict[str, str] | None) -> bytes | None:
    found = opened(value)
    return found.encode() if isinstance(found, str) else found


def _as_json(value: dict[str, str] | None) -> Any:
    return None if value is None else loads(_as_bytes(value) or b"")


def _set(key: str, value: Any, ttl: float | None, nx: bool, xx: bool) -> dict[str, Any]:
    command: dict[str, Any] = {"op": "set", "key": key, "data": stored(value)}
    if ttl is not None:
        command["ttl_ms"] = _milliseconds(ttl)
    if nx:
        command["nx"] = True
    if xx:
        command["xx"] = True
    return command


def _milliseconds(ttl: float) -> int:
    return max(1, round(ttl * 1000))


def _seconds(ms: int) -> float:
    return ms / 1000 if ms >= 0 else ms


def _hset(key: str, field: str | Mapping[str, Any], value: Any) -> dict[str, Any]:
    fields = {field: value} if isinstance(field, str) else field
    return {"op": "hset", "key": key, "fields": {name: stored(item) for name, item in fields.items()}}


def _scan(pattern: str | None, cursor: str | None) -> dict[str, Any]:
    command: dict[str, Any] = {"op": "scan"}
    if pattern is not None:
        command["pattern"] = pattern
    if cursor is not None:
        command["cursor"] = cursor
    return command


class KV:
    """The function's own keys. A key is at most 1 KiB of UTF-8, a value at most 1 MiB.

    A value that is text is stored as its UTF-8, bytes as they are, anything else as its JSON text. Times to live are in
    seconds, fractions allowed. Every method raises :class:`GatewayError`.
    """

    __slots__ = ("_context",)

    def __init__(self, context: Context) -> None:
        self._context = context

    def _call(self, command: dict[str, Any]) -> Any:
        return send_for(self._context, json_request("/v1/kv", command), "value")

    def get(self, key: str) -> str | None:
        """The value as text, or None. Raises ValueError for one that is not UTF-8."""
        return _as_text(key, self._call({"op": "get", "key": key}))

    def get_bytes(self, key: str) -> bytes | None:
        """The value as it is stored, or None."""
        return _as_bytes(self._call({"op": "get", "key": key}))

    def get_json(self, key: str) -> Any:
        """The value parsed as JSON, or None. Raises ValueError for one that does not parse."""
        return _as_json(self._call({"op": "get", "key": key}))

    def set(self, key: str, value: Any, ttl: float | None = None, nx: bool = False, xx: bool = False) -> bool:
        """Stores a value, for ``ttl`` seconds where it is given. False where ``nx`` (only if the key is not there) or
        ``xx`` (only if it is) forbade it."""
        return self._call(_set(key, value, ttl, nx, xx))

    def delete(self, *keys: str) -> int:
        """How many of the keys were there."""
        return self._call({"op": "delete", "keys": list(keys)})

    def exists(self, *keys: str) -> int:
        """How many of the keys are there."""
        return self._call({"op": "exists", "keys": list(keys)})

    def incr(self, key: str, by: int = 1) -> int:
        """Adds to the integer at the key, 0 where there is none, and returns the sum."""
        return self._call({"op": "incr", "key": key, "by": by})

    def expire(self, key: str, ttl: float) -> bool:
        """Lets the key live so many seconds more. False where it is not there."""
        return self._call({"op": "expire", "key": key, "ttl_ms": _milliseconds(ttl)})

    def ttl(self, key: str) -> float:
        """Seconds the key has left; -1 without an end, -2 where there is no such key."""
        return _seconds(self._call({"op": "ttl", "key": key}))

    def hget(self, key: str, field: str) -> Text | None:
        """One field of a hash."""
        return opened(self._call({"op": "hget", "key": key, "field": field}))

    def hset(self, key: str, field: str | Mapping[str, Any], value: Any = None) -> int:
        """Sets a field, or each of a map: ``hset(key, "name", "Ada")``, ``hset(key, {"name": "Ada"})``.

        Returns how many are new.
        """
        return self._call(_hset(key, field, value))

    def hgetall(self, key: str) -> dict[str, Text]:
        """Every field of a hash; empty where there is none."""
        fields = self._call({"op": "hgetall", "key": key}) or {}
        return {name: opened(value) for name, value in fields.items()}  # type: ignore[misc]

    def hdel(self, key: str, *fields: str) -> int:
        """How many of the fields were there."""
        return self._call({"op": "hdel", "key": key, "fields": list(fields)})

    def lpush(self, key: str, *values: Any) -> int:
        """Puts values before a list, one after the other. The new length."""
        return self._call({"op": "lpush", "key": key, "values": [stored(value) for value in values]})

    def rpush(self, key: str, *values: Any) -> int:
        """Puts values behind a list. The new length."""
        return self._call({"op": "rpush", "key": key, "values": [stored(value) for value in values]})

    def lpop(self, key: str) -> Text | None:
        """Takes the first value of a list, or None."""
        return opened(self._call({"op": "lpop", "key": key}))

    def rpop(self, key: str) -> Text | None:
        """Takes the last value of a list, or None."""
        return opened(self._call({"op": "rpop", "key": key}))

    def llen(self, key: str) -> int:
        """The length of a list; 0 where there is none."""
        return self._call({"op": "llen", "key": key})

    def scan(self, pattern: str | None = None) -> Iterator[str]:
        """The keys that match a glob pattern, page by page. A key that is there all the time comes at least once."""
        cursor: str | None = None
        while True:
            page = self._call(_scan(pattern, cursor))
            yield from page["keys"]
            cursor = page["cursor"]
            if cursor is None:
                return


class AsyncKV:
    """:class:`KV` where an event loop runs: every method is awaited, ``scan`` is an async iterator."""

    __slots__ = ("_context",)

    def __init__(self, context: Context) -> None:
        self._context = context

    async def _call(self, command: dict[str, Any]) -> Any:
        return await send_for_async(self._context, json_request("/v1/kv", command), "value")

    async def get(self, key: str) -> str | None:
        """As :meth:`KV.get`."""
        return _as_text(key, await self._call({"op": "get", "key": key}))

    async def get_bytes(self, key: str) -> bytes | None:
        """As :meth:`KV.get_bytes`."""
        return _as_bytes(await self._call({"op": "get", "key": key}))

    async def get_json(self, key: str) -> Any:
        """As :meth:`KV.get_json`."""
        return _as_json(await self._call({"op": "get", "key": key}))

    async def set(self, key: str, value: Any, ttl: float | None = None, nx: bool = False, xx: bool = False) -> bool:
        """As :meth:`KV.set`."""
        return await self._call(_set(key, value, ttl, nx, xx))

    async def delete(self, *keys: str) -> int:
        """As :meth:`KV.delete`."""
        return await self._call({"op": "delete", "keys": list(keys)})

    async def exists(self, *keys: str) -> int:
        """As :meth:`KV.exists`."""
        return await self._call({"op": "exists", "keys": list(keys)})

    async def incr(self, key: str, by: int = 1) -> int:
        """As :meth:`KV.incr`."""
        return await self._call({"op": "incr", "key": key, "by": by})

    async def expire(self, key: str, ttl: float) -> bool:
        """As :meth:`KV.expire`."""
        return await self._call({"op": "expire", "key": key, "ttl_ms": _milliseconds(ttl)})

    async def ttl(self, key: str) -> float:
        """As :meth:`KV.ttl`."""
        return _seconds(await self._call({"op": "ttl", "key": key}))

    async def hget(self, key: str, field: str) -> Text | None:
        """As :meth:`KV.hget`."""
        return opened(await self._call({"op": "hget", "key": key, "field": field}))

    async def hset(self, key: str, field: str | Mapping[str, Any], value: Any = None) -> int:
        """As :meth:`KV.hset`."""
        return await self._call(_hset(key, field, value))

    async def hgetall(self, key: str) -> dict[str, Text]:
        """As :meth:`KV.hgetall`."""
        fields = await self._call({"op": "hgetall", "key": key}) or {}
        return {name: opened(value) for name, value in fields.items()}  # type: ignore[misc]

    async def hdel(self, key: str, *fields: str) -> int:
        """As :meth:`KV.hdel`."""
        return await self._call({"op": "hdel", "key": key, "fields": list(fields)})

    async def lpush(self, key: str, *values: Any) -> int:
        """As :meth:`KV.lpush`."""
        return await self._call({"op": "lpush", "key": key, "values": [stored(value) for value in values]})

    async def rpush(self, key: str, *values: Any) -> int:
        """As :meth:`KV.rpush`."""
        return await self._call({"op": "rpush", "key": key, "values": [stored(value) for value in values]})

    async def lpop(self, key: str) -> Text | None:
        """As :meth:`KV.lpop`."""
        return opened(await self._call({"op": "lpop", "key": key}))

    async def rpop(self, key: str) -> Text | None:
        """As :meth:`KV.rpop`."""
        return opened(await self._call({"op": "rpop", "key": key}))

    async def llen(self, key: str) -> int:
        """As :meth:`KV.llen`."""
        return await self._call({"op": "llen", "key": key})

    async def scan(self, pattern: str | None = None) -> AsyncIterator[str]:
        """As :meth:`KV.scan`."""
        cursor: str | None = None
        while True:
            page = await self._call(_scan(pattern, cursor))
            for key in page["keys"]:
                yield key
            cursor = page["cursor"]
            if cursor is None:
                return
