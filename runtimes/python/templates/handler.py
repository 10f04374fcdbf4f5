"""The handler of {{name}}."""

from hanzo.functions import Context, Response


def hello(ctx: Context) -> Response:
    """Greets whoever the payload names."""
    name = ctx.data.get("name", "world")
    ctx.log.info("greeting", {"name": name})
    return Response.ok({"message": f"Hello, {name}!"})
