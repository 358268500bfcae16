"""A document as the API shows it: in lists, alone, in the indexing status of its batch, and its metadata."""

from __future__ import annotations

from typing import Any

from ..datasets import Dataset
from ..state import State
from .documents import STAGES, Document, ProcessRule, SourceFile
from .shown import ACCOUNT, AUTHOR, habits_of, without

BUILT_IN = {
    "document_name": "string",
    "uploader": "string",
    "upload_date": "time",
    "last_update_date": "time",
    "source": "string",
}
# What releases before 1.0 do not show yet.
_NEW = {"doc_metadata", "summary_index_status", "need_summary"}


def _file(file: SourceFile) -> dict[str, Any]:
    return {
        "id": file.id,
        "name": file.name,
        "size": len(file.content),
        "extension": file.extension,
        "mime_type": file.mime_type,
        "created_by": ACCOUNT,
        "created_at": file.created_at,
    }


def document(state: State, owner: Dataset, owned: Document) -> dict[str, Any]:
    """A document in lists and in the answers to changes."""
    old = habits_of(state).is_old
    shown = {
        "id": owned.id,
        "position": owned.position,
        "data_source_type": owned.source_type,
        "data_source_info": {"upload_file_id": owned.source.id},
        "data_source_detail_dict": {"upload_file": _file(owned.source)},
        "dataset_process_rule_id": owned.process_rule.id,
        "name": owned.name,
        "created_from": owned.created_from,
        "created_by": ACCOUNT,
        "created_at": owned.created_at or state.created_at,
        # 0.15 says 0 for what was not counted yet.
        "tokens": (owned.tokens or 0) if old else owned.tokens,
        "indexing_status": owned.status,
        "error": owned.progress.error,
        "enabled": owned.enabled,
        "disabled_at": owned.disabled_at,
        "disabled_by": ACCOUNT if owned.disabled_at else None,
        "archived": owned.archived,
        "display_status": owned.display_status,
        "word_count": (owned.word_count or 0) if old else owned.word_count,
        "hit_count": sum(segment.hit_count for segment in owned.segments),
        "doc_form": owned.form,
        "doc_metadata": _listed_metadata(state, owner, owned),
        "summary_index_status": None,
        "need_summary": False,
    }
    return without(shown, _NEW, when=old)


def detail(state: State, owner: Dataset, owned: Document, metadata: str) -> dict[str, Any]:
    """One document alone; `metadata` is `all`, `only` or `without`."""
    values = {"doc_type": None, "doc_metadata": metadata_of(state, owner, owned)}
    if metadata == "only":
        return {"id": owned.id, **values}
    listed = document(state, owner, owned)
    done = owned.status == "completed"
    rule = owned.process_rule
    return {
        **{name: listed[name] for name in ("id", "position", "data_source_type")},
        "data_source_info": {"upload_file": _file(owned.source)},
        "dataset_process_rule_id": rule.id,
        "dataset_process_rule": _rule(owner.process_rule or rule),
        "document_process_rule": {"id": rule.id, "dataset_id": owner.id, **_rule(rule)},
        **{name: listed[name] for name in ("name", "created_from", "created_by", "created_at", "tokens", "indexing_status")},
        "completed_at": (owned.indexed_at or state.created_at) if done else None,
        "updated_at": owned.updated_at or listed["created_at"],
        "indexing_latency": 0.01 if owned.word_count is not None else None,
        **{name: listed[name] for name in ("error", "enabled", "disabled_at", "disabled_by", "archived")},
        **({} if metadata == "without" else values),
        "segment_count": len(owned.segments) if done else 0,
        "average_segment_length": (owned.word_count or 0) // len(owned.segments) if done and owned.segments else 0,
        **{name: listed[name] for name in ("hit_count", "display_status", "doc_form")},
        "doc_language": owned.language,
        **{name: listed[name] for name in ("summary_index_status", "need_summary")},
    }


def _rule(rule: ProcessRule) -> dict[str, Any]:
    return {"mode": rule.mode, "rules": rule.rules}


def built_in_values(state: State, owned: Document) -> dict[str, Any]:
    """The values of the built-in metadata fields."""
    created = owned.created_at or state.created_at
    updated = float(owned.updated_at or created)
    kind = "file_upload" if owned.source_type == "upload_file" else owned.source_type
    return dict(zip(BUILT_IN, (owned.name, AUTHOR, float(created), updated, kind), strict=True))


def metadata_of(state: State, owner: Dataset, owned: Document) -> list[dict[str, Any]] | None:
    """The metadata of a document as a list; the built-in fields come along with any value, as texts."""
    shown = [
        {"id": entry.id, "name": entry.name, "type": entry.type, "value": owned.metadata[entry.name]}
        for entry in owner.fields
        if entry.name in owned.metadata
    ]
    if not shown and not owner.settings.built_in_fields:
        return None
    values = built_in_values(state, owned)
    return shown + [{"id": "built-in", "name": name, "type": kind, "value": str(values[name])} for name, kind in BUILT_IN.items()]


def _listed_metadata(state: State, owner: Dataset, owned: Document) -> list[dict[str, Any]] | None:
    shown = metadata_of(state, owner, owned)
    if habits_of(state).is_main:
        return shown or []
    return None if shown is None else [{**entry, "value": str(entry["value"])} for entry in shown]


def progress(owned: Document) -> dict[str, Any]:
    """A document in the indexing status of its batch."""
    at, reached, status = owned.indexed_at, owned.progress.reached, owned.status
    total = len(owned.segments) if reached("indexing") else 0
    return {
        "id": owned.id,
        "indexing_status": status,
        "processing_started_at": at if reached("parsing") or status not in STAGES else None,
        "parsing_completed_at": at if reached("cleaning") else None,
        "cleaning_completed_at": at if reached("indexing") else None,
        "splitting_completed_at": at if reached("indexing") else None,
        "completed_at": at if status == "completed" else None,
        "paused_at": at if status == "paused" else None,
        "error": owned.progress.error,
        "stopped_at": at if status == "error" else None,
        "completed_segments": total if status == "completed" else 0,
        "total_segments": total,
    }
