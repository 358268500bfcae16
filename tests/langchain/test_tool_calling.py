"""Tools on an app that takes none: told by prompt, read back as tool calls, in a loop with real agents."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage, message_chunk_to_message
from langchain_core.tools import tool
from pydantic import BaseModel

from dify_integrations import InvalidArgument, RunResult, TextDelta
from dify_integrations.bridge.arguments import choice_of
from dify_integrations.bridge.reading import Reading
from dify_integrations.bridge.tool_calls import ToolCallParser
from dify_integrations.local import Text, tokens
from langchain_dify import DifyWorkflowTool
from langchain_dify._mapping import Reply
from tests.langchain.conftest import Serve, answering
from tests.langchain.test_streaming import comparable, folded


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


CALL = '<tool_calls>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_calls>'


def test_call_is_a_tool_call(serve: Serve) -> None:
    message = serve([*tokens(f"Let me see.\n{CALL}")]).chat().bind_tools([add]).invoke("1 + 2?")
    (call,) = message.tool_calls
    assert (call["name"], call["args"]) == ("add", {"a": 1, "b": 2})
    assert message.text == "Let me see."
    assert message.response_metadata["finish_reason"] == "tool_calls"


def test_streamed_call_is_the_invoked_one(serve: Serve) -> None:
    model = serve([*tokens(f"Let me see.\n{CALL}")]).chat().bind_tools([add])
    chunks = list(model.stream("1 + 2?"))
    assert comparable(message_chunk_to_message(folded(chunks))) == comparable(model.invoke("1 + 2?"))  # type: ignore[arg-type]


def test_broken_call_is_an_invalid_call(serve: Serve) -> None:
    broken = '<tool_calls>\n{"name": "add", "arguments": 7 8}\n</tool_calls>'
    model = serve([Text(broken)]).chat().bind_tools([add])
    for message in (model.invoke("Hi"), folded(list(model.stream("Hi")))):  # type: ignore[arg-type]
        assert message.tool_calls == [] and len(message.invalid_tool_calls) == 1


def test_without_tools_tags_are_text(serve: Serve) -> None:
    message = serve([Text(CALL)]).chat().invoke("Hi")
    assert message.text == CALL and message.tool_calls == []


def test_tools_are_told_before_the_question(serve: Serve) -> None:
    served = serve([Text("3")])
    served.chat().bind_tools([add]).invoke("1 + 2?")
    (body,) = served.bodies()
    assert body["query"].endswith("1 + 2?") and '"name": "add"' in body["query"]


def test_choice_none_tells_nothing(serve: Serve) -> None:
    served = serve([Text("3")])
    served.chat().bind_tools([add], tool_choice="none").invoke("1 + 2?")
    assert served.bodies()[0]["query"] == "1 + 2?"


@pytest.mark.parametrize(
    ("given", "meant"),
    [(None, None), (True, "any"), ("required", "any"), ("any", "any"), ("auto", "auto"), ("none", "none"), ("add", "add")]
    + [({"type": "function", "function": {"name": "add"}}, "add"), ({"type": "tool", "name": "add"}, "add")],
)
def test_choices(given: Any, meant: str | None) -> None:
    assert choice_of(given) == meant


def test_choice_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="tool_choice"):
        choice_of({"type": "function"})


def test_agent_loop_with_a_python_tool(serve: Serve) -> None:
    served = serve()
    agent = create_agent(served.chat("chat"), [add])
    messages = agent.invoke({"messages": [HumanMessage("What is 2 plus 3?")]})["messages"]
    kinds = [type(message) for message in messages]
    assert kinds == [HumanMessage, AIMessage, ToolMessage, AIMessage]
    assert messages[2].content == "5" and "5" in messages[3].text
    assert served.bodies()[1]["conversation_id"] == messages[1].response_metadata["dify"]["conversation_id"]


@pytest.mark.anyio
async def test_agent_loop_with_a_workflow(serve: Serve) -> None:
    served = serve()
    write = await DifyWorkflowTool.afrom_app(**served.connection("workflow"), name="write_text")
    agent = create_agent(served.chat("chat"), [write])
    messages = (await agent.ainvoke({"messages": [HumanMessage("Write a formal text about Lighthouses")]}))["messages"]
    answer = messages[2]
    assert isinstance(answer, ToolMessage) and answer.status == "success"
    assert "Lighthouses" in answer.text and answer.artifact["status"] == "succeeded"
    assert "Lighthouses" in messages[3].text


def test_agent_streams_messages_once(serve: Serve) -> None:
    agent = create_agent(serve().chat("chat"), [add])
    shown = [chunk for chunk, _ in agent.stream({"messages": [HumanMessage("What is 2 plus 3?")]}, stream_mode="messages")]
    calls = [call for chunk in shown if isinstance(chunk, AIMessage) for call in chunk.tool_calls]
    assert [call["name"] for call in calls] == ["add"]
    answer = "".join(chunk.text for chunk in shown if isinstance(chunk, AIMessage))
    assert answer.count("The tool answered") == 1


def test_structured_output_by_tool(serve: Serve) -> None:
    class City(BaseModel):
        """A city."""

        name: str

    call = '<tool_calls>\n{"name": "City", "arguments": {"name": "Paris"}}\n</tool_calls>'
    model = serve([Text(call)]).chat().with_structured_output(City, method="function_calling")
    assert model.invoke("Which city?") == City(name="Paris")


def test_conversation_of_many_turns_with_tools(serve: Serve) -> None:
    app = answering(lambda turn: [Text(CALL if '<tool_result id="call_' not in turn.query else "It is 3.")])
    served = serve(app)
    model = served.chat().bind_tools([add])
    history: list[Any] = [HumanMessage("1 + 2?")]
    history.append(model.invoke(history))
    history.append(add.invoke(history[-1].tool_calls[0]))
    history.append(model.invoke(history))
    assert history[-1].text == "It is 3."
    assert json.dumps(3) in served.bodies()[1]["query"]


PIECES = st.lists(
    st.sampled_from(
        ["one ", "two", "\n", "STOP", "ST", "OP", "<tool_calls>", "\n<tool_calls>\n", CALL, "</tool_calls>", "é", "中"]
    ),
    max_size=12,
)


@settings(max_examples=200)
@given(pieces=PIECES, stops=st.sampled_from([(), ("STOP",), ("two", "中")]), tools=st.booleans())
def test_however_a_text_is_split_chunks_add_up_to_the_message(pieces: list[str], stops: tuple[str, ...], tools: bool) -> None:
    def reading() -> Reading:
        numbers = iter(range(100))
        return Reading(stops, ToolCallParser(names=["add"], new_id=lambda: f"call_{next(numbers)}") if tools else None)

    result = RunResult(text="".join(pieces), status="succeeded", message_id="m")
    reply, silent = (Reply(model="d", stamp={"app": "a"}, reading=reading, result=lambda: result) for _ in range(2))
    chunks = [chunk.message for piece in pieces if piece for chunk in reply.chunks(TextDelta(piece))]
    streamed = folded([*chunks, *(chunk.message for chunk in reply.rest(result))])
    silent.hear(TextDelta(result.text))
    whole = silent.message(result)
    assert streamed.content_blocks == whole.content_blocks
    assert (streamed.text, streamed.tool_calls, streamed.invalid_tool_calls) == (
        whole.text,
        whole.tool_calls,
        whole.invalid_tool_calls,
    )
    assert streamed.response_metadata == whole.response_metadata
