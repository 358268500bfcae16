"""The retriever: what is asked, and how hits become nodes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from llama_index.core.schema import MetadataMode, NodeRelationship
from llama_index.core.vector_stores.types import MetadataFilter, MetadataFilters

from dify_integrations import APIError, InvalidArgument
from dify_integrations.bridge.fusion import children_of
from dify_integrations.bridge.hits import Hit
from dify_integrations.models.retrieval import KeywordSetting, MetadataCondition, RerankingModel, VectorSetting, Weights
from dify_integrations.models.retrieval import MetadataFilter as DifyFilter
from llamaindex_dify import DifyRetriever
from llamaindex_dify._mapping import node_of
from tests.llamaindex.library import Library, both


def test_nodes_show_where_they_are_from(library: Library) -> None:
    """Text and score, document as source, document metadata flat, ids kept out of prompts."""
    node = both(library.retriever(), "When are refunds possible within days?")[0]
    assert node.node.get_content() == "Refunds are possible within 30 days."
    assert node.score is not None
    assert node.node.ref_doc_id == node.node.metadata["document_id"]
    assert node.node.metadata["year"] == 2023
    shown = node.node.get_content(MetadataMode.LLM)
    assert "refunds.txt" in shown
    assert node.node.metadata["dataset_id"] not in shown


def test_nothing_set_asks_for_the_saved_settings(library: Library) -> None:
    """Check 10: an untouched retriever sends no `retrieval_model`; a part of it would replace all of the settings."""
    both(library.retriever(), "refunds")
    assert [sorted(asked) for asked in library.asked] == [["query"], ["query"]]
    assert not [request for request in library.server.requests if request.method == "GET"]


def test_anything_set_is_laid_over_the_saved_settings(library: Library) -> None:
    """They are read once; the server gets all four required fields."""
    retriever = library.retriever(similarity_top_k=1)
    assert len(both(retriever, "refunds")) == 1
    sent = library.asked[0]["retrieval_model"]
    assert sent["top_k"] == 1
    assert {"search_method", "reranking_enable", "score_threshold_enabled"} <= set(sent)
    assert len([request for request in library.server.requests if request.method == "GET"]) == 1
    assert retriever.similarity_top_k == 1


def test_nodes_are_the_same_for_every_query(library: Library) -> None:
    """Fusion removes duplicates by hash, and the server counts hits."""
    retriever = library.retriever()
    first, second = (retriever.retrieve("refunds possible") for _ in range(2))
    assert [node.node.hash for node in first] == [node.node.hash for node in second]


def test_several_knowledge_bases_are_merged(library: Library) -> None:
    nodes = both(library.retriever(library.shop, library.other), "refunds")
    assert {node.node.metadata["dataset_id"] for node in nodes} == {library.shop.id, library.other.id}


def test_errors_are_the_clients_own(library: Library) -> None:
    """Also out of several searches at once, where a task group would wrap them."""
    retriever = library.retriever(library.shop, library.other, dataset_api_key="dataset-wrong")
    with pytest.raises(APIError):
        retriever.retrieve("refunds")
    with pytest.raises(APIError):
        asyncio.run(retriever.aretrieve("refunds"))


def test_servers_that_cannot_tell_their_settings_get_complete_ones() -> None:
    """Dify 0.15 does not know the call."""
    with Library(version="0.15.3") as made:
        assert len(both(made.retriever(similarity_top_k=1), "refunds")) == 1
        assert asyncio.run(made.retriever(similarity_top_k=1).aretrieve("refunds"))
    assert {"search_method", "reranking_enable", "score_threshold_enabled"} <= set(made.asked[0]["retrieval_model"])


def test_class_is_what_core_asks_for() -> None:
    """Check 1: the retriever is a BaseRetriever, with asking of its own both ways."""
    assert "BaseRetriever" in [each.__name__ for each in DifyRetriever.__mro__]
    assert {"_retrieve", "_aretrieve"} <= set(vars(DifyRetriever))


def test_reranking_by_weights_or_another_model_is_sent_whole(library: Library) -> None:
    """Check 10: a complete `retrieval_model`, as recorded servers were sent it."""
    weights = Weights(vector_setting=VectorSetting(vector_weight=0.7), keyword_setting=KeywordSetting(keyword_weight=0.3))
    model = RerankingModel(reranking_provider_name="lab", reranking_model_name="rerank")
    both(library.retriever(search_method="hybrid_search", weights=weights), "refunds")
    both(library.retriever(reranking_model=model), "refunds")
    weighted, reranked = (library.asked[at]["retrieval_model"] for at in (0, 2))
    assert (weighted["reranking_enable"], weighted["reranking_mode"]) == (True, "weighted_score")
    assert weighted["weights"]["vector_setting"] == {"vector_weight": 0.7}
    assert (reranked["reranking_enable"], reranked["reranking_mode"]) == (True, "reranking_model")
    assert reranked["reranking_model"] == model.to_wire()


WRONG: list[Any] = [
    ({"weights": Weights(), "reranking_model": RerankingModel()}, "not by both"),
    ({"weights": Weights(), "reranking_enable": False}, "switched off"),
    ({"similarity_top_k": 0}, "whole number"),
    ({"search_method": "magic"}, "search_method"),
    ({"score_threshold": 2.0}, "from 0 to 1"),
    ({"filters": {"filters": []}}, "condition"),
]


@pytest.mark.parametrize(("wrong", "complaint"), WRONG, ids=str)
def test_settings_that_dify_does_not_know_are_refused(library: Library, wrong: Any, complaint: str) -> None:
    with pytest.raises(InvalidArgument, match=complaint):
        library.retriever(**wrong)


@pytest.mark.parametrize("query", ["", "  \n "])
def test_an_empty_query_is_refused(library: Library, query: str) -> None:
    with pytest.raises(InvalidArgument, match="non-empty"):
        library.retriever().retrieve(query)
    assert library.server.requests == []


@pytest.mark.parametrize("ids", ["", [], ["a", ""]])
def test_a_knowledge_base_must_be_named(ids: Any) -> None:
    with pytest.raises(InvalidArgument, match="dataset_id"):
        DifyRetriever(ids, dataset_api_key="dataset-x")


# -- long queries

LONG = "refunds " + "and so on " * 60  # 608 characters


def test_a_long_query_is_cut_with_a_warning_and_an_event(library: Library, told: Any) -> None:
    """Check 11: a query of 600 characters, truncated."""
    with pytest.warns(UserWarning, match="250"):
        library.retriever().retrieve(LONG)
    assert len(library.asked[0]["query"]) <= 250
    (event,) = told.of("DifyQueryTruncatedEvent")
    assert (event.query, event.sent) == (LONG, library.asked[0]["query"])


def test_a_long_query_is_refused_or_split(library: Library) -> None:
    """Check 11: a query of 600 characters, refused or split."""
    with pytest.raises(InvalidArgument, match="250"):
        library.retriever(on_long_query="error").retrieve(LONG)
    assert library.asked == []
    nodes = both(library.retriever(on_long_query="split"), LONG)
    assert len({node.node_id for node in nodes}) == len(nodes) > 0
    assert len(library.asked) > 2


# -- filters


def test_filters_are_obeyed(library: Library) -> None:
    filters = MetadataFilters(filters=[MetadataFilter(key="year", value=2023, operator=">")])  # type: ignore[arg-type]  # core parses it
    names = {node.node.metadata["document_name"] for node in both(library.retriever(filters=filters), "refunds")}
    assert names == {"shipping.txt"}


def test_difys_own_filters_pass(library: Library) -> None:
    """They know comparisons LlamaIndex has no name for."""
    condition = MetadataCondition(name="topic", comparison_operator="start with", value="mon")
    nodes = library.retriever(filters=DifyFilter(conditions=[condition])).retrieve("refunds")
    assert {node.node.metadata["document_name"] for node in nodes} == {"refunds.txt"}


# -- mapping


def a_hit(**changes: Any) -> Hit:
    child = {"id": "c1", "content": "exact", "position": 1, "score": 0.9}
    known = {"id": "s1", "text": "whole", "score": 0.5, "dataset_id": "d", "document_id": "doc", "children": (child,)}
    return Hit(**{**known, **changes})


def test_a_missing_score_stays_missing() -> None:
    """Check 11: None score kept; zero would be a judgement."""
    assert node_of(a_hit(score=None)).score is None


def test_children_are_relations_of_the_parent() -> None:
    (related,) = node_of(a_hit()).node.relationships[NodeRelationship.CHILD]
    assert (related.node_id, related.metadata["content"]) == ("c1", "exact")  # type: ignore[union-attr]


def test_children_can_be_nodes_of_their_own() -> None:
    """Check 11: child granularity, with the parent's text for MetadataReplacementPostProcessor, but not in prompts."""
    (node,) = map(node_of, children_of([a_hit()]))
    assert (node.node_id, node.score, node.node.metadata["parent_content"]) == ("c1", 0.9, "whole")
    assert node.node.parent_node is not None
    assert node.node.parent_node.node_id == "s1"
    assert "whole" not in node.node.get_content(MetadataMode.LLM)
    assert children_of([a_hit(children=())]) == [a_hit(children=())]


def test_child_granularity_reaches_the_retriever(library: Library) -> None:
    assert library.retriever(node_granularity="child").retrieve("refunds")
