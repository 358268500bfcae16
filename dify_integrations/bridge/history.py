"""A recorded turn in a framework's terms: files of each side, the agent's steps, and where its answer stands in Dify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..runs.steps import part_of
from .reading import is_said

if TYPE_CHECKING:
    from ..models.messages import AgentThought, Message, MessageFile

_SHOWN = ("conversation_id", "created_at", "error", "total_price", "currency", "provider_response_latency")


def turn_record(turn: Message, app: str) -> dict[str, Any]:
    """What is known of an answer beside its text, under the names a fresh answer has.

    Args:
        turn: The turn.
        app: Fingerprint of the app and user, so that a later turn can continue behind this one.
    """
    record: dict[str, Any] = {name: value for name in _SHOWN if (value := getattr(turn, name)) is not None}
    record |= {"message_id": turn.id, "app": app, "status": "failed" if turn.status == "error" else "succeeded"}
    if turn.retriever_resources:
        record["retriever_resources"] = [source.model_dump(exclude_unset=True) for source in turn.retriever_resources]
    made = [file for file in turn.message_files if file.belongs_to == "assistant"]
    if made:
        record["files"] = [file.model_dump(exclude_unset=True) for file in made]
    if turn.extra_contents:
        record["forms"] = [form.model_dump(exclude_unset=True) for form in turn.extra_contents]
        if any(form.submitted is False for form in turn.extra_contents):
            record["status"] = "paused"
    if turn.feedback is not None and turn.feedback.rating:
        record["rating"] = turn.feedback.rating
    return record


def sent_files(turn: Message) -> list[MessageFile]:
    """The files that came with the question."""
    return [file for file in turn.message_files if file.belongs_to != "assistant"]


def thoughts_of(turn: Message) -> list[dict[str, Any]]:
    """The agent's steps that used tools, in their order and as a fresh answer tells them: one for each tool."""
    used = sorted((step for step in turn.agent_thoughts if step.tool), key=lambda step: step.position or 0)
    return [thought for step in used for thought in _thoughts(step, turn.answer or "")]


def _thoughts(step: AgentThought, answer: str) -> list[dict[str, Any]]:
    names = [name for name in (step.tool or "").split(";") if name]
    alone = len(names) == 1
    thought = "" if is_said(step.thought or "", answer) else step.thought or ""
    return [
        {
            "id": f"{step.id}:{name}",
            "thought": "" if number else thought,
            "tool": name,
            "arguments": part_of(step.tool_input or "", name, alone=alone),
            "observation": part_of(step.observation, name, alone=alone) if step.observation else None,
        }
        for number, name in enumerate(names)
    ]
