"""Knowledge bases: what is sent, page by page, and what is refused before it is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from dify_integrations import (
    AsyncDify,
    AuthenticationError,
    BadRequest,
    Conflict,
    Dify,
    DifyError,
    EndpointNotAvailable,
    ExternalRetrievalModel,
    InvalidArgument,
    NotFound,
    RetrievalModel,
    SummaryIndexSetting,
)
from dify_integrations.models.datasets import Dataset
from tests.client.serving import Asked, absent, asked, recorded, refusal, script, value_of
from tests.faults.server import FaultServer, keep
from tests.faults.sides import Side
from tests.faults.wire import answer

ID = "2de060fd-428c-453d-bcc1-8711384f3af0"
CARD = {"id": ID, "name": "Docs"}
KEY: dict[str, Any] = {"dataset_api_key": "dataset-x"}
MODEL = RetrievalModel(search_method="hybrid_search", top_k=3)
MODEL_SENT = {"search_method": "hybrid_search", "reranking_enable": False, "top_k": 3, "score_threshold_enabled": False}


@pytest.fixture(params=["sync", "asyncio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients."""
    return Side(request.param)


def sent(side: Side, call: Callable[[AsyncDify], Awaitable[Any]], *scripts: Any) -> list[Asked]:
    """What a call asks a server that answers with `scripts`."""
    with FaultServer(*(scripts or [script(CARD)])) as server:
        side.run(call, server.url, **KEY)
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer dataset-x"}
    return asked(server)


def test_create_with_a_name_only(side: Side) -> None:
    """Nothing is sent that was not given."""
    assert sent(side, lambda dify: dify.datasets.create("Docs")) == [Asked("POST", "/datasets", {}, {"name": "Docs"})]


def test_create_with_everything(side: Side) -> None:
    """Every field of the specification."""
    fields: dict[str, Any] = {
        "description": "数据集",
        "indexing_technique": "high_quality",
        "permission": "partial_members",
        "provider": "external",
        "embedding_model": "m",
        "embedding_model_provider": "a/b/c",
        "external_knowledge_api_id": "api-1",
        "external_knowledge_id": "their-1",
    }
    summary = SummaryIndexSetting(enable=True, model_name="m", model_provider_name="p", summary_prompt="Sum up.")
    [request] = sent(side, lambda dify: dify.datasets.create("D", **fields, retrieval_model=MODEL, summary_index_setting=summary))
    assert request.body == {
        "name": "D",
        **fields,
        "retrieval_model": MODEL_SENT,
        "summary_index_setting": {"enable": True, "model_name": "m", "model_provider_name": "p", "summary_prompt": "Sum up."},
    }


def test_update_with_everything(side: Side) -> None:
    """Members are plain ids here, and objects on the wire; an empty list and an empty text mean something."""
    external = ExternalRetrievalModel(top_k=2, score_threshold=0.5, score_threshold_enabled=True)
    [request] = sent(
        side,
        lambda dify: dify.datasets.update(
            ID,
            name="N",
            description="",
            indexing_technique="economy",
            permission="partial_members",
            partial_member_list=["u-1", "u-2"],
            embedding_model="m",
            embedding_model_provider="p",
            retrieval_model=MODEL,
            external_retrieval_model=external,
            external_knowledge_api_id="api-1",
            external_knowledge_id="their-1",
        ),
    )
    assert (request.method, request.path) == ("PATCH", f"/datasets/{ID}")
    assert request.body == {
        "name": "N",
        "description": "",
        "indexing_technique": "economy",
        "permission": "partial_members",
        "partial_member_list": [{"user_id": "u-1"}, {"user_id": "u-2"}],
        "embedding_model": "m",
        "embedding_model_provider": "p",
        "retrieval_model": MODEL_SENT,
        "external_retrieval_model": {"top_k": 2, "score_threshold": 0.5, "score_threshold_enabled": True},
        "external_knowledge_api_id": "api-1",
        "external_knowledge_id": "their-1",
    }
    [request] = sent(side, lambda dify: dify.datasets.update(ID, partial_member_list=[]))
    assert request.body == {"partial_member_list": []}


def test_a_page(side: Side) -> None:
    """Tags are repeated, truth is a word, and everything is encoded."""
    with FaultServer(script({"data": [CARD], "has_more": False, "limit": 7, "total": 1, "page": 2})) as server:
        page = side.run(
            lambda dify: dify.datasets.list(keyword="a&b 数", include_all=False, tag_ids=["t-1", "t-2"], page=2, limit=7),
            server.url,
            **KEY,
        )
    assert (page.data[0].name, page.total, page.page) == ("Docs", 1, 2)
    assert parse_qsl(urlsplit(server.requests[0].path).query) == [
        *(("page", "2"), ("limit", "7"), ("keyword", "a&b 数"), ("include_all", "false")),
        *(("tag_ids", "t-1"), ("tag_ids", "t-2")),
    ]


@pytest.mark.parametrize("count", [0, 1, 4, 5])
def test_all_of_them(side: Side, count: int) -> None:
    """Page by page, with the same filters, and no page more than there are."""
    cards = [{"id": f"d-{number}", "name": "n"} for number in range(count)]
    pages = [cards[start : start + 2] for start in range(0, max(count, 1), 2)]

    async def body(dify: AsyncDify) -> list[str]:
        return [dataset.id async for dataset in dify.datasets.iterate(keyword="n", tag_ids=["t"], limit=2)]

    scripts = [script({"data": data, "total": count, "has_more": len(data) == 2}) for data in pages]
    with FaultServer(*scripts) as server:
        assert side.run(body, server.url, **KEY) == [card["id"] for card in cards]
    assert [request.query for request in asked(server)] == [
        {"page": str(number + 1), "limit": "2", "keyword": "n", "tag_ids": "t"} for number in range(len(pages))
    ]


