"""Core's `agent/workflow/test_single_agent_workflow`: one agent, from its first answer to its last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent, ReActAgent, ToolCallResult
from llama_index.core.base.llms.types import TextBlock
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import Context
from workflows.errors import WorkflowRuntimeError

from tests.llamaindex.upstream.adapter import Upstream, call, says
from tests.llamaindex.upstream.agents import ADD, ADDS, ANSWERS, LATER, MISSPELT, REACT, SUBTRACT, inputs, of, played, results

Start = Callable[..., Upstream]
ASKS = says("Let me look.", call("look"))
SUMMARY = says("That is what I found.")


def look() -> str:
    """Look around."""
    return "a lighthouse"


@pytest.mark.anyio
@pytest.mark.parametrize("streaming", [True, False])
async def test_a_function_agent_answers(upstream: Start, streaming: bool) -> None:
    """Check 20: without tools the answer is the end; the system prompt goes out in front."""
    app = upstream([says("Success!")])
    agent = FunctionAgent(name="finder", system_prompt="You find things.", llm=app.llm(), streaming=streaming)
    answer, _ = await played(agent, "test")
    assert str(answer.response) == "assistant: Success!"
    assert app.asked[0].said == [("system", "You find things."), ("user", "test")]


@pytest.mark.anyio
@pytest.mark.parametrize("streaming", [True, False])
async def test_a_tool_that_takes_nothing(upstream: Start, streaming: bool) -> None:
    """Check 20: empty arguments are arguments; the tool runs once, streamed or not."""
    runs: list[str] = []

    def empty_tool() -> str:
        """Take nothing."""
        runs.append("run")
        return "done"

    app = upstream([says("calling", call("empty_tool")), says("finished")])
    answer, events = await played(FunctionAgent(tools=[empty_tool], llm=app.llm(), streaming=streaming))
    assert (answer.response.content, runs, results(events)) == ("finished", ["run"], [("empty_tool", "done")])
    assert app.asked[1].results == ["done"]


@pytest.mark.anyio
async def test_every_offered_tool_is_called(upstream: Start) -> None:
    """Check 20: core's default generator: all tools with their defaults, then an end; missing arguments are told as errors."""

    def generator(messages: Sequence[ChatMessage], tools: list[dict[str, Any]]) -> ChatMessage:
        if any(message.role == "tool" for message in messages):
            return says("Tool calls complete.")
        return says("", *(call(tool["name"]) for tool in tools))

    app = upstream(generator)
    answer, events = await played(FunctionAgent(tools=[look, ADD], llm=app.llm()))
    assert answer.response.content == "Tool calls complete."
    assert {(event.tool_name, event.tool_output.is_error) for event in of(events, ToolCallResult)} == {
        ("look", False),
        ("add", True),
    }
    assert sorted(app.asked[1].results) == sorted(content for _, content in results(events))


@pytest.mark.anyio
async def test_a_message_of_several_blocks(upstream: Start) -> None:
    """Check 20: a `ChatMessage` as the user's message, with a context of one's own: all its texts arrive."""
    app = upstream(lambda messages, **_: says(messages[-1].content or "<empty>"))
    agent = FunctionAgent(tools=[look], llm=app.llm(), system_prompt="You calculate.")
    asked = ChatMessage(blocks=[TextBlock(text="Can you help me?"), TextBlock(text="It's one plus one.")])
    answer, _ = await played(agent, asked, ctx=Context(agent))
    assert "Can you help me?" in str(answer) and "It's one plus one." in str(answer)


@LATER
@pytest.mark.anyio
async def test_a_run_has_an_id(upstream: Start) -> None:
    """Check 20: the given one, or one of its own."""
    agent = FunctionAgent(llm=upstream(lambda _, **__: says("Hi.")).llm())
    given, own = agent.run(user_msg="hello", run_id="my-run"), agent.run(user_msg="hello")
    assert given.run_id == "my-run"
    assert own.run_id and own.run_id != "my-run"
    assert [str(await given), str(await own)] == ["Hi.", "Hi."]


# -- ReAct


