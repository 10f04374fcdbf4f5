"""The handler of {{name}}."""

import os

from hanzo.functions import Context, Response


def hello(ctx: Context) -> Response:
    """Greets whoever the payload names."""
    name = ctx.data.get("name", "world")
    ctx.log.info("greeting", {"name": name})
    return Response.ok({"message": f"{os.environ.get('GREETING', 'Hello')}, {name}!"})
