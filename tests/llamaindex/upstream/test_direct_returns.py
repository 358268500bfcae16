"""Core's `agent/workflow/test_function_call` and `test_return_direct_e2e`: tools whose result is the answer, and tools that fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ToolCallResult
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import Context

from tests.llamaindex.upstream.adapter import Upstream, call, says
from tests.llamaindex.upstream.agents import BOTH_WAYS, of, played

pytestmark = BOTH_WAYS
Start = Callable[..., Upstream]


async def attempt(previously_failed: bool = False) -> str:
    """Fail, unless told that it failed before."""
    if not previously_failed:
        raise RuntimeError("Failed; run again with previously_failed=True.")
    return "Success"


DIRECT = FunctionTool.from_defaults(async_fn=attempt, return_direct=True)
WORKS, FAILS = call("attempt", previously_failed=True), call("attempt")
OVER = call("handoff", to_agent="second", reason="Because.")


@pytest.mark.anyio
@pytest.mark.parametrize("together", [False, True], ids=["workflow", "agent"])
async def test_a_failure_goes_back_and_a_success_is_the_answer(upstream: Start, together: bool) -> None:
    """Check 20: an error never ends a run: the app hears of it and tries again; its success is returned without asking further."""
    app = upstream([says("Trying.", FAILS), says("Again.", WORKS)])
    agent = FunctionAgent(name="first", description="Tries.", tools=[DIRECT], llm=app.llm())
    answer, events = await played(agent if together else AgentWorkflow(agents=[agent]))
    assert (str(answer), answer.current_agent_name, len(app.asked)) == ("Success", "first", 2)
    failed, worked = of(events, ToolCallResult)
    assert (failed.tool_output.is_error, worked.tool_output.is_error) == (True, False)
    assert isinstance(failed.tool_output.exception, RuntimeError)
    assert (failed.tool_output.tool_name, failed.tool_output.raw_output) == ("attempt", str(failed.tool_output.exception))
    assert app.asked[1].results == ["Failed; run again with previously_failed=True."]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("calls", "said"),
    [
        ([OVER], "I am second."),  # a handoff is no answer
        ([FAILS, OVER], "I am second."),
        ([WORKS, OVER], "Success"),
        ([WORKS, WORKS], "Success"),
    ],
    ids=["handoff", "failure and handoff", "success and handoff", "two"],
)
async def test_which_results_end_a_run(upstream: Start, calls: list[Any], said: str) -> None:
    """Check 20: of several calls in one answer, a direct result that is no error and no handoff."""
    apps = upstream([says("", *calls)]), upstream([says("I am second.")])
    first = FunctionAgent(name="first", description="Tries.", tools=[DIRECT], llm=apps[0].llm())
    second = FunctionAgent(name="second", description="Speaks.", llm=apps[1].llm())
    answer, events = await played(AgentWorkflow(agents=[first, second], root_agent="first"))
    assert len(of(events, ToolCallResult)) == len(calls)
    assert str(answer) == said


@pytest.mark.filterwarnings("ignore:Skipping serialization of known unserializable key:Warning")
@pytest.mark.anyio
async def test_a_run_after_a_direct_return_begins_anew(upstream: Start) -> None:
    """Check 20: the calls of the first are not told again as those of the second."""
    app = upstream([says("", WORKS), says("Done.")])
    agent = FunctionAgent(tools=[DIRECT], llm=app.llm())
    ctx: Context[Any] = Context(agent)
    first, _ = await played(agent, ctx=ctx)
    second, _ = await played(agent, "And now?", ctx=ctx)
    assert [(one.tool_name, one.tool_kwargs) for one in first.tool_calls] == [("attempt", {"previously_failed": True})]
    assert (str(second), second.tool_calls) == ("Done.", [])
    assert app.asked[1].last == "And now?"
