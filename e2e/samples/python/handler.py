from hanzo.functions import Context, Response

DOCUMENTS = {"doc_abc123": "the quick brown fox jumps over the lazy dog"}
STORED: dict[str, int] = {}


def fetch_document(doc_id: str) -> str:
    return DOCUMENTS[doc_id]


def store_embeddings(doc_id: str, embeddings) -> None:
    STORED[doc_id] = len(embeddings)


def embed(ctx: Context) -> Response:
    """Generate embeddings for a document."""
    doc_id = ctx.data["document_id"]
    text = fetch_document(doc_id)

    model = ctx.model("bge-large-en-v1.5")  # Loaded from model cache
    embeddings = model.encode(text, batch_size=32)

    store_embeddings(doc_id, embeddings)

    return Response(
        status=200,
        body={"document_id": doc_id, "dimensions": len(embeddings[0])}
    )