@REACT
@pytest.mark.anyio
@pytest.mark.parametrize("tool_calling", ["off", "prompt"])
async def test_a_react_agent_calculates(upstream: Start, tool_calling: str) -> None:
    """Check 20: thought, action, observation, answer; with function calling or without."""
    app = upstream([ADDS, ANSWERS])
    agent = ReActAgent(tools=[ADD, SUBTRACT], llm=app.llm(tool_calling=tool_calling))
    answer, events = await played(agent)
    assert (answer.response.content, results(events)) == ("The sum is 8", [("add", "8")])
    assert "Observation: 8" in app.asked[1].last
    assert not any(asked.tools for asked in app.asked)  # its tools are told by its own prompt


@REACT
@pytest.mark.anyio
@pytest.mark.parametrize(
    ("first", "complaint"),
    [
        pytest.param(says(""), "FAILURE: Your previous response was empty", marks=LATER, id="empty"),
        pytest.param(MISSPELT, "Error while parsing the output", id="misspelt"),
    ],
)
async def test_a_react_agent_tries_again(upstream: Start, first: ChatMessage, complaint: str) -> None:
    """Check 20: an empty answer, or one that cannot be read, goes back with a complaint."""
    app = upstream([first, ADDS, ANSWERS])
    answer, events = await played(ReActAgent(tools=[ADD, SUBTRACT], llm=app.llm()))
    assert answer.response.content == "The sum is 8"
    assert complaint in inputs(events)[1]
    assert complaint in app.asked[1].last


@LATER
@REACT
@pytest.mark.anyio
async def test_a_react_agent_has_a_system_prompt(upstream: Start) -> None:
    """Check 20: within its own header, in every turn."""
    app = upstream([ADDS, ANSWERS])
    await played(ReActAgent(system_prompt="You calculate.", tools=[ADD, SUBTRACT], llm=app.llm()))
    assert ["You calculate." in asked.said[0][1] for asked in app.asked] == [True, True]


# -- the end of patience


@pytest.mark.anyio
async def test_twenty_iterations_are_enough(upstream: Start) -> None:
    """Check 20: an agent that never ends fails, after 20 turns or the number given."""
    app = upstream(lambda _, **__: ASKS, size=100)
    agent = FunctionAgent(tools=[look], llm=app.llm())
    with pytest.raises(WorkflowRuntimeError, match="Either something went wrong"):
        await played(agent)
    assert len(app.asked) == 20
    with pytest.raises(WorkflowRuntimeError, match="Max iterations of 3 reached"):
        await played(agent, max_iterations=3)
    assert len(app.asked) == 23


@LATER
@pytest.mark.anyio
@pytest.mark.parametrize("where", ["agent", "run"])
@pytest.mark.parametrize("streaming", [True, False])
async def test_or_it_sums_up(upstream: Start, where: str, streaming: bool) -> None:
    """Check 20: `early_stopping_method="generate"`, of the agent or of one run, asks for a last answer without tools."""
    app = upstream([ASKS, ASKS, ASKS, SUMMARY])
    generate: dict[str, Any] = {"early_stopping_method": "generate"}
    agent = FunctionAgent(tools=[look], llm=app.llm(), streaming=streaming, **(generate if where == "agent" else {}))
    answer, _ = await played(agent, max_iterations=3, **(generate if where == "run" else {}))
    assert answer.response.content == "That is what I found."
    last = app.asked[-1]
    assert "maximum number of iterations" in str(last.said)
    assert not last.tools


@pytest.mark.anyio
async def test_what_tools_found_is_known_to_a_last_answer(upstream: Start) -> None:
    """Check 20: a history with calls and results, sent without tools, as later cores do for the summary: nothing is missing."""
    app = upstream([ASKS, SUMMARY])
    llm = app.llm()
    asked = ChatMessage(content="Where are we?")
    first = await llm.achat_with_tools([FunctionTool.from_defaults(look)], chat_history=[asked])
    (made,) = llm.get_tool_calls_from_response(first)
    found = ChatMessage(role="tool", content="a lighthouse", additional_kwargs={"tool_call_id": made.tool_id})
    stop = ChatMessage(role="system", content="Enough; sum up.")
    assert (await llm.achat([asked, first.message, found, stop])).message.content == "That is what I found."
    assert app.asked[1].said == [
        ("system", "Enough; sum up."),
        ("user", "Where are we?"),
        ("assistant", "Let me look.\ncalled look({})"),
        ("tool", "a lighthouse"),
    ]
