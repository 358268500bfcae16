"""Conversations: lists with both ends, names, deletion, and the variables of a chatflow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dify_integrations import (
    AsyncDify,
    BadRequest,
    DifyError,
    EndpointNotAvailable,
    InvalidArgument,
    NotFound,
    ServerError,
    UnexpectedContent,
)
from dify_integrations.models.conversations import Conversation
from tests.client.serving import Asked, absent, asked, recorded, refusal, script, value_of
from tests.faults.server import FaultServer
from tests.faults.sides import Side

ID = "0db14174-9006-4e39-b140-e9ee8a63d958"
ITEM = {"id": ID, "name": "Cats", "inputs": {}, "status": "normal", "introduction": "", "created_at": 1, "updated_at": 2}
PAGES = recorded("1.14.2/conversations", r"GET /conversations\?user=user-conversations&limit=2(&last_id=.*)?")
VARIABLES = recorded("1.14.2/chatflow_multi_turn", r"GET /conversations/.*/variables\?.*limit=2.*")


@pytest.fixture(params=["sync", "asyncio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients."""
    return Side(request.param)


def test_a_page(side: Side) -> None:
    """One request; what is not asked for is not sent."""
    with FaultServer(script(PAGES[0])) as server:
        page = side.run(lambda dify: dify.conversations.list(limit=2), server.url)
    assert asked(server) == [Asked("GET", "/conversations", {"user": "ann", "limit": "2"}, None)]
    assert (page.limit, page.has_more, page.total) == (2, True, None)
    first = page.data[0]
    assert (first.name, first.status) == ("Chat about Conversation number 4", "normal")
    assert first.introduction == "Hi N4, I am the lab chat app. 你好!"
    assert first.inputs == {"name": "N4", "tone": None, "notes": None, "age": None, "verbose": None}
    assert first.created_at is not None
    assert page.model_dump(exclude_unset=True) == value_of(PAGES[0])


def test_all_arguments_of_a_page(side: Side) -> None:
    with FaultServer(script(PAGES[-1])) as server:
        side.run(lambda dify: dify.conversations.list(user="bob", last_id=ID, limit=7, sort_by="-created_at"), server.url)
    query = {"user": "bob", "limit": "7", "last_id": ID, "sort_by": "-created_at"}
    assert asked(server) == [Asked("GET", "/conversations", query, None)]


def test_every_conversation(side: Side) -> None:
    """Page after page, each asked for with the last id of the one before, none before it is needed."""
    everything = [entry["id"] for page in PAGES for entry in value_of(page)["data"]]

    async def body(dify: AsyncDify) -> None:
        found = dify.conversations.iterate(user="user-conversations", limit=2, sort_by="-updated_at")
        assert server.requests == []
        seen: list[str] = []
        async for conversation in found:
            assert len(server.requests) == len(seen) // 2 + 1
            seen.append(conversation.id)
        assert seen == everything

    with FaultServer(*map(script, PAGES)) as server:
        side.run(body, server.url)
    assert [request.query.get("last_id") for request in asked(server)] == [None, everything[1], everything[3]]
    assert {(request.query["user"], request.query["limit"], request.query["sort_by"]) for request in asked(server)} == {
        ("user-conversations", "2", "-updated_at")
    }


def test_page_by_page_and_again(side: Side) -> None:
    """Whole pages as they came; a second time it starts from the start."""

    async def body(dify: AsyncDify) -> None:
        found = dify.conversations.iterate(limit=2)
        pages = [page async for page in found.pages()]
        assert [page.model_dump(exclude_unset=True) for page in pages] == [value_of(page) for page in PAGES]
        assert [entry.id async for entry in found] == [entry.id for page in pages for entry in page.data]

    with FaultServer(*map(script, PAGES * 2)) as server:
        side.run(body, server.url)
    cursors = [request.query.get("last_id") for request in asked(server)]
    assert cursors[:3] == cursors[3:]


def test_a_server_that_repeats_itself(side: Side) -> None:
    """It would be read for ever; nobody gets an entry twice."""
    seen: list[str] = []

    async def body(dify: AsyncDify) -> None:
        async for conversation in dify.conversations.iterate(limit=2):
            seen.append(conversation.id)

    with FaultServer(script(PAGES[0])) as server:
        assert isinstance(side.error(body, server.url), UnexpectedContent)
    assert seen == [entry["id"] for entry in value_of(PAGES[0])["data"]]
    assert len(server.requests) == 2


