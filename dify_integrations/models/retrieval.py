"""Retrieval from a knowledge base: what can be asked, and the records that answer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from .base import Listed, Model, RequestModel
from .segments import SegmentAttachment, SegmentFields

if TYPE_CHECKING:
    from typing_extensions import Self

    from .datasets import Dataset

SearchMethod = Literal["keyword_search", "semantic_search", "full_text_search", "hybrid_search"]
RerankingMode = Literal["reranking_model", "weighted_score"]
WeightType = Literal["semantic_first", "keyword_first", "customized"]
TextOperator = Literal["contains", "not contains", "start with", "end with", "is", "is not"]
ListOperator = Literal["in", "not in"]
NumberOperator = Literal["=", "≠", ">", "<", "≥", "≤"]
TimeOperator = Literal["before", "after"]
EmptyOperator = Literal["empty", "not empty"]
ComparisonOperator = Literal[TextOperator, ListOperator, NumberOperator, TimeOperator, EmptyOperator]

_SIGNS = {">=": "≥", "<=": "≤", "!=": "≠", "<>": "≠", "==": "="}


class MetadataCondition(RequestModel):
    """One condition on a document's metadata.

    Attributes:
        name: Metadata field, or built-in field where these are switched on.
        comparison_operator: Strings: `contains`, `not contains`, `start with`, `end with`, `is`, `is not`, `in`,
            `not in`; numbers: `=`, `≠`, `>`, `<`, `≥`, `≤` (these signs: Dify refuses `>=`); times: `before`, `after`;
            any: `empty`, `not empty`.
        value: A string; for `in` and `not in` a list, or one string that the server splits at its commas; a number; Unix
            seconds for times; nothing for `empty` and `not empty`. All others need one: Dify skips a condition without
            its value in silence.
    """

    name: str
    comparison_operator: ComparisonOperator
    value: str | list[str] | int | float | None = None

    @field_validator("comparison_operator", mode="before")
    @classmethod
    def _sign(cls, value: Any) -> Any:
        sign = _SIGNS.get(value) if isinstance(value, str) else None
        if sign:
            raise ValueError(f"Dify writes {sign} where others write {value}")
        return value

    @model_validator(mode="after")
    def _fitting_value(self) -> Self:
        operator, value = self.comparison_operator, self.value
        if operator in get_args(EmptyOperator):
            if value is not None:
                raise ValueError(f"{operator!r} takes no value")
        elif value is None:
            raise ValueError(f"{operator!r} needs a value: without one Dify skips the condition in silence")
        elif operator in get_args(ListOperator):
            if not isinstance(value, (str, list)):
                raise ValueError(f"{operator!r} needs a list of strings")
        elif isinstance(value, list):
            raise ValueError(f"{operator!r} needs one value, not a list")
        elif operator not in get_args(TextOperator) and not _is_number(value):
            raise ValueError(f"{operator!r} compares numbers; times are Unix seconds")
        return self


def _is_number(value: float | str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


class MetadataFilter(RequestModel):
    """Conditions joined by `and` or `or`. Servers before 1.4 and 1.13.3 to 1.14.0 ignore filters silently.

    Attributes:
        logical_operator: `and` or `or`, for all of them.
        conditions: One level of them.
    """

    logical_operator: Literal["and", "or"] = "and"
    conditions: list[MetadataCondition] = Field(default_factory=list)


class RerankingModel(RequestModel):
    """A model that reorders what was found.

    Attributes:
        reranking_provider_name: As `organization/plugin/provider`; a bare name means `langgenius/<name>/<name>`.
        reranking_model_name: The model.
    """

    reranking_provider_name: str | None = None
    reranking_model_name: str | None = None


class VectorSetting(RequestModel):
    """The part of meaning in a weighted score: its weight, 0 to 1, and the embedding model."""

    vector_weight: float | None = None
    embedding_provider_name: str | None = None
    embedding_model_name: str | None = None


class KeywordSetting(RequestModel):
    """The part of words in a weighted score: its weight, 0 to 1."""

    keyword_weight: float | None = None


class Weights(RequestModel):
    """How `hybrid_search` mixes meaning and words, for the reranking mode `weighted_score`.

    Attributes:
        weight_type: `semantic_first`, `keyword_first` or `customized`.
        vector_setting: The part of meaning.
        keyword_setting: The part of words.
    """

    weight_type: WeightType | str | None = None
    vector_setting: VectorSetting | None = None
    keyword_setting: KeywordSetting | None = None


class ExternalRetrievalModel(RequestModel):
    """Search settings of an external knowledge base.

    Attributes:
        top_k: Number of records.
        score_threshold: 0 to 1.
        score_threshold_enabled: Whether `score_threshold` counts.
    """

    top_k: int | None = None
    score_threshold: float | None = None
    score_threshold_enabled: bool | None = None


class SavedRetrieval(Model):
    """A knowledge base's own search settings; `RetrievalModel.from_dataset` makes something to send of them.

    Attributes:
        search_method, reranking_enable, reranking_mode, top_k, score_threshold_enabled, score_threshold: As in
            `RetrievalModel`; any may be `None`.
        reranking_model, weights: As in `RetrievalModel`; they may be objects whose members are all `None` or `""`.
    """

    search_method: str | None = None
    reranking_enable: bool | None = None
    reranking_mode: str | None = None
    reranking_model: RerankingModel | None = None
    weights: Weights | None = None
    top_k: int | None = None
    score_threshold_enabled: bool | None = None
    score_threshold: float | None = None


class RetrievalModel(RequestModel):
    """How to search. Sending one replaces the knowledge base's saved settings, so the four first fields are all needed.

    Attributes:
        search_method: `keyword_search` is the only one an `economy` knowledge base answers.
        reranking_enable: Whether to rerank.
        top_k: Number of records.
        score_threshold_enabled: Whether `score_threshold` counts.
        score_threshold: 0 to 1.
        reranking_mode: `reranking_model` or `weighted_score`; needed when `reranking_enable`.
        reranking_model: For `reranking_model`.
        weights: For `weighted_score`.
        metadata_filtering_conditions: Filter on document metadata.
    """

    search_method: SearchMethod = "semantic_search"
    reranking_enable: bool = False
    top_k: int = 4
    score_threshold_enabled: bool = False
    score_threshold: float | None = None
    reranking_mode: RerankingMode | None = None
    reranking_model: RerankingModel | None = None
    weights: Weights | None = None
    metadata_filtering_conditions: MetadataFilter | None = None

    @classmethod
    def from_dataset(cls, dataset: Dataset) -> RetrievalModel:
        """A knowledge base's saved settings, complete, to be changed with `model_copy(update=…)` and sent.

        Args:
            dataset: From `datasets.get` (Dify ≥ 1.2) or `datasets.list`.

        Returns:
            The settings; Dify's defaults where it has none. An `economy` knowledge base gets `keyword_search`, the one
            method it answers, whatever it has saved. A method that only newer servers know is sent back as it is.
        """
        saved = dataset.retrieval_model_dict
        values: dict[str, Any] = _filled(saved.model_dump()) if saved else {}
        if dataset.indexing_technique == "economy":
            values["search_method"] = "keyword_search"
        words: dict[str, Any] = {name: values.pop(name) for name in ("search_method", "reranking_mode") if name in values}
        return cls.model_validate(values).model_copy(update=words)


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    """What is more than null or `""`: Dify writes objects of nulls for null."""
    pruned = {name: _filled(value) if isinstance(value, dict) else value for name, value in values.items()}
    return {name: value for name, value in pruned.items() if value not in (None, "", {})}


class RecordDocument(Model):
    """The document a record is from. `doc_metadata` is a map of name to value here, a list elsewhere in the API."""

    id: str
    name: str | None = None
    data_source_type: str | None = None
    doc_type: str | None = None
    doc_metadata: dict[str, Any] | None = None


class RecordSegment(SegmentFields):
    """The passage: `content`, for question-and-answer knowledge `answer` too, and where it stands.

    Attributes:
        document: The document it is from.
    """

    document: RecordDocument | None = None


class RecordChild(Model):
    """A small piece that was hit inside a parent passage, with its own `score`."""

    id: str | None = None
    content: str | None = None
    position: int | None = None
    score: float | None = None


class Record(Model):
    """One hit.

    Attributes:
        segment: The passage; `None` in the records of an external knowledge base.
        score: Relevance; 0 or `None` for keyword search; not comparable between methods.
        child_chunks: The exact hits inside a parent passage; `[]` without parent-child indexing.
        files: Images of the passage.
        summary: When hit through the summary index (Dify ≥ 1.12).
        tsne_position: Place on a map of the question and its hits, on old servers.
        content, title, metadata: The passage of an external knowledge base, which has no segments.
    """

    segment: RecordSegment | None = None
    score: float | None = None
    child_chunks: Listed[RecordChild]
    files: Listed[SegmentAttachment]
    summary: str | None = None
    tsne_position: dict[str, Any] | None = None
    content: str | None = None
    title: str | None = None
    metadata: dict[str, Any] | None = None


class RetrievalQuery(Model):
    """The question as the server took it; `tsne_position` from 0.15 for an empty knowledge base."""

    content: str | None = None
    tsne_position: dict[str, Any] | None = None


class Retrieval(Model):
    """The answer to a retrieval.

    Attributes:
        query: The question as the server took it: a string on 1.14.2, an object elsewhere.
        records: Hits, best first.
    """

    query: str | RetrievalQuery | None = None
    records: Listed[Record]

    @property
    def question(self) -> str:
        """The words of `query`, whatever its shape."""
        return (self.query.content if isinstance(self.query, RetrievalQuery) else self.query) or ""
