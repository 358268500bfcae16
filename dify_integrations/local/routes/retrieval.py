"""`/datasets/{id}/retrieve` and its alias `/hit-testing`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..datasets import Dataset, Document, Hit
from ..filters import document_filter
from ..knowledge import segment_shape
from ..knowledge.document_shape import built_in_values
from ..knowledge.habits import Habits
from ..knowledge.shown import habits_of, without
from ..replies import ApiError, answer, invalid, schema_error
from ..state import State
from .access import dataset_of, json_body, state_of

_MODEL = "HitTestingPayload"
_METHODS = ("semantic_search", "full_text_search", "hybrid_search", "keyword_search")
_REQUIRED = ("search_method", "reranking_enable", "top_k", "score_threshold_enabled")
_DEFAULT = {"search_method": "semantic_search", "reranking_enable": False, "top_k": 4, "score_threshold_enabled": False}
_NOT_IN_RECORDS = {"updated_at", "updated_by", "child_chunks", "attachments", "summary"}


async def retrieve(request: Request) -> Response:
    """POST /datasets/{dataset_id}/retrieve."""
    dataset, state = dataset_of(request), state_of(request)
    habits = habits_of(state)
    body = await json_body(request)
    query = _query(body)
    model = _model(dataset, body.get("retrieval_model") or {}, habits)
    if habits.is_old and not dataset.documents:
        return answer({"query": {"content": query, "tsne_position": {"x": 0, "y": 0}}, "records": []})
    values = _values(state, dataset)
    keep = document_filter(model.get("metadata_filtering_conditions") if habits.filters_metadata else None, values)
    # The keyword index of Dify gives no scores: every record carries 0.0 (in 0.15 null) and no threshold applies.
    keywords = model["search_method"] == "keyword_search"
    _check_index(dataset, keywords=keywords)
    threshold = model.get("score_threshold") if model["score_threshold_enabled"] and not keywords else None
    hits = dataset.search(query, top_k=model["top_k"], threshold=threshold or 0.0, keep=keep)
    if model["search_method"] not in _METHODS:
        hits = []
    unscored = None if habits.is_old else 0.0
    records = [_record(state, hit, unscored if keywords else hit.score) for hit in hits]
    for hit in hits:
        hit.segment.hit_count += 1
    echoed = query if state.version.retrieve_echoes_string else {"content": query}
    return answer({"query": echoed, "records": records})


def _check_index(dataset: Dataset, *, keywords: bool) -> None:
    """Only `high_quality` datasets have vectors; the vector store's own words come through."""
    if dataset.settings.indexing_technique != "high_quality" and not keywords:
        table = f"embedding_vector_index_{dataset.id.replace('-', '_')}_nod"
        raise invalid(f'relation "{table}" does not exist')


def _query(body: dict[str, Any]) -> str:
    if "query" not in body:
        raise schema_error(_MODEL, [("query", "Field required", "missing", body)])
    query = body["query"]
    if not isinstance(query, str):
        raise schema_error(_MODEL, [("query", "Input should be a valid string", "string_type", query)])
    if len(query) > 250:
        sentence = "String should have at most 250 characters"
        raise schema_error(_MODEL, [("query", sentence, "string_too_long", query)])
    if not query and not body.get("attachment_ids"):
        raise invalid("Query or attachment_ids is required")
    return query


def _model(dataset: Dataset, given: dict[str, Any], habits: Habits) -> dict[str, Any]:
    given = given or dataset.settings.retrieval_model or _DEFAULT
    missing = [name for name in _REQUIRED if name not in given]
    if missing and not habits.checks_retrieval_model:
        raise ApiError(500, "internal_server_error", f"'{missing[-1]}'")
    if missing:
        raise schema_error(_MODEL, [(f"retrieval_model.{name}", "Field required", "missing", given) for name in missing])
    # Older releases know no method by that name and find nothing.
    if given["search_method"] not in _METHODS and habits.checks_retrieval_model:
        sentence = "Input should be 'semantic_search', 'full_text_search', 'hybrid_search' or 'keyword_search'"
        raise schema_error(_MODEL, [("retrieval_model.search_method", sentence, "enum", given["search_method"])])
    if not isinstance(given["top_k"], int) or given["top_k"] < 1:
        raise invalid("top_k must be a positive integer")
    return given


def _record(state: State, hit: Hit, score: float | None) -> dict[str, Any]:
    habits = habits_of(state)
    nothing: list[Any] | None = [] if habits.lists_empty_parts else None
    children = [
        {"id": child.id, "content": child.content, "position": child.position, "score": matched}
        for child, matched in sorted(hit.children, key=lambda pair: -pair[1])
    ]
    shown = {
        "segment": _segment(state, hit, nothing),
        "child_chunks": children or nothing,
        "score": score,
        "tsne_position": None,
        "files": nothing,
        "summary": hit.segment.summary,
    }
    return without(shown, {"files", "summary"}, when=habits.is_old)


def _segment(state: State, hit: Hit, nothing: list[Any] | None) -> dict[str, Any]:
    habits = habits_of(state)
    shown = segment_shape.segment(state, hit.dataset, hit.document, hit.segment)
    shown = {name: value for name, value in shown.items() if name not in _NOT_IN_RECORDS}
    shown["keywords"] = shown["keywords"] or nothing
    if habits.strips_records:
        shown["sign_content"] = None
    if habits.strips_creation:
        shown["created_at"] = None
    return {**shown, "document": _document(state, hit, old=habits.is_old)}


def _values(state: State, dataset: Dataset) -> Callable[[Document], dict[str, Any]]:
    """What tells the metadata of a document: its own values, and the built-in ones where they are on."""
    built_in = dataset.settings.built_in_fields
    return lambda document: {**document.metadata, **(built_in_values(state, document) if built_in else {})}


def _document(state: State, hit: Hit, *, old: bool) -> dict[str, Any]:
    document = hit.document
    values = _values(state, hit.dataset)(document)
    shown = {
        "id": document.id,
        "data_source_type": document.source_type,
        "name": document.name,
        "doc_type": None,
        "doc_metadata": values or None,
    }
    return without(shown, {"doc_metadata"}, when=old)


ROUTES = [
    Route("/datasets/{dataset_id:uuid}/retrieve", retrieve, methods=["POST"]),
    Route("/datasets/{dataset_id:uuid}/hit-testing", retrieve, methods=["POST"]),
]
