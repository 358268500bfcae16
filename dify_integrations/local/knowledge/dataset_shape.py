"""A dataset as the API shows it, key by key in the recorded order."""

from __future__ import annotations

from typing import Any

from ..datasets import Dataset
from ..state import State
from .shown import ACCOUNT, AUTHOR, habits_of, without

EMBEDDING = {"embedding_model": "words", "embedding_model_provider": "local/scripted"}

# What releases before 1.0 do not show yet.
_NEW = {
    "author_name",
    "summary_index_setting",
    "doc_metadata",
    "built_in_field_enabled",
    "pipeline_id",
    "runtime_mode",
    "chunk_structure",
    "icon_info",
    "is_published",
    "total_documents",
    "total_available_documents",
    "enable_api",
    "is_multimodal",
}

NO_RETRIEVAL: dict[str, Any] = {
    "search_method": "semantic_search",
    "reranking_enable": False,
    "reranking_mode": None,
    "reranking_model": {"reranking_provider_name": "", "reranking_model_name": ""},
    "weights": None,
    "top_k": 2,
    "score_threshold_enabled": False,
    "score_threshold": None,
}
_RERANKING = ("reranking_provider_name", "reranking_model_name")


def dataset(state: State, owner: Dataset, *, changed: bool = False, detail: bool = False) -> dict[str, Any]:
    """A dataset.

    Args:
        changed: Whether it is the answer to a change, which does not look whether the embedding model is there.
        detail: Whether it is shown alone, where an economy dataset always says `keyword_search`.
    """
    settings = owner.settings
    created = owner.created_at or state.created_at
    tags = [tag for tag in state.knowledge.tags.values() if owner.id in tag.bound]
    embedding = settings.indexing_technique == "high_quality"
    retrieval = _retrieval(settings.retrieval_model)
    if detail and settings.indexing_technique == "economy":
        retrieval["search_method"] = "keyword_search"
    shown = {
        "id": owner.id,
        "name": owner.name,
        "description": owner.description,
        "provider": settings.provider,
        "permission": settings.permission,
        "data_source_type": owner.documents[0].source_type if owner.documents else None,
        "indexing_technique": settings.indexing_technique,
        "app_count": sum(owner in app.datasets for app in state.apps.values()),
        "document_count": len(owner.documents),
        "word_count": sum(document.word_count or 0 for document in owner.documents),
        "created_by": ACCOUNT,
        "author_name": AUTHOR,
        "created_at": created,
        "updated_by": ACCOUNT,
        "updated_at": owner.updated_at or created,
        **{name: (getattr(settings, name) or default) if embedding else None for name, default in EMBEDDING.items()},
        "embedding_available": None if changed else True,
        "retrieval_model_dict": retrieval,
        "summary_index_setting": _filled(
            ("enable", "model_name", "model_provider_name", "summary_prompt"), settings.summary_index_setting
        ),
        "tags": [{"id": tag.id, "name": tag.name, "type": "knowledge"} for tag in tags],
        "doc_form": settings.doc_form,
        "external_knowledge_info": _external(owner),
        "external_retrieval_model": _external_retrieval(owner),
        "doc_metadata": [{"id": entry.id, "name": entry.name, "type": entry.type} for entry in owner.fields],
        "built_in_field_enabled": settings.built_in_fields,
        "pipeline_id": owner.pipeline_id,
        "runtime_mode": "rag_pipeline" if owner.pipeline else "general",
        "chunk_structure": "text_model" if owner.pipeline else None,
        "icon_info": dict.fromkeys(("icon_type", "icon", "icon_background", "icon_url")),
        "is_published": bool(owner.pipeline),
        "total_documents": len(owner.documents),
        "total_available_documents": sum(document.available for document in owner.documents),
        "enable_api": True,
        "is_multimodal": False,
    }
    return without(shown, _NEW, when=habits_of(state).is_old)


def _filled(names: tuple[str, ...], given: dict[str, Any] | None) -> dict[str, Any]:
    return {name: (given or {}).get(name) for name in names}


def _retrieval(given: dict[str, Any] | None) -> dict[str, Any]:
    if given is None:
        return {**NO_RETRIEVAL, "reranking_model": dict(NO_RETRIEVAL["reranking_model"])}
    shown = {name: given.get(name) for name in NO_RETRIEVAL}
    shown["reranking_model"] = _filled(_RERANKING, given.get("reranking_model"))
    return shown


def _external(owner: Dataset) -> dict[str, Any]:
    settings = owner.settings
    return {
        "external_knowledge_id": settings.external_knowledge_id,
        "external_knowledge_api_id": settings.external_knowledge_api_id,
        "external_knowledge_api_name": None,
        "external_knowledge_api_endpoint": None,
    }


def _external_retrieval(owner: Dataset) -> dict[str, Any]:
    given = owner.settings.external_retrieval_model or owner.settings.retrieval_model
    if given is None:
        return {"top_k": 2, "score_threshold": 0.0, "score_threshold_enabled": None}
    return {name: given.get(name) for name in ("top_k", "score_threshold", "score_threshold_enabled")}
