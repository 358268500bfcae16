"""Runs that wait for a person, inside a LlamaIndex workflow or agent: the pause becomes an event, its answer goes on.

Workflows run a waiting step again from its top. So the call keeps how it stands in the workflow's state: what was started
is not started again, and what was submitted not submitted again, also in another process that restores the `Context`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from dify_integrations.bridge.outputs import asked_text
from dify_integrations.bridge.pausing import (
    ANSWERED_ELSEWHERE,
    REFUSED,
    Change,
    Stand,
    asked,
    begun,
    next_step,
    reached,
    refused,
    submitted,
)
from dify_integrations.errors import DifyError, StreamInterrupted

from ._surroundings import Kept
from .events import DifyHumanInputRequest, DifyHumanInputResponse

if TYPE_CHECKING:
    from llama_index.core.workflow import Context

    from dify_integrations import AsyncDify, AsyncRun, RunResult

FOLLOWED_AGAIN = 3
"""Times a run is followed again when its stream breaks."""


class Call(Stand):
    """How a call stands.

    Attributes:
        asked: How often somebody was asked.
        broken: How often in a row the stream broke while the run was followed.
    """

    asked: int
    broken: int


class PausingCall:
    """One call of a tool.

    Args:
        client: Speaks to Dify.
        context: The workflow around the call.
        key: Which call this is.
        user: Who starts the run.
        about: Told to the person beside the forms.
        begin: Starts the run and follows it to its end or pause.
        follow: Follows a run that was started before.
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
        output: Callable[[RunResult], Any],
    ) -> None:
        self._client = client
        self._context = context
        self._kept = Kept(context, "calls")
        self._key = key
        self._user = user
        self._about = about
        self._begin = begin
        self._follow = follow
        self._output = output

    async def run(self) -> Any:
        """The output of the run, at last; until then the workflow is made to wait, by an exception of its own.

        Raises:
            DifyError: As the run's, which is then over for this call.
        """
        call: Call = await self._kept.get(self._key) or await self._begun()
        steps = {"ask": self._ask, "submit": self._submit, "follow": self._go_on}
        try:
            while (step := next_step(call)) != "end":
                change = await steps[step](call)
                call = {**call, **change}  # type: ignore[typeddict-item]  # a change has some of the same keys
                await self._kept.put(self._key, call)
        except DifyError:
            await self._kept.pop(self._key)
            raise
        await self._kept.pop(self._key)
        return call.get("output")

    async def _begun(self) -> Any:
        call = {**begun(self._key, self._user), "asked": 0, "broken": 0, **reached(await self._begin(), self._output)}
        if "output" not in call:
            await self._kept.put(self._key, call)
        return call

    async def _ask(self, call: Call) -> Change:
        pause = call["pause"] or {}
        token = pause["forms"][0]["form_token"] or pause["forms"][0]["form_id"]
        request = DifyHumanInputRequest(
            **self._about,
            prefix=asked_text((form["node_title"], form["content"]) for form in pause["forms"]),
            workflow_run_id=call["run_id"],
            form_token=token,
            forms=pause["forms"],
            error=call["error"],
        )
        given = await self._context.wait_for_event(
            DifyHumanInputResponse,
            waiter_event=request,
            waiter_id=f"dify:{token}:{call['asked']}",
            requirements={"form_token": token},
            timeout=None,  # people take days
        )
        return {**asked(call, given.response), "asked": call["asked"] + 1}

    async def _submit(self, call: Call) -> Change:
        try:
            await self._client.forms.submit(**call["answers"][0], user=self._user)
        except ANSWERED_ELSEWHERE:
            pass
        except REFUSED as error:
            return refused(call, error)
        return submitted(call)

    async def _go_on(self, call: Call) -> Change:
        run = self._client.workflows.resume(call["run_id"], user=call["user"], answered=call["answered"])
        try:
            return {**reached(await self._follow(run), self._output), "broken": 0}
        except StreamInterrupted:
            if call["broken"] >= FOLLOWED_AGAIN:
                raise
            return {"broken": call["broken"] + 1}  # the run goes on, and following starts nothing
