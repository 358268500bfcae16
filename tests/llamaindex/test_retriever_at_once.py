"""Many searches at once, and long queries: what is asked once, and how much at a time."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from llama_index.core.vector_stores.types import MetadataFilter, MetadataFilters

from dify_integrations import AsyncDify, AuthenticationError, Dify, NotFound
from langchain_dify import DifyRetriever as LangChainRetriever
from llamaindex_dify import DifyRetriever
from tests.llamaindex.library import Library, both

MANY = 12
YEAR = MetadataFilters(filters=[MetadataFilter(key="year", value=2023)])
SETS: list[Any] = [{"similarity_top_k": 1}, {"filters": YEAR, "validate_filters": True}]


class Held(httpx.AsyncHTTPTransport):
    """Keeps back what is read until it is told, and counts; the first `refused` are refused."""

    def __init__(self, refused: int = 0) -> None:
        super().__init__()
        self.go, self.reading, self.read, self.refused = asyncio.Event(), asyncio.Event(), 0, refused
        self.busy = self.most = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            self.read += 1
            refused = self.read <= self.refused
            self.reading.set()
            await self.go.wait()
            if refused:
                return httpx.Response(401, json={"code": "unauthorized", "message": "no", "status": 401})
        self.busy += 1
        self.most = max(self.most, self.busy)
        answer = await super().handle_async_request(request)
        self.busy -= 1
        return answer


class Counting(httpx.HTTPTransport):
    """How many requests are under way at most."""

    def __init__(self) -> None:
        super().__init__()
        self.lock, self.busy, self.most = threading.Lock(), 0, 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self.lock:
            self.busy += 1
            self.most = max(self.most, self.busy)
        try:
            return super().handle_request(request)
        finally:
            with self.lock:
                self.busy -= 1


@pytest.mark.parametrize("options", SETS, ids=["k", "filter"])
def test_first_searches_at_once_read_once(library: Library, options: Any) -> None:
    """Check 10: settings and fields are read once, by threads and by the tasks of a loop."""
    per_search = 1 if "similarity_top_k" in options else 2
    shared, start = library.retriever(**options), threading.Barrier(MANY)

    def search(_: int) -> int:
        start.wait(5)
        return len(shared.retrieve("refunds"))

    with ThreadPoolExecutor(MANY) as threads:
        assert min(threads.map(search, range(MANY))) > 0
    assert library.requests("GET") == per_search

    async def tasks() -> None:
        retriever = library.retriever(**options)
        assert all(await asyncio.gather(*(retriever.aretrieve("refunds") for _ in range(MANY))))

    asyncio.run(tasks())
    assert library.requests("GET") == 2 * per_search


def test_first_searches_of_langchain_at_once_read_once(library: Library) -> None:
    async def tasks() -> None:
        retriever = LangChainRetriever(dataset_id=library.shop.id, k=1, **library.connection)
        assert all(await asyncio.gather(*(retriever.ainvoke("refunds") for _ in range(MANY))))

    asyncio.run(tasks())
    assert library.requests("GET") == 1


@pytest.mark.parametrize("options", SETS, ids=["k", "filter"])
def test_a_failed_or_cancelled_reader_spoils_nothing(library: Library, options: Any) -> None:
    """Those who waited for a failure have it too, later ones ask again; in place of one that is cancelled another one asks."""

    async def work() -> None:
        transport = Held(refused=1)
        async with httpx.AsyncClient(transport=transport) as http:
            dify = AsyncDify(**library.connection, http_client=http)
            retriever = DifyRetriever(library.shop.id, async_client=dify, **options)
            searches = [asyncio.ensure_future(retriever.aretrieve("refunds")) for _ in range(MANY)]
            await transport.reading.wait()
            transport.go.set()
            failures = await asyncio.gather(*searches, return_exceptions=True)
            assert {type(failure) for failure in failures} == {AuthenticationError} and transport.read == 1

            transport.go.clear()
            transport.reading.clear()
            first, *others = [asyncio.ensure_future(retriever.aretrieve("refunds")) for _ in range(3)]
            await transport.reading.wait()
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            transport.go.set()
            assert all(await asyncio.gather(*others))
            assert transport.read <= (3 if "similarity_top_k" in options else 4)

    asyncio.run(work())


def test_blocking_code_inside_a_loop_does_not_wait_for_the_loop(library: Library) -> None:
    """The task that reads could never go on."""

    async def work() -> None:
        transport = Held()
        async with httpx.AsyncClient(transport=transport) as http:
            with library.dify() as dify:
                asynchronous = AsyncDify(**library.connection, http_client=http)
                retriever = DifyRetriever(library.shop.id, client=dify, async_client=asynchronous, similarity_top_k=1)
                search = asyncio.ensure_future(retriever.aretrieve("refunds"))
                await transport.reading.wait()
                assert retriever.retrieve("refunds")
                transport.go.set()
                assert await search

    asyncio.run(work())


# -- long queries


def test_parts_of_a_very_long_query_are_asked_a_few_at_a_time_and_cut_with_a_warning(library: Library, told: Any) -> None:
    """Check 11: 31,250 characters were 125 requests at once."""
    query = "refunds of parcels " * 1_700
    with httpx.Client(transport=(threads := Counting())) as http:
        retriever = DifyRetriever(library.shop.id, client=Dify(**library.connection, http_client=http), on_long_query="split")
        with pytest.warns(UserWarning, match="query cut to 16 of its 1.. parts"):
            assert retriever.retrieve(query)
    assert threads.most <= 4 and len(library.asked) == 16
    (event,) = told.of("DifyQueryTruncatedEvent")
    assert event.query == query and query.startswith(event.sent) and len(event.sent) > 3_800

    async def again() -> None:
        async with httpx.AsyncClient(transport=(transport := Held())) as http:
            asynchronous = AsyncDify(**library.connection, http_client=http)
            retriever = DifyRetriever(library.shop.id, async_client=asynchronous, on_long_query="split")
            with pytest.warns(UserWarning, match="query cut to 16"):
                assert await retriever.aretrieve(query)
            assert transport.most <= 4

    asyncio.run(again())


def test_sixteen_parts_are_all_asked_without_a_word(library: Library, told: Any) -> None:
    both(library.retriever(on_long_query="split"), "字" * 4_000)
    assert "".join(sorted(asked["query"] for asked in library.asked)) == "字" * 8_000
    assert not told.of("DifyQueryTruncatedEvent")


def test_after_a_failure_other_parts_are_not_begun() -> None:
    with Library() as library, pytest.raises(NotFound):
        DifyRetriever("00000000-0000-4000-8000-00000000dead", on_long_query="split", **library.connection).retrieve("字" * 4_000)
    assert len(library.asked) < 16


def test_many_knowledge_bases_are_asked_a_few_at_a_time(library: Library) -> None:
    with httpx.Client(transport=(threads := Counting())) as http:
        dify = Dify(**library.connection, http_client=http)
        ids = [library.shop.id, library.other.id, *(f"00000000-0000-4000-8000-0000000000{number:02}" for number in range(20))]
        with pytest.warns(UserWarning, match="left out"):
            assert DifyRetriever(ids, client=dify, on_dataset_error="skip").retrieve("refunds")
    assert threads.most <= 8
