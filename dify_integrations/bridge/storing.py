"""A framework's documents put into a knowledge base, found there by their own ids, and deleted.

What Dify is told of a document is the business of `indexing`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import BadRequest, DifyError, IndexingError
from .flows import Call, Flow, adriven, driven
from .indexing import (
    CUT,
    INDEX_MARK,
    Entry,
    assignment,
    free_name,
    given_back,
    handle,
    is_entry,
    is_left_over,
    latest,
    missing_fields,
    refuse_unfit,
    replacement,
    whole_rule,
)
from .stored import values_of, whole_text

if TYPE_CHECKING:
    from ..models.datasets import DocForm, IndexingTechnique
    from ..models.documents import Document, SubmittedDocument
    from ..models.indexing import ProcessRule
    from ..models.metadata import DocumentMetadata, MetadataFields
    from ..models.segments import Segment
    from ..operations.metadata import MetadataType
    from .clients import Clients

Kept = tuple["Document", list["Segment"]]
"""A document as Dify keeps it, with its chunks in their order."""
_INDEXED = ("available", "disabled", "archived")


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of documents that were put in.

    Attributes:
        ids: Of those that can be found, or without waiting were taken.
        failed: Why the others cannot be found yet; Dify took them.
    """

    ids: list[str]
    failed: dict[str, IndexingError]

    def settle(self) -> None:
        """See that everything can be found.

        Raises:
            IndexingError: Of the first document that cannot.
        """
        for entry_id, error in self.failed.items():
            raise type(error)(f"document {entry_id!r}: {error}", statuses=error.statuses) from error


