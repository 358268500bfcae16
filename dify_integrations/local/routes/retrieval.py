"""`/datasets/{id}/retrieve` and its alias `/hit-testing`."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..datasets import NAMESPACE, Hit
from ..filters import document_filter
from ..replies import answer, invalid, schema_error
from .access import dataset_of, json_body, state_of

_MODEL = "HitTestingPayload"
_METHODS = ("semantic_search", "full_text_search", "hybrid_search", "keyword_search")
_REQUIRED = ("search_method", "reranking_enable", "top_k", "score_threshold_enabled")


async def retrieve(request: Request) -> Response:
    """POST /datasets/{dataset_id}/retrieve."""
    dataset = dataset_of(request)
    body = await json_body(request)
    query = _query(body)
    model = _model(body.get("retrieval_model") or {})
    keep = document_filter(model.get("metadata_filtering_conditions"))
    # The keyword index of Dify gives no scores: every record carries 0.0 and no threshold applies.
    keywords = model["search_method"] == "keyword_search"
    threshold = model.get("score_threshold") if model["score_threshold_enabled"] and not keywords else None
    hits = dataset.search(query, top_k=model["top_k"], threshold=threshold or 0.0, keep=keep)
    now = state_of(request).now()
    records = [_record(hit, 0.0 if keywords else hit.score, now) for hit in hits]
    for hit in hits:
        hit.segment.hit_count += 1
    echoed = query if state_of(request).version.retrieve_echoes_string else {"content": query}
    return answer({"query": echoed, "records": records})


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


def _model(given: dict[str, Any]) -> dict[str, Any]:
    if not given:
        return {"search_method": "semantic_search", "top_k": 4, "score_threshold_enabled": False}
    missing: list[tuple[str, str, str, Any]] = [
        (f"retrieval_model.{name}", "Field required", "missing", given) for name in _REQUIRED if name not in given
    ]
    if missing:
        raise schema_error(_MODEL, missing)
    if given["search_method"] not in _METHODS:
        sentence = "Input should be 'semantic_search', 'full_text_search', 'hybrid_search' or 'keyword_search'"
        raise schema_error(_MODEL, [("retrieval_model.search_method", sentence, "enum", given["search_method"])])
    if not isinstance(given["top_k"], int) or given["top_k"] < 1:
        raise invalid("top_k must be a positive integer")
    return given


def _record(hit: Hit, score: float, now: int) -> dict[str, Any]:
    segment, document = hit.segment, hit.document
    return {
        "segment": {
            "id": segment.id,
            "position": segment.position,
            "document_id": document.id,
            "content": segment.content,
            "sign_content": None,
            "answer": None,
            "word_count": len(segment.content),
            "tokens": len(segment.content.split()),
            "keywords": segment.keywords,
            "index_node_id": segment.id,
            "index_node_hash": segment.content_hash,
            "hit_count": segment.hit_count,
            "enabled": True,
            "disabled_at": None,
            "disabled_by": None,
            "status": "completed",
            "created_by": str(NAMESPACE),
            "created_at": None,
            "indexing_at": now,
            "completed_at": now,
            "error": None,
            "stopped_at": None,
            "document": {
                "id": document.id,
                "data_source_type": "upload_file",
                "name": document.name,
                "doc_type": None,
                "doc_metadata": dict(document.metadata) or None,
            },
        },
        "child_chunks": [],
        "score": score,
        "tsne_position": None,
        "files": [],
        "summary": None,
    }


ROUTES = [
    Route("/datasets/{dataset_id:uuid}/retrieve", retrieve, methods=["POST"]),
    Route("/datasets/{dataset_id:uuid}/hit-testing", retrieve, methods=["POST"]),
]
