"""Datasets: documents from text files or the API, segments with stable ids, retrieval by words.

It knows nothing of HTTP; the route files shape what is found here.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import words
from .knowledge.chunking import HIERARCHICAL, children_of
from .knowledge.documents import ChildChunk, Document, ProcessRule, Segment
from .knowledge.sources import DocumentsSource, paragraphs, read_documents

NAMESPACE = uuid.UUID("5d1f1ca1-0000-4000-8000-10ca1d1f7000")

__all__ = [
    "NAMESPACE",
    "Dataset",
    "DatasetSettings",
    "Document",
    "DocumentsSource",
    "Hit",
    "MetadataField",
    "Segment",
    "search_all",
]


@dataclass(frozen=True)
class Hit:
    """One retrieved segment and its score, 0 to 1; in a hierarchical document also the children that matched."""

    dataset: Dataset
    document: Document
    segment: Segment
    score: float
    children: tuple[tuple[ChildChunk, float], ...] = ()


@dataclass
class MetadataField:
    """A field that documents of a dataset may carry: `string`, `number` or `time`."""

    id: str
    name: str
    type: str


@dataclass
class DatasetSettings:
    """What the API can change about a dataset besides its name, description and documents."""

    permission: str = "all_team_members"
    indexing_technique: str | None = "high_quality"
    embedding_model: str | None = None
    embedding_model_provider: str | None = None
    provider: str = "vendor"
    retrieval_model: dict[str, Any] | None = None
    external_knowledge_id: str | None = None
    external_knowledge_api_id: str | None = None
    external_retrieval_model: dict[str, Any] | None = None
    summary_index_setting: dict[str, Any] | None = None
    members: list[str] = field(default_factory=list)
    built_in_fields: bool = False
    doc_form: str | None = None


class Dataset:
    """A knowledge base that is searched by words.

    Args:
        name: Its name; the id derives from it.
        documents: A folder (its `.txt` and `.md` files), a list of files, or a mapping of document name to text.
        description: Shown by the API.
        metadata: Values per document name, such as `{"refunds.txt": {"year": 2024}}`.
        id: A fixed id instead of the derived one.
        indexing_technique: `high_quality`, or `economy`, which only `keyword_search` can search.
        doc_form: `text_model`, or `hierarchical_model`, whose segments are searched by their sentences.
        pipeline: The kinds of data source its knowledge pipeline begins with: `local_file`, `online_document`,
            `website_crawl`, `online_drive`; without any the dataset has no pipeline.
    """

    def __init__(
        self,
        name: str,
        documents: DocumentsSource = (),
        *,
        description: str = "",
        metadata: Mapping[str, Mapping[str, Any]] | None = None,
        id: str | None = None,
        indexing_technique: str | None = "high_quality",
        doc_form: str = "text_model",
        pipeline: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.description = description
        self.id = id or str(uuid.uuid5(NAMESPACE, f"dataset/{name}"))
        self.pipeline = tuple(pipeline)
        self.pipeline_id = str(uuid.uuid5(uuid.UUID(self.id), "pipeline")) if pipeline else None
        self.created_at: int | None = None
        self.updated_at: int | None = None
        self.settings = DatasetSettings(indexing_technique=indexing_technique)
        # The rule of the next document that brings none.
        self.process_rule: ProcessRule | None = None
        self.fields: list[MetadataField] = []
        values = metadata or {}
        self.documents = [
            self._document(position, document_name, text, dict(values.get(document_name, {})), doc_form)
            for position, (document_name, text) in enumerate(read_documents(documents).items(), start=1)
        ]
        if self.documents:
            self.settings.doc_form = doc_form
            self.process_rule = self.documents[-1].process_rule

    def _document(self, position: int, name: str, text: str, metadata: dict[str, Any], form: str) -> Document:
        document_id = uuid.uuid5(uuid.UUID(self.id), name)
        segments = [
            Segment(str(uuid.uuid5(document_id, str(number))), number, content)
            for number, content in enumerate(paragraphs(text), start=1)
        ]
        if form == "hierarchical_model":
            for segment in segments:
                segment.child_chunks = _children(segment)
        for field_name, value in metadata.items():
            if self.field_named(field_name) is None:
                kind = "number" if isinstance(value, (int, float)) else "string"
                self.fields.append(MetadataField(str(uuid.uuid5(uuid.UUID(self.id), f"metadata/{field_name}")), field_name, kind))
        return Document(str(document_id), position, name, text, metadata, segments, form=form)

    def field_named(self, name: str) -> MetadataField | None:
        """The metadata field of a name."""
        return next((entry for entry in self.fields if entry.name == name), None)

    def document(self, document_id: str) -> Document | None:
        """The document of an id."""
        return next((document for document in self.documents if document.id == document_id), None)

    def search(
        self, query: str, *, top_k: int = 3, threshold: float = 0.0, keep: Callable[[Document], bool] | None = None
    ) -> list[Hit]:
        """The best matching segments, best first; segments that share no word with the query are never hits.

        Documents that are still being indexed, disabled or archived are not searched, nor are disabled segments.
        """
        found = [
            (document, segment)
            for document in self.documents
            if document.available
            for segment in document.segments
            if segment.enabled
        ]
        # Rarity is measured over the whole dataset, so a filter changes which segments are hits but not their scores.
        parts = [(pair, child, text) for pair in found for child, text in _searched(*pair)]
        scores = words.scores(query, [text for _, _, text in parts])
        best: dict[str, Hit] = {}
        for ((document, segment), child, _), score in zip(parts, scores, strict=True):
            if score > 0 and score >= threshold and (keep is None or keep(document)):
                before = best.get(segment.id)
                children = (*(before.children if before else ()), *([(child, score)] if child else []))
                best[segment.id] = Hit(self, document, segment, max(score, before.score if before else 0.0), children)
        return sorted(best.values(), key=lambda hit: -hit.score)[:top_k]


def _children(parent: Segment) -> list[ChildChunk]:
    namespace = uuid.UUID(parent.id)
    texts = enumerate(children_of(parent.content, HIERARCHICAL), start=1)
    return [ChildChunk(str(uuid.uuid5(namespace, str(number))), number, text) for number, text in texts]


def _searched(document: Document, segment: Segment) -> list[tuple[ChildChunk | None, str]]:
    """The texts that a segment is found by: its children in a hierarchical document, else its own words."""
    if document.form == "hierarchical_model":
        return [(child, child.content) for child in segment.child_chunks]
    return [(None, " ".join(filter(None, (document.name, segment.content, segment.answer))))]


def search_all(datasets: Sequence[Dataset], query: str, *, top_k: int = 3) -> list[Hit]:
    """The best hits over several datasets."""
    hits = [hit for dataset in datasets for hit in dataset.search(query, top_k=top_k)]
    return sorted(hits, key=lambda hit: -hit.score)[:top_k]
