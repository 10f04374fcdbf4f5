"""How the SDK speaks to the platform's gateway: gateway/protocol.md over HTTP/1.1, from threads and from an event loop."""

from __future__ import annotations

from .host import Gateway, Host
from .message import Request

__all__ = ["Gateway", "Host", "Request"]