@dataclass(frozen=True, slots=True)
class Store:
    """Documents under ids of one's own in one knowledge base. Needs Dify ≥ 1.1.1.

    Attributes:
        clients: To ask with.
        dataset_id: The knowledge base.
        metadata_fields: Metadata that becomes fields of the knowledge base.
        process_rule: How texts are cut; without one each text is one chunk.
        doc_form: Form of the documents.
        indexing_technique: For the first document.
        timeout_s: Seconds to wait at most, for all that are put in at once.
        poll_s: Seconds between the first two looks.

    Raises:
        InvalidArgument: A rule that makes no chunks of that form.
    """

    clients: Clients
    dataset_id: str
    metadata_fields: Sequence[str] = ()
    process_rule: ProcessRule | None = None
    doc_form: DocForm | None = None
    indexing_technique: IndexingTechnique | None = None
    timeout_s: float | None = 600.0
    poll_s: float = 1.0

    def __post_init__(self) -> None:
        refuse_unfit(self.process_rule, self.doc_form)

    def put(self, entries: Sequence[Entry], *, wait: bool = True) -> Stored:
        """Put documents in, in place of those with the same ids; of equal ids the last counts.

        Args:
            entries: The documents.
            wait: Until they can be found.

        Raises:
            DifyError: A request failed; what was put in before stays.
        """
        return driven(self._putting(entries, wait=wait), self.clients.sync.datasets)

    async def aput(self, entries: Sequence[Entry], *, wait: bool = True) -> Stored:
        """As `put`, without blocking."""
        return await adriven(self._putting(entries, wait=wait), self.clients.asynchronous.datasets)

    def changed(self, entries: Sequence[Entry]) -> list[bool]:
        """Of each whether it is not there, has another mark, or was never indexed. What people switched off is there."""
        return driven(self._comparing(entries), self.clients.sync.datasets)

    async def achanged(self, entries: Sequence[Entry]) -> list[bool]:
        """As `changed`, without blocking."""
        return await adriven(self._comparing(entries), self.clients.asynchronous.datasets)

    def delete(self, ids: Sequence[str]) -> list[str]:
        """Delete documents; the ids of those that were there."""
        return driven(self._deleting(ids), self.clients.sync.datasets)

    async def adelete(self, ids: Sequence[str]) -> list[str]:
        """As `delete`, without blocking."""
        return await adriven(self._deleting(ids), self.clients.asynchronous.datasets)

    def read(self, ids: Sequence[str] | None = None) -> list[Kept]:
        """Documents by their ids, those that are there, in the order of `ids`; without `ids` all that have one."""
        return driven(self._reading(ids), self.clients.sync.datasets)

    async def aread(self, ids: Sequence[str] | None = None) -> list[Kept]:
        """As `read`, without blocking."""
        return await adriven(self._reading(ids), self.clients.asynchronous.datasets)

    # -- the same for both

    def _putting(self, entries: Sequence[Entry], *, wait: bool) -> Flow[Stored]:
        wanted = latest(entries)
        if not wanted:
            return Stored([], {})
        known = yield from self._fields(wanted)
        sent = []
        for entry in wanted:
            submitted = yield from self._submitting(entry, known)
            sent.append((entry, submitted))
        ends = None if self.timeout_s is None else time.monotonic() + self.timeout_s
        failed: dict[str, IndexingError] = {}
        for entry, submitted in sent if wait else ():
            left = None if ends is None else max(ends - time.monotonic(), 0.001)
            try:
                yield from self._waiting(submitted, left)
            except IndexingError as error:
                failed[entry.id] = error
        return Stored([entry.id for entry, _ in sent if entry.id not in failed], failed)

    def _submitting(self, entry: Entry, known: MetadataFields) -> Flow[SubmittedDocument]:
        there = yield from self._named(entry.id)
        plan = replacement([document for document in there if is_entry(document, entry.id)])
        name = yield from self._name(entry, [document for document in there if not is_entry(document, entry.id)])
        for document_id in plan.deleted:
            yield self._deletion(document_id)
        told: dict[str, Any] = {
            "name": name,
            "text": entry.text,
            "process_rule": self.process_rule or whole_rule(self.doc_form),
            "doc_form": self.doc_form,
        }
        submitted: SubmittedDocument
        if plan.updated:
            submitted = yield lambda datasets: datasets.documents.update_by_text(self.dataset_id, plan.updated, **told)
        else:
            told |= {"indexing_technique": self.indexing_technique}
            submitted = yield lambda datasets: datasets.documents.create_by_text(self.dataset_id, **told)
        described = self._description([assignment(submitted.document.id, entry, self.metadata_fields, known)])
        try:
            yield described
        except DifyError:
            if not plan.updated:  # nobody would find it by its id
                with suppress(DifyError):
                    yield self._deletion(submitted.document.id)
            raise
        except GeneratorExit:
            raise
        except BaseException:  # cancelled: the next put must find it
            with suppress(DifyError):
                yield described
            raise
        return submitted

    def _name(self, entry: Entry, others: Sequence[Document]) -> Flow[str]:
        strangers = []
        for document in others:
            left_over = is_left_over(document, entry)
            if left_over and document.display_status in _INDEXED:
                left_over = _words(whole_text((yield self._chunks(document.id)))) == _words(entry.text)
            strangers += [] if left_over else [document]
        return free_name(entry, strangers)

    def _waiting(self, submitted: SubmittedDocument, left: float | None) -> Flow[None]:
        yield lambda datasets: datasets.documents.wait_until_indexed(
            self.dataset_id, submitted.batch, timeout_s=left, poll_s=self.poll_s
        )

    def _fields(self, entries: Sequence[Entry]) -> Flow[MetadataFields]:
        """The knowledge base's metadata fields, after those that are needed were made."""
        known: MetadataFields = yield lambda datasets: datasets.metadata.list(self.dataset_id)
        refused: DifyError | None = None
        missing = missing_fields(known, self.metadata_fields, entries)
        for name, kind in missing.items():
            try:
                yield self._field(name, kind)
            except BadRequest as error:  # perhaps somebody else made it meanwhile
                refused = error
        if missing:
            known = yield lambda datasets: datasets.metadata.list(self.dataset_id)
        if refused and missing_fields(known, self.metadata_fields, entries):
            raise refused
        return known

    def _finding(self, entry_id: str) -> Flow[list[Document]]:
        """What carries the id: nothing, one, or several after two puts at once."""
        return [document for document in (yield from self._named(entry_id)) if is_entry(document, entry_id)]

    def _named(self, entry_id: str) -> Flow[list[Document]]:
        """What may carry the id, and what only has such a name."""
        named: list[Document] = yield lambda datasets: datasets.documents.iterate(self.dataset_id, keyword=handle(entry_id))
        return named

    def _comparing(self, entries: Sequence[Entry]) -> Flow[list[bool]]:
        changed = []
        for entry in entries:
            found = yield from self._finding(entry.id)
            there = [values_of(document).get(INDEX_MARK) for document in found if document.display_status in _INDEXED]
            changed.append(there != [entry.mark])
        return changed

    def _deleting(self, ids: Sequence[str]) -> Flow[list[str]]:
        gone = []
        for entry_id in dict.fromkeys(ids):
            found = yield from self._finding(entry_id)
            for document in found:
                yield self._deletion(document.id)
            gone += [entry_id] if found else []
        return gone

    def _reading(self, ids: Sequence[str] | None) -> Flow[list[Kept]]:
        found: list[Document] = []
        if ids is None:
            every: list[Document] = yield lambda datasets: datasets.documents.iterate(self.dataset_id)
            found = [document for document in every if given_back(values_of(document))]
        for entry_id in dict.fromkeys(ids or ()):
            found += (yield from self._finding(entry_id))[:1]
        kept = []
        for document in found:
            segments = yield self._chunks(document.id)
            kept.append((document, segments))
        return kept

    # -- single calls

    def _deletion(self, document_id: str) -> Call:
        return lambda datasets: datasets.documents.delete(self.dataset_id, document_id)

    def _description(self, told: list[DocumentMetadata]) -> Call:
        return lambda datasets: datasets.metadata.assign(self.dataset_id, told)

    def _field(self, name: str, kind: MetadataType) -> Call:
        return lambda datasets: datasets.metadata.create(self.dataset_id, name=name, type=kind)

    def _chunks(self, document_id: str) -> Call:
        return lambda datasets: datasets.segments.iterate(self.dataset_id, document_id)


def _words(text: str) -> list[str]:
    return text.replace(CUT, " ").split()
