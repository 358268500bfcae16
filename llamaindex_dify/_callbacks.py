"""Steps of a Dify run for the handlers of a `CallbackManager`, LlamaIndex' older way of telling."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from llama_index.core.callbacks import CBEventType, EventPayload
from llama_index.core.tools import ToolMetadata

from ._telling import arguments_of

if TYPE_CHECKING:
    from llama_index.core.callbacks import CallbackManager

    from dify_integrations.runs.items import Step

TOLD = frozenset({"node", "iteration", "loop", "retrieval", "thought", "tool"})
"""Kinds of steps that handlers are told of."""


class StepCallbacks:
    """Tells handlers of an agent's steps and function calls.

    Core keeps what is open on a stack in the context: start and end of a step belong into the same private one.

    Args:
        manager: Whose handlers are told.
        shown: The part of a value that may be shown.
    """

    def __init__(self, manager: CallbackManager, shown: Callable[[Any], Any]) -> None:
        self._manager = manager
        self._shown = shown

    def start(self, step: Step) -> str:
        """The id to end it by."""
        kind = _kind(step)
        payload: dict[str, Any]
        if kind is CBEventType.FUNCTION_CALL:
            tool = ToolMetadata(description=step.title, name=step.title or step.type)
            payload = {EventPayload.FUNCTION_CALL: self._shown(arguments_of(step)) or "", EventPayload.TOOL: tool}
        else:
            payload = {EventPayload.MESSAGES: [step.title or step.type], EventPayload.ADDITIONAL_KWARGS: self._shown(step.inputs)}
        return self._manager.on_event_start(kind, payload=payload)

    def end(self, step: Step, event_id: str, error: BaseException | None) -> None:
        kind = _kind(step)
        name = EventPayload.FUNCTION_OUTPUT if kind is CBEventType.FUNCTION_CALL else EventPayload.RESPONSE
        payload: dict[str, Any] = {name: self._shown(step.outputs)} if error is None else {EventPayload.EXCEPTION: error}
        self._manager.on_event_end(kind, payload=payload, event_id=event_id)


def _kind(step: Step) -> CBEventType:
    return CBEventType.FUNCTION_CALL if "tool" in (step.kind, step.type) else CBEventType.AGENT_STEP
