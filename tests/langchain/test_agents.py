"""LangChain's agents with a Dify app as their model: the loop from the first call to the data at its end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import ToolException, tool
from pydantic import BaseModel

from dify_integrations.local import Say, Text, Turn, tokens
from tests.langchain.conftest import Serve, Served, answering


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def divide(a: int, b: int) -> float:
    """Divide two numbers."""
    if b == 0:
        raise ToolException("division by zero")
    return a / b


divide.handle_tool_error = True


class Sum(BaseModel):
    """What it came to."""

    total: int


def calls(*asked: tuple[str, dict[str, Any]]) -> list[Text]:
    lines = [json.dumps({"name": name, "arguments": arguments}) for name, arguments in asked]
    return [*tokens("\n".join(["Let me see.", "<tool_calls>", *lines, "</tool_calls>"]))]


def solving(turn: Turn) -> Sequence[Say]:
    """Two tools and one that does not exist at once, then one more, then the answer."""
    step = len(turn.history)
    if step == 0:
        return calls(("add", {"a": 1, "b": 2}), ("divide", {"a": 1, "b": 0}), ("multiply", {"a": 1, "b": 2}))
    if step == 1:
        return calls(("add", {"a": 3, "b": 4}))
    return tokens("It is 7.")


async def asked(agent: Any, words: str, *, sync: bool) -> dict[str, Any]:
    told = {"messages": [HumanMessage(words)]}
    result: dict[str, Any] = agent.invoke(told) if sync else await agent.ainvoke(told)
    return result


def queries(served: Served) -> list[str]:
    return [body["query"] for body in served.bodies()]


@pytest.mark.anyio
@pytest.mark.parametrize("sync", [True, False], ids=["sync", "async"])
async def test_two_tools_solve_a_task(serve: Serve, sync: bool) -> None:
    """Check 14: parallel calls, a tool that fails, one that does not exist, and the way back to the answer."""
    served = serve(answering(solving))
    messages = (await asked(create_agent(served.chat(), [add, divide]), "1 + 2 and 1 / 0?", sync=sync))["messages"]
    assert [type(message) for message in messages] == [
        HumanMessage,
        AIMessage,
        *[ToolMessage] * 3,
        AIMessage,
        ToolMessage,
        AIMessage,
    ]
    assert [call["name"] for call in messages[1].tool_calls] == ["add", "divide", "multiply"]
    by_name = {message.name: message for message in messages[2:5]}
    assert (by_name["add"].content, by_name["add"].status) == ("3", "success")
    assert (by_name["divide"].content, by_name["divide"].status) == ("division by zero", "error")
    assert by_name["multiply"].status == "error" and "not a valid tool" in by_name["multiply"].text
    assert (messages[6].content, messages[7].text) == ("7", "It is 7.")
    first, second, third = queries(served)
    assert second.count('status="error"') == 2 and '"division by zero"' in second and 'status="ok">3<' in second.replace('"3"', "3")
    assert '"parameters"' in first and '"parameters"' not in second + third
    assert len({body.get("conversation_id") for body in served.bodies()[1:]}) == 1


@pytest.mark.anyio
@pytest.mark.parametrize("sync", [True, False], ids=["sync", "async"])
@pytest.mark.parametrize("strategy", [Sum, ToolStrategy(Sum)], ids=["schema", "ToolStrategy"])
async def test_the_end_is_data(serve: Serve, strategy: Any, sync: bool) -> None:
    """Check 14: with a schema every turn demands a call; a turn of words is repeated, and the data comes by tool."""

    def answer(turn: Turn) -> Sequence[Say]:
        if "called no tool" in turn.query:
            return calls(("Sum", {"total": 3}))
        return calls(("add", {"a": 1, "b": 2})) if not turn.history else tokens("It is three.")

    served = serve(answering(answer))
    result = await asked(create_agent(served.chat(), [add], response_format=strategy), "1 + 2?", sync=sync)
    assert result["structured_response"] == Sum(total=3)
    assert not any("It is three" in message.text for message in result["messages"])
    assert len(served.bodies()) == 3
    assert ["must use" in query for query in queries(served)] == [True, True, True]
    last = next(message for message in reversed(result["messages"]) if isinstance(message, AIMessage))
    assert len(last.response_metadata["dify"]["repairs"]) == 1


def test_the_end_is_data_by_response_format(serve: Serve) -> None:
    """Check 14: the strategy for providers that take a schema works when it is asked for."""
    served = serve([Text('```json\n{"total": 3}\n```')])
    result = create_agent(served.chat(), [], response_format=ProviderStrategy(Sum)).invoke({"messages": [HumanMessage("1 + 2?")]})
    assert result["structured_response"] == Sum(total=3)
    assert '"total"' in queries(served)[0]


@pytest.mark.anyio
@pytest.mark.parametrize("sync", [True, False], ids=["sync", "async"])
async def test_bad_data_is_complained_of_by_the_agent(serve: Serve, sync: bool) -> None:
    served = serve(answering(lambda turn: calls(("Sum", {"total": 3 if turn.history else "three"}))))
    result = await asked(create_agent(served.chat(), [add], response_format=ToolStrategy(Sum)), "1 + 2?", sync=sync)
    assert result["structured_response"] == Sum(total=3) and len(served.bodies()) == 2


def test_a_stream_of_an_agent_shows_what_stays(serve: Serve) -> None:
    """Check 14: words in place of a demanded call are never streamed, the call is, once."""

    def answer(turn: Turn) -> Sequence[Say]:
        return calls(("Sum", {"total": 3})) if "called no tool" in turn.query else tokens("Words, nothing but words.")

    agent = create_agent(serve(answering(answer)).chat(), [add], response_format=ToolStrategy(Sum))
    shown = [chunk for chunk, _ in agent.stream({"messages": [HumanMessage("1 + 2?")]}, stream_mode="messages")]
    spoken = [chunk for chunk in shown if isinstance(chunk, AIMessage)]
    assert "Words" not in "".join(chunk.text for chunk in spoken)
    assert [call["name"] for chunk in spoken for call in chunk.tool_calls] == ["Sum"]
