"""Tools that an agent runs on Dify's side: inside LlamaIndex' agents and chat engines, and then before another provider."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentOutput, AgentStream, FunctionAgent, ToolCall, ToolCallResult
from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.chat_engine.types import AgentChatResponse, StreamingAgentChatResponse, is_function
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai.utils import to_openai_message_dicts

from dify_integrations.local import Text, Tool, Tools
from llamaindex_dify import DifyChatLLM
from tests.wire.played import CHATS, clients_of, meaning
from tests.wire.recordings import Recording, frames

Serve = Callable[..., Any]
WITH_TOOLS = [pytest.param(recording, id=recording.id) for recording in CHATS if meaning(recording).tools]


class Here:
    """Tools of this process that are called like the server's, and what ran."""

    def __init__(self, *names: str) -> None:
        self.ran: list[str] = []
        self.tools = [self._tool(name) for name in names]

    def _tool(self, name: str) -> FunctionTool:
        def run(**arguments: Any) -> str:
            self.ran.append(name)
            return f"here: {arguments}"

        return FunctionTool.from_defaults(run, name=name, description="Runs in this process.")


async def agent_events(llm: DifyChatLLM, tools: Any, memory: ChatMemoryBuffer) -> list[Any]:
    """The events of an agent's run, its output last."""
    handler = FunctionAgent(tools=tools, llm=llm).run("Calculate.", memory=memory)
    events = [event async for event in handler.stream_events()]
    return [*events, await handler]


def engine_answers(llm: DifyChatLLM, memory: ChatMemoryBuffer) -> tuple[list[AgentChatResponse], list[StreamingAgentChatResponse]]:
    """What a simple chat engine gives: whole and streamed, each also without blocking."""
    engine = SimpleChatEngine.from_defaults(llm=llm, memory=memory)
    whole, streamed = engine.chat("Calculate."), engine.stream_chat("Calculate.")
    assert list(streamed.response_gen)

    async def without_blocking() -> tuple[AgentChatResponse, StreamingAgentChatResponse]:
        awaited, response = await engine.achat("Calculate."), await engine.astream_chat("Calculate.")
        assert [delta async for delta in response.async_response_gen()]
        return awaited, response

    awaited, astreamed = asyncio.run(without_blocking())
    return [whole, awaited], [streamed, astreamed]


def answers_in(memory: ChatMemoryBuffer) -> list[ChatMessage]:
    return [message for message in memory.get_all() if message.role.value == "assistant"]


def steps_in(answer: ChatMessage) -> dict[str, str]:
    """What the server's tools answered, as a message keeps it."""
    return {step["tool"]: step["observation"] for step in answer.additional_kwargs["dify"]["agent_steps"]}


def observed(recording: Recording) -> dict[str, str]:
    """The same by the raw frames: the last one of a thought says all of it."""
    thoughts = {frame["id"]: frame for frame in frames(recording.body) if frame["event"] == "agent_thought"}
    told: dict[str, str] = {}
    for thought in thoughts.values():
        told |= json.loads(thought["observation"]) if thought["tool"] else {}
    return told


@pytest.mark.parametrize("recording", WITH_TOOLS)
def test_recorded_tools_of_the_server_run_nowhere_else(recording: Recording) -> None:
    """Check 15: a FunctionAgent with tools of the same names, SimpleChatEngine, then OpenAI's converters, on real bytes."""
    told = observed(recording)
    here, memory = Here(*told), ChatMemoryBuffer.from_defaults(token_limit=100_000)
    llm = DifyChatLLM(**clients_of(recording), tool_calling="prompt")

    *events, output = asyncio.run(agent_events(llm, here.tools, memory))
    whole, streamed = engine_answers(llm, memory)
    text = meaning(recording).text
    assert output.response.content == text
    assert not [event for event in events if isinstance(event, (ToolCall, ToolCallResult))]
    assert not any(event.tool_calls for event in events if isinstance(event, (AgentStream, AgentOutput)))
    assert [(response.response, response.sources) for response in whole] == [(text, [])] * 2
    assert [(str(response), response.is_function) for response in streamed] == [(text.strip(), False)] * 2
    assert here.ran == []

    answers = answers_in(memory)
    assert len(answers) == 5
    assert [steps_in(answer) for answer in answers] == [told] * 5
    assert not [answer for answer in answers if is_function(answer) or "tool_calls" in answer.additional_kwargs]
    assert not [block for answer in answers for block in answer.blocks if isinstance(block, ToolCallBlock)]

    history = memory.get()
    assert len(history) == 10
    plain: Any = to_openai_message_dicts(history)
    assert [set(message) for message in plain] == [{"role", "content"}] * 10
    assert [message["content"].strip() for message in plain[1::2]] == [text.strip()] * 5
    items: Any = to_openai_message_dicts(history, is_responses_api=True)
    assert [set(item) for item in items] == [{"role", "content"}] * 10
    assert [item["role"] for item in items] == ["user", "assistant"] * 5


ADD = '<tool_calls>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_calls>'


def an_agent_of_dify(turn: Any) -> list[Any]:
    """Uses tools of its own at every turn, and asks once for one of the client's."""
    own = Tools([Tool("add", {"a": 20, "b": 22}, "42"), Tool("weather", {"city": "Oslo"}, "Rain")])
    asks = "here: " not in turn.query and "<tool_calls>" in turn.query
    return [Text("I looked. "), own, Text(ADD if asks else "42, and rain.")]


def test_an_agent_may_have_tools_on_both_sides(serve: Serve) -> None:
    """Check 15: only what was asked of the client runs here, once, and only that is a call for OpenAI too."""
    served = serve(an_agent_of_dify, mode="agent-chat")
    here, memory = Here("add", "weather"), ChatMemoryBuffer.from_defaults(token_limit=100_000)
    llm = served.llm(tool_calling="prompt")

    *events, output = asyncio.run(agent_events(llm, here.tools, memory))
    assert here.ran == ["add"]
    assert [event.tool_kwargs for event in events if isinstance(event, ToolCallResult)] == [{"a": 1, "b": 2}]
    assert output.response.content == "I looked. 42, and rain."
    whole, streamed = engine_answers(llm, memory)
    assert [response.response for response in whole] == ["I looked. 42, and rain."] * 2
    assert [response.is_function for response in streamed] == [False, False]
    assert (here.ran, len(served.sent)) == (["add"], 6)
    assert [steps_in(answer) for answer in answers_in(memory)] == [{"add": "42", "weather": "Rain"}] * 6
    assert answers_in(memory)[-1].additional_kwargs["dify"]["agent_steps"][0]["input"] == '{"a": 20, "b": 22}'

    history = memory.get()
    plain: Any = to_openai_message_dicts(history)
    calls = [call for message in plain for call in message.get("tool_calls", ())]
    assert [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls] == [("add", {"a": 1, "b": 2})]
    assert [message["tool_call_id"] for message in plain if message["role"] == "tool"] == [calls[0]["id"]]
    assert set().union(*plain) == {"role", "content", "tool_calls", "tool_call_id"}
    items: Any = to_openai_message_dicts(history, is_responses_api=True)
    assert len([item for item in items if item.get("type") == "function_call_output"]) == 1
