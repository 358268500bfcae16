"""Steps of a run as child runs of the LangChain run they happen in: nodes, tools and retrievals in every tracer.

The logic is written once, as generators that yield callback calls and are sent what these return; `SyncChildRuns` and
`AsyncChildRuns` perform the calls. Also here: the call scope, because `_stream` is not told whose run it is.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextvars import ContextVar, Token
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import anyio
from langchain_core.callbacks import AsyncCallbackManager, CallbackManager
from langchain_core.utils.uuid import uuid7

from dify_integrations import Paused, RunFailed, StepFinished, StepStarted, StepUpdated, TextReplaced
from dify_integrations.bridge.steps import is_failure, name_of, payload, role_of

from ._mapping import documents_of
from ._progress import SHOWN, Tell

if TYPE_CHECKING:
    from types import TracebackType

    from langchain_core.runnables import RunnableConfig
    from typing_extensions import Self

    from dify_integrations import AsyncRun, Item, Run, RunResult, Step

Calls = Generator[Callable[[], Any], Any, None]
ManagerT = TypeVar("ManagerT", CallbackManager, AsyncCallbackManager)
GeneratorT = TypeVar("GeneratorT")

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
            start = partial(manager.on_tool_start, {"name": name}, str(inputs or ""), name=name, inputs=fields)
        elif role == "retriever":
            start = partial(manager.on_retriever_start, {"name": name}, str(fields.get("query", inputs or "")), name=name)
        else:
            start = partial(manager.on_chain_start, {"name": name}, fields, name=name)
        run = yield start
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
            answer = await calls.send(answer)()
    except StopIteration:
        return


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


_current: ContextVar[CallScope | None] = ContextVar("langchain_dify_call", default=None)


class Generators:
    """Nested generators that are closed from the inside out: our child runs and connection before core's run around them."""

    def __init__(self) -> None:
        self._generators: list[Any] = []

    def adopt(self, generator: GeneratorT) -> GeneratorT:
        """Close this generator before those that came earlier."""
        self._generators.append(generator)
        return generator

    def close(self) -> None:
        """Close them, the inner one first."""
        for generator in reversed(self._generators):
            generator.close()

    async def aclose(self) -> None:
        """Close them, the inner one first."""
        for generator in reversed(self._generators):
            await generator.aclose()


class CallScope(Generators):
    """What `_stream` needs to know and core does not tell it: which run it is, and who listens.

    Made by the public methods before core makes its run, under an id chosen in advance.

    Args:
        config: The call's config, complete.
        manager: Made from it once; core is handed the same object, so that tracers know the parent of our children.
    """

    def __init__(self, config: RunnableConfig, manager: CallbackManager | AsyncCallbackManager) -> None:
        super().__init__()
        self.run_id = config.get("run_id") or uuid7()
        self.config = cast("RunnableConfig", {**config, "callbacks": manager, "run_id": self.run_id})
        self.inheritable_handlers = manager.inheritable_handlers
        self.inheritable_tags = manager.inheritable_tags
        self.inheritable_metadata = manager.inheritable_metadata
        self._taken = False
        self._token: Token[CallScope | None] | None = None

    def __enter__(self) -> Self:
        """Be the current scope. Only around the first step of a generator, or it would leak into its consumer."""
        self._token = _current.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _current.reset(self._token)
            self._token = None

    @staticmethod
    def take() -> CallScope | None:
        """The current scope, for the first call inside it only."""
        scope = _current.get()
        if scope is None or scope._taken:
            return None
        scope._taken = True
        return scope
