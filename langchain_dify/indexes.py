"""A Dify knowledge base as a LangChain document index."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Sequence
from typing import Any

from langchain_core._api import beta
from langchain_core.documents import Document
from langchain_core.indexing.base import DeleteResponse, DocumentIndex, UpsertResponse
from pydantic import model_validator
from typing_extensions import Self, override

from dify_integrations import InvalidArgument
from dify_integrations.bridge.hits import Hit, SearchOptions
from dify_integrations.bridge.indexing import Entry
from dify_integrations.bridge.store_fields import StoreFields
from dify_integrations.bridge.storing import Store, Stored

from ._stored import entry_document, found_entry
from .retrievers import DifyRetriever


@beta(message="LangChain may still change what a DocumentIndex is.")
class DifyDocumentIndex(DifyRetriever, StoreFields, DocumentIndex):
    """Documents in a knowledge base under ids of your own: put in, found, read and deleted by LangChain. Needs Dify ≥ 1.1.1.

    Setup:
        A knowledge key (`dataset_api_key` or `DIFY_DATASET_API_KEY`) that may write, and the id of the knowledge base.

    Key init args:
        `dataset_id`; `metadata_fields`, the metadata that searches filter by; `process_rule`, how texts are cut; `wait` and
        `indexing_timeout_s`. All of `DifyRetriever` for searches.

    Instantiate:
        `index = DifyDocumentIndex(dataset_id="…", metadata_fields=["year"])`

    Upsert:
        `index.upsert([Document(id="returns", page_content="…", metadata={"year": 2024})])` sends one request or two per document,
        waits until all of them can be found, and tells the ids. `failed` are those that Dify took and could not index in
        time, and a warning tells why; upsert them again, or delete them. Every other error ends the call, with Dify's own
        exception.

    Search:
        `index.invoke("…")` as with `DifyRetriever`; `id` and metadata are those of your document, beside `score`,
        `segment_id` and the rest that a retrieval tells. Passages of documents that were put in otherwise come as they are.

    Get and delete:
        `index.get(["returns"])`, `index.delete(["returns"])`. Documents that were put in otherwise are never touched.

    Dify has no ids of your choice. Yours stands in the document's metadata field `index_id`, your metadata as JSON in
    `index_metadata`, and the document is named after both (`title (id)`). Texts come back as Dify keeps them: one chunk up to 4000
    tokens, longer ones put together from several; white space around them and signs at their beginning can be missing.
    """

    @model_validator(mode="after")
    def _has_one_base(self) -> Self:
        if self.dataset_ids:
            raise InvalidArgument("an index is one knowledge base: name it as dataset_id")
        return self

    @override
    def upsert(self, items: Sequence[Document], /, **kwargs: Any) -> UpsertResponse:
        """Put documents in, in place of those with the same ids.

        Args:
            items: Documents with a text; those without an id get one. Of equal ids the last counts.
            kwargs: `wait`, instead of the index's.

        Returns:
            The ids of documents that can be found, or without waiting were taken, and of those that could not be indexed.

        Raises:
            InvalidArgument: A blank text, or metadata that JSON cannot hold; nothing was sent.
            EndpointNotAvailable: The server is older than 1.1.1; nothing was put in.
        """
        return _response(self._store.put(_entries(items), wait=kwargs.get("wait", self.wait)))

    @override
    async def aupsert(self, items: Sequence[Document], /, **kwargs: Any) -> UpsertResponse:
        """As `upsert`, without blocking the event loop.

        Args:
            items: As for `upsert`.
            kwargs: As for `upsert`.

        Returns:
            As for `upsert`.

        Raises:
            InvalidArgument: As for `upsert`.
            EndpointNotAvailable: As for `upsert`.
        """
        return _response(await self._store.aput(_entries(items), wait=kwargs.get("wait", self.wait)))

    @override
    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> DeleteResponse:
        """Delete documents with their chunks; ids that are not there are no failure.

        Args:
            ids: Yours, not Dify's.
            kwargs: Not used.

        Returns:
            The ids that were there.

        Raises:
            InvalidArgument: Without ids; it is a `ValueError`.
        """
        return _deleted(self._store.delete(_named(ids)))

    @override
    async def adelete(self, ids: list[str] | None = None, **kwargs: Any) -> DeleteResponse:
        """As `delete`.

        Args:
            ids: As for `delete`.
            kwargs: Not used.

        Returns:
            As for `delete`.

        Raises:
            InvalidArgument: As for `delete`.
        """
        return _deleted(await self._store.adelete(_named(ids)))

    @override
    def get(self, ids: Sequence[str], /, **kwargs: Any) -> list[Document]:
        """Documents by their ids.

        Args:
            ids: Yours, not Dify's.
            kwargs: Not used.

        Returns:
            Those that are there, in the order of `ids`, with your metadata.
        """
        return [entry_document(kept, segments) for kept, segments in self._store.read(ids)]

    @override
    async def aget(self, ids: Sequence[str], /, **kwargs: Any) -> list[Document]:
        """As `get`.

        Args:
            ids: As for `get`.
            kwargs: Not used.

        Returns:
            As for `get`.
        """
        return [entry_document(kept, segments) for kept, segments in await self._store.aread(ids)]

    @override
    def _documents(self, results: list[list[Hit]], options: SearchOptions) -> list[Document]:
        return [found_entry(document) for document in super()._documents(results, options)]

    @property
    def _store(self) -> Store:
        return self._store_in(self.clients, self.dataset_id)


def _response(stored: Stored) -> UpsertResponse:
    for entry_id, error in stored.failed.items():
        warnings.warn(f"document {entry_id!r} cannot be found yet: {error}", stacklevel=3)
    return UpsertResponse(succeeded=stored.ids, failed=list(stored.failed))


def _deleted(gone: list[str]) -> DeleteResponse:
    return DeleteResponse(num_deleted=len(gone), succeeded=gone, failed=[], num_failed=0)


def _entries(documents: Sequence[Document]) -> list[Entry]:
    return [Entry(document.id or str(uuid.uuid4()), document.page_content, document.metadata) for document in documents]


def _named(ids: list[str] | None) -> list[str]:
    if ids is None:
        raise InvalidArgument("delete needs the ids of the documents to delete; to delete all, delete the knowledge base")
    return ids
