"""The handler of {{name}}."""

import os

from hanzo.functions import Context, Response


def embed(ctx: Context) -> Response:
    """Answers the embedding of `text`."""
    text = ctx.data.get("text")
    if not isinstance(text, str) or text == "":
        return Response.error(400, "text is missing")
    # Loaded once for each instance; later calls find it.
    model = ctx.model(os.environ["MODEL_NAME"])
    embedding = model.encode(text)[0]
    ctx.log.info("embedded", {"model": model.name, "dimensions": len(embedding)})
    return Response.ok({"embedding": [float(value) for value in embedding], "dimensions": len(embedding)})
