"""Tags: what works on every server, and what Dify 1.12 to 1.14.2 do without being able to say so."""

from __future__ import annotations

from typing import Any

import pytest

from dify_integrations import AsyncDify, BadRequest, EndpointNotAvailable, InvalidArgument, NotFound
from tests.client.serving import Asked, absent, asked, recorded, refusal, script, value_of
from tests.faults.server import FaultServer
from tests.faults.sides import Side

KEY = {"dataset_api_key": "dataset-x"}
NOWHERE = "http://127.0.0.1:1/v1"
REAL = "main-2026-06-12/tags_real_id"
MADE = recorded(REAL, "POST /datasets/tags")[0]
LISTED = recorded(REAL, "GET /datasets/tags")[0]
OF_DATASET = recorded(REAL, "GET /datasets/[^/]+/tags")[0]
UNSENDABLE = {
    "create": recorded("1.14.2/tags_real_id", "POST /datasets/tags", 400)[0],
    "list": recorded("1.14.2/tags_real_id", "GET /datasets/tags", 400)[0],
    "update": recorded("1.14.2/tags_real_id", "PATCH /datasets/tags", 400)[0],
}


@pytest.fixture(params=["sync", "asyncio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients."""
    return Side(request.param)


def test_tags(side: Side) -> None:
    """Made, listed, renamed, deleted; the id goes in the body."""

    async def body(dify: AsyncDify) -> None:
        made = await dify.datasets.tags.create("rec real tag")
        assert (made.name, made.type, made.binding_count) == ("rec real tag", "knowledge", "0")
        listed = await dify.datasets.tags.list()
        assert [tag.model_dump(exclude_unset=True) for tag in listed] == value_of(LISTED)
        assert (await dify.datasets.tags.update(made.id, name="new")).id == made.id
        await dify.datasets.tags.delete(made.id)

    with FaultServer(script(MADE), script(LISTED), script(MADE), script(204)) as server:
        side.run(body, server.url, **KEY)
    tag_id = value_of(MADE)["id"]
    assert asked(server) == [
        Asked("POST", "/datasets/tags", {}, {"name": "rec real tag"}),
        Asked("GET", "/datasets/tags", {}, None),
        Asked("PATCH", "/datasets/tags", {}, {"tag_id": tag_id, "name": "new"}),
        Asked("DELETE", "/datasets/tags", {}, {"tag_id": tag_id}),
    ]


def test_tags_of_a_knowledge_base(side: Side) -> None:
    """Given, read, and taken away with one request each, named so that every version understands."""

    async def body(dify: AsyncDify) -> None:
        await dify.datasets.tags.bind("k", ["t1", "t2"])
        tags = await dify.datasets.tags.of_dataset("k")
        assert (tags.total, tags.data[0].name, tags.data[0].binding_count) == (1, "rec real tag", None)
        assert tags.model_dump(exclude_unset=True) == value_of(OF_DATASET)
        await dify.datasets.tags.unbind("k", ["t1", "t2"])

    with FaultServer(script(204), script(OF_DATASET), script(204)) as server:
        side.run(body, server.url, **KEY)
    assert asked(server) == [
        Asked("POST", "/datasets/tags/binding", {}, {"tag_ids": ["t1", "t2"], "target_id": "k"}),
        Asked("GET", "/datasets/k/tags", {}, None),
        Asked("POST", "/datasets/tags/unbinding", {}, {"tag_id": "t1", "tag_ids": ["t1"], "target_id": "k"}),
        Asked("POST", "/datasets/tags/unbinding", {}, {"tag_id": "t2", "tag_ids": ["t2"], "target_id": "k"}),
    ]


@pytest.mark.parametrize("method", UNSENDABLE)
def test_answers_that_cannot_be_sent(side: Side, method: str) -> None:
    """The 400 stays one; its text says that the work was done."""
    calls: dict[str, Any] = {
        "create": lambda dify: dify.datasets.tags.create("t"),
        "list": lambda dify: dify.datasets.tags.list(),
        "update": lambda dify: dify.datasets.tags.update("t", name="n"),
    }
    with FaultServer(script(UNSENDABLE[method])) as server:
        error = side.error(calls[method], server.url, **KEY)
    assert type(error) is BadRequest
    assert (error.status, error.code) == (400, "invalid_param")
    assert "binding_count" in error.message
    assert "a tag that was to be made or renamed is" in error.message
    assert len(server.requests) == 1


def test_real_refusals_say_nothing_of_success(side: Side) -> None:
    """A name that exists, or is too long, was refused."""
    for cassette_error in recorded("1.14.2/tags_crud", "POST /datasets/tags", 400)[1:]:
        with FaultServer(script(cassette_error)) as server:
            error = side.error(lambda dify: dify.datasets.tags.create("t"), server.url, **KEY)
        assert type(error) is BadRequest
        assert "made or renamed" not in error.message


def test_unknown_tags_and_servers(side: Side) -> None:
    with FaultServer(refusal(404, "not_found", "Tag not found."), absent()) as server:
        unknown = side.error(lambda dify: dify.datasets.tags.delete("t"), server.url, **KEY)
        old = side.error(lambda dify: dify.datasets.tags.list(), server.url, **KEY)
    assert (type(unknown), type(old)) == (NotFound, EndpointNotAvailable)
    assert "1.4.2" in old.message


@pytest.mark.parametrize("tag_ids", [[], "t", [""], [5]])
def test_no_tags_at_all(side: Side, tag_ids: Any) -> None:
    """Nothing, a string, which would be sent letter by letter, and empty ids, which make servers fail."""
    for call in (
        lambda dify: dify.datasets.tags.bind("k", tag_ids),
        lambda dify: dify.datasets.tags.unbind("k", tag_ids),
        lambda dify: dify.datasets.tags.bind("", ["t"]),
        lambda dify: dify.datasets.tags.delete(""),
        lambda dify: dify.datasets.tags.update("", name="n"),
    ):
        assert isinstance(side.error(call, NOWHERE, **KEY), InvalidArgument)
