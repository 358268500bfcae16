"""What core tests of following index nodes, with Dify's retriever at their ends: a score of zero is one, and none is none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.retrievers import RecursiveRetriever
from llama_index.core.schema import IndexNode, NodeWithScore, QueryBundle, TextNode

from dify_integrations import AsyncDify, Dify
from llamaindex_dify import DifyRetriever
from tests.llamaindex.library import Library
from tests.llamaindex.upstream.adapter import Upstream, says

Stocked = Callable[..., tuple[Upstream, Library]]


class Above(BaseRetriever):
    """Finds one index node, which stands for what is below it."""

    def __init__(self, score: float | None, below: object = None) -> None:
        super().__init__(object_map={"below": below} if below is not None else None)
        self.score = score

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [NodeWithScore(node=IndexNode(text="above", index_id="below"), score=self.score)]


ScoredAs = Callable[[float | None], DifyRetriever]


@pytest.fixture
def scored_as() -> Iterator[ScoredAs]:
    """A knowledge base with one passage, whose server scores it so."""
    with ExitStack() as stack:

        def make(score: float | None) -> DifyRetriever:
            document = {"id": "d", "data_source_type": "upload_file", "name": "refunds.txt", "doc_metadata": None}
            segment = {"id": "passage", "content": "Refunds.", "document_id": "d", "document": document, "position": 1}
            body = json.dumps({"query": {"content": "q"}, "records": [{"segment": segment, "score": score}]}).encode()
            headers = {"content-type": "application/json"}
            transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body, headers=headers))
            address: dict[str, Any] = {"dataset_api_key": "dataset-x", "base_url": "http://127.0.0.1:9/v1"}
            http = stack.enter_context(httpx.Client(transport=transport))
            client = AsyncDify(http_client=httpx.AsyncClient(transport=transport), **address)
            return DifyRetriever("kb", client=Dify(http_client=http, **address), async_client=client)

        yield make


def found(retriever: BaseRetriever, way: str) -> list[tuple[str, float | None]]:
    nodes = asyncio.run(retriever.aretrieve("refunds")) if way == "aretrieve" else retriever.retrieve("refunds")
    return [(node.node_id, node.score) for node in nodes]


either_way = pytest.mark.parametrize("way", ["retrieve", "aretrieve"])
each_score = pytest.mark.parametrize("score", [0.0, 0.3, None])


@either_way
@each_score
def test_a_recursive_retriever_keeps_the_scores(scored_as: ScoredAs, score: float | None, way: str) -> None:
    """Check 20: at its root, and behind an index node; that node's own score is none of the passage's."""
    retriever = scored_as(score)
    at_root = RecursiveRetriever("root", {"root": retriever}, node_dict={"passage": TextNode(text="other", id_="other")})
    assert found(at_root, way) == [("passage", score)]
    behind = RecursiveRetriever("root", {"root": Above(0.9), "below": retriever})
    assert found(behind, way) == [("passage", score)]


@either_way
@each_score
def test_any_retriever_that_leads_here_keeps_the_scores(scored_as: ScoredAs, score: float | None, way: str) -> None:
    """Check 20: `object_map` of core's base class."""
    assert found(Above(0.9, below=scored_as(score)), way) == [("passage", score)]


@either_way
def test_a_passage_is_never_swapped_for_something_else(scored_as: ScoredAs, way: str) -> None:
    """Check 20: Dify's passages are texts, not index nodes, whatever an object map says."""
    retriever = scored_as(0.0)
    retriever.object_map["passage"] = TextNode(text="other", id_="other")
    assert found(retriever, way) == [("passage", 0.0)]


def test_below_may_be_a_query_engine(stocked: Stocked) -> None:
    """Check 20: over Dify's retriever and app; its answer is the node, its passages are the additional ones."""
    _, library = stocked(lambda messages, **_: says("Within 30 days."))
    engine = RetrieverQueryEngine.from_args(library.retriever(similarity_top_k=1), llm=library.llm())
    recursive = RecursiveRetriever("root", {"root": Above(0.3)}, query_engine_dict={"below": engine})
    (answer,), (passage,) = recursive.retrieve_all(QueryBundle("When are refunds possible within days?"))
    assert answer.node.get_content().endswith("Within 30 days.")
    assert (answer.score, passage.node.get_content()) == (0.3, "Refunds are possible within 30 days.")
    assert passage.node.ref_doc_id
