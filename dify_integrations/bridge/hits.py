"""Retrieval for frameworks: queries that fit, settings that are complete, records as neutral hits.

Several lists of hits become one in `fusion`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import NAMESPACE_URL, uuid5

from ..errors import InvalidArgument
from ..models.retrieval import MetadataFilter, RerankingModel, RetrievalModel, Weights
from ..operations.datasets import QUERY_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..models.datasets import Dataset
    from ..models.retrieval import Record, Retrieval

OnLongQuery = Literal["truncate", "error", "split"]
"""What to do with a query of more than 250 characters: cut it at a word with one warning, refuse it, or ask several."""
MOST_PARTS: Final = 16
"""Parts of a query that are asked; what is behind them is cut with a warning. Each of them costs an embedding."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage of a knowledge base.

    Attributes:
        id: Segment id, stable over queries.
        text: The passage; question and answer for question-and-answer knowledge.
        score: Relevance, `None` when the search method gives none.
        dataset_id, document_id, document_name: Where it is from.
        position: Of the segment in its document.
        data_source_type: Such as `upload_file`.
        document_metadata: The document's own metadata, name to value.
        keywords: Of the segment.
        children: Exact hits inside a parent passage: `id`, `content`, `position`, `score`.
        files: Images of the passage.
        summary: When found through its summary.
        qa: Whether it is a question and its answer.
        parent: Of a child, the passage around it.
    """

    id: str
    text: str
    score: float | None
    dataset_id: str
    document_id: str = ""
    document_name: str = ""
    position: int | None = None
    data_source_type: str = ""
    document_metadata: dict[str, Any] = field(default_factory=dict)
    keywords: tuple[str, ...] = ()
    children: tuple[dict[str, Any], ...] = ()
    files: tuple[dict[str, Any], ...] = ()
    summary: str | None = None
    qa: bool = False
    parent: Hit | None = None


def hits_of(retrieval: Retrieval, dataset_id: str) -> list[Hit]:
    """The records as hits, in the server's order."""
    return [_hit(record, dataset_id) for record in retrieval.records]


def _hit(record: Record, dataset_id: str) -> Hit:
    segment = record.segment
    if segment is None:
        return _external(record, dataset_id)
    document = segment.document
    text = f"{segment.content}\n{segment.answer}" if segment.answer else segment.content
    return Hit(
        id=segment.id or _id_of(dataset_id, text),
        text=text,
        score=record.score,
        dataset_id=dataset_id,
        document_id=segment.document_id or (document.id if document else ""),
        document_name=(document.name if document else None) or "",
        position=segment.position,
        data_source_type=(document.data_source_type if document else None) or "",
        document_metadata=dict((document.doc_metadata if document else None) or {}),
        keywords=tuple(segment.keywords or ()),
        children=tuple(child.model_dump(exclude_unset=True) for child in record.child_chunks),
        files=tuple(file.model_dump(exclude_unset=True) for file in record.files),
        summary=record.summary,
        qa=bool(segment.answer),
    )


def _external(record: Record, dataset_id: str) -> Hit:
    """A passage of an external knowledge base: no segment, no ids, so its own words give it one."""
    text, title = record.content or "", record.title or ""
    return Hit(
        id=_id_of(dataset_id, f"{title}\n{text}"),
        text=text,
        score=record.score,
        dataset_id=dataset_id,
        document_name=title,
        document_metadata=dict(record.metadata or {}),
    )


def _id_of(dataset_id: str, words: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"{dataset_id}\n{words}"))


def fit_query(query: str, policy: OnLongQuery) -> list[str]:
    """The queries to send for one that may be too long: one, or with `split` several.

    Raises:
        InvalidArgument: Empty, or too long and `policy` is `error`.

    Warns:
        UserWarning: Something of it is not asked.
    """
    text = " ".join(query.split())
    if not text:
        raise InvalidArgument("query must be a non-empty string")
    if len(text) <= QUERY_LIMIT:
        return [text]
    if policy == "error":
        raise InvalidArgument(f"query has {len(text)} characters; Dify's retrieval takes at most {QUERY_LIMIT}")
    windows = _windows(text)
    if policy == "truncate":
        warnings.warn(f"query cut to {QUERY_LIMIT} characters, the most Dify's retrieval takes", stacklevel=3)
        return windows[:1]
    if len(windows) > MOST_PARTS:
        warnings.warn(f"query cut to {MOST_PARTS} of its {len(windows)} parts of {QUERY_LIMIT} characters", stacklevel=3)
    return windows[:MOST_PARTS]


