"""A Dify knowledge base as a LangChain document loader."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document
from pydantic import Field
from typing_extensions import override

from dify_integrations.bridge.stored import LoadMode, is_found, is_wanted
from dify_integrations.models.documents import DisplayStatus
from dify_integrations.models.documents import Document as Kept

from ._base import Connection
from ._stored import segment_document, whole_document


class DifyDocumentLoader(Connection, BaseLoader):
    """Everything a knowledge base holds, document by document or chunk by chunk: to evaluate, move or export it.

    Setup:
        A knowledge key (`dataset_api_key` or `DIFY_DATASET_API_KEY`) and the id of the knowledge base.

    Key init args:
        `dataset_id`, and which documents: `document_ids`, `keyword`, `status`, `metadata`. `mode="segments"` gives chunks.

    Instantiate:
        `loader = DifyDocumentLoader(dataset_id="…", metadata={"category": "policy"})`

    Load:
        `load()` and `aload()` give a list. `lazy_load()` and `alazy_load()` ask for a page when it is needed, and never
        hold more than one page of documents and the chunks of one of them.

    Documents:
        `id` is Dify's of the document or chunk. Metadata: `source` and `document_name`, `dataset_id`, `document_id`, `position`,
        `doc_metadata` (the document's own), `word_count`, and where there are some `data_source_type`, `created_at`, and of
        chunks `keywords`, `answer`, `summary`, `child_chunks`.

    Dify's API keeps chunks, not the text they were cut from: a document is its chunks in their order, so that what neighbours
    share is in it twice. Chunks that a retrieval cannot find (switched off, or not indexed) are left out. Errors are Dify's
    own, such as `NotFound` and `AuthenticationError`, and come while loading.
    """

    dataset_id: str = Field(description="The knowledge base.")
    mode: LoadMode = Field(default="documents", description="What becomes one document: `documents`, or each of the `segments`.")
    document_ids: list[str] | None = Field(default=None, description="Only these documents.")
    keyword: str | None = Field(default=None, description="Only documents with it in their name.")
    status: DisplayStatus | None = Field(default="available", description="Only documents in this state; `None` for all.")
    metadata: dict[str, Any] = Field(default_factory=dict, description="Only documents whose metadata has these values.")

    @override
    def lazy_load(self) -> Iterator[Document]:
        """The documents, lazily.

        Yields:
            Documents newest first, as Dify lists them; the chunks of each in their order.

        Raises:
            NotFound: No such knowledge base.
        """
        datasets = self.clients.sync.datasets
        missing = self._missing()
        for kept in datasets.documents.iterate(self.dataset_id, keyword=self.keyword, status=self.status):
            if self._is_wanted(kept):
                yield from self._documents(kept, list(datasets.segments.iterate(self.dataset_id, kept.id)))
            if self._was_last(kept, missing):
                return

    @override
    async def alazy_load(self) -> AsyncIterator[Document]:
        """As `lazy_load`, without blocking the event loop.

        Yields:
            As for `lazy_load`.

        Raises:
            NotFound: No such knowledge base.
        """
        datasets = self.clients.asynchronous.datasets
        missing = self._missing()
        async for kept in datasets.documents.iterate(self.dataset_id, keyword=self.keyword, status=self.status):
            if self._is_wanted(kept):
                segments = [segment async for segment in datasets.segments.iterate(self.dataset_id, kept.id)]
                for document in self._documents(kept, segments):
                    yield document
            if self._was_last(kept, missing):
                return

    def _missing(self) -> set[str] | None:
        return None if self.document_ids is None else set(self.document_ids)

    def _is_wanted(self, kept: Kept) -> bool:
        return is_wanted(kept, ids=self.document_ids, status=self.status, metadata=self.metadata)

    def _was_last(self, kept: Kept, missing: set[str] | None) -> bool:
        """Whether every document that was asked for by its id has been seen."""
        if missing is None:
            return False
        missing.discard(kept.id)
        return not missing

    def _documents(self, kept: Kept, segments: list[Any]) -> list[Document]:
        found = [segment for segment in segments if is_found(segment)]
        if self.mode == "documents":
            return [whole_document(kept, found, self.dataset_id)]
        return [segment_document(segment, kept, self.dataset_id) for segment in found]
