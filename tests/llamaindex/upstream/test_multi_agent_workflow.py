"""Core's `agent/workflow/test_multi_agent_workflow`: several agents, each with an app of its own."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent, ToolCallResult
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.workflow import (
    Context,
    HumanResponseEvent,
    InputRequiredEvent,
    JsonPickleSerializer,
    JsonSerializer,
)
from workflows.errors import WorkflowRuntimeError

from tests.llamaindex.upstream.adapter import Upstream, call, says
from tests.llamaindex.upstream.agents import (
    ADD,
    ADDS,
    ANSWERS,
    BOTH_WAYS,
    LATER,
    MISSPELT,
    REACT,
    SUBTRACT,
    inputs,
    of,
    played,
    results,
)

pytestmark = BOTH_WAYS
Start = Callable[..., Upstream]
HANDS_OVER = says("Let me hand this over.", call("handoff", to_agent="calculator", reason="This is arithmetic."))
LOOKS = says("Let me look.", call("look"))


def look() -> str:
    """Look around."""
    return "a lighthouse"


def retriever(app: Upstream) -> FunctionAgent:
    return FunctionAgent(name="retriever", description="Finds things.", system_prompt="You find things.", llm=app.llm())


def calculator(app: Upstream) -> ReActAgent:
    about: dict[str, Any] = {"name": "calculator", "description": "Calculates.", "system_prompt": "You calculate."}
    return ReActAgent(tools=[ADD, SUBTRACT], llm=app.llm(), **about)


def lone(app: Upstream, *tools: Any, **options: Any) -> AgentWorkflow:
    return AgentWorkflow([FunctionAgent(name="agent", description="test", tools=[*tools], llm=app.llm())], **options)


def test_a_workflow_has_one_root(upstream: Start) -> None:
    """Check 20: named, and there must be one."""
    agents = [calculator(upstream()), retriever(upstream())]
    workflow = AgentWorkflow(agents=agents, root_agent="retriever")
    assert (workflow.root_agent, sorted(workflow.agents)) == ("retriever", ["calculator", "retriever"])
    with pytest.raises(ValueError, match="Exactly one root agent must be provided"):
        AgentWorkflow(agents=agents)


@REACT
@pytest.mark.anyio
@pytest.mark.parametrize(
    "first",
    [
        pytest.param([ADDS], id="at once"),
        pytest.param([says(""), ADDS], marks=LATER, id="empty first"),
        pytest.param([MISSPELT, ADDS], id="misspelt first"),
    ],
)
async def test_one_agent_hands_over_to_another(upstream: Start, first: list[Any]) -> None:
    """Check 20: from function calling to ReAct; the second one may need another try, as it would alone."""
    apps = upstream([HANDS_OVER]), upstream([*first, ANSWERS])
    workflow = AgentWorkflow(agents=[calculator(apps[1]), retriever(apps[0])], root_agent="retriever")
    answer, events = await played(workflow)
    assert answer.response.content == "The sum is 8"
    names = [event.current_agent_name for event in events if hasattr(event, "current_agent_name")]
    assert {"retriever", "calculator"} == set(names) and names[-1] == "calculator"
    assert [name for name, _ in results(events)] == ["handoff", "add"]
    assert [tool["name"] for tool in apps[0].asked[0].tools] == ["handoff"]
    assert "This is arithmetic." in str(apps[1].asked[0].said)
    complaints = {2: "", 3: "FAILURE: Your previous response was empty" if first[0].content is None else "Error while parsing"}
    assert complaints[len(apps[1].asked)] in inputs(events)[-2]


@REACT
@pytest.mark.anyio
async def test_a_root_that_says_nothing(upstream: Start) -> None:
    """Check 20: an empty answer is an answer: nobody is handed anything."""
    apps = upstream([says("")]), upstream()
    workflow = AgentWorkflow(agents=[calculator(apps[1]), retriever(apps[0])], root_agent="retriever")
    answer, _ = await played(workflow)
    assert not answer.response.content
    assert not apps[1].asked


@pytest.mark.anyio
async def test_nobody_of_that_name(upstream: Start) -> None:
    """Check 20: an invalid handoff is told to the agent that wanted it, which goes on."""
    app = upstream([says("", call("handoff", to_agent="nobody", reason="Because.")), says("I am stuck here.")])
    one, two = (FunctionAgent(name=name, description="test", llm=app.llm()) for name in ("one", "two"))
    answer, events = await played(AgentWorkflow(agents=[one, two], root_agent="one"))
    assert answer.response.content == "I am stuck here."
    assert "Agent nobody not found" in str(events)
    assert "Agent nobody not found" in app.asked[1].results[0]


@pytest.mark.anyio
async def test_state_is_told_and_changed(upstream: Start) -> None:
    """Check 20: a tool changes the workflow's state; the prompt of the state is put in once."""

    async def count(word: str, ctx_val: Context[Any]) -> str:
        """Count a word."""
        state = await ctx_val.store.get("state")
        await ctx_val.store.set("state", {"counter": state["counter"] + 1})
        return f"counted {word}"

    app = upstream([says("counting", call("count", word="hello")), says("Counted.")])
    workflow = lone(app, count, initial_state={"counter": 0}, state_prompt="Current state: {state}. User message: {msg}")
    handler = workflow.run(user_msg="test", memory=ChatMemoryBuffer.from_defaults())
    assert str(await handler) == "Counted."
    assert (await handler.ctx.store.get("state"))["counter"] == 1
    for asked in app.asked:
        assert str(asked.said).count("Current state:") == 1
    assert "ctx_val" not in str(app.asked[0].tools)


