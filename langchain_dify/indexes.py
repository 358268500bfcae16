"""A Dify knowledge base as a LangChain document index."""

from __future__ import annotations

import time
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from langchain_core._api import beta
from langchain_core.documents import Document
from langchain_core.indexing.base import DeleteResponse, DocumentIndex, UpsertResponse
from pydantic import Field, field_validator, model_validator
from typing_extensions import Self, override

from dify_integrations import IndexingError, InvalidArgument
from dify_integrations.bridge.hits import Hit, SearchOptions
from dify_integrations.bridge.indexing import (
    BUILT_IN,
    INDEX_ID,
    INDEX_METADATA,
    Entry,
    assignment,
    handle,
    is_entry,
    latest,
    missing_fields,
    replacement,
    whole_rule,
)
from dify_integrations.models.datasets import DocForm, IndexingTechnique
from dify_integrations.models.documents import Document as Kept
from dify_integrations.models.documents import SubmittedDocument
from dify_integrations.models.indexing import ProcessRule
from dify_integrations.models.metadata import DocumentMetadata, MetadataFields

from ._stored import entry_document, found_entry
from .retrievers import DifyRetriever

Sent = list[tuple[Entry, SubmittedDocument]]


@beta(message="LangChain may still change what a DocumentIndex is.")
class DifyDocumentIndex(DifyRetriever, DocumentIndex):
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

    metadata_fields: list[str] = Field(
        default_factory=list, description="Metadata that becomes fields of the knowledge base, to filter by: texts and numbers."
    )
    process_rule: ProcessRule | None = Field(default=None, description="How texts are cut; one chunk each unless given.")
    doc_form: DocForm | None = Field(default=None, description="The knowledge base's, where it is not `text_model`.")
    indexing_technique: IndexingTechnique | None = Field(default=None, description="For a knowledge base without documents.")
    wait: bool = Field(default=True, description="Whether `upsert` waits until the documents can be found.")
    indexing_timeout_s: float | None = Field(default=600.0, description="Seconds that one `upsert` waits at most.")
    indexing_poll_s: float = Field(default=1.0, description="Seconds between the first two looks; later ones are rarer.")

    @field_validator("metadata_fields")
    @classmethod
    def _are_free(cls, names: list[str]) -> list[str]:
        if taken := sorted((BUILT_IN | {INDEX_ID, INDEX_METADATA}).intersection(names)):
            raise InvalidArgument(f"metadata_fields: {', '.join(taken)} cannot be a field of its own")
        return names

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
        documents = self.clients.sync.datasets.documents
        entries = latest(_entry(item) for item in items)
        known = self._fields(entries)
        sent: Sent = []
        for entry in entries:
            plan = replacement(self._kept(entry.id))
            for document_id in plan.deleted:
                documents.delete(self.dataset_id, document_id)
            if plan.updated:
                done = documents.update_by_text(self.dataset_id, plan.updated, **self._change(entry))
            else:
                done = documents.create_by_text(self.dataset_id, **self._creation(entry))
            self.clients.sync.datasets.metadata.assign(self.dataset_id, self._described(entry, done, known))
            sent.append((entry, done))
        outcome = _Outcome(sent)
        for entry, done, left in self._waits(sent, kwargs):
            with outcome.of(entry):
                documents.wait_until_indexed(self.dataset_id, done.batch, timeout_s=left, poll_s=self.indexing_poll_s)
        return outcome.response

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
        documents = self.clients.asynchronous.datasets.documents
        entries = latest(_entry(item) for item in items)
        known = await self._afields(entries)
        sent: Sent = []
        for entry in entries:
            plan = replacement(await self._akept(entry.id))
            for document_id in plan.deleted:
                await documents.delete(self.dataset_id, document_id)
            if plan.updated:
                done = await documents.update_by_text(self.dataset_id, plan.updated, **self._change(entry))
            else:
                done = await documents.create_by_text(self.dataset_id, **self._creation(entry))
            await self.clients.asynchronous.datasets.metadata.assign(self.dataset_id, self._described(entry, done, known))
            sent.append((entry, done))
        outcome = _Outcome(sent)
        for entry, done, left in self._waits(sent, kwargs):
            with outcome.of(entry):
                await documents.wait_until_indexed(self.dataset_id, done.batch, timeout_s=left, poll_s=self.indexing_poll_s)
        return outcome.response

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
        gone: list[str] = []
        for entry_id in _named(ids):
            found = self._kept(entry_id)
            for document in found:
                self.clients.sync.datasets.documents.delete(self.dataset_id, document.id)
            gone += [entry_id] if found else []
        return DeleteResponse(num_deleted=len(gone), succeeded=gone, failed=[], num_failed=0)

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
        gone: list[str] = []
        for entry_id in _named(ids):
            found = await self._akept(entry_id)
            for document in found:
                await self.clients.asynchronous.datasets.documents.delete(self.dataset_id, document.id)
            gone += [entry_id] if found else []
        return DeleteResponse(num_deleted=len(gone), succeeded=gone, failed=[], num_failed=0)

    @override
    def get(self, ids: Sequence[str], /, **kwargs: Any) -> list[Document]:
        """Documents by their ids.

        Args:
            ids: Yours, not Dify's.
            kwargs: Not used.

        Returns:
            Those that are there, in the order of `ids`, with your metadata.
        """
        documents: list[Document] = []
        for entry_id in dict.fromkeys(ids):
            for kept in self._kept(entry_id)[:1]:
                segments = self.clients.sync.datasets.segments.iterate(self.dataset_id, kept.id)
                documents.append(entry_document(kept, list(segments)))
        return documents

    @override
    async def aget(self, ids: Sequence[str], /, **kwargs: Any) -> list[Document]:
        """As `get`.

        Args:
            ids: As for `get`.
            kwargs: Not used.

        Returns:
            As for `get`.
        """
        documents: list[Document] = []
        for entry_id in dict.fromkeys(ids):
            for kept in (await self._akept(entry_id))[:1]:
                segments = self.clients.asynchronous.datasets.segments.iterate(self.dataset_id, kept.id)
                documents.append(entry_document(kept, [segment async for segment in segments]))
        return documents

    @override
    def _documents(self, results: list[list[Hit]], options: SearchOptions) -> list[Document]:
        return [found_entry(document) for document in super()._documents(results, options)]

    def _kept(self, entry_id: str) -> list[Kept]:
        """What carries the id: nothing, one, or several after two upserts at once."""
        found = self.clients.sync.datasets.documents.iterate(self.dataset_id, keyword=handle(entry_id))
        return [document for document in found if is_entry(document, entry_id)]

    async def _akept(self, entry_id: str) -> list[Kept]:
        found = self.clients.asynchronous.datasets.documents.iterate(self.dataset_id, keyword=handle(entry_id))
        return [document async for document in found if is_entry(document, entry_id)]

    def _fields(self, entries: list[Entry]) -> MetadataFields:
        """The knowledge base's metadata fields, after those that are needed were made."""
        metadata = self.clients.sync.datasets.metadata
        known = metadata.list(self.dataset_id)
        missing = missing_fields(known, self.metadata_fields, entries)
        for name, kind in missing.items():
            metadata.create(self.dataset_id, name=name, type=kind)
        return metadata.list(self.dataset_id) if missing else known

    async def _afields(self, entries: list[Entry]) -> MetadataFields:
        metadata = self.clients.asynchronous.datasets.metadata
        known = await metadata.list(self.dataset_id)
        missing = missing_fields(known, self.metadata_fields, entries)
        for name, kind in missing.items():
            await metadata.create(self.dataset_id, name=name, type=kind)
        return await metadata.list(self.dataset_id) if missing else known

    def _waits(self, sent: Sent, told: Mapping[str, Any]) -> Iterator[tuple[Entry, SubmittedDocument, float | None]]:
        """What is to be waited for, and the seconds left for it: one limit for all."""
        ends = None if self.indexing_timeout_s is None else time.monotonic() + self.indexing_timeout_s
        for entry, done in sent if told.get("wait", self.wait) else ():
            yield entry, done, None if ends is None else max(ends - time.monotonic(), 0.001)

    def _change(self, entry: Entry) -> dict[str, Any]:
        rule = self.process_rule or whole_rule()
        return {"name": entry.name, "text": entry.text, "process_rule": rule, "doc_form": self.doc_form}

    def _creation(self, entry: Entry) -> dict[str, Any]:
        return {**self._change(entry), "indexing_technique": self.indexing_technique}

    def _described(self, entry: Entry, done: SubmittedDocument, known: MetadataFields) -> list[DocumentMetadata]:
        return [assignment(done.document.id, entry, self.metadata_fields, known)]


class _Outcome:
    """What became of the documents that were sent."""

    def __init__(self, sent: Sent) -> None:
        self.response = UpsertResponse(succeeded=[entry.id for entry, _ in sent], failed=[])

    @contextmanager
    def of(self, entry: Entry) -> Iterator[None]:
        """Inside, that this document is not indexed is noted and told, and the others go on."""
        try:
            yield
        except IndexingError as error:
            self.response["succeeded"].remove(entry.id)
            self.response["failed"].append(entry.id)
            warnings.warn(f"document {entry.id!r} cannot be found yet: {error}", stacklevel=4)


def _entry(document: Document) -> Entry:
    return Entry(document.id or str(uuid.uuid4()), document.page_content, document.metadata)


def _named(ids: list[str] | None) -> list[str]:
    if ids is None:
        raise InvalidArgument("delete needs the ids of the documents to delete; to delete all, delete the knowledge base")
    return list(dict.fromkeys(ids))
