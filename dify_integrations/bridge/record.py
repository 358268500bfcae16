"""A run as plain JSON values, for frameworks that store what a tool did beside what it said."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from .steps import payload

if TYPE_CHECKING:
    from ..core.jsonio import JsonObject, JsonValue
    from ..runs.items import FileOut, Step
    from ..runs.result import RunResult

IdsTold = Literal["all", "late"]
"""`late` leaves out the ids that a stream knows from its first event on."""

_EARLY = ("conversation_id", "message_id", "task_id")
_LATE = ("workflow_run_id", "workflow_id", "created_at", "elapsed_s", "total_tokens", "total_steps", "outputs")
_IDS = ("conversation_id", "message_id", "task_id", "workflow_run_id", "workflow_id")
_FACTS = ("text", "reasoning", "outputs", "error", "created_at", "elapsed_s", "total_tokens", "total_steps")


def run_record(result: RunResult) -> JsonObject:
    """Everything JSON can hold of a run, empty fields left out; payloads of steps are cut to a bounded size."""
    record: JsonObject = {"status": result.status}
    record |= {name: value for name in (*_IDS, *_FACTS) if (value := getattr(result, name))}
    if result.usage is not None:
        record["usage"] = result.usage.raw
    if result.files:
        record["files"] = [file_record(file) for file in result.files]
    if result.citations:
        record["retriever_resources"] = [citation.raw for citation in result.citations]
    pause = pause_record(result)
    if pause is not None:
        record["pause"] = pause
    if result.steps:
        record["steps"] = [_step_record(step) for step in result.steps]
    return record


def answer_record(result: RunResult, ids: IdsTold = "all") -> JsonObject:
    """What is known of an answer beside its text, empty fields left out."""
    record: JsonObject = early_ids(result) if ids == "all" else {}
    record |= {name: value for name in _LATE if (value := getattr(result, name))}
    record["status"] = result.status
    if result.usage is not None:
        record["usage"] = result.usage.raw
    if result.citations:
        record["retriever_resources"] = [citation.raw for citation in result.citations]
    if result.files:
        record["files"] = [file_record(file) for file in result.files]
    pause = pause_record(result)
    if pause is not None:
        record["pause"] = pause
    return record


def early_ids(result: RunResult) -> JsonObject:
    """The ids that a stream knows from its first event on."""
    return {name: value for name in _EARLY if (value := getattr(result, name))}


def file_record(file: FileOut) -> JsonObject:
    """A produced file; its `url` is signed and valid for about five minutes."""
    shown: JsonObject = {"id": file.id, "type": file.type, "url": file.url}
    more: JsonObject = {"filename": file.filename, "mime_type": file.mime_type, "size": file.size}
    return shown | {name: value for name, value in more.items() if value}


def pause_record(result: RunResult) -> JsonObject | None:
    """The forms a paused run waits for; `None` when it does not wait."""
    pause = result.pause
    if pause is None:
        return None
    forms: list[JsonValue] = [_plain(asdict(form)) for form in pause.forms]
    return {"workflow_run_id": pause.workflow_run_id, "forms": forms, "paused_nodes": list(pause.paused_nodes)}


def _step_record(step: Step) -> JsonObject:
    record: JsonObject = {"id": step.id, "parent_id": step.parent_id, "kind": step.kind, "status": step.status}
    more: JsonObject = {
        "type": step.type,
        "title": step.title,
        "inputs": payload(step.inputs),
        "outputs": payload(step.outputs),
        "error": step.error,
        "index": step.index,
        "elapsed_s": step.elapsed_s,
        "metadata": step.metadata,
    }
    return record | {name: value for name, value in more.items() if value not in (None, "", {})}


def _plain(value: JsonValue | tuple[JsonValue, ...]) -> JsonValue:
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, (list, tuple)) else value
