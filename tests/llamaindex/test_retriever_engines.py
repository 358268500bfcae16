"""The retriever inside what LlamaIndex makes of retrievers."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest
from llama_index.core import Settings
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.postprocessor import LLMRerank, LongContextReorder, SimilarityPostprocessor
from llama_index.core.query_engine import CitationQueryEngine, RetrieverQueryEngine
from llama_index.core.retrievers import QueryFusionRetriever, RecursiveRetriever, RouterRetriever
from llama_index.core.retrievers.fusion_retriever import FUSION_MODES
from llama_index.core.schema import IndexNode, NodeWithScore, QueryBundle
from llama_index.core.selectors import LLMSingleSelector, PydanticSingleSelector
from llama_index.core.tools import RetrieverTool

from dify_integrations.local import App, Say, Text, Turn
from tests.llamaindex.library import Library

QUESTION = "When are refunds possible within days?"
VARIANTS = "refunds original payment\nrefunds of shipping costs\nrefunds within 30 days"


def saying(turn: Turn) -> list[Say]:
    """An app that varies, chooses, ranks, and otherwise says what it was asked."""
    asked = turn.query
    if "search queries" in asked:
        return [Text(VARIANTS)]
    if "SingleSelection" in asked:
        return [Text('<tool_calls>\n{"name": "SingleSelection", "arguments": {"index": 2, "reason": "notes"}}\n</tool_calls>')]
    if "choices" in asked.lower():
        return [Text('[{"choice": 2, "reason": "parcels"}]')]
    if "relevance score" in asked:
        return [Text("Doc: 2, Relevance: 9\nDoc: 1, Relevance: 3")]
    return [Text(asked)]


@pytest.fixture
def library() -> Iterator[Library]:
    with Library(app=App("chat", "chat", saying)) as made:
        yield made


@pytest.mark.usefixtures("loop_of_core")
def test_a_query_engine_answers_from_the_passages(library: Library) -> None:
    """Check 8: RetrieverQueryEngine over DifyRetriever with the app as `Settings.llm`: plain, streaming, async."""
    Settings.llm = llm = library.llm()
    try:
        engine = RetrieverQueryEngine.from_args(library.retriever(similarity_top_k=2))
        answer = engine.query(QUESTION)
        assert "30 days" in str(answer)
        assert len(answer.source_nodes) == 2 and all(node.node.ref_doc_id for node in answer.source_nodes)
        awaited = asyncio.run(engine.aquery(QUESTION))
        assert str(awaited) == str(answer)
        assert [node.node_id for node in awaited.source_nodes] == [node.node_id for node in answer.source_nodes]
        streaming = RetrieverQueryEngine.from_args(library.retriever(similarity_top_k=2), streaming=True)
        streamed: Any = streaming.query(QUESTION)
        assert "".join(streamed.response_gen) == str(answer)
        assert ids(streamed.source_nodes) == ids(answer.source_nodes)

        async def pieces() -> list[str]:
            response: Any = await streaming.aquery(QUESTION)
            return [piece async for piece in response.async_response_gen()]

        assert "".join(asyncio.run(pieces())) == str(answer)
        assert library.requests("POST", "/chat-messages") == 4 and Settings.llm is llm
    finally:
        Settings._llm = None


@pytest.mark.usefixtures("loop_of_core")
def test_a_citation_engine_keeps_the_source(library: Library) -> None:
    """Check 8: CitationQueryEngine keeps `ref_doc_id`."""
    engine = CitationQueryEngine.from_args(None, llm=library.llm(), retriever=library.retriever())  # type: ignore[arg-type]  # no index needed
    answer = engine.query(QUESTION)
    cited = answer.source_nodes
    assert "Source 1:" in str(answer)
    again: Any = asyncio.run(engine.aquery(QUESTION))
    assert [node.node.ref_doc_id for node in again.source_nodes] == [node.node.ref_doc_id for node in cited]
    documents = {document.id for document in library.shop.documents}
    assert cited and {node.node.ref_doc_id for node in cited} <= documents
    assert cited[0].node.get_content().startswith("Source 1:")


# -- fusion


def rrf(lists: list[list[str]]) -> list[str]:
    """Reciprocal ranks by hand, as published: 1 / (60 + rank), ranks from 0 as core counts."""
    worth: dict[str, float] = {}
    for found in lists:
        for rank, node_id in enumerate(found):
            worth[node_id] = worth.get(node_id, 0.0) + 1 / (60 + rank)
    return sorted(worth, key=lambda node_id: -worth[node_id])


def ids(nodes: list[NodeWithScore]) -> list[str]:
    return [node.node_id for node in nodes]


def hit_counts(library: Library) -> list[int]:
    """How often Dify says that each passage was found."""
    with library.dify() as dify:
        segments = [
            segment
            for document in library.shop.documents
            for segment in dify.datasets.segments.iterate(library.shop.id, document.id)
        ]
    return [segment.hit_count or 0 for segment in segments]


def fusing(library: Library, **options: Any) -> QueryFusionRetriever:
    retrievers: list[BaseRetriever] = [library.retriever(), library.retriever(library.other)]
    return QueryFusionRetriever(retrievers, llm=library.llm(), num_queries=4, similarity_top_k=10, **options)


def test_fused_variants_are_unique_and_in_the_order_of_reciprocal_ranks(library: Library) -> None:
    """Check 9: 3 query variants over changing hit_count, unique nodes, RRF order as computed by hand."""
    retriever = library.retriever()
    fusion = QueryFusionRetriever(
        [retriever], llm=library.llm(), num_queries=4, similarity_top_k=10, mode=FUSION_MODES.RECIPROCAL_RANK, use_async=False
    )
    counted = hit_counts(library)
    found = fusion.retrieve(QUESTION)
    asked = [each["query"] for each in library.asked]
    assert all(after - before > 1 for before, after in zip(counted, hit_counts(library), strict=True))  # several of them found it
    assert asked == [QUESTION, *VARIANTS.split("\n")]
    assert ids(found) == rrf([ids(retriever.retrieve(query)) for query in asked])
    assert len(set(ids(found))) == len(found) == 4  # the shop has no more


@pytest.mark.parametrize("use_async", [True, False], ids=["async", "sync"])
@pytest.mark.parametrize("mode", list(FUSION_MODES))
def test_fusion_works_three_times_in_a_row_from_sync_code(library: Library, mode: FUSION_MODES, use_async: bool) -> None:
    """Check 9: core runs every sync call in a fresh event loop."""
    fusion = fusing(library, mode=mode, use_async=use_async)
    found = [ids(fusion.retrieve(QUESTION)) for _ in range(3)]
    assert found[0] == found[1] == found[2]
    assert len(set(found[0])) == len(found[0]) > 1


def test_fusion_works_three_times_inside_a_running_loop(library: Library) -> None:
    """Check 9: inside a running loop, awaited and blocking, with one retriever for both."""
    fusion, blocking = fusing(library), fusing(library, use_async=False)
    first = ids(fusion.retrieve(QUESTION))

    async def again() -> list[list[str]]:
        return [found for _ in range(3) for found in (ids(await fusion.aretrieve(QUESTION)), ids(blocking.retrieve(QUESTION)))]

    assert asyncio.run(again()) == [first] * 6


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # core closes those loops, not what is in them
def test_blocking_fusion_works_three_times_inside_a_running_loop(library: Library) -> None:
    """Check 9: as notebooks do; for each call core makes a thread with an event loop of its own."""

    async def blocking() -> list[list[str]]:
        fusion = fusing(library, use_async=True)
        return [ids(fusion.retrieve(QUESTION)) for _ in range(3)]

    first, *others = asyncio.run(blocking())
    gc.collect()  # while the warnings are ignored
    assert others == [first] * 2
    assert len(set(first)) == len(first) > 1


# -- others


@pytest.mark.parametrize("emulated", [False, True], ids=["llm", "pydantic"])
def test_a_router_chooses_among_retrievers(library: Library, emulated: bool) -> None:
    tools = [
        RetrieverTool.from_defaults(library.retriever(), name="shop", description="refunds and shipping"),
        RetrieverTool.from_defaults(library.retriever(library.other), name="notes", description="minutes of meetings"),
    ]
    llm = library.llm(tool_calling="prompt" if emulated else "off")
    kind: Any = PydanticSingleSelector if emulated else LLMSingleSelector
    router = RouterRetriever(selector=kind.from_defaults(llm=llm), retriever_tools=tools, llm=llm)
    found = router.retrieve("What was said about refunds?")
    assert {node.node.metadata["document_name"] for node in found} == {"notes.txt"}
    assert ids(asyncio.run(router.aretrieve("What was said about refunds?"))) == ids(found)


def test_a_recursive_retriever_goes_down_into_it(library: Library) -> None:
    """Check 20: all that the knowledge base finds, with its own scores."""

    class Top(BaseRetriever):
        def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
            return [NodeWithScore(node=IndexNode(text="All about refunds", index_id="shop"), score=1.0)]

    recursive = RecursiveRetriever("top", retriever_dict={"top": Top(), "shop": library.retriever()})
    assert recursive.retrieve("refunds possible") == library.retriever().retrieve("refunds possible")


def test_the_noise_of_a_retriever_tool_is_not_asked(library: Library) -> None:
    """Check 11: core sends a tool's input with line ends around."""
    told = RetrieverTool.from_defaults(library.retriever()).call(input="refunds")
    assert "30 days" in str(told.content)
    assert library.asked[0]["query"] == "input is refunds"


def test_postprocessors_take_the_nodes(library: Library) -> None:
    """Check 11: None score kept, for others to judge."""
    nodes = library.retriever(similarity_top_k=2).retrieve(QUESTION)
    assert len(nodes) == 2
    assert SimilarityPostprocessor(similarity_cutoff=0.0).postprocess_nodes(nodes) == nodes
    assert SimilarityPostprocessor(similarity_cutoff=1.1).postprocess_nodes(nodes) == []
    assert set(ids(LongContextReorder().postprocess_nodes(nodes))) == set(ids(nodes))
    ranked = LLMRerank(llm=library.llm(), top_n=2).postprocess_nodes(nodes, query_str=QUESTION)
    assert ids(ranked) == list(reversed(ids(nodes)))
