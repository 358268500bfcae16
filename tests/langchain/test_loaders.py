"""A knowledge base read as documents or chunks, lazily, with filters."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.document_loaders import BaseLoader

from dify_integrations import AuthenticationError, Dify, NotFound
from dify_integrations.local import Dataset, LocalDify
from langchain_dify import DifyDocumentLoader
from tests.langchain.conftest import Serve, Served

TEXTS = {"refunds.txt": "Within 30 days.\n\nAsk support.", "shipping.txt": "Express costs 12 euros."}
METADATA: dict[str, dict[str, Any]] = {"refunds.txt": {"category": "policy", "year": 2023}, "shipping.txt": {"category": "price"}}


def loader(served: Served, **fields: Any) -> DifyDocumentLoader:
    server = served.server
    known = {
        "dataset_id": server.datasets[0].id,
        "dataset_api_key": server.dataset_api_key,
        "base_url": server.base_url,
    }
    return served.keep(DifyDocumentLoader(**{**known, **fields}))


def served_with(serve: Serve, count: int = 0, **options: Any) -> Served:
    many = {f"{number:03}.txt": f"Text {number}." for number in range(count)}
    return serve(datasets=[Dataset("Handbook", many or TEXTS, metadata={} if many else METADATA)], **options)


def listings(served: Served) -> int:
    return len([request for request in served.server.requests if request.path.endswith("/documents")])


def test_whole_documents_with_their_metadata(serve: Serve) -> None:
    served = served_with(serve)
    documents = {document.metadata["source"]: document for document in loader(served).load()}
    refunds = documents["refunds.txt"]
    assert refunds.page_content == "Within 30 days.\nAsk support."
    assert refunds.id == refunds.metadata["document_id"]
    assert refunds.metadata["document_name"] == "refunds.txt"
    assert refunds.metadata["doc_metadata"] == {"category": "policy", "year": 2023}
    assert refunds.metadata["dataset_id"] == served.server.datasets[0].id
    assert len(documents) == 2
    json.dumps(refunds.metadata)


def test_chunks_have_the_ids_a_retrieval_tells(serve: Serve) -> None:
    served = served_with(serve)
    chunks = loader(served, mode="segments", keyword="refunds").load()
    assert [chunk.page_content for chunk in chunks] == ["Within 30 days.", "Ask support."]
    assert [chunk.metadata["position"] for chunk in chunks] == [1, 2]
    found = served.retriever().invoke("30 days")[0]
    assert found.id == chunks[0].id and found.metadata["document_id"] == chunks[0].metadata["document_id"]


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["documents", "segments"])
async def test_async_reads_the_same(serve: Serve, mode: str) -> None:
    reader = loader(served_with(serve), mode=mode)
    assert await reader.aload() == reader.load()
    assert [document async for document in reader.alazy_load()] == list(reader.lazy_load())


def test_filters(serve: Serve) -> None:
    served = served_with(serve)

    def names(**fields: Any) -> list[str]:
        return sorted(document.metadata["source"] for document in loader(served, **fields).lazy_load())

    assert names(keyword="ship") == ["shipping.txt"]
    assert names(metadata={"category": "policy"}) == ["refunds.txt"]
    assert names(metadata={"category": "policy", "year": 2024}) == names(metadata={"unknown": None}) == []
    assert names(document_ids=[served.server.datasets[0].documents[0].id]) == ["refunds.txt"]
    assert names(document_ids=[]) == []


def test_what_a_retrieval_cannot_find_is_left_out_unless_asked_for(serve: Serve) -> None:
    served = served_with(serve)
    dataset = served.server.datasets[0]
    with Dify(dataset_api_key=served.server.dataset_api_key, base_url=served.server.base_url) as dify:
        first, second = dataset.documents
        dify.datasets.documents.set_status(dataset.id, "disable", [second.id])
        dify.datasets.segments.update(dataset.id, first.id, first.segments[0].id, enabled=False)
    assert [document.page_content for document in loader(served).load()] == ["Ask support."]
    assert len(loader(served, status=None).load()) == 2
    assert [document.metadata["source"] for document in loader(served, status="disabled").load()] == ["shipping.txt"]


def test_pages_are_asked_for_when_they_are_needed(serve: Serve) -> None:
    served = served_with(serve, count=101)
    lazy = loader(served).lazy_load()
    assert listings(served) == 0
    next(lazy)
    assert listings(served) == 1
    assert len(list(lazy)) == 100 and listings(served) == 2


def test_search_for_ids_ends_with_the_last_of_them(serve: Serve) -> None:
    served = served_with(serve, count=101)
    newest = loader(served).load()[0]
    before = listings(served)
    assert [document.id for document in loader(served, document_ids=[newest.id]).lazy_load()] == [newest.id]
    assert listings(served) == before + 1


@pytest.mark.anyio
async def test_errors_are_dify_s_own(serve: Serve) -> None:
    served = served_with(serve)
    with pytest.raises(NotFound):
        loader(served, dataset_id="00000000-0000-4000-8000-000000000000").load()
    with pytest.raises(AuthenticationError):
        await loader(served, dataset_api_key="dataset-wrong").aload()


@pytest.mark.parametrize("version", ["0.15.3", "1.12.1"])
def test_older_servers(serve: Serve, version: str) -> None:
    served = served_with(serve, version=version)
    assert len(loader(served).load()) == 2
    assert len(loader(served, mode="segments").load()) == 3


def test_shared_client_and_no_key_that_shows() -> None:
    with LocalDify(datasets=[Dataset("Handbook", TEXTS)]) as server:
        key = server.dataset_api_key
        with Dify(dataset_api_key=key, base_url=server.base_url) as dify:
            reader = DifyDocumentLoader(dataset_id=server.datasets[0].id, client=dify)
            assert isinstance(reader, BaseLoader) and len(reader.load()) == 2
            assert key not in repr(reader)
        given = DifyDocumentLoader(dataset_id="d", dataset_api_key=key, base_url=server.base_url)
        assert key not in repr(given) + str(given.model_dump())
