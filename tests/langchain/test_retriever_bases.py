"""Several knowledge bases in one retriever: asked at once, fused by rank, with a policy for those that fail."""

from __future__ import annotations

import threading
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import anyio
import httpx
import pytest
from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun
from langchain_core.documents import Document
from pydantic import ValidationError

from dify_integrations import AsyncDify, AuthenticationError, ConnectFailed, Dify, NotFound
from dify_integrations.local import Dataset, LocalDify
from langchain_dify import DifyRetriever
from tests.langchain.conftest import Recorder

BOTH = [pytest.param("asyncio", id="asyncio"), pytest.param("trio", id="trio")]
MISSING = "00000000-0000-4000-8000-00000000dead"


@pytest.fixture(scope="module")
def server() -> Iterator[LocalDify]:
    shop = Dataset("Shop", {"returns.txt": "Returns are possible within 30 days.\n\nReturns of gifts take 10 days."})
    club = Dataset("Club", {"rules.txt": "Returns of boats are due at noon.\n\nReturns without oars cost extra."})
    with LocalDify(datasets=[shop, club, Dataset("Empty")]) as running:
        yield running


def ids(server: LocalDify) -> list[str]:
    return [dataset.id for dataset in server.datasets]


Make = Callable[..., DifyRetriever]


@pytest.fixture
def retriever(server: LocalDify) -> Iterator[Make]:
    """Makes retrievers of some bases."""
    made: list[DifyRetriever] = []

    def make(*bases: str, **fields: Any) -> DifyRetriever:
        known = {} if {"client", "async_client"} & set(fields) else connection(server)
        made.append(DifyRetriever(dataset_ids=list(bases), **{**known, **fields}))
        return made[-1]

    yield make
    for each in made:
        each.clients.sync.close()


def connection(server: LocalDify) -> dict[str, Any]:
    return {"dataset_api_key": server.dataset_api_key, "base_url": server.base_url}


def found(made: DifyRetriever, query: str, **told: Any) -> list[Document]:
    """The same both ways."""

    async def again() -> list[Document]:
        return await made.ainvoke(query, **told)

    documents = made.invoke(query, **told)
    assert anyio.run(again) == documents
    return documents


def test_results_of_all_are_fused_by_rank_and_equal_ranks_keep_the_order_of_the_bases(server: LocalDify, retriever: Make) -> None:
    """Check 24: fusion over several datasets is deterministic, sync and async; documents have stable ids and scores."""
    shop, club, empty = ids(server)
    documents = found(retriever(club, empty, shop), "returns days")
    assert [document.metadata["dataset_id"] for document in documents] == [club, shop, club, shop]
    assert [document.id for document in documents] == [document.id for document in found(retriever(club, shop), "returns days")]
    turned = found(retriever(shop, club), "returns days")
    assert [document.metadata["dataset_id"] for document in turned] == [shop, club, shop, club]
    assert {document.id for document in turned} == {document.id for document in documents}
    assert all(0 < document.metadata["score"] <= 1 for document in documents)


def test_options_of_a_call_hold_for_all_and_settings_are_read_once_for_each(server: LocalDify, retriever: Make) -> None:
    """Check 24: per-call `k` and filter work sync and async."""
    shop, club, _ = ids(server)
    before = len(server.requests)
    made = retriever(shop, club)
    assert len(found(made, "returns", k=3)) == 3
    assert len(found(made, "returns", k=1, score_threshold=0.01)) == 1
    condition = {"conditions": [{"name": "document_name", "comparison_operator": "is", "value": "nothing"}]}
    assert found(made, "returns", filter=condition, reranking=False, search_method="keyword_search") == []
    asked = server.requests[before:]
    assert sorted(request.path.rsplit("/", 1)[-1] for request in asked if request.method == "GET") == sorted([shop, club])
    models = [request.json["retrieval_model"] for request in asked if request.method == "POST"]
    assert [model["top_k"] for model in models[:8]] == [3] * 4 + [1] * 4
    assert models[-1]["search_method"] == "keyword_search" and models[-1]["metadata_filtering_conditions"]


