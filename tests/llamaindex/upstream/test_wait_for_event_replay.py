"""Core's `agent/workflow/test_wait_for_event_replay`: a step that waits for a person runs again from its top."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from llama_index.core.workflow import Context, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent, Workflow, step
from workflows.context.state_store import DictState

from llamaindex_dify import DifyChatLLM
from tests.llamaindex.upstream.adapter import Upstream, says

Start = Callable[..., Upstream]


class Question(InputRequiredEvent):
    prefix: str


class Reply(HumanResponseEvent):
    prefix: str
    response: str


class Asking(Workflow):
    """Asks the app once, and then a person about what it said."""

    def __init__(self, llm: DifyChatLLM) -> None:
        super().__init__()
        self.llm = llm
        self.entered = 0

    @step
    async def ask(self, ctx: Context[DictState], ev: StartEvent) -> StopEvent:
        self.entered += 1
        said = await ctx.store.get("said", default=None)
        if said is None:
            said = (await self.llm.acomplete("May we?")).text
            await ctx.store.set("said", said)
        question = Question(prefix=said)
        reply = await ctx.wait_for_event(Reply, waiter_event=question, waiter_id="it", requirements={"prefix": said})
        return StopEvent(result=(said, reply.response))


@pytest.mark.anyio
async def test_what_is_kept_is_not_asked_for_again(upstream: Start) -> None:
    """Check 20: the step is entered twice and the app asked once. That our tools do it themselves, check 17 shows."""
    app = upstream([says("Better ask.")])
    workflow = Asking(app.llm())
    handler = workflow.run()
    async for event in handler.stream_events():
        if isinstance(event, Question):
            assert handler.ctx is not None
            handler.ctx.send_event(Reply(prefix=event.prefix, response="yes"))
    assert await handler == ("Better ask.", "yes")
    assert (workflow.entered, len(app.asked)) == (2, 1)
