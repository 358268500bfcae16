"""Documents and chunks as a knowledge base keeps them, for frameworks that read whole knowledge bases."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ..models.documents import DisplayStatus, Document, DocumentField
    from ..models.segments import Segment
    from .clients import Clients

LoadMode = Literal["documents", "segments"]
"""What becomes one document of the framework: a document of the knowledge base, or each of its chunks."""

_BUILT_IN = "built-in"
_SEGMENT_FACTS = ("keywords", "answer", "summary")


def values_of(document: Document) -> dict[str, Any]:
    """The document's own metadata, name to value, as a retrieval tells it too; fields without a value are left out.

    The server's built-in fields are too: they repeat what is known, and come along in lists alone.
    """
    own = (each for each in document.doc_metadata if each.id != _BUILT_IN and each.name)
    return {each.name or "": _value(each) for each in own if each.value is not None}


def _value(field: DocumentField) -> Any:
    """Lists tell numbers as texts."""
    if field.type not in ("number", "time") or not isinstance(field.value, str):
        return field.value
    for number in (int, float):
        with suppress(ValueError):
            return number(field.value)
    return field.value


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which documents of a knowledge base are asked for.

    Attributes:
        ids: Only these.
        keyword: Only with it in the name.
        status: Only with this `display_status`, which servers of 0.15 do not filter by.
        metadata: Only with these values.
    """

    ids: Collection[str] | None = None
    keyword: str | None = None
    status: DisplayStatus | None = "available"
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __contains__(self, document: Document) -> bool:
        if self.ids is not None and document.id not in self.ids:
            return False
        if self.status is not None and document.display_status not in (None, self.status):
            return False
        values = values_of(document) if self.metadata else {}
        return all(name in values and values[name] == value for name, value in self.metadata.items())


def read(clients: Clients, dataset_id: str, wanted: Wanted) -> Iterator[tuple[Document, list[Segment]]]:
    """The documents that are wanted, newest first, each with those of its chunks that a retrieval may find.

    Lazily: a page of documents is asked for when it is needed, and the chunks of one document at a time.
    """
    datasets, missing = clients.sync.datasets, set(wanted.ids or ())
    for document in datasets.documents.iterate(dataset_id, keyword=wanted.keyword, status=wanted.status):
        if document in wanted:
            yield document, [segment for segment in datasets.segments.iterate(dataset_id, document.id) if is_found(segment)]
        missing.discard(document.id)
        if wanted.ids is not None and not missing:
            return  # every document that was asked for by its id has been seen


async def aread(clients: Clients, dataset_id: str, wanted: Wanted) -> AsyncGenerator[tuple[Document, list[Segment]], None]:
    """As `read`, without blocking."""
    datasets, missing = clients.asynchronous.datasets, set(wanted.ids or ())
    async for document in datasets.documents.iterate(dataset_id, keyword=wanted.keyword, status=wanted.status):
        if document in wanted:
            chunks = datasets.segments.iterate(dataset_id, document.id)
            yield document, [segment async for segment in chunks if is_found(segment)]
        missing.discard(document.id)
        if wanted.ids is not None and not missing:
            return


def is_found(segment: Segment) -> bool:
    """Whether a retrieval may find the chunk."""
    return segment.enabled is not False and segment.status in (None, "completed")


def text_of(segment: Segment) -> str:
    """The words of a chunk: of question-and-answer documents both."""
    return f"{segment.content}\n{segment.answer}" if segment.answer else segment.content


def whole_text(segments: Iterable[Segment]) -> str:
    """The words of all chunks. What chunks share with their neighbours is in it twice; Dify keeps no other text."""
    return "\n".join(text_of(segment) for segment in segments)


def document_facts(document: Document, dataset_id: str) -> dict[str, Any]:
    """What is known of a document, under the names a retrieval's hits have."""
    known = {
        "source": document.name or "",
        "dataset_id": dataset_id,
        "document_id": document.id,
        "document_name": document.name or "",
        "position": document.position,
        "doc_metadata": values_of(document),
    }
    more = {"data_source_type": document.data_source_type, "created_at": document.created_at, "word_count": document.word_count}
    return known | {name: value for name, value in more.items() if value is not None}


def segment_facts(segment: Segment, document: Document, dataset_id: str) -> dict[str, Any]:
    """What is known of a chunk: its document's facts, its own position, and what else it has."""
    facts = {**document_facts(document, dataset_id), "position": segment.position, "word_count": segment.word_count}
    more = {name: value for name in _SEGMENT_FACTS if (value := getattr(segment, name))}
    if segment.child_chunks:
        more["child_chunks"] = [child.model_dump(exclude_unset=True) for child in segment.child_chunks]
    return facts | more
