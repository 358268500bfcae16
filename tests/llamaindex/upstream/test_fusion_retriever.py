"""What core tests of its fusion retriever, with Dify's retriever below it and an app that varies the question."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.retrievers.fusion_retriever import FUSION_MODES

from dify_integrations import AsyncDify, Dify
from llamaindex_dify import DifyChatLLM, DifyRetriever
from tests.llamaindex.library import Library
from tests.llamaindex.upstream.adapter import Upstream, says

Stocked = Callable[..., tuple[Upstream, Library]]
VARIANTS = "refunds original payment\nrefunds of shipping costs\nrefunds within 30 days\none too many"


def never(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"a blocking request on the event loop: {request.url}")


def test_asynchronous_fusion_never_blocks(stocked: Stocked) -> None:
    """Check 20: neither the question's variants nor the searches are asked for in a blocking way."""
    app, library = stocked([says(VARIANTS)])
    settings: dict[str, Any] = {**library.connection, "api_key": library.app.api_key, "user": "ada"}

    async def main() -> list[str]:
        blocked = Dify(**settings, http_client=httpx.Client(transport=httpx.MockTransport(never)))
        async with AsyncDify(**settings) as client:
            llm = DifyChatLLM(blocked, async_client=client)
            retrievers: list[BaseRetriever] = [DifyRetriever(library.shop.id, client=blocked, async_client=client)]
            fusion = QueryFusionRetriever(retrievers, llm=llm, num_queries=4, similarity_top_k=10)
            return [node.node_id for node in await fusion.aretrieve("When are refunds possible?")]

    found = asyncio.run(main())
    assert len(app.asked) == 1 and "When are refunds possible?" in app.asked[0].last
    asked = {each["query"] for each in library.asked}
    assert asked == {"When are refunds possible?", *VARIANTS.split("\n")[:3]}  # as many as were wanted
    assert len(set(found)) == len(found) == 4


@pytest.mark.parametrize("weights", [(0.1, 0.9), (0.9, 0.1)])
@pytest.mark.parametrize("mode", [FUSION_MODES.RELATIVE_SCORE, FUSION_MODES.DIST_BASED_SCORE])
def test_what_a_weightier_knowledge_base_found_comes_first(
    stocked: Stocked, mode: FUSION_MODES, weights: tuple[float, float]
) -> None:
    """Check 20: `retriever_weights`. Core 0.14 weighs by scores only; ranks of equal worth stay in the order of the bases."""
    _, library = stocked()
    bases = [library.shop, library.other]
    retrievers: list[BaseRetriever] = [library.retriever(base, similarity_top_k=1) for base in bases]
    fusion = QueryFusionRetriever(
        retrievers, llm=library.llm(), mode=mode, retriever_weights=list(weights), use_async=False, num_queries=1
    )
    first, second = fusion.retrieve("refunds")
    heavier = bases[weights.index(0.9)]
    assert first.node.metadata["dataset_id"] == heavier.id
    assert (first.score or 0) > (second.score or 0) > 0
