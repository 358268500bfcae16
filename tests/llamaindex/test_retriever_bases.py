"""Several knowledge bases in one retriever, and those that want to be asked in another way."""

from __future__ import annotations

import asyncio
import threading
import warnings
from contextvars import ContextVar
from typing import Any

import anyio
import httpx
import pytest
from llama_index.core.vector_stores.types import MetadataFilter, MetadataFilters

from dify_integrations import AsyncDify, AuthenticationError, Dify, NotFound
from dify_integrations.local import Dataset
from llamaindex_dify import DifyRetriever
from tests.llamaindex.library import DOCUMENTS, Library, both

MISSING = "00000000-0000-4000-8000-00000000dead"
MARK: ContextVar[str] = ContextVar("mark", default="lost")


def test_results_are_fused_by_rank_and_equal_ranks_keep_the_order_of_the_bases(library: Library) -> None:
    nodes = both(library.retriever(library.other, library.empty, library.shop), "refunds")
    assert [node.node.metadata["dataset_id"] for node in nodes][:2] == [library.other.id, library.shop.id]
    turned = both(library.retriever(library.shop, library.other), "refunds")
    assert [node.node.metadata["dataset_id"] for node in turned][:2] == [library.shop.id, library.other.id]
    assert {node.node_id for node in turned} == {node.node_id for node in nodes}
    assert len(both(library.retriever(library.shop, library.other, similarity_top_k=2), "refunds")) == 2


def test_a_base_named_twice_is_asked_once(library: Library) -> None:
    library.retriever(library.shop, library.shop).retrieve("refunds")
    assert len(library.asked) == 1


def test_saved_settings_are_read_once_for_each(library: Library) -> None:
    """Check 10: `similarity_top_k` alone sends a complete `retrieval_model`."""
    retriever = library.retriever(library.shop, library.other, similarity_top_k=1)
    for _ in range(3):
        both(retriever, "refunds")
    assert library.requests("GET") == 2
    required = {"search_method", "reranking_enable", "top_k", "score_threshold_enabled"}
    assert all(required <= set(asked["retrieval_model"]) for asked in library.asked)


class Meeting(httpx.HTTPTransport):
    """Sends nothing before two searches are there."""

    def __init__(self) -> None:
        super().__init__()
        self.barrier = threading.Barrier(2, timeout=5)
        self.marks: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.marks.append(MARK.get())
        self.barrier.wait()
        return super().handle_request(request)


class AsyncMeeting(httpx.AsyncHTTPTransport):
    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0
        self.met = anyio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.waiting += 1
        if self.waiting == 2:
            self.met.set()
        with anyio.fail_after(5):
            await self.met.wait()
        return await super().handle_async_request(request)


def test_all_are_asked_at_once_and_threads_keep_the_context(library: Library) -> None:
    """Without it their spans would have no parent."""
    meeting, ids = Meeting(), [library.shop.id, library.other.id]
    token = MARK.set("kept")
    with httpx.Client(transport=meeting) as http:
        assert DifyRetriever(ids, client=Dify(**library.connection, http_client=http)).retrieve("refunds")
    MARK.reset(token)
    assert meeting.marks == ["kept", "kept"]

    async def again() -> None:
        async with httpx.AsyncClient(transport=AsyncMeeting()) as http:
            assert await DifyRetriever(ids, async_client=AsyncDify(**library.connection, http_client=http)).aretrieve("refunds")

    asyncio.run(again())


def test_parts_of_a_long_query_are_asked_at_once(library: Library) -> None:
    """Check 11: a query of 400 characters, split."""
    query = "refunds " * 50
    with httpx.Client(transport=Meeting()) as http:
        client = Dify(**library.connection, http_client=http)
        assert DifyRetriever(library.shop.id, client=client, on_long_query="split").retrieve(query)

    async def again() -> None:
        async with httpx.AsyncClient(transport=AsyncMeeting()) as http:
            client = AsyncDify(**library.connection, http_client=http)
            assert await DifyRetriever(library.shop.id, async_client=client, on_long_query="split").aretrieve(query)

    asyncio.run(again())
    assert len(library.asked) == 4 and all(len(asked["query"]) <= 250 for asked in library.asked)


