"""What hevlayer's own client does with namespaces, as JSON: for layer-clients.test.ts."""

import asyncio
import json
import os

from hevlayer import AsyncHevlayer, HevlayerError, QueryRequest

ROWS = [
    {"id": "a", "vector": [1.0, 0.0], "color": "red", "size": 1},
    {"id": "b", "vector": [0.0, 1.0], "color": "blue", "size": 2},
    {"id": "c", "vector": [0.6, 0.8], "color": "red", "size": 3},
]


async def refusal(work) -> list:
    try:
        await work
    except HevlayerError as error:
        return [error.status_code, error.error]
    return []


async def main() -> None:
    async with AsyncHevlayer(base_url=os.environ["LAYER_URL"], api_key=os.environ["LAYER_KEY"]) as layer:
        first = await layer.write_namespace("guide", {"upsert_rows": ROWS})
        patched = await layer.patch_columns("guide", ["a"], {"size": [5]})
        extra = await layer.write_namespace("guide", {"upsert_rows": [{"id": "d", "vector": [1.0, 1.0]}]})
        deleted = await layer.write_namespace("guide", {"deletes": ["d"]})
        nearest = await layer.query_namespace(
            "guide",
            QueryRequest(vector=[1.0, 0.1], top_k=2, filters=["color", "Eq", "red"], include_attributes=True),
        )
        ordered = await layer.query_turbopuffer_namespace(
            "guide", {"rank_by": ["id", "desc"], "top_k": 3}
        )
        document = await layer.fetch_document("guide", "a")
        documents = await layer.fetch_documents("guide", {"ids": ["b", "nobody"]})
        metadata = await layer.get_namespace_metadata("guide")
        listed = await layer.list_namespaces(prefix="gui")
        refused = await refusal(layer.write_namespace("guide", {"upsert_rows": [{"id": "e", "vector": [1.0]}]}))
        removed = await layer.delete_namespace("guide")
        gone = await refusal(layer.get_namespace_metadata("guide"))
    print(
        json.dumps(
            {
                "written": [one.rows_affected for one in (first, patched, extra, deleted)],
                "nearest": [[row["id"], row["color"]] for row in nearest.rows],
                "ordered": [row["id"] for row in ordered.rows],
                "document": document.model_dump(),
                "documents": [[one.id for one in documents.documents], documents.missing],
                "metadata": [metadata.id, metadata.approx_row_count, metadata.index.status],
                "listed": [[one.name, one.row_count] for one in listed.namespaces],
                "refused": refused,
                "deleted": removed.status,
                "gone": gone,
            }
        )
    )


asyncio.run(main())
