"""`/datasets`: the list, one dataset, and its documents."""

from __future__ import annotations

from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..datasets import NAMESPACE, Dataset, Document
from ..replies import answer
from ..state import State
from .access import check_dataset_key, dataset_of, state_of, whole_number

_ACCOUNT = str(NAMESPACE)
_RETRIEVAL = {
    "search_method": "semantic_search",
    "reranking_enable": False,
    "reranking_mode": None,
    "reranking_model": {"reranking_provider_name": "", "reranking_model_name": ""},
    "weights": None,
    "top_k": 4,
    "score_threshold_enabled": False,
    "score_threshold": None,
}

T = TypeVar("T")


async def datasets(request: Request) -> Response:
    """GET /datasets."""
    check_dataset_key(request)
    state = state_of(request)
    wanted = request.query_params.get("keyword", "").lower()
    found = [dataset for dataset in state.datasets.values() if wanted in dataset.name.lower()]
    page = _page(request, found, "DatasetListQuery")
    page["data"] = [_shown_dataset(state, dataset) for dataset in page["data"]]
    return answer(page)


async def dataset(request: Request) -> Response:
    """GET /datasets/{dataset_id}."""
    found = dataset_of(request)
    return answer(_shown_dataset(state_of(request), found))


async def documents(request: Request) -> Response:
    """GET /datasets/{dataset_id}/documents: the newest first."""
    owner = dataset_of(request)
    state = state_of(request)
    wanted = request.query_params.get("keyword", "").lower()
    status = request.query_params.get("status")
    found = [document for document in reversed(owner.documents) if wanted in document.name.lower()]
    if status in {"queuing", "indexing", "paused", "error", "disabled", "archived"}:
        found = []
    page = _page(request, found, "DocumentListQuery")
    page["data"] = [_shown_document(state, owner, document) for document in page["data"]]
    return answer(page)


def _page(request: Request, found: list[T], model: str) -> dict[str, Any]:
    number = max(whole_number(request, "page", 1, model=model), 1)
    limit = whole_number(request, "limit", 20, model=model)
    size = min(limit, 100) if limit > 0 else 20
    data = found[(number - 1) * size : number * size]
    return {"data": data, "has_more": len(data) == limit, "limit": limit, "total": len(found), "page": number}


def _shown_dataset(state: State, owner: Dataset) -> dict[str, Any]:
    names = owner.metadata_fields
    used = sum(owner in app.datasets for app in state.apps.values())
    return {
        "id": owner.id,
        "name": owner.name,
        "description": owner.description,
        "provider": "vendor",
        "permission": "all_team_members",
        "data_source_type": "upload_file" if owner.documents else None,
        "indexing_technique": "high_quality",
        "app_count": used,
        "document_count": len(owner.documents),
        "word_count": sum(len(document.text) for document in owner.documents),
        "created_by": _ACCOUNT,
        "author_name": "LocalDify",
        "created_at": state.created_at,
        "updated_by": _ACCOUNT,
        "updated_at": state.created_at,
        "embedding_model": "words",
        "embedding_model_provider": "local/scripted",
        "embedding_available": True,
        "retrieval_model_dict": _RETRIEVAL,
        "summary_index_setting": dict.fromkeys(("enable", "model_name", "model_provider_name", "summary_prompt")),
        "tags": [],
        "doc_form": "text_model" if owner.documents else None,
        "external_knowledge_info": _external(),
        "external_retrieval_model": {"top_k": 2, "score_threshold": 0.0, "score_threshold_enabled": None},
        "doc_metadata": [{"id": owner.field_id(name), "name": name, "type": kind} for name, kind in names.items()],
        "built_in_field_enabled": False,
        "pipeline_id": None,
        "runtime_mode": "general",
        "chunk_structure": None,
        "icon_info": dict.fromkeys(("icon_type", "icon", "icon_background", "icon_url")),
        "is_published": False,
        "total_documents": len(owner.documents),
        "total_available_documents": len(owner.documents),
        "enable_api": True,
        "is_multimodal": False,
    }


def _external() -> dict[str, Any]:
    names = ("knowledge_id", "knowledge_api_id", "knowledge_api_name", "knowledge_api_endpoint")
    return dict.fromkeys(f"external_{name}" for name in names)


def _shown_document(state: State, owner: Dataset, document: Document) -> dict[str, Any]:
    size = len(document.text.encode())
    file = {"id": document.id, "name": document.name, "size": size, "extension": document.name.rsplit(".", 1)[-1]}
    author = {"mime_type": "text/plain", "created_by": _ACCOUNT, "created_at": float(state.created_at)}
    return {
        "id": document.id,
        "position": document.position,
        "data_source_type": "upload_file",
        "data_source_info": {"upload_file_id": document.id},
        "data_source_detail_dict": {"upload_file": {**file, **author}},
        "dataset_process_rule_id": document.id,
        "name": document.name,
        "created_from": "api",
        "created_by": _ACCOUNT,
        "created_at": state.created_at,
        "tokens": len(document.text.split()),
        "indexing_status": "completed",
        "error": None,
        "enabled": True,
        "disabled_at": None,
        "disabled_by": None,
        "archived": False,
        "display_status": "available",
        "word_count": len(document.text),
        "hit_count": sum(segment.hit_count for segment in document.segments),
        "doc_form": "text_model",
        "doc_metadata": _shown_metadata(owner, document),
        "summary_index_status": None,
        "need_summary": False,
    }


def _shown_metadata(owner: Dataset, document: Document) -> list[dict[str, Any]] | None:
    fields = owner.metadata_fields
    return [
        {"id": owner.field_id(name), "name": name, "type": fields[name], "value": str(value)}
        for name, value in document.metadata.items()
    ] or None


ROUTES = [
    Route("/datasets", datasets, methods=["GET"]),
    Route("/datasets/{dataset_id:uuid}", dataset, methods=["GET"]),
    Route("/datasets/{dataset_id:uuid}/documents", documents, methods=["GET"]),
]
