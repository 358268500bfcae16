"""Child chunks: requests as sent, lists that never say `has_more`, refusals."""

from __future__ import annotations

from typing import Any

import pytest

from dify_integrations import AsyncDify, EndpointNotAvailable, InvalidArgument, NotFound
from tests.client.serving import Asked, absent, asked, recorded, refusal, script, value_of
from tests.faults.server import FaultServer
from tests.faults.sides import Side

PATH = "/datasets/k/documents/d/segments/s/child_chunks"
IDS = ("k", "d", "s")
KEY = {"dataset_api_key": "dataset-x"}
LISTED = recorded("1.14.2/child_chunks_crud", "GET /datasets/.*/child_chunks")[-1]


@pytest.fixture(params=["sync", "asyncio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients."""
    return Side(request.param)


def page_of(*numbers: int, total: int, page: int) -> dict[str, Any]:
    data = [{"id": f"c{number}", "segment_id": "s", "content": str(number)} for number in numbers]
    return {"data": data, "total": total, "total_pages": -(-total // 2), "page": page, "limit": 2}


def test_create_and_update(side: Side) -> None:
    """The text is all there is to send; it may be empty, as servers take it."""
    chunk = {"data": {"id": "c", "segment_id": "s", "content": "wool", "type": "customized", "created_at": 1795171862}}
    with FaultServer(script(chunk)) as server:

        async def body(dify: AsyncDify) -> None:
            made = await dify.datasets.child_chunks.create(*IDS, content="")
            assert (made.data.id, made.data.type, made.data.created_at) == ("c", "customized", 1795171862)
            assert made.model_dump(exclude_unset=True) == chunk
            changed = await dify.datasets.child_chunks.update(*IDS, "c", content="羊毛")
            assert changed == made

        side.run(body, server.url, **KEY)
    assert asked(server) == [
        Asked("POST", PATH, {}, {"content": ""}),
        Asked("PATCH", f"{PATH}/c", {}, {"content": "羊毛"}),
    ]


def test_a_page(side: Side) -> None:
    with FaultServer(script(LISTED)) as server:
        page = side.run(lambda dify: dify.datasets.child_chunks.list(*IDS, keyword="w", page=2, limit=5), server.url, **KEY)
    assert asked(server) == [Asked("GET", PATH, {"page": "2", "limit": "5", "keyword": "w"}, None)]
    assert (page.total, page.total_pages, page.has_more) == (2, 1, None)
    assert [(chunk.position, chunk.content) for chunk in page.data] == [(1, "Regenerated parent"), (2, " With two sentences")]
    assert page.model_dump(exclude_unset=True) == value_of(LISTED)


def test_every_child_chunk(side: Side) -> None:
    """The total says where the list ends, since nothing else does: a full last page is not followed by another request."""
    pages = [page_of(1, 2, total=4, page=1), page_of(3, 4, total=4, page=2)]

    async def body(dify: AsyncDify) -> list[str]:
        return [chunk.id async for chunk in dify.datasets.child_chunks.iterate(*IDS, keyword="w", limit=2)]

    with FaultServer(*map(script, pages)) as server:
        assert side.run(body, server.url, **KEY) == ["c1", "c2", "c3", "c4"]
    assert [one.query for one in asked(server)] == [{"page": page, "limit": "2", "keyword": "w"} for page in ("1", "2")]


def test_delete(side: Side) -> None:
    """Dify 1.12 answers 200 with the number 204."""
    with FaultServer(script(204)) as server:
        side.run(lambda dify: dify.datasets.child_chunks.delete(*IDS, "c"), server.url, **KEY)
    assert asked(server) == [Asked("DELETE", f"{PATH}/c", {}, None)]


def test_refusals(side: Side) -> None:
    """An unknown child chunk is not an unknown address."""
    with FaultServer(refusal(404, "not_found", "Child chunk not found."), absent()) as server:
        unknown = side.error(lambda dify: dify.datasets.child_chunks.update(*IDS, "c", content="x"), server.url, **KEY)
        old = side.error(lambda dify: dify.datasets.child_chunks.list(*IDS), server.url, **KEY)
    assert (type(unknown), type(old)) == (NotFound, EndpointNotAvailable)
    assert "1.2.0" in old.message


def test_what_cannot_be_asked_for(side: Side) -> None:
    for call in (
        lambda dify: dify.datasets.child_chunks.list(*IDS, limit=101),
        lambda dify: dify.datasets.child_chunks.delete(*IDS, ".."),
    ):
        assert isinstance(side.error(call, "http://127.0.0.1:1/v1", **KEY), InvalidArgument)
