"""Runs that wait for a person, inside LangGraph: the pause becomes an interrupt, its answer goes on with the same run.

LangGraph runs an interrupted node again from its top. So the call is a small graph of its own inside the caller's, whose
steps the checkpointer keeps: start, then, as often as the run pauses, ask, submit and follow. What is done is not done again,
in whatever process the answer arrives. Here and in `_places` is all that knows LangGraph; it is imported when first needed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.runnables import RunnableConfig

from dify_integrations import InvalidArgument, StreamInterrupted
from dify_integrations.bridge.pausing import (
    ANSWERED_ELSEWHERE,
    REFUSED,
    Change,
    Stand,
    asked,
    asubmit,
    begun,
    broke,
    next_step,
    reached,
    refused,
    submitted,
)

from ._places import alone
from ._progress import surrounded_by

if TYPE_CHECKING:
    from dify_integrations import AsyncDify, AsyncRun, Dify, Run, RunResult

OnPause = Literal["return", "interrupt"]


class PausingCall:
    """What both kinds of calls share: everything but the I/O.

    Args:
        key: Tells this call from others of the same step.
        given: What it is called with, to know it when it is made again.
        about: Told to the person beside the forms.
        user: Who starts the run, or answers.
        output: What the call gives for a run that is over, as JSON values.
        allow: Raises when nothing may be submitted any more.
    """

    def __init__(
        self,
        *,
        key: str,
        given: Any,
        about: Mapping[str, Any],
        user: str | None,
        output: Callable[[RunResult], Any],
        allow: Callable[[], None],
    ) -> None:
        self._allow = allow
        self._key = key
        self._given = given
        self._about = about
        self._user = user
        self._output = output

    def _mine(self, stand: Stand) -> Stand:
        if stand["key"] != self._key:
            raise InvalidArgument(
                f"the step was run again and made its calls in another order ({stand['key']} was here, now {self._key}): calls "
                "that can be interrupted must come one after the other, always in the same order"
            )
        return stand

    def ask(self, stand: Stand, config: RunnableConfig) -> Change:
        from langgraph.types import interrupt

        pause = self._mine(stand)["pause"] or {}
        error = {"error": stand["error"]} if stand.get("error") else {}
        with surrounded_by(config):
            given = interrupt({"type": "dify.human_input", **self._about, **pause, **error})
        return asked(stand, given)

    def _graph(
        self, start: Callable[..., Any], ask: Callable[..., Any], submit: Callable[..., Any], follow: Callable[..., Any]
    ) -> Any:
        from langgraph.graph import END, START, StateGraph

        graph = StateGraph(Stand)
        for name, step in {"start": start, "ask": ask, "submit": submit, "follow": follow}.items():
            graph.add_node(name, step)
            graph.add_conditional_edges(name, next_step, {"ask": "ask", "submit": "submit", "follow": "follow", "end": END})
        graph.add_edge(START, "start")
        return graph.compile()

    def _result(self, stand: Stand) -> Any:
        return self._mine(stand).get("output")


class SyncPausingCall(PausingCall):
    """A call that blocks.

    Args:
        client: Speaks to Dify.
        begin: Starts the run and follows it to its end or pause.
        follow: Follows a run that was started before.
        said: As for `PausingCall`.
    """

    def __init__(self, client: Dify, begin: Callable[[], RunResult], follow: Callable[[Run], RunResult], **said: Any) -> None:
        super().__init__(**said)
        self._client = client
        self._begin = begin
        self._follow = follow

    def run(self, config: RunnableConfig) -> Any:
        """The output of the run, at last; until then LangGraph's interrupt is raised."""
        with alone(config, self._key, self._given) as inner:
            graph = self._graph(self._start, self.ask, self._submit, self._go_on)
            with surrounded_by(inner):
                return self._result(graph.invoke({"key": self._key}, inner, durability="sync"))

    def _start(self, _: Stand) -> Change:
        try:
            return {**begun(self._key, self._user), **reached(self._begin(), self._output)}
        except StreamInterrupted as error:
            return {**begun(self._key, self._user), **broke(error)}

    def _submit(self, stand: Stand) -> Change:
        self._allow()
        try:
            self._client.forms.submit(**self._mine(stand)["answers"][0], user=self._user)
        except ANSWERED_ELSEWHERE:
            pass
        except REFUSED as error:
            return refused(stand, error)
        return submitted(stand)

    def _go_on(self, stand: Stand) -> Change:
        run = self._client.workflows.resume(self._mine(stand)["run_id"], user=stand["user"], answered=stand["answered"])
        return reached(self._follow(run), self._output)


class AsyncPausingCall(PausingCall):
    """As `SyncPausingCall`, without blocking."""

    def __init__(
        self,
        client: AsyncDify,
        begin: Callable[[], Awaitable[RunResult]],
        follow: Callable[[AsyncRun], Awaitable[RunResult]],
        **said: Any,
    ) -> None:
        super().__init__(**said)
        self._client = client
        self._begin = begin
        self._follow = follow

    async def run(self, config: RunnableConfig) -> Any:
        """The output of the run, at last; until then LangGraph's interrupt is raised."""
        with alone(config, self._key, self._given) as inner:
            graph = self._graph(self._start, self._ask, self._submit, self._go_on)
            with surrounded_by(inner):
                return self._result(await graph.ainvoke({"key": self._key}, inner, durability="sync"))

    async def _start(self, _: Stand) -> Change:
        try:
            return {**begun(self._key, self._user), **reached(await self._begin(), self._output)}
        except StreamInterrupted as error:
            return {**begun(self._key, self._user), **broke(error)}

    async def _ask(self, stand: Stand, config: RunnableConfig) -> Change:
        return self.ask(stand, config)

    async def _submit(self, stand: Stand) -> Change:
        self._allow()
        return await asubmit(self._client, self._mine(stand), self._user)

    async def _go_on(self, stand: Stand) -> Change:
        run = self._client.workflows.resume(self._mine(stand)["run_id"], user=stand["user"], answered=stand["answered"])
        return reached(await self._follow(run), self._output)
