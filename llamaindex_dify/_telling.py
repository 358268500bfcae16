"""What instrumentation is told of a run: events of ours, and core's own where it has one for it.

Everything here is called inside the context of the step it is about, so that the event carries the step's span.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from llama_index.core.instrumentation.events.agent import AgentToolCallEvent
from llama_index.core.instrumentation.events.retrieval import RetrievalEndEvent, RetrievalStartEvent
from llama_index.core.tools import ToolMetadata
from llama_index_instrumentation import get_dispatcher

from dify_integrations.bridge.steps import payload, role_of
from dify_integrations.errors import InvalidArgument

from . import events
from ._mapping import nodes_of_documents

if TYPE_CHECKING:
    from llama_index_instrumentation.dispatcher import Dispatcher

    from dify_integrations.runs.items import FileOut, Paused, Step, StepUpdated, TextReplaced

TracePayloads = Literal["none", "truncated", "full"]

dispatcher: Dispatcher = get_dispatcher(__name__)

_STARTED: dict[str, type[events.DifyStepEvent]] = {
    "run": events.DifyWorkflowStartedEvent,
    "node": events.DifyNodeStartedEvent,
    "tool": events.DifyNodeStartedEvent,
    "retrieval": events.DifyNodeStartedEvent,
    "iteration": events.DifyIterationEvent,
    "loop": events.DifyIterationEvent,
}
_FINISHED: dict[str, type[events.DifyStepEvent]] = {
    **_STARTED,
    "run": events.DifyWorkflowFinishedEvent,
    "node": events.DifyNodeFinishedEvent,
    "tool": events.DifyNodeFinishedEvent,
    "retrieval": events.DifyNodeFinishedEvent,
    "thought": events.DifyAgentThoughtEvent,
    "log": events.DifyAgentLogEvent,
}
_UPDATED: dict[str, type[events.DifyStepEvent]] = {
    "retry": events.DifyNodeRetryEvent,
    "next": events.DifyIterationEvent,
    "log": events.DifyAgentLogEvent,
}


class Teller:
    """Dispatches the events of one run.

    Args:
        payloads: How much of inputs, outputs and texts they show.

    Attributes:
        shown: The part of a value that may be shown.
    """

    def __init__(self, payloads: TracePayloads) -> None:
        self.shown: Callable[[Any], Any] = _SHOWN[payloads]

    def started(self, step: Step) -> None:
        self._step(_STARTED.get(step.kind), step)
        if step.kind == "tool":
            self._tool_call(step)

    def updated(self, item: StepUpdated) -> None:
        self._step(_UPDATED.get(item.what), item.step)

    def finished(self, step: Step) -> None:
        if role_of(step) == "retriever":
            self._retrieval(step)
        if step.kind == "node" and step.type == "tool":  # only now its inputs are known
            self._tool_call(step)
        self._step(_FINISHED.get(step.kind), step)

    def replaced(self, item: TextReplaced) -> None:
        dispatcher.event(events.DifyMessageReplacedEvent(text=self.shown(item.text) or "", reason=item.reason))

    def file(self, item: FileOut) -> None:
        dispatcher.event(
            events.DifyMessageFileEvent(
                file_id=item.id, type=item.type, filename=item.filename, mime_type=item.mime_type, size=item.size
            )
        )

    def paused(self, item: Paused) -> None:
        titles = [form.node_title for form in item.forms]
        dispatcher.event(events.DifyRunPausedEvent(workflow_run_id=item.workflow_run_id, nodes=titles))

    def _step(self, event: type[events.DifyStepEvent] | None, step: Step) -> None:
        if event is None:
            return
        dispatcher.event(
            event(
                step_id=step.id,
                parent_id=step.parent_id,
                kind=step.kind,
                type=step.type,
                title=step.title,
                status=step.status,
                index=step.index,
                error=step.error,
                elapsed_s=step.elapsed_s,
                inputs=self.shown(step.inputs),
                outputs=self.shown(step.outputs),
            )
        )

    def _tool_call(self, step: Step) -> None:
        tool = ToolMetadata(description=step.title, name=step.title or step.type)
        dispatcher.event(AgentToolCallEvent(arguments=self.shown(arguments_of(step)) or "", tool=tool))

    def _retrieval(self, step: Step) -> None:
        inputs = step.inputs if isinstance(step.inputs, dict) else {}
        query = self.shown(str(inputs.get("query") or "")) or ""
        nodes = nodes_of_documents(step.outputs.get("result") if isinstance(step.outputs, dict) else step.outputs)
        for found in nodes:
            found.node.set_content(self.shown(found.node.get_content()) or "")
        dispatcher.event(RetrievalStartEvent(str_or_query_bundle=query))
        dispatcher.event(RetrievalEndEvent(str_or_query_bundle=query, nodes=nodes))


def _nothing(_: Any) -> None:
    """Of no value anything may be shown."""


def _all(value: Any) -> Any:
    return value


_SHOWN: Mapping[TracePayloads, Callable[[Any], Any]] = {"none": _nothing, "truncated": payload, "full": _all}


def arguments_of(step: Step) -> str:
    """What a tool was called with, as text."""
    return step.inputs if isinstance(step.inputs, str) else json.dumps(step.inputs or {}, ensure_ascii=False)


def tell_tool_call(tool: ToolMetadata, arguments: Mapping[str, Any], payloads: TracePayloads) -> None:
    """Say that one of our tools is called, which core does no more."""
    text = _SHOWN[payloads](json.dumps(arguments, ensure_ascii=False, default=str))
    dispatcher.event(AgentToolCallEvent(arguments=text or "", tool=tool))


def checked_payloads(payloads: TracePayloads) -> TracePayloads:
    """What was chosen.

    Raises:
        InvalidArgument: Something else.
    """
    if payloads not in _SHOWN:
        raise InvalidArgument(f"trace_payloads is one of {', '.join(_SHOWN)}, not {payloads!r}")
    return payloads
