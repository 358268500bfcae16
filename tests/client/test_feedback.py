"""Likes and dislikes: given, taken back, and read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dify_integrations import AsyncDify, BadRequest, DifyError, EndpointNotAvailable, InvalidArgument, NotFound, ServerError
from tests.client.serving import Asked, absent, asked, recorded, refusal, script, value_of
from tests.faults.server import FaultServer
from tests.faults.sides import Side

DONE = {"result": "success"}


@pytest.fixture(params=["sync", "asyncio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients."""
    return Side(request.param)


def entries(first: int, count: int) -> dict[str, Any]:
    return {"data": [{"id": f"f-{number}", "rating": "like"} for number in range(first, first + count)]}


@pytest.mark.parametrize(
    ("rating", "kwargs", "sent"),
    [
        ("like", {}, {"rating": "like", "user": "ann"}),
        ("dislike", {"content": "zu lang", "user": "bob"}, {"rating": "dislike", "user": "bob", "content": "zu lang"}),
        ("like", {"content": ""}, {"rating": "like", "user": "ann", "content": ""}),
        (None, {}, {"rating": None, "user": "ann"}),
    ],
    ids=["like", "dislike", "empty words", "taken back"],
)
def test_sending(side: Side, rating: Any, kwargs: dict[str, Any], sent: dict[str, Any]) -> None:
    """Taking back is a null that is sent, not a rating that is left out."""
    with FaultServer(script(DONE)) as server:
        assert side.run(lambda dify: dify.feedback.send("m-1", rating, **kwargs), server.url) is None
    assert asked(server) == [Asked("POST", "/messages/m-1/feedbacks", {}, sent)]


@pytest.mark.parametrize(("rating", "times"), [("like", 2), (None, 1)], ids=["like", "taken back"])
def test_what_is_sent_again(side: Side, rating: Any, times: int) -> None:
    """A like can be given twice. Taking back twice is refused, which would hide that the first succeeded."""
    with FaultServer(refusal(500, "internal_server_error", "broken"), script(DONE)) as server:
        call: Callable[[AsyncDify], Awaitable[Any]] = lambda dify: dify.feedback.send("m-1", rating)  # noqa: E731
        if times == 1:
            assert type(side.error(call, server.url)) is ServerError
        else:
            side.run(call, server.url)
    assert len(server.requests) == times


@pytest.mark.parametrize(
    ("call", "answer", "error"),
    [
        (
            lambda d: d.feedback.send("m-1", None),
            refusal(400, "invalid_param", "rating cannot be None when feedback not exists"),
            BadRequest,
        ),
        (lambda d: d.feedback.send("m-1", "like"), refusal(404, "not_found", "Message Not Exists."), NotFound),
        (lambda d: d.feedback.list(), absent(), EndpointNotAvailable),
    ],
    ids=["nothing to take back", "unknown", "old server"],
)
def test_refusals(side: Side, call: Callable[[AsyncDify], Awaitable[Any]], answer: Any, error: type[DifyError]) -> None:
    with FaultServer(answer) as server:
        assert type(side.error(call, server.url)) is error


@pytest.mark.parametrize(
    "call",
    [
        lambda d: d.feedback.send("m-1", "meh"),
        lambda d: d.feedback.send("m-1", ""),
        lambda d: d.feedback.send(".", "like"),
        lambda d: d.feedback.list(page=0),
        lambda d: d.feedback.list(limit=101),
    ],
)
def test_what_is_not_sent(side: Side, call: Callable[[AsyncDify], Awaitable[Any]]) -> None:
    assert isinstance(side.error(call, "http://127.0.0.1:1/v1"), InvalidArgument)


def test_a_page(side: Side) -> None:
    """Times stay the text they are: UTC without saying so."""
    answer = recorded("1.14.2/feedbacks", r"GET /app/feedbacks\?page=1&limit=5")[0]
    with FaultServer(script(answer)) as server:
        page = side.run(lambda dify: dify.feedback.list(page=2, limit=5), server.url)
    assert asked(server) == [Asked("GET", "/app/feedbacks", {"page": "2", "limit": "5"}, None)]
    [entry] = page.data
    assert (entry.rating, entry.content, entry.from_source) == ("like", "very good 很好", "user")
    assert (entry.created_at, entry.from_account_id) == ("2026-11-20T10:49:04", None)
    assert page.model_dump(exclude_unset=True) == value_of(answer)
    assert (page.has_more, page.total) == (None, None)


@pytest.mark.parametrize("counts", [(3, 3, 1), (3, 3, 0), (0,), (2,)], ids=["a rest", "full pages", "none", "one page"])
def test_all_feedback(side: Side, counts: tuple[int, ...]) -> None:
    """The server says nothing of further pages: one that is not full is the last."""

    async def body(dify: AsyncDify) -> list[str]:
        return [entry.id async for entry in dify.feedback.iterate(limit=3)]

    pages = [entries(sum(counts[:number]), count) for number, count in enumerate(counts)]
    with FaultServer(*map(script, pages)) as server:
        assert side.run(body, server.url) == [f"f-{number}" for number in range(sum(counts))]
    assert [request.query for request in asked(server)] == [
        {"page": str(number + 1), "limit": "3"} for number in range(len(counts))
    ]