class Question(InputRequiredEvent):
    prefix: str


class Reply(HumanResponseEvent):
    response: str


@pytest.mark.filterwarnings("ignore:Skipping serialization of known unserializable key:Warning")
@pytest.mark.parametrize("serializer", [JsonSerializer, JsonPickleSerializer])
@pytest.mark.anyio
async def test_a_person_is_asked_and_the_run_goes_on_elsewhere(upstream: Start, serializer: Any) -> None:
    """Check 20: a tool waits, the context is stored, the run is cancelled, and another run goes on with the answer."""

    async def ask(ctx: Context[Any]) -> str:
        """Ask the user's name."""
        answer = await ctx.wait_for_event(Reply, waiter_event=Question(prefix="What is your name?"))
        return f"Your name is {answer.response}"

    app = upstream([says("asking", call("ask")), says("Welcome.")])
    workflow = lone(app, ask)
    handler = workflow.run(user_msg="test")
    stored: dict[str, Any] = {}
    async for event in handler.stream_events():
        if isinstance(event, Question):
            stored = handler.ctx.to_dict(serializer=serializer())
            await handler.cancel_run()
            break
    with suppress(Exception):
        await handler
    ctx: Context[Any] = Context.from_dict(workflow, stored, serializer=serializer())
    if not await ctx.store.get("memory", default=None):  # core 0.14.25 cannot write memories as JSON with the newest pydantic
        await ctx.store.set("memory", ChatMemoryBuffer.from_defaults())
    again = workflow.run(ctx=ctx)
    again.ctx.send_event(Reply(response="Ada"))
    assert str(await again) == "Welcome."
    assert app.asked[-1].results == ["Your name is Ada"]
    assert len(app.asked) == 2  # the call was not asked for again


# -- the end of patience


@pytest.mark.anyio
async def test_twenty_iterations_are_enough(upstream: Start) -> None:
    """Check 20: the number given to a run counts, else twenty."""
    app = upstream(lambda _, **__: LOOKS, size=100)
    workflow = lone(app, look)
    for given in (2, 3):
        with pytest.raises(WorkflowRuntimeError, match=f"Max iterations of {given} reached"):
            await played(workflow, max_iterations=given)
    with pytest.raises(WorkflowRuntimeError, match="Either something went wrong"):
        await played(workflow)
    assert len(app.asked) == 2 + 3 + 20


@LATER
@pytest.mark.anyio
@pytest.mark.parametrize("where", ["workflow", "run"])
async def test_or_it_sums_up(upstream: Start, where: str) -> None:
    """Check 20: `early_stopping_method="generate"`, of the workflow or of one run."""
    app = upstream([LOOKS, LOOKS, LOOKS, says("That is what I found.")])
    generate: dict[str, Any] = {"early_stopping_method": "generate"}
    workflow = lone(app, look, **(generate if where == "workflow" else {}))
    answer, events = await played(workflow, max_iterations=3, **(generate if where == "run" else {}))
    assert answer.response.content == "That is what I found."
    assert len(of(events, ToolCallResult)) == 2
    assert "maximum number of iterations" in str(app.asked[-1].said)


@LATER
@pytest.mark.anyio
async def test_a_run_has_an_id(upstream: Start) -> None:
    """Check 20: the given one, or one of its own."""
    workflow = lone(upstream(lambda _, **__: says("Hi.")))
    given, own = workflow.run(user_msg="hello", run_id="my-run"), workflow.run(user_msg="hello")
    assert given.run_id == "my-run"
    assert own.run_id and own.run_id != "my-run"
    assert [str(await given), str(await own)] == ["Hi.", "Hi."]
