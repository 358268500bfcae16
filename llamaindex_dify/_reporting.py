"""Items of a run as events in the stream of the workflow or agent that a tool is called in."""

from __future__ import annotations

from collections.abc import Collection
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


class Reporter:
    """Tells the running workflow or agent, if there is one, what happens in a run; of a run that goes on, only what is new.

    Args:
        tool_name: Who runs it.
        wanted: Which kinds of events.
        repeats_text: Whether a run of this app that is followed again begins with its text so far.

    Attributes:
        told: What was told, as JSON values: characters of `text`, and statuses of `steps` by id.
    """

    def __init__(self, tool_name: str, wanted: Collection[str], *, repeats_text: bool) -> None:
        self._context = running_context() if wanted else None
        self._wanted = wanted
        self._about: dict[str, Any] = {"tool_name": tool_name, "tool_id": tool_call_id()}
        self._repeats_text = repeats_text
        self._repeated = 0
        self._before: dict[str, list[str]] = {}
        self.told: dict[str, Any] = {"text": 0, "steps": {}}

    def go_on(self, told: dict[str, Any]) -> None:
        """The run is followed again; this was told of it before."""
        self._before = told["steps"]
        self.told = {"text": told["text"], "steps": {step: [*known] for step, known in self._before.items()}}
        self._repeated = told["text"] if self._repeats_text else 0

    def __call__(self, item: Item) -> None:
        """Tell it."""
        if self._context is None:
            return
        if isinstance(item, StepStarted) and item.step.kind == "run":
            self._about["workflow_run_id"] = item.step.id
        kind, event = _event(item, self._about)
        if event is not None and kind in self._wanted and self._is_new(item, event):
            self._context.write_event_to_stream(event)

    def _is_new(self, item: Item, event: DifyEvent) -> bool:
        if isinstance(event, DifyTextDeltaEvent):
            text = event.delta[self._repeated :]
            self._repeated = max(self._repeated - len(event.delta), 0)
            self.told["text"] += len(text)
            event.delta = text
            return bool(text)
        if isinstance(item, (StepStarted, StepFinished)):
            step, status = item.step, item.step.status
            self.told["steps"].setdefault(step.id, []).append(status)
            happens_again = step.kind == "run" and status == "paused"
            return happens_again or status not in self._before.get(step.id, ())
        return True


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
