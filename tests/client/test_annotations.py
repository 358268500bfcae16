"""Annotations, and the switch that puts them to use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dify_integrations import AsyncDify, BadRequest, DifyError, EndpointNotAvailable, InvalidArgument, NotFound
from tests.client.serving import Asked, absent, asked, recorded, refusal, script, value_of
from tests.faults.server import FaultServer
from tests.faults.sides import Side

CASSETTE = "1.14.2/annotations"
MODEL: dict[str, Any] = {
    "embedding_provider_name": "openai",
    "embedding_model_name": "text-embedding-3-small",
    "score_threshold": 0.9,
}


@pytest.fixture(params=["sync", "asyncio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients."""
    return Side(request.param)


def page(first: int, count: int, total: int, limit: int) -> dict[str, Any]:
    """A page as servers make it: `has_more` says that it is full."""
    data = [{"id": f"a-{number}"} for number in range(first, first + count)]
    return {"data": data, "has_more": count == limit, "limit": limit, "total": total, "page": first // limit + 1}


def test_create(side: Side) -> None:
    answer = recorded(CASSETTE, "POST /apps/annotations", 201)[0]
    with FaultServer(script(answer)) as server:
        made = side.run(lambda dify: dify.annotations.create("What is the secret word?", "芝麻开门"), server.url)
    assert asked(server) == [Asked("POST", "/apps/annotations", {}, {"question": "What is the secret word?", "answer": "芝麻开门"})]
    assert made.model_dump(exclude_unset=True) == value_of(answer)
    assert (made.answer, made.hit_count) == ("The secret word is 芝麻开门.", 0)


def test_update(side: Side) -> None:
    answer = recorded(CASSETTE, "PUT /apps/annotations/.*")[0]
    with FaultServer(script(answer)) as server:
        changed = side.run(lambda dify: dify.annotations.update("a-1", "q", "a"), server.url)
    assert asked(server) == [Asked("PUT", "/apps/annotations/a-1", {}, {"question": "q", "answer": "a"})]
    assert changed.question == "Second question v2"


def test_delete(side: Side) -> None:
    with FaultServer(script(recorded(CASSETTE, "DELETE /apps/annotations/.*", 204)[0])) as server:
        assert side.run(lambda dify: dify.annotations.delete("a-1"), server.url) is None
    assert asked(server) == [Asked("DELETE", "/apps/annotations/a-1", {}, None)]


def test_a_page(side: Side) -> None:
    answer = recorded(CASSETTE, r"GET /apps/annotations\?.*keyword=secret")[0]
    with FaultServer(script(answer)) as server:
        got = side.run(lambda dify: dify.annotations.list(keyword="se cret+&", page=3, limit=1), server.url)
    query = {"page": "3", "limit": "1", "keyword": "se cret+&"}
    assert asked(server) == [Asked("GET", "/apps/annotations", query, None)]
    assert (got.total, got.page, got.has_more, len(got.data)) == (1, 1, True, 1)


@pytest.mark.parametrize("count", [0, 1, 3, 4], ids=lambda count: f"{count} entries")
def test_every_annotation(side: Side, count: int) -> None:
    """The total ends the walk, so that a full last page costs no further request."""
    pages = [page(first, min(2, count - first), count, 2) for first in range(0, count, 2)] or [page(0, 0, 0, 2)]

    async def body(dify: AsyncDify) -> list[str]:
        return [annotation.id async for annotation in dify.annotations.iterate(limit=2, keyword="k")]

    with FaultServer(*map(script, pages)) as server:
        assert side.run(body, server.url) == [f"a-{number}" for number in range(count)]
    assert [request.query for request in asked(server)] == [
        {"page": str(number + 1), "limit": "2", "keyword": "k"} for number in range(len(pages))
    ]


@pytest.mark.parametrize("action", ["enable", "disable"])
def test_switching(side: Side, action: Any) -> None:
    """The server wants the model for both; the job is followed under the same word."""
    started = recorded(CASSETTE, f"POST /apps/annotation-reply/{action}")[0]
    states = recorded(CASSETTE, f"GET /apps/annotation-reply/{action}/status/.*")

    async def body(dify: AsyncDify) -> list[tuple[str | None, str | None]]:
        job = await dify.annotations.configure_reply(action, **MODEL)
        seen = [(job.job_status, job.error_msg)]
        for _ in states:
            job = await dify.annotations.reply_status(action, job.job_id)
            seen.append((job.job_status, job.error_msg))
        return seen

    with FaultServer(script(started), *map(script, states)) as server:
        seen = side.run(body, server.url)
    assert seen[0] == ("waiting", None)
    assert seen[-1] == ("completed", "")
    first, *others = asked(server)
    assert first == Asked("POST", f"/apps/annotation-reply/{action}", {}, MODEL)
    path = f"/apps/annotation-reply/{action}/status/{value_of(started)['job_id']}"
    assert others == [Asked("GET", path, {}, None)] * len(states)


@pytest.mark.parametrize(
    ("call", "answer", "error"),
    [
        (lambda d: d.annotations.update("a", "q", "a"), refusal(404, "not_found", "Annotation not found"), NotFound),
        (lambda d: d.annotations.delete("a"), refusal(404, "not_found", "Annotation not found"), NotFound),
        (
            lambda d: d.annotations.reply_status("enable", "j"),
            refusal(400, "invalid_param", "The job does not exist."),
            BadRequest,
        ),
        (lambda d: d.annotations.create("q", "a"), absent(), EndpointNotAvailable),
        (lambda d: d.annotations.list(), absent(), EndpointNotAvailable),
    ],
)
def test_refusals(side: Side, call: Callable[[AsyncDify], Awaitable[Any]], answer: Any, error: type[DifyError]) -> None:
    with FaultServer(answer) as server:
        assert type(side.error(call, server.url)) is error


@pytest.mark.parametrize(
    "call",
    [
        lambda d: d.annotations.configure_reply("bogus", **MODEL),  # a 500 on every server
        lambda d: d.annotations.configure_reply("", **MODEL),
        lambda d: d.annotations.reply_status("Enable", "j"),
        lambda d: d.annotations.reply_status("enable", ""),
        lambda d: d.annotations.update("..", "q", "a"),
        lambda d: d.annotations.delete(" "),
        lambda d: d.annotations.list(limit=101),
        lambda d: d.annotations.list(page=0),
    ],
)
def test_what_is_not_sent(side: Side, call: Callable[[AsyncDify], Awaitable[Any]]) -> None:
    assert isinstance(side.error(call, "http://127.0.0.1:1/v1"), InvalidArgument)