def test_an_error_on_the_second_page(side: Side) -> None:
    """The first page is there, then the error of that request."""
    seen: list[str] = []

    async def body(dify: AsyncDify) -> None:
        async for conversation in dify.conversations.iterate(limit=2):
            seen.append(conversation.id)

    with FaultServer(script(PAGES[0]), refusal(404, "not_found", "Last Conversation Not Exists.")) as server:
        assert type(side.error(body, server.url)) is NotFound
    assert len(seen) == 2


@pytest.mark.parametrize("data", [None, []], ids=["null", "empty"])
def test_no_conversations(side: Side, data: Any) -> None:
    with FaultServer(script({"limit": 20, "has_more": False, "data": data})) as server:
        assert side.run(lambda dify: dify.conversations.list(), server.url).data == []


@pytest.mark.parametrize(
    ("kwargs", "sent"),
    [
        ({"name": "Renamed 改名 ✏️"}, {"user": "ann", "name": "Renamed 改名 ✏️"}),
        ({"auto_generate": True}, {"user": "ann", "auto_generate": True}),
        ({"name": "x", "auto_generate": True, "user": "bob"}, {"user": "bob", "name": "x", "auto_generate": True}),
    ],
    ids=["by hand", "by the model", "both"],
)
def test_renaming(side: Side, kwargs: dict[str, Any], sent: dict[str, Any]) -> None:
    answer = recorded("1.14.2/conversations", "POST /conversations/.*/name")[0]
    with FaultServer(script(answer)) as server:
        renamed = side.run(lambda dify: dify.conversations.rename(ID, **kwargs), server.url)
    assert asked(server) == [Asked("POST", f"/conversations/{ID}/name", {}, sent)]
    assert (type(renamed), renamed.name) == (Conversation, "Renamed 改名 ✏️")


@pytest.mark.parametrize(("kwargs", "times"), [({"name": "x"}, 2), ({"auto_generate": True}, 1)], ids=["by hand", "by the model"])
def test_what_is_sent_again(side: Side, kwargs: dict[str, Any], times: int) -> None:
    """A name can be set twice; a model is not asked twice."""
    with FaultServer(refusal(500, "internal_server_error", "broken"), script(ITEM)) as server:
        call: Callable[[AsyncDify], Awaitable[Any]] = lambda dify: dify.conversations.rename(ID, **kwargs)  # noqa: E731
        if times == 1:
            assert type(side.error(call, server.url)) is ServerError
        else:
            side.run(call, server.url)
    assert len(server.requests) == times


@pytest.mark.parametrize(
    "answer",
    [script({"result": "success"}), script(204), recorded("1.14.2/conversations", "DELETE /conversations/.*", 204)[0]],
    ids=["0.15", "an integer", "1.14.2"],
)
def test_deletion(side: Side, answer: Any) -> None:
    """Always with a JSON body: without one every server answers 415."""
    served = answer if isinstance(answer, tuple) else script(answer)
    with FaultServer(served) as server:
        assert side.run(lambda dify: dify.conversations.delete(ID), server.url) is None
    assert asked(server) == [Asked("DELETE", f"/conversations/{ID}", {}, {"user": "ann"})]
    assert server.requests[0].headers["content-type"] == "application/json"


def test_variables(side: Side) -> None:
    """Values are text on every server, of lists and objects as Python writes them."""
    answer = recorded("1.14.2/chatflow_multi_turn", r"GET /conversations/[^/]*/variables\?user=[^&]*")[0]
    with FaultServer(script(answer)) as server:
        page = side.run(lambda dify: dify.conversations.variables(ID, last_id="v", limit=3, variable_name="turns"), server.url)
    query = {"user": "ann", "limit": "3", "last_id": "v", "variable_name": "turns"}
    assert asked(server) == [Asked("GET", f"/conversations/{ID}/variables", query, None)]
    assert [(entry.name, entry.value_type, entry.value) for entry in page.data] == [
        ("turns", "number", "2"),
        ("last_query", "string", "Second"),
        ("history", "array[string]", "['First', 'Second']"),
        ("profile", "object", "{'plan': 'free', 'tags': ['a', 'b']}"),
    ]


