"""Items of a run as events in the stream of the workflow or agent that a tool is called in."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Literal

from dify_integrations.bridge.steps import payload
from dify_integrations.errors import InvalidArgument
from dify_integrations.runs.items import ReasoningDelta, StepFinished, StepStarted, TextDelta

from ._surroundings import running_context, tool_call_id
from .events import (
    DifyAgentThoughtStreamEvent,
    DifyEvent,
    DifyNodeEvent,
    DifyReasoningEvent,
    DifyTextDeltaEvent,
    DifyWorkflowEvent,
)

if TYPE_CHECKING:
    from dify_integrations.runs.items import Item, Step

StreamedEvents = Literal["workflow", "nodes", "text", "reasoning", "thoughts"]
_KNOWN = ("workflow", "nodes", "text", "reasoning", "thoughts")


def chosen_events(names: Collection[str]) -> frozenset[str]:
    """The names, checked.

    Raises:
        InvalidArgument: A name that is none.
    """
    unknown = sorted(set(names) - set(_KNOWN))
    if unknown or isinstance(names, str):
        raise InvalidArgument(f"stream_events takes some of {', '.join(_KNOWN)}, not {', '.join(unknown) or repr(names)}")
    return frozenset(names)


def reporter(tool_name: str, wanted: Collection[str]) -> Callable[[Item], None]:
    """Tells the running workflow or agent, if there is one, what happens in a run.

    Args:
        tool_name: Who runs it.
        wanted: Which kinds of events.
    """
    context = running_context() if wanted else None
    if context is None:
        return lambda _: None
    about: dict[str, Any] = {"tool_name": tool_name, "tool_id": tool_call_id()}

    def report(item: Item) -> None:
        if isinstance(item, StepStarted) and item.step.kind == "run":
            about["workflow_run_id"] = item.step.id
        kind, event = _event(item, about)
        if event is not None and kind in wanted:
            context.write_event_to_stream(event)

    return report


def _event(item: Item, about: dict[str, Any]) -> tuple[str, DifyEvent | None]:
    if isinstance(item, TextDelta):
        return "text", DifyTextDeltaEvent(**about, delta=item.text)
    if isinstance(item, ReasoningDelta):
        return "reasoning", DifyReasoningEvent(**about, delta=item.text, node_id=item.node_id)
    if isinstance(item, (StepStarted, StepFinished)):
        return _step_event(item.step, about, ended=isinstance(item, StepFinished))
    return "", None


def _step_event(step: Step, about: dict[str, Any], *, ended: bool) -> tuple[str, DifyEvent | None]:
    if step.kind == "run":
        outputs = payload(step.outputs) if ended else None
        return "workflow", DifyWorkflowEvent(**about, status=step.status, outputs=outputs, error=step.error)
    if step.kind == "thought":
        thought = DifyAgentThoughtStreamEvent(**about, thought=payload(step.outputs), position=step.index) if ended else None
        return "thoughts", thought
    if step.kind == "log":
        return "", None
    node = DifyNodeEvent(
        **about,
        node_id=step.node_id or step.id,
        kind=step.kind,
        type=step.type,
        title=step.title,
        status=step.status,
        error=step.error,
    )
    return "nodes", node
