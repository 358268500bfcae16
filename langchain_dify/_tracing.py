"""Steps of a run as child runs of the LangChain run they happen in: nodes, tools and retrievals in every tracer.

The logic is written once, as generators that yield callback calls and are sent what these return; `SyncChildRuns` and
`AsyncChildRuns` perform the calls.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import anyio
from langchain_core.callbacks import (
    AsyncCallbackManager,
    AsyncCallbackManagerForChainRun,
    AsyncCallbackManagerForRetrieverRun,
    AsyncCallbackManagerForToolRun,
    CallbackManager,
)
from langchain_core.utils.uuid import uuid7

from dify_integrations import Paused, RunFailed, StepFinished, StepStarted, StepUpdated, TextReplaced
from dify_integrations.bridge.steps import StepRole, is_failure, name_of, payload, role_of

from ._mapping import documents_of
from ._progress import SHOWN, Tell

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from dify_integrations import AsyncRun, Item, Run, RunResult, Step

Calls = Generator[Callable[[], Any], Any, None]
ManagerT = TypeVar("ManagerT", CallbackManager, AsyncCallbackManager)
GeneratorT = TypeVar("GeneratorT")
ChunkT = TypeVar("ChunkT")

_TOLD: frozenset[type] = frozenset({StepStarted, StepUpdated, StepFinished, TextReplaced, Paused})
_CLOSE_S = 5.0


class ChildRuns:
    """The open child runs of one call.

    Args:
        root: Manager whose parent is the call's own run, to which custom events belong; `None` when nobody is to be told.
        progress: Is told the same besides.

    Attributes:
        wants: Item types worth telling; empty when nobody listens, so that a token costs one look.
    """

    def __init__(self, root: CallbackManager | AsyncCallbackManager | None, progress: Tell | None = None) -> None:
        self._listened = root is not None and bool(root.handlers)
        self.wants: frozenset[type] = _TOLD if self._listened else SHOWN if progress is not None else frozenset()
        self._root: Any = root
        self._progress = progress
        self._open: dict[str, tuple[str, Any]] = {}

    def _follow(self, item: Item) -> Calls:
        if self._progress is not None:
            self._progress(item)
        if self._listened:
            yield from self._traced(item)

    def _traced(self, item: Item) -> Calls:
        if isinstance(item, StepStarted):
            yield from self._start(item.step)
        elif isinstance(item, StepFinished):
            yield from self._finish(item.step)
        elif isinstance(item, StepUpdated):
            yield from self._update(item)
        elif isinstance(item, TextReplaced):
            yield self._event("dify.message_replace", {"text": item.text, "reason": item.reason}, self._root.parent_run_id)
        elif isinstance(item, Paused):
            data = {"workflow_run_id": item.workflow_run_id, "nodes": [form.node_title for form in item.forms]}
            yield self._event("dify.paused", data, self._root.parent_run_id)

    def _start(self, step: Step) -> Calls:
        _, parent = self._open.get(step.parent_id or "", ("", None))
        manager = parent.get_child() if parent is not None else self._root
        role, name, inputs = role_of(step), name_of(step), payload(step.inputs)
        fields = inputs if isinstance(inputs, dict) else {} if inputs is None else {"input": inputs}
        if role == "tool":
            start = partial(manager.on_tool_start, {"name": name}, str(inputs or ""), inputs=fields)
        elif role == "retriever":
            start = partial(manager.on_retriever_start, {"name": name}, str(fields.get("query", inputs or "")))
        else:
            start = partial(manager.on_chain_start, {"name": name}, fields)
        run_id = uuid7()
        try:
            run = yield partial(start, name=name, run_id=run_id)
        except BaseException:  # cancelled while handlers were told: some know of the run, so it is ended like the others
            self._open[step.id] = (role, _run_below(manager, role, run_id))
            raise
        self._open[step.id] = (role, run)

    def _finish(self, step: Step) -> Calls:
        role, run = self._open.pop(step.id, ("", None))
        if run is None:
            return
        if is_failure(step):
            yield partial(getattr(run, f"on_{role}_error"), RunFailed(step.error or step.status))
        elif role == "retriever":
            yield partial(run.on_retriever_end, documents_of(step.outputs))
        else:
            outputs = payload(step.outputs)
            fields = outputs if isinstance(outputs, dict) else {} if outputs is None else {"output": outputs}
            yield partial(run.on_tool_end, outputs) if role == "tool" else partial(run.on_chain_end, fields)

    def _update(self, item: StepUpdated) -> Calls:
        step = item.step
        _, run = self._open.get(step.id, ("", None))
        if run is not None:
            data = {"name": name_of(step), "index": step.index, "error": step.error}
            yield self._event(f"dify.{item.what}", data, run.run_id)

    def _event(self, name: str, data: dict[str, Any], run_id: Any) -> Callable[[], Any]:
        return partial(self._root.on_custom_event, name, data, run_id=run_id)

    def _close(self) -> Calls:
        """End what is still open, innermost first: the call was left before its end."""
        while self._open:
            _, (role, run) = self._open.popitem()
            yield partial(getattr(run, f"on_{role}_error"), RunFailed("the run was left before its end"))


class SyncChildRuns(ChildRuns):
    """Tells sync handlers. Use it with `with`."""

    def tell(self, item: Item) -> None:
        """Open, update or close what the item says."""
        _perform(self._follow(item))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        _perform(self._close())


class AsyncChildRuns(ChildRuns):
    """Tells async handlers. Use it with `async with`."""

    async def tell(self, item: Item) -> None:
        """Open, update or close what the item says."""
        await _aperform(self._follow(item))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._open:
            with anyio.move_on_after(_CLOSE_S, shield=True):  # a cancelled call still closes what it opened
                await _aperform(self._close())


def follow(run: Run, root: CallbackManager | None, progress: Tell | None = None) -> RunResult:
    """The run to its end, its steps told below `root`."""
    with SyncChildRuns(root, progress) as children, run:
        for item in run.items():
            if type(item) in children.wants:
                children.tell(item)
    return run.result


async def afollow(run: AsyncRun, root: AsyncCallbackManager | None, progress: Tell | None = None) -> RunResult:
    """As `follow`, without blocking."""
    async with AsyncChildRuns(root, progress) as children, run:
        async for item in run.items():
            if type(item) in children.wants:
                await children.tell(item)
    return run.result


def _perform(calls: Calls) -> None:
    answer: Any = None
    try:
        while True:
            answer = calls.send(answer)()
    except StopIteration:
        return


async def _aperform(calls: Calls) -> None:
    answer: Any = None
    try:
        while True:
            call = calls.send(answer)
            try:
                answer = await call()
            except BaseException as error:
                calls.throw(error)
                raise
    except StopIteration:
        return


def _run_below(manager: Any, role: StepRole, run_id: UUID) -> Any:
    """The run manager that core would have made."""
    kinds = {"tool": AsyncCallbackManagerForToolRun, "retriever": AsyncCallbackManagerForRetrieverRun}
    names = ("handlers", "inheritable_handlers", "parent_run_id", "tags", "inheritable_tags", "metadata", "inheritable_metadata")
    kind: Any = kinds.get(role, AsyncCallbackManagerForChainRun)
    return kind(run_id=run_id, **{name: getattr(manager, name) for name in names})


def manager_below(run: Any, kind: type[ManagerT]) -> ManagerT | None:
    """A manager for children of a run, from its run manager; `None` without one or without handlers.

    Run managers of models have no `get_child`.
    """
    if run is None or not run.inheritable_handlers:
        return None
    handlers = list(run.inheritable_handlers)
    return kind(
        handlers=handlers,
        inheritable_handlers=list(handlers),
        parent_run_id=run.run_id,
        tags=list(run.inheritable_tags),
        inheritable_tags=list(run.inheritable_tags),
        metadata=dict(run.inheritable_metadata),
        inheritable_metadata=dict(run.inheritable_metadata),
    )