@pytest.mark.parametrize("body", [b"", b"204\n", b'{"result": "success"}\n', b"<html>"], ids=repr)
@pytest.mark.parametrize("status", [200, 204])
def test_delete_takes_any_success(side: Side, status: int, body: bytes) -> None:
    """1.4 to 1.12 say 204 in the body of a 200; 0.15 sends an empty body as JSON."""
    done = answer(status, b"" if status == 204 else body, Content_Type="application/json"), keep
    with FaultServer(done) as server:
        assert side.run(lambda dify: dify.datasets.delete(ID), server.url, **KEY) is None
    assert asked(server) == [Asked("DELETE", f"/datasets/{ID}", {}, None)]


def test_a_recorded_card_is_typed_throughout(side: Side) -> None:
    """Objects of nulls, saved settings, and what a newer server adds."""
    card = recorded("1.14.2/dataset_crud", "POST /datasets")[0]
    with FaultServer(script(value_of(card) | {"brand_new": {"a": 1}})) as server:
        got = side.run(lambda dify: dify.datasets.get(ID), server.url, **KEY)
    assert isinstance(got, Dataset)
    assert got.retrieval_model_dict is not None and got.retrieval_model_dict.search_method == "hybrid_search"
    assert got.retrieval_model_dict.reranking_model is not None
    assert got.retrieval_model_dict.reranking_model.reranking_model_name == "echo-rerank"
    assert got.summary_index_setting is not None and got.summary_index_setting.enable is None
    assert got.external_retrieval_model is not None and got.external_retrieval_model.top_k == 4
    assert (got.tags, got.doc_metadata, got.partial_member_list) == ([], [], [])
    assert got.created_at is not None and got.created_at > 1.7e9
    assert got.model_dump()["brand_new"] == {"a": 1}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda dify: dify.datasets.create(""), "name must be a string of 1 to 40 characters"),
        (lambda dify: dify.datasets.create("x" * 41), "1 to 40"),
        (lambda dify: dify.datasets.create(7), "1 to 40"),
        (lambda dify: dify.datasets.create("x", description="x" * 401), "description must be a string of 0 to 400"),
        (lambda dify: dify.datasets.update(ID, name=""), "1 to 40"),
        (lambda dify: dify.datasets.update(ID, partial_member_list="u-1"), "partial_member_list takes a list of strings"),
        (lambda dify: dify.datasets.update("..", name="x"), "dot segment"),
        (lambda dify: dify.datasets.get(""), "dataset_id must be a non-empty string"),
        (lambda dify: dify.datasets.delete("a\nb"), "control characters"),
        (lambda dify: dify.datasets.list(tag_ids="t-1"), "tag_ids takes a list of strings"),
        (lambda dify: dify.datasets.list(limit=101), "between 1 and 100"),
        (lambda dify: dify.datasets.list(page=0), "1 or more"),
    ],
)
def test_refused_before_it_is_sent(side: Side, call: Callable[[AsyncDify], Awaitable[Any]], words: str) -> None:
    """No server is needed to know."""
    error = side.error(call, "http://127.0.0.1:1/v1", **KEY)
    assert type(error) is InvalidArgument
    assert words in error.message


@pytest.mark.parametrize("client", [Dify, AsyncDify])
def test_what_cannot_be_iterated_is_refused_at_once(client: type[Dify] | type[AsyncDify]) -> None:
    """Not at the first entry."""
    with pytest.raises(InvalidArgument, match="tag_ids"):
        client(**KEY).datasets.iterate(tag_ids="t-1")


def test_names_as_long_as_they_may_be(side: Side) -> None:
    """Characters count, not bytes."""
    [request] = sent(side, lambda dify: dify.datasets.create("数" * 40, description="描" * 400))
    assert request.body == {"name": "数" * 40, "description": "描" * 400}


ERRORS: list[tuple[Any, type[DifyError], str]] = [
    (refusal(409, "dataset_name_duplicate", "The dataset name already exists."), Conflict, "dataset_name_duplicate"),
    (refusal(404, "not_found", "Dataset not found."), NotFound, "not_found"),
    (refusal(401, "unauthorized", "Access token is invalid"), AuthenticationError, "unauthorized"),
    (refusal(400, "invalid_param", "1 validation error"), BadRequest, "invalid_param"),
    (refusal(405, "method_not_allowed", "The method is not allowed."), EndpointNotAvailable, "method_not_allowed"),
    (absent(), EndpointNotAvailable, ""),
]


@pytest.mark.parametrize(("acts", "expected", "code"), ERRORS)
def test_errors(side: Side, acts: Any, expected: type[DifyError], code: str) -> None:
    """By status and code; an old server's refusal of the verb or the address names the version that has it."""
    with FaultServer(acts) as server:
        error = side.error(lambda dify: dify.datasets.update(ID, name="x"), server.url, **KEY)
    assert type(error) is expected
    assert getattr(error, "code", None) == code
    if expected is EndpointNotAvailable:
        assert "since Dify 1.2.0" in error.message


def test_a_creation_is_not_repeated(side: Side) -> None:
    """It may have happened: a second one would be a second knowledge base."""
    with FaultServer(script({"message": "Internal Server Error", "code": "unknown"}, 500), script(CARD)) as server:
        error = side.error(lambda dify: dify.datasets.create("Docs"), server.url, **KEY)
    assert len(server.requests) == 1
    assert getattr(error, "status", 0) == 500