def test_a_base_named_twice_is_asked_once(server: LocalDify, retriever: Make) -> None:
    before = len(server.requests)
    retriever(ids(server)[0], ids(server)[0]).invoke("returns")
    assert len(server.requests) - before == 1


def test_parts_of_a_long_query_are_fused_over_all_bases(server: LocalDify, retriever: Make) -> None:
    """Check 24: a query of 251 or more characters, split."""
    made = retriever(*ids(server)[:2], on_long_query="split", k=3)
    before = len(server.requests)
    documents = found(made, "returns " + "of boats " * 30)
    queries = [request.json["query"] for request in server.requests[before:] if request.method == "POST"]
    assert len(queries) == 8 and all(len(query) <= 250 for query in queries)
    assert len(documents) == len({document.id for document in documents}) == 3


# -- at once


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


MARK: ContextVar[str] = ContextVar("mark", default="lost")


def test_all_are_asked_at_once_and_threads_keep_the_context(server: LocalDify, retriever: Make) -> None:
    meeting = Meeting()
    token = MARK.set("kept")
    with httpx.Client(transport=meeting) as http:
        client = Dify(**connection(server), http_client=http)
        documents = retriever(*ids(server)[:2], client=client).invoke("returns")
    MARK.reset(token)
    assert len(documents) == 4
    assert meeting.marks == ["kept", "kept"]


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", BOTH)
async def test_all_are_asked_at_once_without_blocking(server: LocalDify, retriever: Make) -> None:
    """On trio too, where LangChain's own `ainvoke` needs asyncio, but the retriever does not."""
    async with httpx.AsyncClient(transport=AsyncMeeting()) as http:
        client = AsyncDify(**connection(server), http_client=http)
        made = retriever(*ids(server)[:2], async_client=client)
        manager: Any = AsyncCallbackManagerForRetrieverRun(run_id=uuid.uuid4(), handlers=[], inheritable_handlers=[])
        documents = await made._aget_relevant_documents("returns", run_manager=manager)
    assert len(documents) == 4


# -- those that fail


def test_one_that_fails_is_raised_as_it_is(server: LocalDify, retriever: Make, recorder: Recorder) -> None:
    made = retriever(ids(server)[0], MISSING)
    with pytest.raises(NotFound):
        made.invoke("returns", config={"callbacks": [recorder]})
    assert len(recorder.failed) == 1 and recorder.open == []


@pytest.mark.anyio
async def test_one_that_fails_is_raised_as_it_is_without_blocking(server: LocalDify, retriever: Make) -> None:
    """Not inside the exception group of the tasks."""
    made = retriever(ids(server)[0], MISSING)
    with pytest.raises(NotFound):
        await made.ainvoke("returns")


def test_one_that_fails_can_be_left_out_with_a_warning(server: LocalDify, retriever: Make) -> None:
    shop = ids(server)[0]
    made = retriever(MISSING, shop, on_dataset_error="skip")
    with pytest.warns(UserWarning, match=f"{MISSING} was left out") as caught:
        documents = found(made, "returns", k=1)
    assert [document.metadata["dataset_id"] for document in documents] == [shop]
    assert len(caught) == 2  # one for each way of asking


def test_when_none_can_be_asked_the_first_reason_is_raised(server: LocalDify, retriever: Make) -> None:
    made = retriever(*ids(server), on_dataset_error="skip", dataset_api_key="dataset-wrong")
    with warnings.catch_warnings(), pytest.raises(AuthenticationError):
        warnings.simplefilter("error")
        found(made, "returns")
    alone = retriever(*ids(server)[:2], on_dataset_error="skip", base_url="http://127.0.0.1:9/v1", max_retries=0)
    with pytest.raises(ConnectFailed):
        alone.invoke("returns")


BASES: list[dict[str, Any]] = [{}, {"dataset_ids": []}, {"dataset_id": "a", "dataset_ids": ["b"]}, {"dataset_ids": ["a", ""]}]


@pytest.mark.parametrize("fields", BASES, ids=str)
def test_one_base_or_several_have_to_be_named(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="dataset_id") as refusal:
        DifyRetriever(dataset_api_key="dataset-canary", **fields)
    assert "canary" not in str(refusal.value)
