"""Documents under ids of one's own, next to those of others, and when a put was cut off or another runs at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import anyio
import httpx
import pytest

from dify_integrations import BadRequest, Dify, TransportError
from dify_integrations.bridge.clients import Clients
from dify_integrations.bridge.indexing import Entry
from dify_integrations.bridge.storing import Store
from dify_integrations.local import Dataset, LocalDify

THEIRS = {"a.txt": "Somebody else wrote this.", "a.txt (2)": "This too."}


class Shelf:
    """One knowledge base of a server, and stores for it."""

    def __init__(self, stack: ExitStack) -> None:
        self.dataset = Dataset("Shelf", THEIRS)
        self.server = stack.enter_context(LocalDify([], [self.dataset]))
        self.dify = self.client()

    def client(self, **options: Any) -> Dify:
        return Dify(dataset_api_key=self.server.dataset_api_key, base_url=self.server.base_url, **options)

    def store(self, client: Dify | None = None) -> Store:
        return Store(Clients(client or self.dify), self.dataset.id, poll_s=0.001)

    @property
    def texts(self) -> dict[str, str]:
        return {document.name: document.text for document in self.dataset.documents}


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with ExitStack() as stack:
        made = Shelf(stack)
        with made.dify:
            yield made


def test_a_document_of_somebody_else_with_the_same_name_is_not_written_over(shelf: Shelf) -> None:
    """Dify writes over documents of the same name; an id is often a file's name."""
    for text in ("Mine.", "Mine, changed."):
        assert shelf.store().put([Entry("a.txt", text, {}, mark=text)]).ids == ["a.txt"]
        assert shelf.texts == {**THEIRS, "a.txt (3)": text}
    assert shelf.store().delete(["a.txt"]) == ["a.txt"]
    assert shelf.texts == THEIRS


class CutOff(httpx.HTTPTransport):
    """Sends everything, and loses the answer to the first request of an end."""

    def __init__(self, end: str) -> None:
        super().__init__()
        self.end = end

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        if self.end and request.url.path.endswith(self.end):
            self.end = ""
            answer.close()
            raise httpx.ReadError("lost", request=request)
        return answer


@pytest.mark.parametrize("indexed", [True, False])
def test_what_was_cut_off_is_not_stored_twice(shelf: Shelf, indexed: bool) -> None:
    """Dify took the document before it was told the id; the same put again takes its place."""
    with httpx.Client(transport=CutOff("/create-by-text")) as http, shelf.client(http_client=http) as client:
        with pytest.raises(TransportError):
            shelf.store(client).put([Entry("b", "One.  Two.", {})])
        for _ in range(6 if indexed else 0):
            list(shelf.dify.datasets.documents.iterate(shelf.dataset.id))
        shelf.store(client).put([Entry("b", "One.  Two.", {})])
    assert sorted(shelf.texts) == ["a.txt", "a.txt (2)", "b"]
    assert [kept.name for kept, _ in shelf.store().read(["b"])] == ["b"]


def test_a_document_that_got_no_id_does_not_stay(shelf: Shelf) -> None:
    """Nobody could change or delete it by its id later."""
    with httpx.Client(transport=CutOff("/documents/metadata")) as http, shelf.client(http_client=http, max_retries=0) as client:
        with pytest.raises(TransportError):
            shelf.store(client).put([Entry("b", "One.", {})])
        assert shelf.texts == THEIRS
        shelf.store(client).put([Entry("b", "Another.", {})])
    assert shelf.texts == {**THEIRS, "b": "Another."}


def test_the_id_stays_in_the_name_which_servers_cut(shelf: Shelf) -> None:
    entry = Entry("x" * 100, "Long.", {"title": "t" * 200})
    for _ in range(2):
        shelf.store().put([entry])
    assert len(shelf.dataset.documents) == 3
    assert shelf.store().delete([entry.id]) == [entry.id]


def test_puts_at_once_make_the_fields_once(shelf: Shelf) -> None:
    store = Store(Clients(shelf.dify), shelf.dataset.id, poll_s=0.001, metadata_fields=["year"])

    async def work() -> None:
        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(store.aput, [Entry(f"d{number}", "Text.", {"year": number}, mark="m")])

    anyio.run(work)
    assert len(store.read()) == 5
    fields = [field.name for field in shelf.dataset.fields]
    assert sorted(fields) == ["index_id", "index_mark", "index_metadata", "year"]


def test_a_field_that_cannot_be_made_is_told(shelf: Shelf) -> None:
    store = Store(Clients(shelf.dify), shelf.dataset.id, metadata_fields=["y" * 300])
    with pytest.raises(BadRequest):
        store.put([Entry("c", "Text.", {"y" * 300: 1})])
    assert shelf.texts == THEIRS
