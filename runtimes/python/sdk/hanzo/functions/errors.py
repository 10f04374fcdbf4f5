"""What goes wrong between a function and the platform."""

from __future__ import annotations

import json
from typing import Any


class GatewayError(Exception):
    """A use of ``ctx.kv``, ``ctx.storage``, ``ctx.publish`` or ``ctx.model`` that the platform refused or could not do.

    ``code`` is the platform's word for it (``bad_request``, ``unauthorized``, ``forbidden``, ``not_found``,
    ``conflict``, ``payload_too_large``, ``unavailable``, ``storage_full``), ``status`` the HTTP status, ``message``
    says it in a sentence, and ``next``, where it is not empty, what to do about it.
    """

    def __init__(self, code: str, status: int, message: str, next: str = "") -> None:
        super().__init__(f"{code}: {message}" + (f" ({next})" if next else ""))
        self.code = code
        self.status = status
        self.message = message
        self.next = next

    def __reduce__(self) -> Any:
        return GatewayError, (self.code, self.status, self.message, self.next)


class BodyError(ConnectionError):
    """The body of the request ended early or is not well formed HTTP; raised where it is read."""


def error_of(status: int, body: bytes) -> GatewayError:
    """The error in an answer of the gateway; one of another shape is shown as it is."""
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        text = body[:200].decode("utf-8", "replace").strip()
        return GatewayError("unavailable", status, f"the gateway answered {status}: {text}")
    code, msg, then = value.get("error"), value.get("msg"), value.get("next")
    return GatewayError(
        code if isinstance(code, str) else "unavailable",
        status,
        msg if isinstance(msg, str) else f"the gateway answered {status}",
        then if isinstance(then, str) else "",
    )


def unavailable(message: str, next: str = "") -> GatewayError:
    return GatewayError("unavailable", 503, message, next)
