"""Datasets: documents from text files, paragraphs as segments with stable ids, retrieval by words.

It knows nothing of HTTP; the route file shapes what is found here.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import words

NAMESPACE = uuid.UUID("5d1f1ca1-0000-4000-8000-10ca1d1f7000")
LONGEST_SEGMENT = 1000

DocumentsSource = str | Path | Iterable[str | Path] | Mapping[str, str]


@dataclass
class Segment:
    """One paragraph of a document; `hit_count` grows when it is retrieved."""

    id: str
    position: int
    content: str
    keywords: list[str]
    hit_count: int = 0

    @property
    def content_hash(self) -> str:
        """The hash Dify calls `index_node_hash`."""
        return hashlib.sha256(self.content.encode()).hexdigest()


@dataclass
class Document:
    """One text with its segments and its metadata values."""

    id: str
    position: int
    name: str
    text: str
    metadata: dict[str, Any]
    segments: list[Segment] = field(default_factory=list)


@dataclass(frozen=True)
class Hit:
    """One retrieved segment and its score, 0 to 1."""

    dataset: Dataset
    document: Document
    segment: Segment
    score: float


class Dataset:
    """A knowledge base that is searched by words.

    Args:
        name: Its name; the id derives from it.
        documents: A folder (its `.txt` and `.md` files), a list of files, or a mapping of document name to text.
        description: Shown by the API.
        metadata: Values per document name, such as `{"refunds.txt": {"year": 2024}}`.
        id: A fixed id instead of the derived one.
    """

    def __init__(
        self,
        name: str,
        documents: DocumentsSource = (),
        *,
        description: str = "",
        metadata: Mapping[str, Mapping[str, Any]] | None = None,
        id: str | None = None,
    ) -> None:
        self.name = name
        self.description = description
        self.id = id or str(uuid.uuid5(NAMESPACE, f"dataset/{name}"))
        values = metadata or {}
        self.documents = [
            self._document(position, document_name, text, dict(values.get(document_name, {})))
            for position, (document_name, text) in enumerate(read_documents(documents).items(), start=1)
        ]

    def _document(self, position: int, name: str, text: str, metadata: dict[str, Any]) -> Document:
        document_id = uuid.uuid5(uuid.UUID(self.id), name)
        segments = [
            Segment(str(uuid.uuid5(document_id, str(number))), number, content, _keywords(content))
            for number, content in enumerate(paragraphs(text), start=1)
        ]
        return Document(str(document_id), position, name, text, metadata, segments)

    @property
    def metadata_fields(self) -> dict[str, str]:
        """The metadata fields of all documents and their types (`string` or `number`)."""
        fields: dict[str, str] = {}
        for document in self.documents:
            for name, value in document.metadata.items():
                fields.setdefault(name, "number" if isinstance(value, (int, float)) else "string")
        return fields

    def field_id(self, name: str) -> str:
        """The id of a metadata field."""
        return str(uuid.uuid5(uuid.UUID(self.id), f"metadata/{name}"))

    def search(
        self, query: str, *, top_k: int = 3, threshold: float = 0.0, keep: Callable[[Document], bool] | None = None
    ) -> list[Hit]:
        """The best matching segments, best first; segments that share no word with the query are never hits."""
        found = [(document, segment) for document in self.documents for segment in document.segments]
        # Rarity is measured over the whole dataset, so a filter changes which segments are hits but not their scores.
        texts = [f"{document.name} {segment.content}" for document, segment in found]
        hits = [
            Hit(self, document, segment, score)
            for (document, segment), score in zip(found, words.scores(query, texts), strict=True)
            if score > 0 and score >= threshold and (keep is None or keep(document))
        ]
        return sorted(hits, key=lambda hit: -hit.score)[:top_k]


def search_all(datasets: Sequence[Dataset], query: str, *, top_k: int = 3) -> list[Hit]:
    """The best hits over several datasets."""
    hits = [hit for dataset in datasets for hit in dataset.search(query, top_k=top_k)]
    return sorted(hits, key=lambda hit: -hit.score)[:top_k]


def read_documents(source: DocumentsSource) -> dict[str, str]:
    """The documents of a folder, a list of files or a mapping, by name."""
    if isinstance(source, Mapping):
        return {str(name): text for name, text in source.items()}
    if isinstance(source, (str, Path)):
        root = Path(source)
        files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.suffix in {".txt", ".md"})
        base = root.parent if root.is_file() else root
        return {path.relative_to(base).as_posix(): path.read_text(encoding="utf-8") for path in files}
    return {Path(path).name: Path(path).read_text(encoding="utf-8") for path in source}


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a text; headings join what follows them and long paragraphs are cut between sentences."""
    pieces: list[str] = []
    heading = ""
    for block in map(str.strip, re.split(r"\n\s*\n", text.replace("\r\n", "\n"))):
        if block.startswith("#") and "\n" not in block:
            heading = f"{heading}\n{block}".strip()
        elif block:
            pieces.extend(_cut(f"{heading}\n{block}".strip()))
            heading = ""
    return pieces + ([heading] if heading else [])


def _cut(paragraph: str) -> list[str]:
    if len(paragraph) <= LONGEST_SEGMENT:
        return [paragraph]
    pieces = [""]
    for sentence in words.sentences(paragraph):
        if pieces[-1] and len(pieces[-1]) + len(sentence) > LONGEST_SEGMENT:
            pieces.append("")
        pieces[-1] = f"{pieces[-1]} {sentence}".strip()
    return pieces


def _keywords(content: str) -> list[str]:
    return list(dict.fromkeys(words.content_words(content)))[:10]
