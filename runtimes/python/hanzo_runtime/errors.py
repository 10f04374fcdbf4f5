"""The platform's error body."""

from __future__ import annotations

from json import JSONEncoder

_dumps = JSONEncoder(separators=(",", ":")).encode


def error_body(
    status: int, error: str, msg: str, request_id: str, function: str = "", revision: str = "", hint: bool = False
) -> bytes:
    """``hint`` adds the command that shows the log of this call."""
    body: dict[str, object] = {
        "status": "error",
        "code": status,
        "error": error,
        "msg": msg,
        "component": "function",
        "requestId": request_id,
    }
    if function:
        body["function"] = function
    if revision:
        body["revision"] = revision
    if hint and function:
        body["next"] = f"hanzo-fn logs {function} --request-id {request_id}"
    return _dumps(body).encode()
