"""Documents into a Dify knowledge base: LlamaIndex reads and splits, Dify embeds and searches.

Needs DIFY_DATASET_API_KEY and DIFY_DATASET_ID; the documents are deleted again in the end.
"""

from __future__ import annotations

# --8<-- [start:main]
import asyncio
import os

from llama_index.core import Document
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import MarkdownNodeParser
from llama_index.core.vector_stores.types import MetadataFilter, MetadataFilters

from llamaindex_dify import DifyKnowledgeIndex, DifyKnowledgeSink, DifyRetriever

HARBOUR = """
# Summer
Tours to the seals start at nine. Keep your paddles still when seals come close.
# Winter
Tours start at noon. There are none in storms.
"""
LAKE = """
# Summer
Tours around the islands start at ten.
# Winter
The lake is frozen: no tours start before April.
"""
TOURS = [
    Document(id_="tours-harbour", text=HARBOUR, metadata={"place": "harbour"}),
    Document(id_="tours-lake", text=LAKE, metadata={"place": "lake"}),
]


async def ingest() -> None:
    dataset_id = os.environ["DIFY_DATASET_ID"]
    sink = DifyKnowledgeSink(dataset_id, metadata_fields=["place"])
    pipeline = IngestionPipeline(transformations=[MarkdownNodeParser(), sink], disable_cache=True)
    nodes = await pipeline.arun(documents=TOURS)
    print(f"{len(TOURS)} documents, {len(nodes)} chunks")

    harbour = MetadataFilters(filters=[MetadataFilter(key="place", value="harbour")])
    retriever = DifyRetriever(dataset_id, similarity_top_k=1, filters=harbour)
    for found in await retriever.aretrieve("When do tours start in winter?"):
        print(f"{found.node.ref_doc_id}: {' '.join(found.text.split())}")

    index = DifyKnowledgeIndex(dataset_id)
    for document in TOURS:
        await index.adelete_ref_doc(document.id_)


def main() -> None:
    asyncio.run(ingest())


# --8<-- [end:main]
if __name__ == "__main__":
    from examples.stage import environment

    with environment("DIFY_DATASET_API_KEY", "DIFY_DATASET_ID"):
        main()
