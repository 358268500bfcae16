"""A framework's documents in a knowledge base: under which name, found again by their own id, their metadata given back.

Dify chooses the ids of its documents and knows texts, numbers and times as metadata only. So a document carries its own id
and, as JSON, its own metadata in two metadata fields; its name holds the id too, because names can be searched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import TYPE_CHECKING, Any, Final
from uuid import NAMESPACE_URL, uuid5

from ..errors import InvalidArgument
from ..models.indexing import ProcessRule
from ..models.metadata import DocumentMetadata, MetadataValue
from .stored import values_of

if TYPE_CHECKING:
    from ..models.datasets import DocForm
    from ..models.documents import Document
    from ..models.metadata import MetadataFields
    from ..operations.metadata import MetadataType

INDEX_ID: Final = "index_id"
INDEX_METADATA: Final = "index_metadata"
INDEX_MARK: Final = "index_mark"
_OWN: Final = frozenset((INDEX_ID, INDEX_METADATA, INDEX_MARK))
_BUILT_IN: Final[Mapping[str, MetadataType]] = {
    "document_name": "string",
    "uploader": "string",
    "upload_date": "time",
    "last_update_date": "time",
    "source": "string",
}
CUT: Final = "␞␞␞"
"""Where `whole_rule` cuts: between texts that are to be chunks of one document."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:@/+=-]{1,100}")
_LONGEST_TITLE: Final = 90  # servers cut names at 200 characters, and the id must stay in


@dataclass(frozen=True, slots=True)
class Entry:
    """A document of the framework.

    Attributes:
        id: The framework's, or made by the caller.
        text: All of it.
        metadata: What JSON can hold.
        mark: Tells this version of the document from others, such as its hash; it is kept, and nothing else is done with it.
    """

    id: str
    text: str
    metadata: Mapping[str, Any]
    mark: str = ""

    def __post_init__(self) -> None:
        if not self.id or not self.text.strip():
            raise InvalidArgument(f"document {self.id!r}: an id and a text that is not blank are needed")
        _json(self)

    @property
    def name(self) -> str:
        """What Dify's users see: the `title` of the metadata, if any, and what `handle` makes of the id."""
        title = self.metadata.get("title")
        words = " ".join(title.split())[:_LONGEST_TITLE] if isinstance(title, str) else ""
        return f"{words} ({handle(self.id)})" if words else handle(self.id)


def whole_rule(doc_form: DocForm | None = None) -> ProcessRule:
    """One chunk per document as far as Dify allows (4000 tokens), and no cleaning: the framework has cut its texts.

    In a hierarchical knowledge base the chunk is a parent, and its lines are what is searched.
    """
    if doc_form == "hierarchical_model":
        return ProcessRule.hierarchical(max_tokens=4000, child_max_tokens=512, separator=CUT, remove_extra_spaces=False)
    return ProcessRule.custom(max_tokens=4000, separator=CUT, remove_extra_spaces=False)


def refuse_unfit(rule: ProcessRule | None, doc_form: DocForm | None) -> None:
    """See that a rule makes chunks of the form.

    Raises:
        InvalidArgument: It would make none: Dify indexes a hierarchical document without parents as an empty one, and says nothing.
    """
    if doc_form == "hierarchical_model" and rule is not None and rule.mode != "hierarchical":
        raise InvalidArgument(f"the process_rule of a hierarchical_model is ProcessRule.hierarchical(…), not {rule.mode}")


def handle(entry_id: str) -> str:
    """The part of a document's name that it is searched by: the id, or a UUID made of one that is long or has odd signs."""
    return entry_id if _PLAIN.fullmatch(entry_id) else str(uuid5(NAMESPACE_URL, entry_id))


def refuse_taken(names: Iterable[str]) -> None:
    """See that metadata can become fields of these names.

    Raises:
        InvalidArgument: Dify has a field of that name, or an entry's id or metadata are kept in it.
    """
    if taken := sorted((_OWN | set(_BUILT_IN)).intersection(names)):
        raise InvalidArgument(f"metadata_fields: {', '.join(taken)} cannot be a field of its own")


def latest(entries: Iterable[Entry]) -> list[Entry]:
    """Of entries with the same id the last one."""
    return list({entry.id: entry for entry in entries}.values())


