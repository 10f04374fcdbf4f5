"""CloudEvents 1.0 and batches, as they come in and go out."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from json import JSONDecoder
from os import urandom
from time import gmtime, strftime, time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from .headers import Headers

if TYPE_CHECKING:
    from .context import TriggerInfo

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
PLATFORM_BATCH = "application/vnd.hanzo.batch+json"

Event = dict[str, Any]
"""The attributes of a CloudEvent: ``id``, ``source``, ``type``, ``specversion`` and the others that came with it, by
their names in lower case."""

_REQUIRED = ("id", "source", "type")
# The HTTP binding, 3.1.3.2: printable ASCII goes as it is but for the space, the double quote and the percent sign.
_PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


class EventInvalid(ValueError):
    """A body that says it is an event or a batch and is none."""


class BatchItem:
    """One item of a batch.

    ``id`` names it in the answer, ``data`` is its payload, ``event`` its CloudEvent attributes or None. What it does
    not say of ``source``, ``timestamp`` (RFC 3339) and ``attempt`` (from 1) is the trigger's. ``headers`` are its own,
    case-insensitive.
    """

    __slots__ = ("attempt", "data", "event", "headers", "id", "source", "timestamp")

    def __init__(
        self,
        id: str,
        data: Any,
        source: str = "",
        timestamp: str = "",
        attempt: int = 1,
        headers: Mapping[str, str] | None = None,
        event: Event | None = None,
    ) -> None:
        self.id = id
        self.data = data
        self.source = source
        self.timestamp = timestamp
        self.attempt = attempt
        self.headers = headers if isinstance(headers, Headers) else Headers(headers)
        self.event = event

    def __repr__(self) -> str:
        return f"BatchItem(id={self.id!r}, data={self.data!r}, source={self.source!r}, attempt={self.attempt!r})"


# -- in


def event_of_headers(headers: Mapping[str, str]) -> Event | None:
    """The attributes of an event in binary mode, or None where the headers hold none. Names are lower case."""
    if headers.get("ce-specversion") != "1.0":
        return None
    event = {name[3:]: unquote(value) for name, value in headers.items() if name.startswith("ce-")}
    content_type = headers.get("content-type")
    if content_type is not None:
        event["datacontenttype"] = content_type
    return event


def open_event(value: Any, parse: Any) -> tuple[Event, Any]:
    """Attributes and data of a structured event; ``parse(bytes, type)`` makes data of binary ones."""
    if not isinstance(value, dict):
        raise EventInvalid("an event is a JSON object")
    event = {name.lower(): item for name, item in value.items() if name not in ("data", "data_base64")}
    if event.get("specversion") != "1.0":
        raise EventInvalid("an event needs the specversion 1.0")
    for name in _REQUIRED:
        if not isinstance(event.get(name), str) or not event[name]:
            raise EventInvalid(f"an event needs {name}, which is text and not empty")
    if "data_base64" not in value:
        return event, value.get("data")
    if "data" in value:
        raise EventInvalid("an event has data or data_base64, not both")
    try:
        data = b64decode(value["data_base64"], validate=True)
    except (TypeError, ValueError):
        raise EventInvalid("data_base64 is not base64") from None
    kind = event.get("datacontenttype")
    return event, parse(data, kind if isinstance(kind, str) else None)


def open_event_batch(value: Any, parse: Any, trigger: TriggerInfo) -> list[BatchItem]:
    """The items of ``application/cloudevents-batch+json``."""
    if not isinstance(value, list):
        raise EventInvalid("a batch of events is a JSON array")
    items: list[BatchItem] = []
    for entry in value:
        event, data = open_event(entry, parse)
        stamp = event.get("time")
        items.append(
            BatchItem(
                event["id"], data, event["source"], _text(stamp) or trigger.timestamp, trigger.attempt, event=event
            )
        )
    return items


def open_platform_batch(value: Any, trigger: TriggerInfo) -> list[BatchItem]:
    """The items of ``application/vnd.hanzo.batch+json``, which the event plane sends."""
    entries = value.get("items") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        raise EventInvalid("a batch is a JSON object with the list items")
    items: list[BatchItem] = []
    seen: set[str] = set()
    for entry in entries:
        item = _open_item(entry, trigger)
        if item.id in seen:
            raise EventInvalid(f"two items of the batch have the id {item.id!r}")
        seen.add(item.id)
        items.append(item)
    return items


def _open_item(entry: Any, trigger: TriggerInfo) -> BatchItem:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str) or not entry["id"] or "data" not in entry:
        raise EventInvalid("an item of a batch needs id, which is text, and data")
    attempt, headers = entry.get("attempt"), entry.get("headers")
    return BatchItem(
        entry["id"],
        entry["data"],
        _text(entry.get("source")) or trigger.source,
        _text(entry.get("timestamp")) or trigger.timestamp,
        attempt if isinstance(attempt, int) and not isinstance(attempt, bool) and attempt > 0 else trigger.attempt,
        {name: _text(item) for name, item in headers.items()} if isinstance(headers, dict) else None,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


# -- out


def complete(attributes: Mapping[str, Any], function: str) -> Event:
    """The attributes with what the platform adds where they are missing; names are lower case."""
    event: Event = {"specversion": "1.0"}
    event["id"] = attributes.get("id") or _uuid()
    event["source"] = attributes.get("source") or f"/functions/{function}"
    event["type"] = attributes["type"]
    for name, value in attributes.items():
        if value is not None and name not in event:
            event[name] = value
    event.setdefault("time", now())
    return event


def _uuid() -> str:
    """Version 4, of RFC 9562."""
    data = bytearray(urandom(16))
    data[6] = (data[6] & 0x0F) | 0x40
    data[8] = (data[8] & 0x3F) | 0x80
    text = data.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def header_of(value: Any) -> str:
    """The text of an attribute in a header."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return quote(value if isinstance(value, str) else str(value), safe=_PLAIN)


def now(at: float | None = None) -> str:
    """RFC 3339, milliseconds, UTC; of a time in seconds since 1970, or of this moment."""
    if at is None:
        at = time()
    return strftime("%Y-%m-%dT%H:%M:%S", gmtime(at)) + f".{int(at * 1000) % 1000:03d}Z"


def is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def loads(text: str) -> Any:
    """JSON as the contract takes it: without NaN and Infinity."""
    return _decode(text)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_decode = JSONDecoder(parse_constant=_no_constant).decode
