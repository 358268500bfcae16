"""A knowledge base read as documents or chunks."""

from __future__ import annotations

import asyncio
import json
import pickle
from typing import Any

import pytest
from llama_index.core.readers.base import BasePydanticReader
from llama_index.core.schema import MetadataMode

from dify_integrations import AuthenticationError, InvalidArgument, NotFound
from dify_integrations.local import Dataset
from llamaindex_dify import DifyReader
from tests.llamaindex.library import Library

CANARY = "dataset-canary-5c1f"
MANY = Dataset("Many", {f"{number:03}.txt": f"Text {number}." for number in range(101)})


def test_class_is_what_core_asks_for() -> None:
    """Check 1: the reader is a BasePydanticReader, and remote."""
    assert "BasePydanticReader" in [each.__name__ for each in DifyReader.__mro__]
    reader = DifyReader(dataset_id="d", dataset_api_key=CANARY)
    assert isinstance(reader, BasePydanticReader)
    assert reader.is_remote and reader.class_name() == "dify_reader"


def test_whole_documents_with_their_metadata(library: Library) -> None:
    documents = {document.metadata["document_name"]: document for document in library.reader().load_data()}
    refunds = documents["refunds.txt"]
    assert refunds.text == "Refunds are possible within 30 days.\nRefunds go back to the original payment."
    assert refunds.id_ == refunds.metadata["document_id"]
    assert (refunds.metadata["year"], refunds.metadata["dataset_id"]) == (2023, library.shop.id)
    assert len(documents) == 2
    shown = refunds.get_content(MetadataMode.LLM)
    assert "refunds.txt" in shown and library.shop.id not in shown
    json.dumps(refunds.metadata)


def test_chunks_have_the_ids_a_retrieval_tells(library: Library) -> None:
    chunks = library.reader(mode="segments", keyword="refunds").load_data()
    assert [chunk.metadata["segment_position"] for chunk in chunks] == [1, 2]
    found = library.retriever().retrieve("within 30 days")[0]
    assert (found.node_id, found.node.ref_doc_id) == (chunks[0].id_, chunks[0].ref_doc_id)
    assert found.node.metadata == chunks[0].metadata


@pytest.mark.parametrize("mode", ["documents", "segments"])
def test_async_reads_the_same(library: Library, mode: str) -> None:
    reader = library.reader(mode=mode)
    assert asyncio.run(reader.aload_data()) == reader.load_data()
    assert list(asyncio.run(reader.alazy_load_data())) == list(reader.lazy_load_data())


def test_what_an_index_put_in_comes_back_under_its_own_id(library: Library) -> None:
    """So that a knowledge base can be moved to another one and back."""
    documents = library.reader().load_data()
    library.index().insert_nodes(documents)
    moved = library.reader(library.empty).load_data()
    assert {document.id_ for document in moved} == {document.id_ for document in documents}
    assert {document.metadata["topic"] for document in moved} == {"money", "parcels"}
    assert {document.metadata["dataset_id"] for document in moved} == {library.empty.id}


def test_one_call_can_ask_for_something_else(library: Library) -> None:
    reader = library.reader()

    def names(**told: Any) -> list[str]:
        return sorted(document.metadata["document_name"] for document in reader.load_data(**told))

    assert names(keyword="ship") == ["shipping.txt"]
    assert names(metadata={"topic": "money"}) == ["refunds.txt"]
    assert names(metadata={"topic": "money", "year": 2024}) == names(document_ids=[]) == []
    assert names(document_ids=[library.shop.documents[0].id]) == ["refunds.txt"]
    assert len(reader.load_data(mode="segments")) == 4
    assert names() == ["refunds.txt", "shipping.txt"]


@pytest.mark.parametrize("told", [{"limit": 3}, {"mode": "pages"}, {"status": "gone"}], ids=str)
def test_what_says_nothing_is_refused_at_once(library: Library, told: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(told))):
        library.reader().lazy_load_data(**told)
    with pytest.raises(InvalidArgument, match="plain argument"):
        asyncio.run(library.reader().aload_data("here"))
    assert library.server.requests == []


def test_pages_are_asked_for_when_they_are_needed() -> None:
    with Library(MANY) as library:
        lazy = iter(library.reader(MANY).lazy_load_data())
        assert library.requests("GET", "/documents") == 0
        next(lazy)
        assert library.requests("GET", "/documents") == 1
        assert len(list(lazy)) == 100
        assert library.requests("GET", "/documents") == 2


def test_what_a_retrieval_cannot_find_is_left_out_unless_asked_for(library: Library) -> None:
    dify, (first, second) = library.dify(), library.shop.documents
    dify.datasets.documents.set_status(library.shop.id, "disable", [second.id])
    dify.datasets.segments.update(library.shop.id, first.id, first.segments[0].id, enabled=False)
    assert [document.text for document in library.reader().load_data()] == ["Refunds go back to the original payment."]
    assert len(library.reader(status=None).load_data()) == 2


def test_errors_are_dify_s_own(library: Library) -> None:
    with pytest.raises(NotFound):
        DifyReader(dataset_id="00000000-0000-4000-8000-00000000dead", **library.connection).load_data()
    with pytest.raises(AuthenticationError):
        asyncio.run(library.reader(dataset_api_key="dataset-wrong").aload_data())


@pytest.mark.parametrize("version", ["0.15.3", "1.12.1"])
def test_older_servers(version: str) -> None:
    with Library(version=version) as library:
        assert len(library.reader().load_data()) == 2
        assert len(library.reader(mode="segments").load_data()) == 4


def test_a_shared_client_and_no_key_that_shows(library: Library) -> None:
    """Check 4: the key is in nothing that is shown, serialised or copied to another process."""
    reader = DifyReader(dataset_id=library.shop.id, client=library.dify())
    assert len(reader.load_data()) == len(asyncio.run(reader.aload_data())) == 2
    given = DifyReader(dataset_id="d", dataset_api_key=CANARY, mode="segments")
    told = f"{given!r} {given} {given.to_dict()} {given.to_json()}"
    assert CANARY not in told and "client" not in given.to_dict()
    assert DifyReader.from_dict(given.to_dict()).to_dict() == given.to_dict()
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(given)
    with pytest.raises(ValueError, match="dataset_id") as refusal:
        DifyReader(dataset_id="", dataset_api_key=CANARY)
    assert CANARY not in str(refusal.value)
