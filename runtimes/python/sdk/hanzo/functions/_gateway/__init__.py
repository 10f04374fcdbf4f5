"""How the SDK speaks to the platform's gateway: HTTP/1.1, from threads and from an event loop; gateway/protocol.md."""

from __future__ import annotations

from .host import Gateway, Host
from .message import Request

__all__ = ["Gateway", "Host", "Request"]
