"""Retrieval: ranking, thresholds, filters, refusals and the recorded shape of records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dify_integrations.local import App, Dataset
from tests.local import wire
from tests.local.conftest import Serve, Served

DOCUMENTS = {
    "refunds.txt": "Refunds are paid within 30 days.\n\nDownloads are not refunded.",
    "shipping.txt": "Shipping takes five days. Returns are free.",
    "history.txt": "The shop was opened long ago.",
}
METADATA: dict[str, dict[str, Any]] = {
    "refunds.txt": {"category": "policy", "year": 2023, "published": 1_700_000_000},
    "shipping.txt": {"category": "logistics", "year": 2024},
}
MODEL = {"search_method": "semantic_search", "reranking_enable": False, "top_k": 5, "score_threshold_enabled": False}


def serve_docs(serve: Serve) -> Served:
    return serve(App("app"), datasets=[Dataset("Docs", DOCUMENTS, metadata=METADATA)])


def retrieve(served: Served, query: Any = "days refunds shop", route: str = "retrieve", **model: Any) -> Any:
    path = f"/datasets/{served.server.dataset('Docs').id}/{route}"
    return served.call("POST", path, json={"query": query, "retrieval_model": {**MODEL, **model}})


def names(response: Any) -> list[str]:
    return [record["segment"]["document"]["name"] for record in response.json()["records"]]


@pytest.mark.parametrize("route", ["retrieve", "hit-testing"])
def test_the_best_matching_segment_comes_first(serve: Serve, route: str) -> None:
    response = retrieve(serve_docs(serve), "When are refunds paid?", route)
    records = response.json()["records"]
    assert records[0]["segment"]["content"] == "Refunds are paid within 30 days."
    scores = [record["score"] for record in records]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)


def test_records_have_the_recorded_keys(serve: Serve) -> None:
    response = retrieve(serve_docs(serve), "refunds", search_method="keyword_search")
    wire.assert_same_keys(response.json(), wire.recorded_body("retrieve_keyword", "POST", "*/retrieve"))
    assert {record["score"] for record in response.json()["records"]} == {0.0}


def test_top_k_and_threshold(serve: Serve) -> None:
    served = serve_docs(serve)
    assert len(names(retrieve(served))) == 4
    assert len(names(retrieve(served, top_k=1))) == 1
    high = retrieve(served, "when are refunds paid", score_threshold_enabled=True, score_threshold=0.4)
    assert names(high) == ["refunds.txt"]
    assert len(names(retrieve(served, score_threshold_enabled=False, score_threshold=0.9))) == 4


def test_nothing_in_common_means_no_records(serve: Serve) -> None:
    assert retrieve(serve_docs(serve), "xylophone").json() == {"query": "xylophone", "records": []}


def test_chinese_is_found_by_its_characters(serve: Serve) -> None:
    served = serve()
    path = f"/datasets/{served.server.dataset('Handbook').id}/retrieve"
    records = served.call("POST", path, json={"query": "保修多久"}).json()["records"]
    assert records[0]["segment"]["document"]["name"] == "保修.txt"


def test_hits_are_counted(serve: Serve) -> None:
    served = serve_docs(serve)
    assert retrieve(served).json()["records"][0]["segment"]["hit_count"] == 0
    assert retrieve(served).json()["records"][0]["segment"]["hit_count"] == 1


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ([("category", "is", "policy")], {"refunds.txt"}),
        ([("category", "is not", "policy")], {"shipping.txt"}),
        ([("category", "contains", "ist")], {"shipping.txt"}),
        ([("category", "not contains", "ist")], {"refunds.txt"}),
        ([("category", "start with", "pol")], {"refunds.txt"}),
        ([("category", "end with", "ics")], {"shipping.txt"}),
        ([("category", "in", ["policy", "x"])], {"refunds.txt"}),
        ([("category", "in", "policy, logistics")], {"refunds.txt", "shipping.txt"}),
        ([("category", "in", [])], set()),
        ([("category", "not in", ["policy"])], {"shipping.txt"}),
        ([("category", "empty", None)], {"history.txt"}),
        ([("category", "not empty", None)], {"refunds.txt", "shipping.txt"}),
        ([("year", "=", 2023)], {"refunds.txt"}),
        ([("year", "≠", 2023)], {"shipping.txt"}),
        ([("year", ">", 2023)], {"shipping.txt"}),
        ([("year", "<", 2024)], {"refunds.txt"}),
        ([("year", "≥", 2023)], {"refunds.txt", "shipping.txt"}),
        ([("year", "≤", "2023")], {"refunds.txt"}),
        ([("published", "before", 1_700_000_001)], {"refunds.txt"}),
        ([("published", "after", 1_700_000_001)], set()),
        ([("unknown", "is", "x")], set()),
        ([("category", "is", None)], {"refunds.txt", "shipping.txt", "history.txt"}),
        ([("category", "is", "policy"), ("year", "=", 2024)], set()),
    ],
)
def test_metadata_filters(serve: Serve, conditions: list[tuple[str, str, Any]], found: set[str]) -> None:
    listed = [{"name": name, "comparison_operator": sign, "value": value} for name, sign, value in conditions]
    response = retrieve(serve_docs(serve), metadata_filtering_conditions={"conditions": listed})
    assert set(names(response)) == found


def test_filters_may_be_joined_by_or(serve: Serve) -> None:
    conditions = [
        {"name": "category", "comparison_operator": "is", "value": "policy"},
        {"name": "year", "comparison_operator": "=", "value": 2024},
    ]
    wanted = {"logical_operator": "or", "conditions": conditions}
    response = retrieve(serve_docs(serve), metadata_filtering_conditions=wanted)
    assert set(names(response)) == {"refunds.txt", "shipping.txt"}


@pytest.mark.parametrize("sign", [">=", "<=", "!=", "like"])
def test_other_operators_are_refused(serve: Serve, sign: str) -> None:
    conditions = [{"name": "year", "comparison_operator": sign, "value": 1}]
    response = retrieve(serve_docs(serve), metadata_filtering_conditions={"conditions": conditions})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_param")
    assert "comparison_operator" in response.json()["message"]


@pytest.mark.parametrize(
    ("query", "model", "words"),
    [
        ("x" * 251, {}, "String should have at most 250 characters [type=string_too_long"),
        ("", {}, "Query or attachment_ids is required"),
        ("x", {"top_k": 0}, "top_k must be a positive integer"),
        ("x", {"search_method": "bogus"}, "retrieval_model.search_method\n  Input should be 'semantic_search'"),
        (5, {}, "Input should be a valid string"),
    ],
)
def test_wrong_retrieval_requests(serve: Serve, query: Any, model: dict[str, Any], words: str) -> None:
    response = retrieve(serve_docs(serve), query, **model)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_param")
    assert words in response.json()["message"]


def test_the_longest_allowed_query_is_answered(serve: Serve) -> None:
    assert retrieve(serve_docs(serve), "x" * 250).status_code == 200


def test_a_partial_retrieval_model_is_refused_as_recorded(serve: Serve) -> None:
    served = serve_docs(serve)
    path = f"/datasets/{served.server.dataset('Docs').id}/retrieve"
    body = {"query": "x", "retrieval_model": {"search_method": "semantic_search"}}
    message = served.call("POST", path, json=body).json()["message"]
    assert message.startswith("3 validation errors for HitTestingPayload\nretrieval_model.reranking_enable\n")
    assert served.call("POST", path, json={}).json()["message"].startswith("1 validation error for HitTestingPayload\nquery")


def test_an_unknown_dataset_is_a_404_even_with_a_wrong_key(serve: Serve) -> None:
    path = "/datasets/00000000-0000-4000-8000-00000000dead/retrieve"
    response = serve().call("POST", path, key="wrong", json={"query": "x"})
    assert (response.status_code, response.json()["message"]) == (404, "Dataset not found.")


def test_documents_come_from_a_folder_a_list_or_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.md").write_text("# Title\n\nFirst paragraph.\n\nSecond paragraph.", "utf-8")
    (tmp_path / "deep" / "b.txt").write_text("Other text.", "utf-8")
    (tmp_path / "c.png").write_bytes(b"no text")
    folder = Dataset("X", tmp_path)
    assert [document.name for document in folder.documents] == ["a.md", "deep/b.txt"]
    assert [segment.content for segment in folder.documents[0].segments] == [
        "# Title\nFirst paragraph.",
        "Second paragraph.",
    ]
    assert [document.name for document in Dataset("X", [tmp_path / "deep" / "b.txt"]).documents] == ["b.txt"]
    assert [document.name for document in Dataset("X", str(tmp_path / "a.md")).documents] == ["a.md"]


def test_ids_are_stable() -> None:
    one, two = (Dataset("X", {"a.txt": "One.\n\nTwo."}) for _ in range(2))
    assert one.id == two.id
    assert [s.id for s in one.documents[0].segments] == [s.id for s in two.documents[0].segments]
    assert Dataset("Y", {"a.txt": "One."}).id != one.id


def test_long_paragraphs_are_cut_between_sentences() -> None:
    dataset = Dataset("X", {"a.txt": " ".join(f"Sentence number {n} is here." for n in range(100))})
    segments = dataset.documents[0].segments
    assert len(segments) > 1
    assert all(len(segment.content) <= 1000 and segment.content.endswith(".") for segment in segments)
