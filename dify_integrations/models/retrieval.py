"""Retrieval from a knowledge base: what can be asked, and the records that answer."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from .base import Model

SearchMethod = Literal["keyword_search", "semantic_search", "full_text_search", "hybrid_search"]


class MetadataCondition(Model):
    """One condition on a document's metadata.

    Attributes:
        name: Metadata field.
        comparison_operator: Strings: `contains`, `not contains`, `start with`, `end with`, `is`, `is not`, `in`,
            `not in`; numbers: `=`, `≠`, `>`, `<`, `≥`, `≤` (these signs: `>=` is refused); times: `before`, `after`;
            any: `empty`, `not empty`.
        value: A string, a list for `in`, a number, Unix seconds for times; `None` for `empty`.
    """

    name: str
    comparison_operator: str
    value: str | list[str] | int | float | None = None


class MetadataFilter(Model):
    """Conditions joined by `and` or `or`. Servers before 1.4 and 1.13.3 to 1.14.0 ignore filters silently."""

    logical_operator: Literal["and", "or"] = "and"
    conditions: list[MetadataCondition] = Field(default_factory=list)


class RetrievalModel(Model):
    """How to search. Sending one replaces the knowledge base's saved settings, so the four first fields are all needed.

    Attributes:
        search_method: `keyword_search` is the only one an `economy` knowledge base answers.
        reranking_enable: Whether to rerank.
        top_k: Number of records.
        score_threshold_enabled: Whether `score_threshold` counts.
        score_threshold: 0 to 1.
        reranking_mode: `reranking_model` or `weighted_score`.
        reranking_model: `{reranking_provider_name, reranking_model_name}`.
        weights: For `weighted_score`.
        metadata_filtering_conditions: Filter on document metadata.
    """

    search_method: str = "semantic_search"
    reranking_enable: bool = False
    top_k: int = 4
    score_threshold_enabled: bool = False
    score_threshold: float | None = None
    reranking_mode: str | None = None
    reranking_model: dict[str, Any] | None = None
    weights: dict[str, Any] | None = None
    metadata_filtering_conditions: MetadataFilter | None = None


class RecordDocument(Model):
    """The document a record is from. `doc_metadata` is a map of name to value here, a list elsewhere in the API."""

    id: str
    name: str | None = None
    data_source_type: str | None = None
    doc_type: str | None = None
    doc_metadata: dict[str, Any] | None = None


class RecordSegment(Model):
    """The passage: `content`, for question-and-answer knowledge `answer` too, and where it stands."""

    id: str
    content: str = ""
    answer: str | None = None
    document_id: str | None = None
    position: int | None = None
    keywords: list[str] | None = None
    word_count: int | None = None
    tokens: int | None = None
    document: RecordDocument | None = None


class Record(Model):
    """One hit.

    Attributes:
        segment: The passage; `None` in the records of an external knowledge base.
        score: Relevance; 0 or `None` for keyword search; not comparable between methods.
        child_chunks: The exact hits inside a parent passage; `[]` without parent-child indexing.
        files: Images of the passage.
        summary: When hit through the summary index.
        content, title, metadata: The passage of an external knowledge base, which has no segments.
    """

    segment: RecordSegment | None = None
    score: float | None = None
    child_chunks: list[dict[str, Any]] = Field(default_factory=list)
    files: list[dict[str, Any]] = Field(default_factory=list)
    summary: str | None = None
    content: str | None = None
    title: str | None = None
    metadata: dict[str, Any] | None = None

    @field_validator("child_chunks", "files", mode="before")
    @classmethod
    def _null_list(cls, value: Any) -> Any:
        return [] if value is None else value


class Retrieval(Model):
    """The answer to a retrieval.

    Attributes:
        query: The question as the server took it: a string on some versions, `{"content": …}` on others.
        records: Hits, best first.
    """

    query: str | dict[str, Any] | None = None
    records: list[Record] = Field(default_factory=list)
