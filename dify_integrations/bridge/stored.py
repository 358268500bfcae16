"""Documents and chunks as a knowledge base keeps them, for frameworks that read whole knowledge bases."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ..models.documents import Document, DocumentField
    from ..models.segments import Segment

LoadMode = Literal["documents", "segments"]
"""What becomes one document of the framework: a document of the knowledge base, or each of its chunks."""

_BUILT_IN = "built-in"
_SEGMENT_FACTS = ("keywords", "answer", "summary")


def values_of(document: Document) -> dict[str, Any]:
    """The document's own metadata, name to value, as a retrieval tells it too; fields without a value are left out.

    The server's built-in fields are too: they repeat what is known, and come along in lists alone.
    """
    own = (field for field in document.doc_metadata if field.id != _BUILT_IN and field.name)
    return {field.name or "": _value(field) for field in own if field.value is not None}


def _value(field: DocumentField) -> Any:
    """Lists tell numbers as texts."""
    if field.type not in ("number", "time") or not isinstance(field.value, str):
        return field.value
    for number in (int, float):
        with suppress(ValueError):
            return number(field.value)
    return field.value


def is_wanted(
    document: Document, *, ids: Collection[str] | None = None, status: str | None = None, metadata: Mapping[str, Any] | None = None
) -> bool:
    """Whether a document is one of those asked for.

    Args:
        document: As lists show it.
        ids: Only these.
        status: Only with this `display_status`, which servers of 0.15 do not filter by.
        metadata: Only with these values.
    """
    if ids is not None and document.id not in ids:
        return False
    if status is not None and document.display_status not in (None, status):
        return False
    values = values_of(document) if metadata else {}
    return all(name in values and values[name] == value for name, value in (metadata or {}).items())


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
