"""LlamaIndex' agents on a Dify app: function calling by words, and without it by ReAct."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from llama_index.core.agent.workflow import (
    AgentStream,
    AgentWorkflow,
    CodeActAgent,
    FunctionAgent,
    ReActAgent,
    ToolCallResult,
)
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from dify_integrations.local import Say, Text, Turn

Serve = Callable[..., Any]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


ADD = FunctionTool.from_defaults(add)
CALLS = (
    'Let me add.\n<tool_calls>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n'
    '{"name": "add", "arguments": {"a": 3, "b": 4}}\n</tool_calls>\n'
)


def pieces(text: str, size: int) -> list[Say]:
    return [Text(text[at : at + size]) for at in range(0, len(text), size)]


def saying(*replies: str, size: int = 7) -> Callable[[Turn], list[Say]]:
    """One reply after the other."""
    turns: Iterator[str] = iter(replies)
    return lambda _: pieces(next(turns), size)


def calls(*lines: str) -> str:
    return "\n".join(["<tool_calls>", *lines, "</tool_calls>"])


async def run(agent: Any, **options: Any) -> tuple[Any, list[Any]]:
    handler = agent.run("Add.", **options)
    events = [event async for event in handler.stream_events()]
    return await handler, events


def streamed(events: list[Any]) -> list[AgentStream]:
    return [event for event in events if isinstance(event, AgentStream)]


@pytest.mark.anyio
@pytest.mark.parametrize("size", range(1, 21))
async def test_a_function_agent_calls_in_parallel_and_never_shows_it(serve: Serve, size: int) -> None:
    """Check 12: two parallel calls, results paired by id in the next query, clean deltas however the text is cut."""
    served = serve(saying(CALLS, "3 and 7.", size=size))
    answer, events = await run(FunctionAgent(tools=[ADD], llm=served.llm(tool_calling="prompt")))
    assert str(answer) == "3 and 7."
    deltas = [event.delta for event in streamed(events)]
    assert "".join(deltas) == "Let me add.3 and 7."
    assert len([delta for delta in deltas if not delta]) <= 4  # a call, a call, and the last chunk of each of two answers
    results = {event.tool_id: event.tool_output.content for event in events if isinstance(event, ToolCallResult)}
    assert sorted(results.values()) == ["3", "7"]
    again = served.sent[1]["query"]
    for tool_id, result in results.items():
        assert f'<tool_result id="{tool_id}" name="add" status="ok">"{result}"</tool_result>' in again


@pytest.mark.anyio
async def test_agents_hand_over(serve: Serve) -> None:
    """Check 12: the second agent goes on where the first one stopped."""
    handoff = '{"name": "handoff", "arguments": {"to_agent": "writer", "reason": "done"}}'
    served = serve(saying(calls('{"name": "add", "arguments": {"a": 1, "b": 2}}'), calls(handoff), "It is 3."))
    llm = served.llm(tool_calling="prompt")
    counter = FunctionAgent(name="counter", description="Counts.", tools=[ADD], llm=llm, can_handoff_to=["writer"])
    writer = FunctionAgent(name="writer", description="Writes.", tools=[], llm=llm)
    answer, events = await run(AgentWorkflow(agents=[counter, writer], root_agent="counter"))
    assert str(answer) == "It is 3."
    assert [event.tool_name for event in events if isinstance(event, ToolCallResult)] == ["add", "handoff"]
    assert [event.current_agent_name for event in streamed(events)][-1] == "writer"


@pytest.mark.anyio
async def test_a_result_can_be_the_answer(serve: Serve) -> None:
    """Check 12: `return_direct` asks the app no second time."""
    served = serve(saying(calls('{"name": "add", "arguments": {"a": 1, "b": 2}}')))
    tool = FunctionTool.from_defaults(add, return_direct=True)
    answer, _ = await run(FunctionAgent(tools=[tool], llm=served.llm(tool_calling="prompt")))
    assert (str(answer), len(served.sent)) == ("3", 1)


@pytest.mark.anyio
async def test_a_call_nobody_can_read_is_the_answer(serve: Serve) -> None:
    """Check 12: invalid JSON is shown, not lost, and runs nothing."""
    broken = '<tool_calls>\n{"name": "add", "arguments": nonsense!\n</tool_calls>'
    answer, events = await run(FunctionAgent(tools=[ADD], llm=serve(saying(broken)).llm(tool_calling="prompt")))
    assert '"add"' in str(answer)
    assert not [event for event in events if isinstance(event, ToolCallResult)]


@pytest.mark.anyio
async def test_a_tool_that_does_not_exist_is_told_to_the_model(serve: Serve) -> None:
    """Check 12: core answers, and the app goes on."""
    served = serve(saying(calls('{"name": "divide", "arguments": {}}'), "Then not."))
    answer, _ = await run(FunctionAgent(tools=[ADD], llm=served.llm(tool_calling="prompt")))
    assert str(answer) == "Then not."
    assert "not found" in served.sent[1]["query"]


@pytest.mark.anyio
async def test_an_agent_can_demand_its_first_call(serve: Serve) -> None:
    """Check 12: `initial_tool_choice`; the app is asked once more when it only talks."""
    served = serve(saying("Sure!", calls('{"name": "add", "arguments": {"a": 1, "b": 2}}'), "3."))
    agent = FunctionAgent(tools=[ADD], llm=served.llm(tool_calling="prompt"), initial_tool_choice="add")
    answer, events = await run(agent)
    assert (str(answer), len(served.sent)) == ("3.", 3)
    assert "".join(event.delta for event in streamed(events)) == "3."


@pytest.mark.anyio
async def test_one_agent_many_conversations(serve: Serve) -> None:
    """Check 12: with `auto`, an agent's steps are turns of one conversation, and only results go out."""
    served = serve(saying(CALLS, "3 and 7."))
    answer, _ = await run(FunctionAgent(tools=[ADD], llm=served.llm(tool_calling="prompt", conversation="auto")))
    assert str(answer) == "3 and 7."
    first, second = served.sent
    assert second["conversation_id"] and not first.get("conversation_id")
    assert second["query"].count("<tool_result ") == 2 + 1  # and once in the rules
    assert "Let me add." not in second["query"]