def is_entry(document: Document, entry_id: str) -> bool:
    """Whether the document is the one of this id. One without the field is somebody else's, whatever its name."""
    return values_of(document).get(INDEX_ID) == entry_id


@dataclass(frozen=True, slots=True)
class Replacement:
    """How an entry takes the place of documents that carry its id.

    Attributes:
        updated: This one gets the new text; without one a new document is made.
        deleted: These go first.
    """

    updated: str | None
    deleted: tuple[str, ...]


def is_left_over(document: Document, entry: Entry) -> bool:
    """Whether the document may be what a put of this entry left behind that was cut off before the id was told."""
    return document.name == entry.name and document.created_from == "api" and not values_of(document)


def free_name(entry: Entry, others: Iterable[Document]) -> str:
    """The entry's name, with a number where another document has it: Dify would write over that one."""
    taken = {document.name for document in others}
    numbered = (f"{entry.name} ({number})" for number in count(2))
    return next(name for name in chain([entry.name], numbered) if name not in taken)


def replacement(found: Sequence[Document]) -> Replacement:
    """Dify changes documents only while they are available; one that failed or hangs is deleted and made anew."""
    updated = next((document.id for document in found if document.display_status == "available"), None)
    return Replacement(updated, tuple(document.id for document in found if document.id != updated))


def missing_fields(known: MetadataFields, names: Collection[str], entries: Iterable[Entry]) -> dict[str, MetadataType]:
    """Fields that are still to be made, with their types; a value in `entries` decides the type of those in `names`."""
    there = {field.name for field in known.doc_metadata}
    needed: dict[str, MetadataType] = {INDEX_ID: "string", INDEX_METADATA: "string"}
    for entry in entries:
        if entry.mark:
            needed[INDEX_MARK] = "string"
        for name in names:
            value = entry.metadata.get(name)
            if isinstance(value, (str, int, float)) and not isinstance(value, bool):
                needed.setdefault(name, "string" if isinstance(value, str) else "number")
    return {name: kind for name, kind in needed.items() if name not in there}


def field_types(known: MetadataFields) -> dict[str, str]:
    """The fields that a search of the knowledge base can filter by, with their types."""
    own = {field.name or "": field.type or "" for field in known.doc_metadata}
    return {**(_BUILT_IN if known.built_in_field_enabled else {}), **own}


def assignment(document_id: str, entry: Entry, names: Collection[str], known: MetadataFields) -> DocumentMetadata:
    """The document's metadata in place of all it had: id and metadata of the entry, and the values to filter by.

    A value that is not of its field's type is given back like all others, but no filter finds it.
    """
    values: dict[str, Any] = {INDEX_ID: entry.id, INDEX_METADATA: _json(entry), **({INDEX_MARK: entry.mark} if entry.mark else {})}
    types = {field.name: field.type for field in known.doc_metadata}
    values |= {
        name: entry.metadata[name] for name in names if name in entry.metadata and _fits(entry.metadata[name], types.get(name))
    }
    ids = {field.name: field.id for field in known.doc_metadata}
    told = [MetadataValue(id=ids[name] or "", name=name, value=value) for name, value in values.items() if ids.get(name)]
    return DocumentMetadata(document_id=document_id, metadata_list=told)


def without_own(values: Mapping[str, Any]) -> dict[str, Any]:
    """A document's values without those that make it an entry."""
    return {name: value for name, value in values.items() if name not in _OWN}


def given_back(values: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """The id and metadata of the entry behind a document's values; `None` for a document that is no entry."""
    entry_id, text = values.get(INDEX_ID), values.get(INDEX_METADATA)
    if not isinstance(entry_id, str):
        return None
    try:
        metadata = json.loads(text) if isinstance(text, str) else {}
    except ValueError:  # somebody changed it by hand
        metadata = {}
    return entry_id, metadata if isinstance(metadata, dict) else {}


def _json(entry: Entry) -> str:
    try:
        return json.dumps(dict(entry.metadata), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"document {entry.id!r}: metadata that JSON cannot hold ({error})") from error


def _fits(value: Any, kind: str | None) -> bool:
    if isinstance(value, bool) or kind is None:
        return False
    return isinstance(value, str) if kind == "string" else isinstance(value, (int, float))
