"""Steps of a Dify run as child spans and events of LlamaIndex' instrumentation.

Every span is entered and left inside its own copy of the context that was current when the LLM or tool was called. Of the
schemes tried it is the only one that nests under tracers which attach spans to the ambient context, also when the run
is read by a generator long after the call has returned.
"""

from __future__ import annotations

import inspect
import json
import re
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from llama_index.core.instrumentation.events.agent import AgentToolCallEvent
from llama_index.core.instrumentation.events.retrieval import RetrievalEndEvent, RetrievalStartEvent
from llama_index.core.tools import ToolMetadata
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.event_handlers import NullEventHandler
from llama_index_instrumentation.span import active_span_id
from llama_index_instrumentation.span_handlers import NullSpanHandler

from dify_integrations.bridge.steps import is_failure, payload, role_of
from dify_integrations.errors import RunFailed
from dify_integrations.runs.items import Paused, StepFinished, StepStarted, StepUpdated, TextReplaced

from . import events
from ._mapping import nodes_of_documents

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from llama_index_instrumentation.dispatcher import Dispatcher

    from dify_integrations.runs.items import Item, Step

dispatcher: Dispatcher = get_dispatcher(__name__)

_SPANNED = {"node": "Node", "iteration": "Iteration", "loop": "Loop", "tool": "Tool", "retrieval": "Retrieval"}
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


@dataclass(frozen=True, slots=True)
class _Span:
    id: str
    context: Context
    bound: inspect.BoundArguments


class StepTracer:
    """Follows the items of one run. Make it in the frame of the call, use it with `with` where the run is read."""

    def __init__(self) -> None:
        self._listening = somebody_listens()
        if not self._listening:
            return
        self._caller = active_span_id.get()
        self._base = copy_context()
        self._spans: dict[str, _Span] = {}
        self._parents: dict[str, str | None] = {}

    def __enter__(self) -> Callable[[Item], None]:
        return self._see if self._listening else _ignore

    def __exit__(self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None) -> None:
        # Whatever is still open here was left early: the run itself ends every step it began.
        if self._listening:
            for step_id in reversed(list(self._spans)):
                self._drop(self._spans.pop(step_id), exc or RunFailed("the run was left before its end"))

    def _see(self, item: Item) -> None:
        handler = _HANDLERS.get(item.__class__)
        if handler is not None:
            handler(self, item)

    # -- steps

    def _started(self, item: StepStarted) -> None:
        step = item.step
        self._parents[step.id] = step.parent_id
        if step.kind in _SPANNED:
            self._enter(step)
        context = self._context_of(step.id)
        context.run(_tell, _STARTED.get(step.kind), step)
        if step.kind == "tool":
            context.run(_tell_tool_call, step)

    def _updated(self, item: StepUpdated) -> None:
        self._context_of(item.step.id).run(_tell, _UPDATED.get(item.what), item.step)

    def _finished(self, item: StepFinished) -> None:
        step = item.step
        context = self._context_of(step.id)
        if role_of(step) == "retriever":
            context.run(_tell_retrieval, step)
        if step.kind == "node" and step.type == "tool":
            context.run(_tell_tool_call, step)
        context.run(_tell, _FINISHED.get(step.kind), step)
        span = self._spans.pop(step.id, None)
        if span is not None and is_failure(step):
            self._drop(span, RunFailed(step.error or f"the step is {step.status}"))
        elif span is not None:
            context.run(dispatcher.span_exit, id_=span.id, bound_args=span.bound, result=payload(step.outputs))

    def _replaced(self, item: TextReplaced) -> None:
        self._base.run(lambda: dispatcher.event(events.DifyMessageReplacedEvent(text=item.text, reason=item.reason)))

    def _paused(self, item: Paused) -> None:
        titles = [form.node_title for form in item.forms]
        run_id = item.workflow_run_id
        self._base.run(lambda: dispatcher.event(events.DifyRunPausedEvent(workflow_run_id=run_id, nodes=titles)))

    # -- spans

    def _enter(self, step: Step) -> None:
        parent = self._ancestor(step.parent_id)
        context = (parent.context if parent else self._base).run(copy_context)
        span_id = f"Dify{_SPANNED[step.kind]}.{_camel(step.type or step.title)}-{uuid4()}"
        bound = _SIGNATURE.bind(inputs=payload(step.inputs))
        self._spans[step.id] = _Span(span_id, context, bound)
        context.run(active_span_id.set, span_id)
        context.run(
            dispatcher.span_enter,
            id_=span_id,
            bound_args=bound,
            parent_id=parent.id if parent else self._caller,
            tags=_tags(step),
        )

    def _drop(self, span: _Span, error: BaseException) -> None:
        span.context.run(dispatcher.span_drop, id_=span.id, bound_args=span.bound, err=error)

    def _ancestor(self, step_id: str | None) -> _Span | None:
        while step_id is not None and step_id not in self._spans:
            step_id = self._parents.get(step_id)
        return self._spans[step_id] if step_id is not None else None

    def _context_of(self, step_id: str) -> Context:
        span = self._ancestor(step_id)
        return span.context if span else self._base


_HANDLERS: dict[type[Any], Callable[[StepTracer, Any], None]] = {
    StepStarted: StepTracer._started,
    StepUpdated: StepTracer._updated,
    StepFinished: StepTracer._finished,
    TextReplaced: StepTracer._replaced,
    Paused: StepTracer._paused,
}


def _ignore(_: Item) -> None:
    """For a run nobody listens to."""


def somebody_listens() -> bool:
    """Whether anything but core's own placeholders hears of spans and events."""
    at: Dispatcher | None = dispatcher
    while at is not None:
        if any(not isinstance(handler, NullSpanHandler) for handler in at.span_handlers):
            return True
        if any(not isinstance(handler, NullEventHandler) for handler in at.event_handlers):
            return True
        at = at.parent if at.propagate else None
    return False


def _shown(inputs: Any) -> None:
    """Only its signature counts: tracers show the bound arguments as a span's input."""


_SIGNATURE = inspect.signature(_shown)


def _tags(step: Step) -> dict[str, Any]:
    tags = {
        "dify.node.id": step.node_id or step.id,
        "dify.node.type": step.type or step.kind,
        "dify.node.title": step.title,
        "dify.node.index": step.index,
    }
    return {name: value for name, value in tags.items() if value not in (None, "")}


def _camel(text: str) -> str:
    return "".join(word.capitalize() for word in re.findall(r"[A-Za-z0-9]+", text)) or "Step"


# -- told inside a step's context, so that the event carries the step's span


def _tell(event: type[events.DifyStepEvent] | None, step: Step) -> None:
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
            inputs=payload(step.inputs),
            outputs=payload(step.outputs),
        )
    )


def _tell_tool_call(step: Step) -> None:
    arguments = step.inputs if isinstance(step.inputs, str) else json.dumps(step.inputs or {}, ensure_ascii=False)
    tool = ToolMetadata(description=step.title, name=step.title or step.type)
    dispatcher.event(AgentToolCallEvent(arguments=str(payload(arguments)), tool=tool))


def _tell_retrieval(step: Step) -> None:
    inputs = step.inputs if isinstance(step.inputs, dict) else {}
    query = str(inputs.get("query") or "")
    found = step.outputs.get("result") if isinstance(step.outputs, dict) else step.outputs
    dispatcher.event(RetrievalStartEvent(str_or_query_bundle=query))
    dispatcher.event(RetrievalEndEvent(str_or_query_bundle=query, nodes=nodes_of_documents(found)))
