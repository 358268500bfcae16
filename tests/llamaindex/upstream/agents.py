"""What the scenarios of agents share: tools, answers in ReAct's words, and a run with its events."""

from __future__ import annotations

from typing import Any, TypeVar

import pytest
from llama_index.core.agent.workflow import AgentInput, FunctionAgent, ToolCallResult
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.tools import FunctionTool

from tests.llamaindex.upstream.adapter import says

EventT = TypeVar("EventT")

REACT = pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")
"""Core's own ReActAgent does."""
BOTH_WAYS = pytest.mark.parametrize("conversation", ["stateless", "auto"], indirect=True)
"""Every turn with its history, and every turn in the conversation of the one before."""
LATER = pytest.mark.skipif(
    "early_stopping_method" not in FunctionAgent.model_fields, reason="the oldest core we take has no such thing yet"
)


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def subtract(a: int, b: int) -> int:
    """Subtract two numbers."""
    return a - b


ADD, SUBTRACT = FunctionTool.from_defaults(add), FunctionTool.from_defaults(subtract)
ADDS = says('Thought: I need to add these numbers\nAction: add\nAction Input: {"a": 5, "b": 3}\n')
MISSPELT = says('Thought: I need to add these numbers\nAction: add\n{"a": 5 "b": 3}\n')
ANSWERS = says("Thought: The result is 8\nAnswer: The sum is 8")


async def played(workflow: Any, user_msg: str | ChatMessage = "Can you add 5 and 3?", **given: Any) -> tuple[Any, list[Any]]:
    """The result of a run, and the events of its stream."""
    handler = workflow.run(user_msg=user_msg, **{"memory": ChatMemoryBuffer.from_defaults(), **given})
    events = [event async for event in handler.stream_events()]
    return await handler, events


def of(events: list[Any], kind: type[EventT]) -> list[EventT]:
    """The events of one kind."""
    return [event for event in events if isinstance(event, kind)]


def inputs(events: list[Any]) -> list[str]:
    """The last words of each input of an agent."""
    return [event.input[-1].content or "" for event in of(events, AgentInput)]


def results(events: list[Any]) -> list[tuple[str, str]]:
    """Tools and what they answered."""
    return [(event.tool_name, event.tool_output.content) for event in of(events, ToolCallResult)]