def test_every_variable(side: Side) -> None:
    """The recorded server says that there is more and then sends an empty page: the walk ends all the same."""

    async def body(dify: AsyncDify) -> list[str | None]:
        return [variable.name async for variable in dify.conversations.iterate_variables(ID, limit=2)]

    with FaultServer(*map(script, VARIABLES)) as server:
        assert side.run(body, server.url) == ["turns", "last_query"]
    assert [request.query.get("last_id") for request in asked(server)] == [None, value_of(VARIABLES[0])["data"][1]["id"]]


@pytest.mark.parametrize("value", [40, 0.5, "改", True, None, ["a", "b"], {"plan": "pro"}], ids=repr)
def test_setting_a_variable(side: Side, value: Any) -> None:
    """Any JSON value goes as it is, null included."""
    answer = recorded("1.14.2/chatflow_multi_turn", "PUT /conversations/.*")[0]
    with FaultServer(script(answer)) as server:
        variable = side.run(lambda dify: dify.conversations.update_variable(ID, "v-1", value), server.url)
    assert asked(server) == [Asked("PUT", f"/conversations/{ID}/variables/v-1", {}, {"value": value, "user": "ann"})]
    assert (variable.name, variable.value) == ("turns", "40")


@pytest.mark.parametrize(
    ("call", "answer", "error"),
    [
        (lambda d: d.conversations.list(), refusal(400, "not_chat_app", "wrong mode"), BadRequest),
        (lambda d: d.conversations.list(last_id=ID), refusal(404, "not_found", "Last Conversation Not Exists."), NotFound),
        (lambda d: d.conversations.rename(ID, "x"), refusal(404, "not_found", "Conversation Not Exists."), NotFound),
        (lambda d: d.conversations.delete(ID), refusal(404, "not_found", "Conversation Not Exists."), NotFound),
        (lambda d: d.conversations.variables(ID), absent(), EndpointNotAvailable),
        (lambda d: d.conversations.update_variable(ID, ID, 1), absent(), EndpointNotAvailable),
        (lambda d: d.conversations.update_variable(ID, ID, "x"), refusal(400, "bad_request", "Type mismatch"), BadRequest),
    ],
)
def test_refusals(side: Side, call: Callable[[AsyncDify], Awaitable[Any]], answer: Any, error: type[DifyError]) -> None:
    with FaultServer(answer) as server:
        raised = side.error(call, server.url)
    assert isinstance(raised, error)
    assert len(server.requests) == 1


def test_old_servers_are_named(side: Side) -> None:
    """What is missing says since when it exists."""
    with FaultServer(absent()) as server:
        assert "1.3.1" in str(side.error(lambda dify: dify.conversations.variables(ID), server.url))
        assert "1.7.2" in str(side.error(lambda dify: dify.conversations.update_variable(ID, ID, 1), server.url))


@pytest.mark.parametrize(
    "call",
    [
        lambda d: d.conversations.list(limit=0),
        lambda d: d.conversations.list(limit=101),
        lambda d: d.conversations.list(sort_by="name"),
        lambda d: d.conversations.rename(ID),
        lambda d: d.conversations.rename(ID, "  "),
        lambda d: d.conversations.rename("..", "x"),
        lambda d: d.conversations.delete(""),
        lambda d: d.conversations.variables("a\nb"),
        lambda d: d.conversations.variables(ID, variable_name=""),
        lambda d: d.conversations.variables(ID, variable_name="x" * 256),
        lambda d: d.conversations.update_variable(ID, "", 1),
        lambda d: d.conversations.update_variable(ID, ID, object()),
        lambda d: d.conversations.update_variable(ID, ID, float("nan")),
    ],
)
def test_what_is_not_sent(side: Side, call: Callable[[AsyncDify], Awaitable[Any]]) -> None:
    """Refused before anything goes out."""
    assert isinstance(side.error(call, "http://127.0.0.1:1/v1"), InvalidArgument)


def test_walks_refuse_at_once(side: Side) -> None:
    """When they are made, not when they are first iterated."""

    async def body(dify: AsyncDify) -> None:
        for make in (lambda: dify.conversations.iterate(limit=101), lambda: dify.conversations.iterate_variables("..")):
            with pytest.raises(InvalidArgument):
                make()

    side.run(body, "http://127.0.0.1:1/v1")
