"""Steps of a Dify run as child spans and events of LlamaIndex' instrumentation.

Every span is entered and left inside its own copy of the context that was current when the LLM or tool was called. Of the
schemes tried it is the only one that nests under tracers which attach spans to the ambient context, also when the run
is read by a generator long after the call has returned.
"""

from __future__ import annotations

import inspect
import re
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from llama_index_instrumentation.event_handlers import NullEventHandler
from llama_index_instrumentation.span import active_span_id
from llama_index_instrumentation.span_handlers import NullSpanHandler

from dify_integrations.bridge.steps import is_failure
from dify_integrations.errors import RunFailed
from dify_integrations.runs.items import FileOut, Paused, StepFinished, StepStarted, StepUpdated, TextReplaced

from ._callbacks import TOLD, StepCallbacks
from ._telling import Teller, dispatcher

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from llama_index.core.callbacks import CallbackManager
    from llama_index_instrumentation.dispatcher import Dispatcher
    from typing_extensions import Self

    from dify_integrations import AsyncRun, Run
    from dify_integrations.runs.items import Item, Step

    from ._telling import TracePayloads

_SPANNED = {"node": "Node", "iteration": "Iteration", "loop": "Loop", "tool": "Tool", "retrieval": "Retrieval"}


@dataclass(slots=True)
class _Open:
    """A step that goes on.

    Attributes:
        step: As it started.
        context: Its own; everything about it is told inside.
        span_id: Of its span, or of the nearest above it when it has none.
        bound: What its span shows as input; `None` when it has no span.
        event_id: By which callbacks know it.
    """

    step: Step
    context: Context
    span_id: str | None
    bound: inspect.BoundArguments | None = None
    event_id: str | None = None


class StepTracer:
    """Follows the items of one run. Make it in the frame of the call, use it with `with` where the run is read.

    Args:
        payloads: How much of inputs, outputs and texts is shown: nothing, the first 4096 characters, or all.
        callbacks: Its handlers are told besides.
    """

    def __init__(self, payloads: TracePayloads = "truncated", callbacks: CallbackManager | None = None) -> None:
        told = callbacks is not None and bool(callbacks.handlers)
        self._listening = told or somebody_listens()
        if not self._listening:
            return
        self._teller = Teller(payloads)
        self._callbacks = StepCallbacks(callbacks, self._teller.shown) if callbacks is not None and told else None
        self._caller = active_span_id.get()
        self._base = copy_context()
        self._open: dict[str, _Open] = {}
        self._parents: dict[str, str | None] = {}
        self._run: Run | AsyncRun | None = None
        self._ids: Mapping[str, str] = {}

    def of(self, run: Run | AsyncRun) -> Self:
        """Name this run in the tags of the spans."""
        if self._listening:
            self._run, self._ids = run, {}
        return self

    def __enter__(self) -> Callable[[Item], None]:
        return self._see if self._listening else _ignore

    def __exit__(self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None) -> None:
        # Whatever is still open here was left early: the run itself ends every step it began.
        if self._listening:
            error = exc if isinstance(exc, Exception) else RunFailed("the run was left before its end")
            while self._open:
                _, left = self._open.popitem()
                self._close(left, left.step, error)

    def _see(self, item: Item) -> None:
        handler = _HANDLERS.get(item.__class__)
        if handler is not None:
            handler(self, item)

    # -- items

    def _started(self, item: StepStarted) -> None:
        step = item.step
        self._parents[step.id] = step.parent_id
        if step.kind in TOLD:
            self._enter(step)
        self._context_of(step.id).run(self._teller.started, step)

    def _updated(self, item: StepUpdated) -> None:
        self._context_of(item.step.id).run(self._teller.updated, item)

    def _finished(self, item: StepFinished) -> None:
        step = item.step
        self._context_of(step.id).run(self._teller.finished, step)
        ended = self._open.pop(step.id, None)
        if ended is not None:
            self._close(ended, step, RunFailed(step.error or f"the step is {step.status}") if is_failure(step) else None)

    def _replaced(self, item: TextReplaced) -> None:
        self._base.run(self._teller.replaced, item)

    def _file(self, item: FileOut) -> None:
        self._base.run(self._teller.file, item)

    def _paused(self, item: Paused) -> None:
        self._base.run(self._teller.paused, item)

    # -- spans

    def _enter(self, step: Step) -> None:
        parent = self._ancestor(step.parent_id)
        context = (parent.context if parent else self._base).run(copy_context)
        above = parent.span_id if parent else self._caller
        opened = self._open[step.id] = _Open(step, context, above)
        if step.kind in _SPANNED:
            opened.span_id = f"Dify{_SPANNED[step.kind]}.{_camel(step.type or step.title)}-{uuid4()}"
            opened.bound = _SIGNATURE.bind(inputs=self._teller.shown(step.inputs))
            context.run(active_span_id.set, opened.span_id)
            context.run(dispatcher.span_enter, id_=opened.span_id, bound_args=opened.bound, parent_id=above, tags=self._tags(step))
        if self._callbacks is not None:
            opened.event_id = context.run(self._callbacks.start, step)

    def _close(self, opened: _Open, step: Step, error: Exception | None) -> None:
        run = opened.context.run
        if opened.event_id is not None and self._callbacks is not None:
            run(self._callbacks.end, step, opened.event_id, error)
        if opened.bound is None or opened.span_id is None:
            return
        if error is not None:
            run(dispatcher.span_drop, id_=opened.span_id, bound_args=opened.bound, err=error)
        else:
            result = self._teller.shown(step.outputs)
            run(dispatcher.span_exit, id_=opened.span_id, bound_args=opened.bound, result=result)

    def _ancestor(self, step_id: str | None) -> _Open | None:
        while step_id is not None and step_id not in self._open:
            step_id = self._parents.get(step_id)
        return self._open[step_id] if step_id is not None else None

    def _context_of(self, step_id: str) -> Context:
        opened = self._ancestor(step_id)
        return opened.context if opened else self._base

    def _tags(self, step: Step) -> dict[str, Any]:
        if not self._ids and self._run is not None:
            self._ids = self._run.result.ids
        tags = {
            "dify.node.id": step.node_id or step.id,
            "dify.node.type": step.type or step.kind,
            "dify.node.title": step.title,
            "dify.node.index": step.index,
            "dify.workflow_run_id": self._ids.get("workflow_run_id"),
            "dify.task_id": self._ids.get("task_id"),
        }
        return {name: value for name, value in tags.items() if value not in (None, "")}


_HANDLERS: dict[type[Any], Callable[[StepTracer, Any], None]] = {
    StepStarted: StepTracer._started,
    StepUpdated: StepTracer._updated,
    StepFinished: StepTracer._finished,
    TextReplaced: StepTracer._replaced,
    FileOut: StepTracer._file,
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


def _camel(text: str) -> str:
    return "".join(word.capitalize() for word in re.findall(r"[A-Za-z0-9]+", text)) or "Step"
