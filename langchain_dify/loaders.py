"""A Dify knowledge base as a LangChain document loader."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document
from pydantic import Field
from typing_extensions import override

from dify_integrations.bridge.stored import LoadMode, Wanted, aread, read
from dify_integrations.models.documents import DisplayStatus
from dify_integrations.models.documents import Document as Kept
from dify_integrations.models.segments import Segment

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
        for kept, segments in read(self.clients, self.dataset_id, self._wanted):
            yield from self._documents(kept, segments)

    @override
    async def alazy_load(self) -> AsyncIterator[Document]:
        """As `lazy_load`, without blocking the event loop.

        Yields:
            As for `lazy_load`.

        Raises:
            NotFound: No such knowledge base.
        """
        async with aclosing(aread(self.clients, self.dataset_id, self._wanted)) as found:
            async for kept, segments in found:
                for document in self._documents(kept, segments):
                    yield document

    @property
    def _wanted(self) -> Wanted:
        return Wanted(self.document_ids, self.keyword, self.status, self.metadata)

    def _documents(self, kept: Kept, segments: list[Segment]) -> list[Document]:
        if self.mode == "documents":
            return [whole_document(kept, segments, self.dataset_id)]
        return [segment_document(segment, kept, self.dataset_id) for segment in segments]
