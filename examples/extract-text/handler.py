"""Text extraction and chunking, the first two steps of a document pipeline."""

from pathlib import Path

from hanzo.functions import Context, Response

from chunks import split, statistics
from formats import FORMATS, extract_html

DOCUMENTS = {path.name: path for path in sorted((Path(__file__).parent / "documents").iterdir())}


def extract(ctx: Context) -> Response:
    """Takes ``{"document": name}``, ``{"text": ...}`` or ``{"html": ...}``; ``chunk_size`` and ``overlap`` in characters."""
    data = ctx.data if isinstance(ctx.data, dict) else {}
    size, overlap = data.get("chunk_size", 500), data.get("overlap", 50)
    if not _whole(size) or not _whole(overlap) or not 20 <= size <= 10_000 or not 0 <= overlap < size:
        return Response.error(400, "chunk_size must be from 20 to 10000, overlap from 0 to less than chunk_size")
    if isinstance(data.get("document"), str):
        path = DOCUMENTS.get(data["document"])
        if path is None:
            return Response(404, {"error": f"no document {data['document']!r}", "documents": list(DOCUMENTS)})
        source, text = path.name, FORMATS[path.suffix](path.read_text(encoding="utf-8"))
    elif isinstance(data.get("html"), str):
        source, text = "html", extract_html(data["html"])
    elif isinstance(data.get("text"), str):
        source, text = "text", data["text"]
    else:
        return Response(400, {"error": "give a document, a text or html", "documents": list(DOCUMENTS)})
    pieces = split(text, size, overlap)
    ctx.log.info("extracted", {"source": source, "characters": len(text), "chunks": len(pieces)})
    return Response.ok({"source": source, "statistics": statistics(text, pieces), "chunks": pieces})


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
