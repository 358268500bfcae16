"""Answers with their sources, in two ways: LlamaIndex' citation engine around a knowledge base, and an app with its own.

Needs DIFY_API_KEY (an app that answers), DIFY_CHATFLOW_KEY (an app with knowledge), DIFY_DATASET_API_KEY and DIFY_DATASET_ID.
"""

from __future__ import annotations

# --8<-- [start:main]
import asyncio
import os

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.response.schema import AsyncStreamingResponse
from llama_index.core.query_engine import CitationQueryEngine

from llamaindex_dify import DifyChatLLM, DifyKnowledgeIndex, DifyQueryEngine

QUESTION = "What does an hour at the workshop bench cost?"


async def ask(engine: BaseQueryEngine) -> None:
    answer = await engine.aquery(QUESTION)
    assert isinstance(answer, AsyncStreamingResponse)
    async for words in answer.async_response_gen():
        print(words, end="", flush=True)
    print()
    for number, source in enumerate(answer.source_nodes, 1):
        print(f"  [{number}] {source.metadata['document_name']}: {' '.join(source.text.split())[:60]}…")


async def ask_both() -> None:
    # The knowledge base is asked here, and another app answers from its passages, which it cites as [1].
    index = DifyKnowledgeIndex(os.environ["DIFY_DATASET_ID"])
    await ask(CitationQueryEngine.from_args(index, llm=DifyChatLLM(), similarity_top_k=3, streaming=True))
    # The app asks its own knowledge, and its citations come with the answer.
    await ask(DifyQueryEngine.from_defaults(api_key=os.environ["DIFY_CHATFLOW_KEY"], streaming=True))


def main() -> None:
    asyncio.run(ask_both())


# --8<-- [end:main]
if __name__ == "__main__":
    from examples.stage import environment

    with environment("DIFY_CHATFLOW_KEY", "DIFY_DATASET_API_KEY", "DIFY_DATASET_ID"):
        main()
