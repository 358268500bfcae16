"""JSON of the wire to the values inside items and results: ids, files, speech, citations, forms."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from ..events import fields
from .items import Citation, FileOut, HumanInputForm

if TYPE_CHECKING:
    from typing import Any

    from ..core.jsonio import JsonObject
    from ..events.audio import TTSMessageEvent
    from ..events.base import Event
    from ..events.human_input import HumanInputRequiredEvent

_IDS = ("task_id", "conversation_id", "message_id", "workflow_run_id")


def learn(known: dict[str, Any], event: Event, *, joined: bool) -> bool:
    """Take over what every event says of its run; whether there is nothing more to learn.

    Args:
        known: Fields of the result.
        event: Any of the run.
        joined: Whether the run is followed by its id.
    """
    for name in _IDS:
        value = getattr(event, name)
        if value and not known.get(name):
            known[name] = value
    if event.created_at is not None:
        known.setdefault("created_at", event.created_at)
    # The run id of a workflow comes with workflow_started, which tells it itself. A run that is joined late may have
    # messages, which do not name it, before its first node.
    return bool(known.get("task_id")) and not (joined and "workflow_run_id" not in known)


def file_of(raw: JsonObject) -> FileOut:
    """A file of `message_file`, `message_end` or a workflow's outputs; each spells its fields a little differently."""
    return FileOut(
        id=fields.as_text(raw.get("id") or raw.get("related_id")),
        type=fields.as_text(raw.get("type")),
        url=fields.as_text(raw.get("url") or raw.get("remote_url")),
        filename=fields.as_text(raw.get("filename")),
        mime_type=fields.as_text(raw.get("mime_type")),
        size=fields.as_integer(raw.get("size")),
        raw=raw,
    )


def produced(raw: JsonObject) -> bool:
    """Whether a file of `message_end` is the run's own.

    Chat, agent and completion apps of ≥ 1.13.1 list the user's files there too, with the method they were sent by;
    what tools made is a `tool_file`. A chatflow's entries carry `dify_model_identity` and are all part of the answer.
    """
    return "dify_model_identity" in raw or raw.get("transfer_method") == "tool_file"


def sound_of(event: TTSMessageEvent) -> bytes:
    """The bytes of a piece of speech, `b""` of one that cannot be decoded."""
    try:
        return base64.b64decode(event.audio, validate=False)
    except (binascii.Error, ValueError):
        return b""


def citation_of(raw: JsonObject) -> Citation:
    """An entry of `retriever_resources`; every field of it may be null."""
    return Citation(
        position=fields.as_integer(raw.get("position")) or 0,
        document_name=fields.as_text(raw.get("document_name")),
        content=fields.as_text(raw.get("content")),
        score=fields.as_number(raw.get("score")),
        dataset_id=fields.as_text(raw.get("dataset_id")),
        dataset_name=fields.as_text(raw.get("dataset_name")),
        document_id=fields.as_text(raw.get("document_id")),
        segment_id=fields.as_text(raw.get("segment_id")),
        raw=raw,
    )


def form_of(event: HumanInputRequiredEvent) -> HumanInputForm:
    """The form a run waits for."""
    return HumanInputForm(
        form_id=event.form_id,
        form_token=event.form_token,
        node_id=event.node_id,
        node_title=event.node_title,
        content=event.form_content,
        inputs=tuple(event.inputs),
        actions=tuple(event.actions),
        default_values=event.resolved_default_values,
        expiration_time=event.expiration_time,
    )