# -- those that fail


def test_one_that_fails_is_raised_as_it_is(library: Library) -> None:
    """Also out of several searches at once, where a task group would wrap it."""
    retriever = DifyRetriever([library.shop.id, MISSING], **library.connection)
    with pytest.raises(NotFound):
        retriever.retrieve("refunds")
    with pytest.raises(NotFound):
        asyncio.run(retriever.aretrieve("refunds"))


def test_one_that_fails_can_be_left_out_with_a_warning(library: Library) -> None:
    retriever = DifyRetriever([MISSING, library.shop.id], on_dataset_error="skip", **library.connection)
    with pytest.warns(UserWarning, match=f"{MISSING} was left out") as caught:
        nodes = both(retriever, "refunds")
    assert {node.node.metadata["dataset_id"] for node in nodes} == {library.shop.id}
    assert len(caught) == 2  # one for each way of asking


def test_when_none_can_be_asked_the_reason_is_raised(library: Library) -> None:
    retriever = library.retriever(library.shop, library.other, on_dataset_error="skip", dataset_api_key="dataset-wrong")
    with warnings.catch_warnings(), pytest.raises(AuthenticationError):
        warnings.simplefilter("error")
        retriever.retrieve("refunds")


def test_filters_are_validated_with_the_bases_that_can_be_asked(library: Library) -> None:
    year = MetadataFilters(filters=[MetadataFilter(key="year", value=2023)])
    options: Any = {**library.connection, "filters": year, "validate_filters": True, "on_dataset_error": "skip"}
    with pytest.warns(UserWarning, match=f"{MISSING} was left out"):
        nodes = both(DifyRetriever([MISSING, library.shop.id], **options), "refunds")
    assert {node.node.metadata["document_name"] for node in nodes} == {"refunds.txt"}
    with pytest.raises(NotFound):
        DifyRetriever([MISSING], **options).retrieve("refunds")


# -- economy


def test_an_economy_base_is_asked_by_keyword_after_it_refused_its_own_settings() -> None:
    economy = Dataset("Economy", DOCUMENTS, indexing_technique="economy")
    with Library(economy) as library:
        retriever = library.retriever(economy)
        for _ in range(2):
            assert both(retriever, "refunds")
        methods = [(asked.get("retrieval_model") or {}).get("search_method") for asked in library.asked]
        assert methods == [None, *["keyword_search"] * 4]
        assert library.requests("GET") == 1
        assert both(library.retriever(economy, library.shop, similarity_top_k=3), "refunds")


class LateRefusal(httpx.AsyncHTTPTransport):
    """Keeps back the answer to the second search until the knowledge base's settings have been told to the first."""

    def __init__(self) -> None:
        super().__init__()
        self.searches = 0
        self.told = anyio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.searches += request.method == "POST"
        late = self.searches == 2
        answer = await super().handle_async_request(request)
        if request.method == "GET":
            self.told.set()
        elif late:
            with anyio.fail_after(5):
                await self.told.wait()
                await anyio.lowlevel.checkpoint()
        return answer


def test_searches_at_once_of_an_economy_base_are_all_asked_again() -> None:
    """Also one that is refused after another one has learnt why."""
    economy = Dataset("Economy", DOCUMENTS, indexing_technique="economy")

    async def work() -> list[int]:
        async with httpx.AsyncClient(transport=LateRefusal()) as http:
            retriever = DifyRetriever(economy.id, async_client=AsyncDify(**library.connection, http_client=http))
            return [len(nodes) for nodes in await asyncio.gather(*(retriever.aretrieve("refunds") for _ in range(2)))]

    with Library(economy) as library:
        assert asyncio.run(work()) == [2, 2]
