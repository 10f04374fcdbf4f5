"""The platform's gateway in memory, behind :mod:`hanzo.functions.testing`; it follows gateway/protocol.md."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
import threading
import time
import uuid
from base64 import b64decode, b64encode
from collections.abc import AsyncIterable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from ._gateway.message import Request, bytes_of
from .body import AsyncBody, Body
from .errors import GatewayError
from .event import now
from .websocket import Message, WebSocket, WebSocketClosed

if TYPE_CHECKING:
    from .context import Context

_MAX_KEY = 1024
_MAX_VALUE = 1024 * 1024
_TOPIC = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_SUBJECT = re.compile(r"mq(?:\.[A-Za-z0-9_-]+)+")
_SPAN = re.compile(r"bytes=([0-9]+)-([0-9]*)")

Answer = tuple[int, dict[str, str], bytes]


def refused(code: str, status: int, message: str) -> GatewayError:
    return GatewayError(code, status, message)


class MemoryKV:
    """Keys in a dict. A value is bytes, a hash ``dict[str, bytes]`` or a list ``list[bytes]``."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._ends: dict[str, float] = {}

    def run(self, command: dict[str, Any]) -> Any:
        """One command of the protocol; its value."""
        op = command.get("op")
        method = getattr(self, f"_{op}", None) if isinstance(op, str) and not op.startswith("_") else None
        if method is None or op not in _COMMANDS:
            raise refused("bad_request", 400, f"there is no kv command {op!r}")
        for key in [command["key"]] if "key" in command else command.get("keys", ()):
            _check_key(key)
        now_at = time.monotonic()
        for key in [key for key, end in self._ends.items() if end <= now_at]:
            self._drop(key)
        return method(command)

    def _drop(self, key: str) -> bool:
        self._ends.pop(key, None)
        return self.values.pop(key, None) is not None

    def _of(self, key: str, kind: type, make: bool = False) -> Any:
        found = self.values.get(key)
        if found is None:
            found = kind()
            if make:
                self.values[key] = found
        elif not isinstance(found, kind):
            raise refused("conflict", 409, f"the key {key!r} holds a value of another kind")
        return found

    def _get(self, command: dict[str, Any]) -> Any:
        return _out(self._of(command["key"], bytes) if command["key"] in self.values else None)

    def _set(self, command: dict[str, Any]) -> bool:
        key, there = command["key"], command["key"] in self.values
        if (command.get("nx") and there) or (command.get("xx") and not there):
            return False
        self.values[key] = _in(command["data"])
        self._ends.pop(key, None)
        if "ttl_ms" in command:
            self._ends[key] = time.monotonic() + command["ttl_ms"] / 1000
        return True

    def _delete(self, command: dict[str, Any]) -> int:
        return sum(self._drop(key) for key in command["keys"])

    def _exists(self, command: dict[str, Any]) -> int:
        return sum(key in self.values for key in command["keys"])

    def _incr(self, command: dict[str, Any]) -> int:
        key = command["key"]
        try:
            total = int(self._of(key, bytes) or b"0") + int(command["by"])
        except ValueError:
            raise refused("conflict", 409, f"the value of {key!r} is no integer") from None
        self.values[key] = str(total).encode()
        return total

    def _expire(self, command: dict[str, Any]) -> bool:
        if command["key"] not in self.values:
            return False
        self._ends[command["key"]] = time.monotonic() + command["ttl_ms"] / 1000
        return True

    def _ttl(self, command: dict[str, Any]) -> int:
        key = command["key"]
        if key not in self.values:
            return -2
        return round((self._ends[key] - time.monotonic()) * 1000) if key in self._ends else -1

    def _hget(self, command: dict[str, Any]) -> Any:
        return _out(self._of(command["key"], dict).get(command["field"]))

    def _hgetall(self, command: dict[str, Any]) -> Any:
        return {name: _out(value) for name, value in self._of(command["key"], dict).items()}

    def _hset(self, command: dict[str, Any]) -> int:
        fields = self._of(command["key"], dict, make=True)
        fresh = sum(name not in fields for name in command["fields"])
        fields.update({name: _in(value) for name, value in command["fields"].items()})
        return fresh

    def _hdel(self, command: dict[str, Any]) -> int:
        key = command["key"]
        fields = self._of(key, dict)
        gone = sum(fields.pop(name, None) is not None for name in command["fields"])
        if key in self.values and not fields:
            self._drop(key)
        return gone

    def _lpush(self, command: dict[str, Any]) -> int:
        items = self._of(command["key"], list, make=True)
        for value in command["values"]:
            items.insert(0, _in(value))
        return len(items)

    def _rpush(self, command: dict[str, Any]) -> int:
        items = self._of(command["key"], list, make=True)
        items.extend(_in(value) for value in command["values"])
        return len(items)

    def _lpop(self, command: dict[str, Any]) -> Any:
        return self._pop(command["key"], 0)

    def _rpop(self, command: dict[str, Any]) -> Any:
        return self._pop(command["key"], -1)

    def _pop(self, key: str, at: int) -> Any:
        items = self._of(key, list)
        value = items.pop(at) if items else None
        if not items:
            self._drop(key)
        return _out(value)

    def _llen(self, command: dict[str, Any]) -> int:
        return len(self._of(command["key"], list))

    def _scan(self, command: dict[str, Any]) -> Any:
        keys = sorted(fnmatch.filter(self.values, command.get("pattern") or "*"))
        start, count = int(command.get("cursor") or 0), int(command.get("count") or 100)
        end = start + count
        return {"keys": keys[start:end], "cursor": str(end) if end < len(keys) else None}