def is_cut(query: str, sent: Sequence[str]) -> bool:
    """Whether `fit_query` left out words."""
    return len("".join(query.split())) > len("".join("".join(sent).split()))


def _windows(text: str) -> list[str]:
    windows = []
    while len(text) > QUERY_LIMIT:
        at = text.rfind(" ", 0, QUERY_LIMIT + 1)
        at = at if at > QUERY_LIMIT // 2 else QUERY_LIMIT  # without spaces between words, little would be left
        windows.append(text[:at])
        text = text[at:].strip()
    return [*windows, text] if text else windows


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """What a caller wants changed of a knowledge base's saved search settings; all `None` leaves them in force."""

    top_k: int | None = None
    search_method: str | None = None
    score_threshold: float | None = None
    reranking_enable: bool | None = None
    metadata_filter: MetadataFilter | None = None
    reranking_model: RerankingModel | None = None
    weights: Weights | None = None

    def __post_init__(self) -> None:
        if self.top_k is not None and not (isinstance(self.top_k, int) and self.top_k >= 1):
            raise InvalidArgument(f"the number of passages must be a whole number from 1, not {self.top_k!r}")
        if self.score_threshold is not None and not 0 <= self.score_threshold <= 1:
            raise InvalidArgument(f"score_threshold must be from 0 to 1, not {self.score_threshold!r}")
        if self.reranking_enable is False and (self.reranking_model or self.weights):
            raise InvalidArgument("reranking is switched off, and a reranking model or weights are given")
        if self.reranking_model and self.weights:
            raise InvalidArgument("results are reranked by a model or by weights, not by both")

    @property
    def is_empty(self) -> bool:
        """Whether the saved settings are to be used as they are."""
        return all(getattr(self, each.name) is None for each in fields(self))


def is_economy(saved: Dataset | None) -> bool:
    """Whether a knowledge base answers nothing but `keyword_search`, and refuses even the settings it has saved."""
    return saved is not None and saved.indexing_technique == "economy"


def retrieval_model(options: SearchOptions, saved: Dataset | None) -> RetrievalModel | None:
    """A complete search setting: the saved one with `options` laid over it; `None` when there is nothing to change.

    The server replaces its settings by what is sent and refuses half of one, so `saved` fills what `options` leave open.
    An economy knowledge base, as far as `saved` tells, is always sent the one method that it answers.

    Raises:
        InvalidArgument: An option that Dify does not know, or a filter that would filter nothing.
    """
    if options.is_empty and not is_economy(saved):
        return None
    _refuse_idle_filter(options.metadata_filter)
    changes: dict[str, Any] = {
        "top_k": options.top_k,
        "search_method": options.search_method,
        "reranking_enable": options.reranking_enable,
        "metadata_filtering_conditions": options.metadata_filter,
    }
    if options.score_threshold is not None:
        changes |= {"score_threshold_enabled": True, "score_threshold": options.score_threshold}
    if options.weights or options.reranking_model:
        mode = "weighted_score" if options.weights else "reranking_model"
        reranked = {"reranking_model": options.reranking_model, "weights": options.weights}
        changes |= {"reranking_enable": True, "reranking_mode": mode, **reranked}
    changes = {name: value for name, value in changes.items() if value is not None}
    checked = RetrievalModel.model_validate(changes)
    base = RetrievalModel.from_dataset(saved) if saved is not None else RetrievalModel()
    # Copied, not checked: a newer server may have saved a method that is not known here.
    return base.model_copy(update={name: getattr(checked, name) for name in changes})


def _refuse_idle_filter(condition: MetadataFilter | None) -> None:
    """Fields and values straight away, as other stores take them, are ignored by Dify: it would give everything."""
    if isinstance(condition, MetadataFilter) and not condition.conditions and condition.model_extra:
        raise InvalidArgument(
            f"a filter without conditions would leave out nothing; it has {', '.join(sorted(condition.model_extra))}, give it as "
            '{"conditions": [{"name": …, "comparison_operator": "is", "value": …}]}'
        )