# -- off

REACT = ('Thought: I need a tool.\nAction: add\nAction Input: {"a": 1, "b": 2}', "Thought: I can answer.\nAnswer: 3")
CORES_OWN = "ignore:is_running called from within a step:DeprecationWarning"  # core's own ReActAgent does


@pytest.mark.anyio
async def test_off_a_function_agent_says_what_it_needs(serve: Serve) -> None:
    """Check 13: core's own error."""
    with pytest.raises(ValueError, match="FunctionCallingLLM"):
        await FunctionAgent(tools=[ADD], llm=serve().llm()).run("Add.")


@pytest.mark.filterwarnings(CORES_OWN)
@pytest.mark.anyio
async def test_off_core_picks_react(serve: Serve) -> None:
    """Check 13: and it solves the task."""
    workflow = AgentWorkflow.from_tools_or_functions([ADD], llm=serve(saying(*REACT)).llm())
    assert isinstance(next(iter(workflow.agents.values())), ReActAgent)
    answer, events = await run(workflow)
    assert str(answer) == "3"
    assert [event.tool_output.content for event in events if isinstance(event, ToolCallResult)] == ["3"]


@pytest.mark.parametrize("mode", ["off", "prompt"])
@pytest.mark.anyio
async def test_code_is_run(serve: Serve, mode: str) -> None:
    """Check 13: CodeActAgent needs no function calling, and never takes words for calls."""
    seen: list[str] = []

    def execute(code: str) -> str:
        """Run code."""
        seen.append(code)
        return "3"

    llm = serve(saying("<execute>\nadd(a=1, b=2)\n</execute>", "It is 3.")).llm(tool_calling=mode)
    answer, _ = await run(CodeActAgent(tools=[ADD], llm=llm, code_execute_fn=execute))
    assert (str(answer), seen) == ("It is 3.", ["add(a=1, b=2)"])


@pytest.mark.parametrize("mode", ["off", "prompt"])
@pytest.mark.anyio
async def test_predict_and_call_needs_nothing_more(serve: Serve, mode: str) -> None:
    """Check 13: core's own defaults fail for any LLM without function calling."""
    reply = REACT[0] if mode == "off" else calls('{"name": "add", "arguments": {"a": 1, "b": 2}}')
    llm = serve(lambda _: pieces(reply, 5)).llm(tool_calling=mode)
    assert (await llm.apredict_and_call([ADD], "Add.")).response == "3"


def test_predict_and_call_needs_nothing_more_sync(serve: Serve) -> None:
    """Check 13: as the asynchronous one."""
    assert serve(lambda _: pieces(REACT[0], 5)).llm().predict_and_call([ADD], "Add.").response == "3"


class Song(BaseModel):
    """A song."""

    name: str
    year: int


SONG = '{"name": "Blue", "year": 1971}'


@pytest.mark.filterwarnings(CORES_OWN)
@pytest.mark.parametrize("mode", ["off", "prompt"])
@pytest.mark.anyio
async def test_an_agents_answer_can_be_data(serve: Serve, mode: str) -> None:
    """Check 14: `output_cls` of an agent, by schema in the prompt or by a tool call."""
    first = REACT[1] if mode == "off" else "Blue, of 1971."
    data = SONG if mode == "off" else calls(f'{{"name": "Song", "arguments": {SONG}}}')
    llm = serve(saying(first, data)).llm(tool_calling=mode)
    kind = ReActAgent if mode == "off" else FunctionAgent
    answer, _ = await run(kind(tools=[ADD], llm=llm, output_cls=Song))
    assert answer.get_pydantic_model(Song) == Song(name="Blue", year=1971)