_COMMANDS = frozenset(
    "get set delete exists incr expire ttl hget hgetall hset hdel lpush rpush lpop rpop llen scan".split()
)


def _check_key(key: Any) -> None:
    if not isinstance(key, str) or not key or "\0" in key:
        raise refused("bad_request", 400, "a key is text, not empty and without NUL")
    if len(key.encode()) > _MAX_KEY:
        raise refused("payload_too_large", 413, f"a key is at most {_MAX_KEY} bytes")


def _in(value: dict[str, str]) -> bytes:
    data = value["text"].encode() if "text" in value else b64decode(value["base64"])
    if len(data) > _MAX_VALUE:
        raise refused("payload_too_large", 413, f"a value is at most {_MAX_VALUE} bytes")
    return data


def _out(value: bytes | None) -> dict[str, str] | None:
    if value is None:
        return None
    try:
        return {"text": value.decode()}
    except UnicodeDecodeError:
        return {"base64": b64encode(value).decode()}


class MemoryReply(Body):
    """An answer from memory, in pieces as they would come."""

    def __init__(self, answer: Answer) -> None:
        self.status, self.headers, body = answer
        pieces = [body[at : at + 65536] for at in range(0, len(body), 65536)]
        pieces.reverse()
        super().__init__(lambda: pieces.pop() if pieces else b"")

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> MemoryReply:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class MemoryAsyncReply(AsyncBody):
    """:class:`MemoryReply` for event loops."""

    def __init__(self, answer: Answer) -> None:
        self.status, self.headers, _ = answer
        reply = MemoryReply(answer)

        async def take() -> bytes:
            return reply._take()

        super().__init__(take)

    async def close(self) -> None:
        """Nothing is held."""

    async def __aenter__(self) -> MemoryAsyncReply:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


