"""Knowledge pipelines of LocalDify: data sources, uploads, one source run alone, published and draft runs."""

from __future__ import annotations

from typing import Any

import pytest

from dify_integrations.local import App, Dataset
from tests.local import wire
from tests.local.conftest import Serve, Served
from tests.local.knowing import error

KINDS = ("local_file", "online_document", "website_crawl", "online_drive")


def serve_pipeline(serve: Serve) -> tuple[Served, str]:
    dataset = Dataset("D", pipeline=KINDS)
    return serve(App("app"), datasets=[dataset]), f"/datasets/{dataset.id}"


def node(served: Served, base: str, kind: str) -> str:
    found = served.call("GET", f"{base}/pipeline/datasource-plugins").json()
    return next(str(entry["node_id"]) for entry in found if entry["datasource_type"] == kind)


def run(served: Served, base: str, kind: str, info: dict[str, Any], **more: Any) -> Any:
    body = {
        "inputs": {},
        "datasource_type": kind,
        "datasource_info_list": [info],
        "start_node_id": node(served, base, kind),
        "is_published": True,
        "response_mode": "blocking",
        **more,
    }
    return served.call("POST", f"{base}/pipeline/run", json=body)


def test_the_data_sources_are_listed(serve: Serve) -> None:
    served, base = serve_pipeline(serve)
    found = served.call("GET", f"{base}/pipeline/datasource-plugins").json()
    assert [entry["datasource_type"] for entry in found] == list(KINDS)
    assert all(entry["node_id"].isdigit() for entry in found)
    shown = served.call("GET", base).json()
    assert (shown["runtime_mode"], shown["is_published"], bool(shown["pipeline_id"])) == ("rag_pipeline", True, True)


@pytest.mark.parametrize("reference", ["reference", "related_id"])
def test_an_uploaded_file_becomes_a_document(serve: Serve, reference: str) -> None:
    served, base = serve_pipeline(serve)
    uploaded = served.call("POST", "/datasets/pipeline/file-upload", files={"file": ("a.txt", b"Foxes are red.")})
    assert uploaded.status_code == 201
    answer = run(served, base, "local_file", {reference: uploaded.json()["id"], "name": "a.txt"}).json()
    assert (answer["documents"][0]["name"], answer["documents"][0]["indexing_status"]) == ("a.txt", "waiting")
    looks = [served.call("GET", f"{base}/documents/{answer['batch']}/indexing-status").json()["data"] for _ in range(2)]
    assert [row["indexing_status"] for row in looks[-1]] == ["completed"]
    records = served.call("POST", f"{base}/retrieve", json={"query": "foxes"}).json()["records"]
    assert records[0]["segment"]["document"]["data_source_type"] == "local_file"


@pytest.mark.parametrize(
    ("kind", "info", "name"),
    [
        ("online_document", {"workspace_id": "w", "page": {"page_id": "p", "type": "page", "page_name": "Plan"}}, "Plan"),
        ("website_crawl", {"url": "http://localhost/", "title": "Home"}, "Home"),
        ("online_drive", {"id": "f", "type": "file"}, "untitled"),
    ],
)
@pytest.mark.parametrize("mode", ["blocking", "streaming"])
def test_a_published_run_answers_with_its_documents_in_either_mode(
    serve: Serve, kind: str, info: dict[str, Any], name: str, mode: str
) -> None:
    served, base = serve_pipeline(serve)
    response = run(served, base, kind, info, response_mode=mode)
    assert response.headers["content-type"].startswith("application/json")
    assert [document["name"] for document in response.json()["documents"]] == [name]
    assert served.call("GET", f"{base}/documents").json()["data"][0]["created_from"] == "rag-pipeline"


def test_a_draft_run_is_streamed_or_waited_for(serve: Serve) -> None:
    served, base = serve_pipeline(serve)
    info = {"url": "http://localhost/"}
    frames = wire.events(run(served, base, "website_crawl", info, is_published=False, response_mode="streaming").content)
    assert wire.pattern(frames) == [
        "workflow_started",
        "node_started:datasource",
        "node_finished:datasource",
        "node_started:knowledge-index",
        "node_finished:knowledge-index",
        "workflow_finished",
    ]
    blocking = run(served, base, "website_crawl", info, is_published=False).json()
    assert blocking["data"]["outputs"] == frames[-1]["data"]["outputs"]
    assert served.call("GET", f"{base}/documents").json()["total"] == 0


@pytest.mark.parametrize(
    ("kind", "events"),
    [
        ("online_document", ["datasource_completed"]),
        ("website_crawl", ["datasource_processing", "datasource_completed"]),
        ("online_drive", ["datasource_completed"]),
        ("local_file", ["datasource_error"]),
    ],
)
def test_one_data_source_is_run(serve: Serve, kind: str, events: list[str]) -> None:
    served, base = serve_pipeline(serve)
    body = {"inputs": {}, "datasource_type": kind, "is_published": True}
    path = f"{base}/pipeline/datasource/nodes/{node(served, base, kind)}/run"
    assert [frame["event"] for frame in wire.events(served.call("POST", path, json=body).content)] == events


def test_an_unknown_data_source_is_told_in_the_stream(serve: Serve) -> None:
    served, base = serve_pipeline(serve)
    body = {"inputs": {}, "datasource_type": "website_crawl", "is_published": True}
    response = served.call("POST", f"{base}/pipeline/datasource/nodes/1/run", json=body)
    assert (response.status_code, wire.events(response.content)[0]["event"]) == (200, "datasource_error")


@pytest.mark.parametrize(
    ("kind", "info", "more", "refused"),
    [
        ("local_file", {"reference": "x"}, {}, (500, "pipeline_run_error")),
        ("local_file", {}, {}, (500, "pipeline_run_error")),
        ("website_crawl", {"url": "x"}, {"start_node_id": "1"}, (500, "pipeline_run_error")),
        ("website_crawl", {"url": "x"}, {"response_mode": "bogus"}, (400, "invalid_param")),
        ("website_crawl", {"url": "x"}, {"inputs": []}, (400, "invalid_param")),
        ("website_crawl", {"url": "x"}, {"datasource_type": "bogus"}, (400, "invalid_param")),
    ],
)
def test_runs_that_are_refused(
    serve: Serve, kind: str, info: dict[str, Any], more: dict[str, Any], refused: tuple[int, str]
) -> None:
    served, base = serve_pipeline(serve)
    assert error(run(served, base, kind, info, **more)) == refused


def test_uploads_that_are_refused(serve: Serve) -> None:
    served, _ = serve_pipeline(serve)
    where = "/datasets/pipeline/file-upload"
    assert error(served.call("POST", where, data={"file": "text"})) == (400, "no_file_uploaded")
    two = [("file", ("a.txt", b"a")), ("file", ("b.txt", b"b"))]
    assert error(served.call("POST", where, files=two)) == (400, "too_many_files")


@pytest.mark.parametrize(("version", "status"), [("1.12.1", 404), ("1.13.0", 200)])
def test_pipelines_came_with_1_13(serve: Serve, version: str, status: int) -> None:
    dataset = Dataset("D", pipeline=KINDS)
    served = serve(App("app"), datasets=[dataset], version=version)
    assert served.call("GET", f"/datasets/{dataset.id}/pipeline/datasource-plugins").status_code == status
