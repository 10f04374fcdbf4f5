"""The SDK of Hanzo functions: what a handler receives and what it may return.

``hanzo`` is a namespace package shared with other ``hanzo.*`` distributions, so there is no
``hanzo/__init__.py`` here.
"""

from .body import AsyncBody, Body
from .context import AsyncContext, Context, TriggerInfo
from .errors import BodyError, GatewayError
from .event import BatchItem, Event
from .headers import Headers
from .logger import Logger
from .response import Response
from .websocket import WebSocket, WebSocketClosed

__all__ = [
    "AsyncBody",
    "AsyncContext",
    "BatchItem",
    "Body",
    "BodyError",
    "Context",
    "Event",
    "GatewayError",
    "Headers",
    "Logger",
    "Response",
    "TriggerInfo",
    "WebSocket",
    "WebSocketClosed",
]