class MemorySocket(WebSocket):
    """A WebSocket whose client sends some messages and then closes; what the handler sends is kept."""

    def __init__(self, messages: Iterable[Message]) -> None:
        self._incoming = list(messages)
        self.accepted = False
        self.sent: list[Message] = []
        # The code the socket was closed with, by the handler or at its end.
        self.code: int | None = None

    async def accept(self, _context: Context, subprotocol: str | None) -> MemorySocket:
        """What ``ctx.accept()`` calls."""
        if self.accepted:
            raise RuntimeError("ctx.accept(): the call has been answered")
        self.accepted = True
        self.subprotocol = subprotocol
        return self

    async def send(self, message: Message) -> None:
        """Keeps it."""
        if self.code is not None:
            raise WebSocketClosed(self.code)
        self.sent.append(message if isinstance(message, str) else bytes(memoryview(message)))

    async def receive(self) -> Message | None:
        """The next message of the client."""
        if self.code is not None or not self._incoming:
            self.close_code = self.close_code or 1000
            return None
        return self._incoming.pop(0)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Keeps the code."""
        if self.code is None:
            self.code, self.close_reason = code, reason


class MemoryGateway:
    """Acts as :class:`hanzo.functions._gateway.Gateway`. Its parts are there to be filled and looked at."""

    def __init__(self) -> None:
        self.kv = MemoryKV()
        self.objects: dict[str, bytes] = {}
        self.types: dict[str, str] = {}
        self.modified: dict[str, str] = {}
        self.published: list[tuple[str, Any, str]] = []
        # Directories of models by their names.
        self.models: dict[str, str] = {}
        # Models that do not share the disk: digest, bytes by file, and what the answer lists.
        self.remote: dict[str, tuple[str, dict[str, bytes], list[dict[str, Any]]]] = {}
        self._lock = threading.Lock()

    def send(self, _context: Context, request: Request) -> MemoryReply:
        """As Gateway.send."""
        body = request.body
        pieces: Any = [body] if isinstance(body, bytes) else body or ()
        data = b"".join(bytes_of(piece) for piece in pieces)
        return MemoryReply(self.answer(request, data))

    async def send_async(self, _context: Context, request: Request) -> MemoryAsyncReply:
        """As Gateway.send_async."""
        body = request.body
        if isinstance(body, AsyncIterable):
            data = b"".join([bytes_of(piece) async for piece in body])
        else:
            data = body if isinstance(body, bytes) else b"".join(body or ())
        return MemoryAsyncReply(self.answer(request, data))

    def answer(self, request: Request, data: bytes) -> Answer:
        """The answer of the protocol to one request."""
        parts = urlsplit(request.target)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        try:
            with self._lock:
                return self._route(request, parts.path, query, data)
        except GatewayError as error:
            shown = {
                "status": "error", "code": error.status, "error": error.code, "msg": error.message,
                "component": "gateway", "requestId": "",
            }  # fmt: skip
            return error.status, {"content-type": "application/json"}, json.dumps(shown).encode()

    def _route(self, request: Request, path: str, query: dict[str, str], data: bytes) -> Answer:
        if path == "/v1/kv":
            return _json({"value": self.kv.run(json.loads(data))})
        if path == "/v1/publish":
            return _json({"id": self._publish(json.loads(data), len(data))})
        if path == "/v1/models":
            return _json(self._model(json.loads(data)["name"]))
        if path.startswith("/v1/models/"):
            return self._model_file(path)
        if path == "/v1/storage/object":
            return self._object(request, query["ref"], data)
        if path == "/v1/storage/list":
            return self._list(query)
        if path == "/v1/storage/presign":
            return self._presign(json.loads(data))
        raise refused("not_found", 404, f"there is no {request.method} {path}")

    def _publish(self, message: dict[str, Any], size: int) -> str:
        subject, id = message["subject"], message.get("id")
        if not (_SUBJECT.fullmatch(subject) or _TOPIC.fullmatch(subject)) or subject.startswith("mq.dlq."):
            raise refused("bad_request", 400, f"{subject!r} is neither a queue's subject nor a stream's topic")
        if id is not None and not (0 < len(id) <= 128 and id.isprintable()):
            raise refused("bad_request", 400, "the id of a message is 1 to 128 printable characters")
        if size > _MAX_VALUE:
            raise refused("payload_too_large", 413, f"a message is at most {_MAX_VALUE} bytes")
        made = id or str(uuid.uuid4())
        self.published.append((subject, message["data"], made))
        return made

    def _model_file(self, path: str) -> Answer:
        name, _, file = path.removeprefix("/v1/models/").partition("/files/")
        found = self.remote.get(unquote(name), ("", {}, []))[1].get(unquote(file))
        if found is None:
            raise refused("not_found", 404, f"there is no {path}")
        return 200, {"content-type": "application/octet-stream"}, found

    def _model(self, name: str) -> Any:
        if name in self.remote:
            digest, _, files = self.remote[name]
            return {"name": name, "path": f"/elsewhere/{digest}", "digest": digest, "files": files}
        if name not in self.models:
            raise refused("not_found", 404, f"there is no model {name}: looked at the models given to the test")
        return {"name": name, "path": self.models[name], "digest": "", "files": []}

    def _object(self, request: Request, ref: str, data: bytes) -> Answer:
        if not ref or ".." in ref.split("/") or "\0" in ref:
            raise refused("bad_request", 400, f"{ref!r} is no reference to an object")
        if request.method == "PUT":
            self.objects[ref] = data
            self.types[ref] = request.content_type or "application/octet-stream"
            self.modified[ref] = now()
            return _json({"key": ref, "size": len(data), "etag": _etag(data)})
        if request.method == "DELETE":
            self.objects.pop(ref, None)
            return 204, {}, b""
        if ref not in self.objects:
            raise refused("not_found", 404, f"there is no object {ref}")
        return self._read(request, ref, self.objects[ref])

    def _read(self, request: Request, ref: str, found: bytes) -> Answer:
        head = {"content-type": self.types.get(ref, "application/octet-stream"), "etag": _etag(found)}
        head["last-modified"] = self.modified.get(ref, "")
        status, body = 200, found
        span = _SPAN.fullmatch(request.range or "")
        if span is not None:
            first, last = int(span[1]), min(int(span[2] or len(found)), len(found) - 1)
            if first >= len(found):
                raise refused("bad_request", 416, f"the object {ref} ends before byte {first}")
            status, body = 206, found[first : last + 1]
            head["content-range"] = f"bytes {first}-{last}/{len(found)}"
        head["content-length"] = str(len(body))
        return status, head, b"" if request.method == "HEAD" else body

    def _list(self, query: dict[str, str]) -> Answer:
        keys = sorted(key for key in self.objects if key.startswith(query.get("prefix", "")))
        start, limit = int(query.get("cursor") or 0), int(query.get("limit") or 1000)
        objects = [
            {
                "key": key, "size": len(self.objects[key]), "etag": _etag(self.objects[key]),
                "modified": self.modified.get(key, ""),
            }
            for key in keys[start : start + limit]
        ]  # fmt: skip
        after = start + limit
        return _json({"objects": objects, "cursor": str(after) if after < len(keys) else None})

    def _presign(self, order: dict[str, Any]) -> Answer:
        url = f"memory://{order['ref']}?method={order['method']}&expires={order['expires_s']}"
        return _json({"url": url, "expires_at": now(time.time() + order["expires_s"])})


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


def _json(value: Any) -> Answer:
    return 200, {"content-type": "application/json"}, json.dumps(value).encode()
