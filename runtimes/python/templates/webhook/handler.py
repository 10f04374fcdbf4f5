"""The handler of {{name}}: takes bodies whose HMAC-SHA256 stands in X-Signature: sha256=<hex>."""

import hashlib
import hmac
import os

from hanzo.functions import Context, Response


def receive(ctx: Context) -> Response:
    """Answers 401 to what its sender has not signed."""
    if not is_signed(ctx.body, ctx.headers.get("X-Signature", "")):
        return Response.error(401, "the signature does not fit")
    event = ctx.data
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        return Response.error(400, "the event has no type")
    ctx.log.info("event received", {"type": event["type"]})
    return Response.ok({"received": event["type"]})


def is_signed(body: bytes, signature: str) -> bool:
    secret = os.environ["WEBHOOK_SECRET"].encode()
    wanted = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    # In constant time: how long a comparison takes must not tell how much of a guess is right.
    return hmac.compare_digest(wanted.encode(), signature.encode())
