"""Retrieval: queries that fit, complete settings, records as hits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dify_integrations.bridge.hits import Hit, SearchOptions, fit_query, hits_of, retrieval_model
from dify_integrations.errors import InvalidArgument
from dify_integrations.models.datasets import Dataset
from dify_integrations.models.retrieval import MetadataCondition, MetadataFilter, Retrieval, SavedRetrieval

WIRE = Path(__file__).parents[2].parent / "shared" / "wire"


def test_a_record_becomes_a_hit() -> None:
    retrieval = Retrieval.model_validate(
        {
            "query": {"content": "q"},
            "records": [
                {
                    "segment": {
                        "id": "s1",
                        "position": 2,
                        "document_id": "d1",
                        "content": "Why?",
                        "answer": "Because.",
                        "keywords": ["why"],
                        "document": {
                            "id": "d1",
                            "name": "faq.md",
                            "data_source_type": "upload_file",
                            "doc_metadata": {"lang": "en"},
                        },
                    },
                    "child_chunks": [{"id": "c1", "content": "Why?", "position": 1, "score": 0.5}],
                    "files": [{"id": "f1"}],
                    "score": 0.75,
                    "summary": "A reason.",
                }
            ],
        }
    )
    assert hits_of(retrieval, "kb") == [
        Hit(
            id="s1",
            text="Why?\nBecause.",
            score=0.75,
            dataset_id="kb",
            document_id="d1",
            document_name="faq.md",
            position=2,
            data_source_type="upload_file",
            document_metadata={"lang": "en"},
            keywords=("why",),
            children=({"id": "c1", "content": "Why?", "position": 1, "score": 0.5},),
            files=({"id": "f1"},),
            summary="A reason.",
            qa=True,
        )
    ]


def test_a_bare_record_gets_a_stable_id() -> None:
    bare = Retrieval.model_validate({"records": [{"segment": {"id": "", "content": "x"}, "child_chunks": None}]})
    (hit,) = hits_of(bare, "kb")
    assert hit == Hit(id=hit.id, text="x", score=None, dataset_id="kb")
    assert hit.id and hits_of(bare, "kb")[0].id == hit.id != hits_of(bare, "other")[0].id


def test_the_document_names_itself_when_the_segment_does_not() -> None:
    record = {"segment": {"id": "s", "content": "x", "document": {"id": "d", "name": None}}}
    (hit,) = hits_of(Retrieval.model_validate({"records": [record]}), "kb")
    assert (hit.document_id, hit.document_name, hit.document_metadata) == ("d", "", {})


def recorded() -> Iterator[Any]:
    """Answers of real servers to retrievals."""
    for path in sorted(WIRE.glob("*/*.yaml")):
        if "retriev" in path.name or "hit" in path.name:
            for exchange in (yaml.safe_load(path.read_text()) or {}).get("interactions", []):
                if (
                    exchange["request"]["uri"].endswith(("/retrieve", "/hit-testing"))
                    and exchange["response"]["status"]["code"] == 200
                ):
                    yield json.loads(exchange["response"]["body"]["string"])


@pytest.mark.skipif(not WIRE.is_dir(), reason="recordings are not on this machine")
def test_recorded_retrievals_become_hits() -> None:
    answers = list(recorded())
    assert sum(len(answer["records"]) for answer in answers) > 0
    for answer in answers:
        hits = hits_of(Retrieval.model_validate(answer), "kb")
        assert [hit.id for hit in hits] == [record["segment"]["id"] for record in answer["records"]]
        assert all(hit.text.startswith(record["segment"]["content"]) for hit, record in zip(hits, answer["records"]))
        assert all(hit.document_id and hit.document_name for hit in hits)


LONG = "word " * 60  # 299 characters


def test_a_query_that_fits_is_sent_in_one_line() -> None:
    assert fit_query("  what \n is\tthis? ", "error") == ["what is this?"]
    assert fit_query("x" * 250, "error") == ["x" * 250]


@pytest.mark.parametrize("query", ["", " \n"])
def test_an_empty_query_is_refused(query: str) -> None:
    with pytest.raises(InvalidArgument, match="non-empty"):
        fit_query(query, "truncate")


def test_a_long_query_is_cut_at_a_word_with_one_warning() -> None:
    with pytest.warns(UserWarning, match="250 characters") as caught:
        assert fit_query(LONG, "truncate") == [("word " * 50).strip()]
    assert len(caught) == 1


def test_a_long_query_can_be_refused_or_split() -> None:
    with pytest.raises(InvalidArgument, match="has 299 characters"):
        fit_query(LONG, "error")
    assert fit_query(LONG, "split") == [("word " * 50).strip(), ("word " * 10).strip()]
    assert fit_query("字" * 600, "split") == ["字" * 250, "字" * 250, "字" * 100]


def test_a_cut_at_a_word_leaves_most_of_the_query() -> None:
    """Many languages put no spaces between words: of a greeting and a question behind it the greeting would remain."""
    with pytest.warns(UserWarning, match="250 characters"):
        assert fit_query("您好 " + "字" * 600, "truncate") == ["您好 " + "字" * 247]
    assert fit_query("x" * 200 + " " + "字" * 100, "split") == ["x" * 200, "字" * 100]


@settings(max_examples=150)
@given(st.lists(st.text(alphabet="ab字 \n", min_size=1, max_size=300), min_size=1, max_size=6).map(" ".join))
def test_split_queries_fit_and_lose_no_character(query: str) -> None:
    if not query.strip():
        return
    parts = fit_query(query, "split")
    assert all(0 < len(part) <= 250 and part == part.strip() for part in parts)
    assert "".join("".join(parts).split()) == "".join(query.split())


SAVED = Dataset.model_validate(
    {
        "id": "kb",
        "name": "Docs",
        "indexing_technique": "high_quality",
        "retrieval_model_dict": {
            "search_method": "hybrid_search",
            "reranking_enable": True,
            "reranking_mode": "weighted_score",
            "reranking_model": {"reranking_provider_name": "", "reranking_model_name": None},
            "weights": {"keyword_setting": {"keyword_weight": 0.3}},
            "top_k": 7,
            "score_threshold_enabled": False,
            "score_threshold": None,
        },
    }
)


def test_nothing_to_change_leaves_the_saved_settings_in_force() -> None:
    assert SearchOptions().is_empty
    assert retrieval_model(SearchOptions(), SAVED) is None


def test_changes_are_laid_over_the_saved_settings() -> None:
    model = retrieval_model(SearchOptions(top_k=2, score_threshold=0.0), SAVED)
    assert model is not None
    assert model.model_dump(exclude_none=True) == {
        "search_method": "hybrid_search",
        "reranking_enable": True,
        "reranking_mode": "weighted_score",
        "weights": {"keyword_setting": {"keyword_weight": 0.3}},
        "top_k": 2,
        "score_threshold_enabled": True,
        "score_threshold": 0.0,
    }


def test_settings_are_complete_without_saved_ones() -> None:
    """The server refuses half a setting."""
    where = MetadataFilter(conditions=[MetadataCondition(name="lang", comparison_operator="is", value="de")])
    model = retrieval_model(SearchOptions(reranking_enable=False, metadata_filter=where), None)
    assert model is not None
    assert model.model_dump(exclude_none=True) == {
        "search_method": "semantic_search",
        "reranking_enable": False,
        "top_k": 4,
        "score_threshold_enabled": False,
        "metadata_filtering_conditions": {
            "logical_operator": "and",
            "conditions": [{"name": "lang", "comparison_operator": "is", "value": "de"}],
        },
    }


def test_a_saved_method_of_a_newer_server_is_sent_back_and_an_unknown_one_of_the_caller_refused() -> None:
    newer = SAVED.model_copy(update={"retrieval_model_dict": SavedRetrieval(search_method="graph_search", top_k=3)})
    model = retrieval_model(SearchOptions(score_threshold=0.5), newer)
    assert model is not None
    assert (model.to_wire()["search_method"], model.top_k, model.score_threshold) == ("graph_search", 3, 0.5)
    with pytest.raises(InvalidArgument, match="search_method"):
        retrieval_model(SearchOptions(search_method="graph_search"), newer)


def test_weights_of_nulls_are_left_out() -> None:
    settings = {"weights": {"vector_setting": {"weight": None}, "list": ""}}
    saved = Dataset.model_validate({**SAVED.model_dump(), "retrieval_model_dict": settings})
    model = retrieval_model(SearchOptions(top_k=1), saved)
    assert model is not None and model.weights is None


def test_an_economy_knowledge_base_is_searched_by_keyword_unless_told_otherwise() -> None:
    economy = SAVED.model_copy(update={"indexing_technique": "economy", "retrieval_model_dict": None})
    found = retrieval_model(SearchOptions(top_k=1), economy)
    forced = retrieval_model(SearchOptions(search_method="semantic_search"), economy)
    always = retrieval_model(SearchOptions(), economy)
    assert found is not None and found.search_method == "keyword_search"
    assert always is not None and always.search_method == "keyword_search"
    assert forced is not None and forced.search_method == "semantic_search"


def test_records_of_an_external_knowledge_base_have_no_segment() -> None:
    """Title and words stand in the record; the id is the same in every query, and another for other words."""
    record = {"content": "Kayaks float.", "title": "boats.md", "score": 0.5, "metadata": {"lang": "en"}}
    first, again, other, bare = hits_of(
        Retrieval.model_validate({"records": [record, record, {**record, "content": "Canoes float."}, {}]}), "kb"
    )
    assert (first.text, first.document_name, first.score, first.document_metadata) == (
        "Kayaks float.",
        "boats.md",
        0.5,
        {"lang": "en"},
    )
    assert first.id == again.id
    assert first.id != other.id
    assert (bare.text, bare.score) == ("", None)
