"""Runs that wait for a person, inside a LlamaIndex workflow or agent: the pause becomes an event, its answer goes on.

Workflows run a waiting step again from its top. So the call keeps how it stands in the workflow's state: what was started
is not started again, and what was submitted not submitted again, also in another process that restores the `Context`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from dify_integrations.bridge.outputs import asked_text
from dify_integrations.bridge.pausing import (
    Change,
    Stand,
    asked,
    asubmit,
    begun,
    next_step,
    reached,
)
from dify_integrations.errors import DifyError, StreamInterrupted

from ._replays import StepRun, calls_under_way
from ._surroundings import Kept, step_worker
from .events import DifyHumanInputRequest, DifyHumanInputResponse

if TYPE_CHECKING:
    from llama_index.core.workflow import Context

    from dify_integrations import AsyncDify, AsyncRun, RunResult

    from ._reporting import Reporter

FOLLOWED_AGAIN = 3
"""Times a run is followed again when its stream breaks."""


class Call(Stand):
    """How a call stands.

    Attributes:
        asked: Names of the requests so far.
        broken: How often in a row the stream broke while the run was followed.
        told: What the workflow was told of the run.
    """

    asked: list[str]
    broken: int
    told: dict[str, Any]


class PausingCall:
    """One call of a tool.

    Args:
        client: Speaks to Dify.
        context: The workflow around the call.
        key: Which call this is; equal ones of one step may have the same.
        user: Who starts the run.
        about: Told to the person beside the forms.
        begin: Starts the run and follows it to its end or pause.
        follow: Follows a run that goes on.
        report: Tells the workflow what happens while the run is followed.
        output: What the call gives for a run that is over, as JSON values.
    """

    def __init__(
        self,
        client: AsyncDify,
        context: Context[Any],
        *,
        key: str,
        user: str,
        about: dict[str, Any],
        begin: Callable[[], Awaitable[RunResult]],
        follow: Callable[[AsyncRun], Awaitable[RunResult]],
        report: Reporter,
        output: Callable[[RunResult], Any],
    ) -> None:
        self._client = client
        self._context = context
        self._kept = Kept(context, "calls")
        self._step_run = StepRun.current()
        self._key = self._step_run.numbered(key)
        self._user = user
        self._about = about
        self._begin = begin
        self._follow = follow
        self._report = report
        self._output = output

    async def run(self) -> Any:
        """The output of the run, at last; until then the workflow is made to wait, by an exception of its own.

        Raises:
            DifyError: As the run's, which is then over for this call. Without details where the step is run again.
        """
        under_way = calls_under_way(self._context.store)
        end: Change | None = None
        while end is None:
            other = under_way.get(self._key)
            if other is None:
                end = await self._alone(under_way)
            else:  # the step is run more than once at the same time
                await asyncio.wait([other])
                end = other.result()
        await self._over(end)
        if "failed" in end:
            raise end.get("raised") or DifyError(end["failed"])
        return end["output"]

    async def _alone(self, under_way: dict[str, asyncio.Future[Any]]) -> Change:
        mine = under_way[self._key] = asyncio.get_running_loop().create_future()
        end: Change | None = None
        try:
            end = await self._end()
            await self._over(end)
            return end
        finally:
            del under_way[self._key]
            mine.set_result(end)

    async def _end(self) -> Change:
        """How the call ends: with its `output`, or by what it `failed` of."""
        call: Any = await self._kept.get(self._key)
        if call is not None and "failed" in call:
            return {"failed": call["failed"]}
        try:
            call = call or await self._begun()
            steps = {"ask": self._ask, "submit": self._submit, "follow": self._go_on}
            while (step := next_step(call)) != "end":
                call = {**call, **await steps[step](call)}
                await self._kept.put(self._key, call)
        except DifyError as error:
            return {"failed": str(error), "raised": error}
        return {"output": call["output"]}

    async def _over(self, end: Change) -> None:
        """The call is over. It is remembered only if its step will be run again: then it must not be made again."""
        over = self._step_run.over
        over[self._key] = {name: value for name, value in end.items() if name != "raised"}
        if self._step_run.waits:
            await self._kept.put(self._key, over[self._key])
        else:
            await self._kept.drop(over)
        # Core keeps an answer until the step that takes it ends; one that comes late would run the step once more.
        for waiter in getattr(getattr(step_worker(), "state", None), "collected_waiters", ()):
            if waiter.waiter_id.startswith(f"dify:{self._key}:") and waiter.resolved_event is not None:
                await self._context.wait_for_event(DifyHumanInputResponse, waiter_id=waiter.waiter_id)

    async def _begun(self) -> Any:
        start = {**begun(self._key, self._user), "asked": [], "broken": 0}
        call = {**start, **reached(await self._begin(), self._output), "told": self._report.told}
        if "output" not in call:
            await self._kept.put(self._key, call)
        return call

    async def _ask(self, call: Call) -> Change:
        pause = call["pause"] or {}
        form = pause["forms"][0]["form_token"] or pause["forms"][0]["form_id"]
        # Asked for again, it is another request: core gives an answer to all that wait for such a one, or have.
        token = f"{form}:{len(call['asked'])}" if form in call["asked"] else form
        request = DifyHumanInputRequest(
            **self._about,
            prefix=asked_text((form["node_title"], form["content"]) for form in pause["forms"]),
            workflow_run_id=call["run_id"],
            form_token=token,
            forms=pause["forms"],
            error=call["error"],
        )
        try:
            given = await self._context.wait_for_event(
                DifyHumanInputResponse,
                waiter_event=request,
                waiter_id=f"dify:{self._key}:{token}",
                requirements={"form_token": token},
                timeout=None,  # people take days
            )
        except Exception:
            self._step_run.waits = True
            for key, end in self._step_run.over.items():
                await self._kept.put(key, end)
            raise
        return {**asked(call, given.response), "asked": [*call["asked"], token]}

    async def _submit(self, call: Call) -> Change:
        return await asubmit(self._client, call, self._user)

    async def _go_on(self, call: Call) -> Change:
        run = self._client.workflows.resume(call["run_id"], user=call["user"], answered=call["answered"])
        self._report.go_on(call["told"])
        try:
            change = {**reached(await self._follow(run), self._output), "broken": 0}
        except StreamInterrupted:
            if call["broken"] >= FOLLOWED_AGAIN:
                raise
            change = {"broken": call["broken"] + 1}  # the run goes on, and following starts nothing
        return {**change, "told": self._report.told}
