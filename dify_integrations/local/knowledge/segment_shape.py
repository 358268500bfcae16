"""Segments and child chunks as the API shows them."""

from __future__ import annotations

from typing import Any

from ..datasets import Dataset
from ..state import State
from .documents import ChildChunk, Document, Segment
from .shown import ACCOUNT, habits_of, without
from .sources import keywords_of

# What releases before 1.0 do not show yet.
_NEW = {"sign_content", "attachments", "summary"}


def segment(state: State, owner: Dataset, owned: Document, shown: Segment) -> dict[str, Any]:
    """A segment in lists and alone."""
    created = shown.created_at or state.created_at
    done = owned.status == "completed"
    # The children of a document that is one parent are not listed with it.
    full = owned.form == "hierarchical_model" and owned.process_rule.rules.get("parent_mode") != "full-doc"
    body = {
        **_head(owned, shown),
        "keywords": _keywords(state, owner, owned, shown),
        **_indexed(shown),
        "disabled_at": shown.disabled_at,
        "disabled_by": ACCOUNT if shown.disabled_at else None,
        "status": "completed" if done else "waiting",
        "created_by": ACCOUNT,
        "created_at": created,
        "updated_at": shown.updated_at or created,
        "updated_by": ACCOUNT if shown.edited else None,
        "indexing_at": created,
        "completed_at": created if done else None,
        "error": None,
        "stopped_at": None,
        "child_chunks": [child(state, shown, entry) for entry in shown.child_chunks] if full else [],
        "attachments": [],
        "summary": shown.summary,
    }
    return without(body, _NEW, when=habits_of(state).is_old)


def _head(owned: Document, shown: Segment) -> dict[str, Any]:
    return {
        "id": shown.id,
        "position": shown.position,
        "document_id": owned.id,
        "content": shown.content,
        "sign_content": shown.content,
        "answer": shown.answer,
        "word_count": shown.word_count,
        "tokens": len(shown.content.split()),
    }


def _keywords(state: State, owner: Dataset, owned: Document, shown: Segment) -> list[str] | None:
    # There is a keyword index for economy datasets, in 0.15 for all texts.
    old = habits_of(state).is_old and owned.form == "text_model"
    if shown.keywords is None and (old or owner.settings.indexing_technique == "economy"):
        return keywords_of(shown.content)
    return shown.keywords


def _indexed(shown: Segment) -> dict[str, Any]:
    return {
        "index_node_id": shown.id,
        "index_node_hash": shown.content_hash,
        "hit_count": shown.hit_count,
        "enabled": shown.enabled,
    }


def child(state: State, parent: Segment, shown: ChildChunk) -> dict[str, Any]:
    """A child chunk."""
    return {
        "id": shown.id,
        "segment_id": parent.id,
        "content": shown.content,
        "position": shown.position,
        "word_count": len(shown.content),
        "type": shown.type,
        "created_at": shown.created_at or state.created_at,
        "updated_at": shown.updated_at or state.created_at,
    }
