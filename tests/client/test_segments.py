"""Chunks of documents: requests as sent, lists of every server, refusals."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from dify_integrations import AsyncDify, BadRequest, EndpointNotAvailable, InvalidArgument, NotFound
from dify_integrations.models.segments import SegmentInput
from tests.client.serving import Asked, absent, asked, recorded, refusal, script, value_of
from tests.faults.server import FaultServer
from tests.faults.sides import Side

DOCUMENT = "/datasets/k/documents/d"
KEY = {"dataset_api_key": "dataset-x"}
SEGMENT = {"id": "s", "content": "Oaks", "keywords": None, "child_chunks": None}
OF_015 = recorded("0.15.3/segments", "GET /datasets/.*/segments")[0]
QA = recorded("main-2026-06-12/documents_process_rules", "POST /datasets/.*/segments")[0]


@pytest.fixture(params=["sync", "asyncio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients."""
    return Side(request.param)


def page_of(*numbers: int, total: int, page: int) -> dict[str, Any]:
    data = [{"id": f"s{number}"} for number in numbers]
    return {"data": data, "doc_form": "text_model", "total": total, "has_more": page * 2 < total, "limit": 2, "page": page}


def test_create(side: Side) -> None:
    """All fields of a chunk are sent, those without value are not; the answer is whole."""
    segments = [SegmentInput(content="Who?", answer="Bees.", keywords=["honey"], attachment_ids=["a"]), SegmentInput(content="x")]
    with FaultServer(script(QA)) as server:
        made = side.run(lambda dify: dify.datasets.segments.create("k", "d", segments), server.url, **KEY)
    whole = {"content": "Who?", "answer": "Bees.", "keywords": ["honey"], "attachment_ids": ["a"]}
    assert asked(server) == [Asked("POST", f"{DOCUMENT}/segments", {}, {"segments": [whole, {"content": "x"}]})]
    assert server.requests[0].headers["authorization"] == "Bearer dataset-x"
    assert made.doc_form == "qa_model"
    assert (made.data[0].content, made.data[0].answer, made.data[0].keywords) == ("What do llamas eat?", "Grass.", ["llama"])
    assert made.model_dump(exclude_unset=True) == value_of(QA)


@pytest.mark.parametrize("segments", [[], [{"content": " "}], [{"answer": "x"}], [{"content": 5}], ["text"]])
def test_chunks_that_cannot_be_made(side: Side, segments: Any) -> None:
    """Servers up to 1.14.2 take an empty list for a success; everything else they refuse, too."""
    error = side.error(lambda dify: dify.datasets.segments.create("k", "d", segments), "http://127.0.0.1:1/v1", **KEY)
    assert isinstance(error, InvalidArgument)


def test_a_chunk_says_what_is_wrong_with_it() -> None:
    """When it is made, by its field."""
    with pytest.raises(InvalidArgument, match=r"SegmentInput\.content: must not be blank"):
        SegmentInput(content="\n")


def test_the_odd_envelope_of_segments(side: Side) -> None:
    """`{"error": …}` is a refusal like any other."""
    body = {"error": "1 validation error for SegmentCreatePayload\nsegments.0.content\n  Value error, Content is empty"}
    with FaultServer(script(body, 400)) as server:
        error = side.error(lambda dify: dify.datasets.segments.create("k", "d", [SegmentInput(content="x")]), server.url, **KEY)
    assert type(error) is BadRequest
    assert (error.status, error.code) == (400, "")
    assert "segments.0.content Value error, Content is empty" in error.message


def test_a_page(side: Side) -> None:
    """One request; several statuses are repeated parameters."""
    call: dict[str, Any] = {"keyword": "oak & ash", "status": ["completed", "error"], "page": 3, "limit": 7}
    with FaultServer(script(page_of(1, 2, total=9, page=3))) as server:
        page = side.run(lambda dify: dify.datasets.segments.list("k", "d", **call), server.url, **KEY)
    query = parse_qsl(urlsplit(server.requests[0].path).query)
    assert sorted(query) == [("keyword", "oak & ash"), ("limit", "7"), ("page", "3"), ("status", "completed"), ("status", "error")]
    assert [entry.id for entry in page.data] == ["s1", "s2"]
    assert (page.total, page.has_more, page.limit, page.page, page.doc_form) == (9, True, 2, 3, "text_model")


def test_one_status_is_a_string(side: Side) -> None:
    with FaultServer(script(page_of(1, total=1, page=1))) as server:
        side.run(lambda dify: dify.datasets.segments.list("k", "d", status="error"), server.url, **KEY)
    assert asked(server)[0].query == {"page": "1", "limit": "20", "status": "error"}


def test_every_chunk(side: Side) -> None:
    """Page after page with the same filter, none before it is needed."""
    pages = [page_of(1, 2, total=5, page=1), page_of(3, 4, total=5, page=2), page_of(5, total=5, page=3)]

    async def body(dify: AsyncDify) -> None:
        found = dify.datasets.segments.iterate("k", "d", keyword="oak", status=["completed"], limit=2)
        assert server.requests == []
        seen: list[str] = []
        async for segment in found:
            assert len(server.requests) == len(seen) // 2 + 1
            seen.append(segment.id)
        assert seen == ["s1", "s2", "s3", "s4", "s5"]

    with FaultServer(*map(script, pages)) as server:
        side.run(body, server.url, **KEY)
    assert [one.query for one in asked(server)] == [
        {"page": str(page), "limit": "2", "keyword": "oak", "status": "completed"} for page in (1, 2, 3)
    ]


def test_servers_that_ignore_pages(side: Side) -> None:
    """Dify 0.15 sends all chunks whatever page is asked for: every one comes once, with one request."""
    everything = [entry["id"] for entry in value_of(OF_015)["data"]]
    assert len(everything) == 3

    async def body(dify: AsyncDify) -> list[str]:
        return [segment.id async for segment in dify.datasets.segments.iterate("k", "d", limit=1)]

    with FaultServer(script(OF_015)) as server:
        assert side.run(body, server.url, **KEY) == everything
    assert len(server.requests) == 1


def test_get(side: Side) -> None:
    """Null lists are empty lists."""
    with FaultServer(script({"data": SEGMENT, "doc_form": "hierarchical_model", "new": 1})) as server:
        detail = side.run(lambda dify: dify.datasets.segments.get("k", "d", "s"), server.url, **KEY)
    assert asked(server) == [Asked("GET", f"{DOCUMENT}/segments/s", {}, None)]
    assert (detail.data.content, detail.data.keywords, detail.data.child_chunks) == ("Oaks", [], [])
    assert detail.model_dump()["new"] == 1


CHANGES: dict[str, Any] = {
    "content": "Elms",
    "answer": "no",
    "keywords": ["elm"],
    "enabled": False,
    "regenerate_child_chunks": True,
    "attachment_ids": [],
    "summary": "Trees",
}


@pytest.mark.parametrize("changes", [CHANGES, *({name: value} for name, value in CHANGES.items())], ids=lambda one: "+".join(one))
def test_update(side: Side, changes: dict[str, Any]) -> None:
    """What is given is sent, wrapped; `False` and empty lists are values."""
    with FaultServer(script({"data": SEGMENT, "doc_form": "text_model"})) as server:
        detail = side.run(lambda dify: dify.datasets.segments.update("k", "d", "s", **changes), server.url, **KEY)
    assert asked(server) == [Asked("POST", f"{DOCUMENT}/segments/s", {}, {"segment": changes})]
    assert detail.data.id == "s"


def test_an_update_of_nothing(side: Side) -> None:
    error = side.error(lambda dify: dify.datasets.segments.update("k", "d", "s"), "http://127.0.0.1:1/v1", **KEY)
    assert isinstance(error, InvalidArgument)


def test_delete(side: Side) -> None:
    """Whatever the server says of its success."""
    with FaultServer(script({"result": "success"}), script(204), script(None, 204)) as server:
        for _ in range(3):
            side.run(lambda dify: dify.datasets.segments.delete("k", "d", "s"), server.url, **KEY)
    assert {(one.method, one.path) for one in asked(server)} == {("DELETE", f"{DOCUMENT}/segments/s")}


def test_refusals(side: Side) -> None:
    """State and absence are told apart by class, code and text."""
    scripts = [
        refusal(400, "invalid_param", "Can't update disabled segment"),
        refusal(404, "not_found", "Document is not completed."),
        absent(),
    ]
    with FaultServer(*scripts) as server:
        errors = [
            side.error(lambda dify: dify.datasets.segments.update("k", "d", "s", content="x"), server.url, **KEY),
            side.error(lambda dify: dify.datasets.segments.create("k", "d", [SegmentInput(content="x")]), server.url, **KEY),
            side.error(lambda dify: dify.datasets.segments.get("k", "d", "s"), server.url, **KEY),
        ]
    assert [type(error) for error in errors] == [BadRequest, NotFound, EndpointNotAvailable]
    assert "1.4.2" in errors[2].message


@pytest.mark.parametrize("options", [{"limit": 0}, {"limit": 101}, {"page": 0}])
def test_pages_that_cannot_be_asked_for(side: Side, options: dict[str, int]) -> None:
    """Above 100 servers say that there is nothing more."""
    error = side.error(lambda dify: dify.datasets.segments.list("k", "d", **options), "http://127.0.0.1:1/v1", **KEY)  # type: ignore[arg-type]  # one of two names
    assert isinstance(error, InvalidArgument)


@pytest.mark.parametrize("bad", ["", "..", "a\nb"])
def test_ids_that_cannot_be_sent(side: Side, bad: str) -> None:
    """In every place of the path."""
    for ids in ((bad, "d", "s"), ("k", bad, "s"), ("k", "d", bad)):
        error = side.error(lambda dify, ids=ids: dify.datasets.segments.get(*ids), "http://127.0.0.1:1/v1", **KEY)  # type: ignore[misc]  # a default binds it
        assert isinstance(error, InvalidArgument)


@pytest.mark.parametrize("argument", ["keywords", "attachment_ids"])
def test_a_text_is_no_list(side: Side, argument: str) -> None:
    """It would be sent as a list of its letters."""
    change: Any = {argument: "honey"}
    error = side.error(lambda dify: dify.datasets.segments.update("k", "d", "s", **change), "http://127.0.0.1:1/v1", **KEY)
    assert isinstance(error, InvalidArgument)
    assert argument in error.message
