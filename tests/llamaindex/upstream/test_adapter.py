"""The adapter itself: what a response generator is asked is what was sent, and what it says is what is heard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from llama_index.core.base.llms.types import ThinkingBlock, ToolCallBlock
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool

from tests.llamaindex.upstream.adapter import Upstream, call, says

Start = Callable[..., Upstream]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


ADD = FunctionTool.from_defaults(add)


@pytest.mark.parametrize("mode", ["chat", "advanced-chat"])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_what_is_said_is_heard(upstream: Start, mode: str, size: int) -> None:
    """Check 20: thinking, text and calls, over the wire; chat apps think inside the answer, between line ends."""
    answer = says("Let me add.", call("add", a=1, b=2), call("add", a=3, b=4), thinking="hm")
    response = upstream([answer], mode=mode, size=size).llm().chat_with_tools([ADD], "Add.", allow_parallel_tool_calls=True)
    assert (response.message.content or "").strip() == "Let me add."
    (thinking,) = (block.content or "" for block in response.message.blocks if isinstance(block, ThinkingBlock))
    assert thinking.strip() == "hm"
    calls = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
    assert [(one.tool_name, one.tool_kwargs) for one in calls] == [("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4})]


@pytest.mark.parametrize("conversation", ["stateless", "auto"])
def test_what_was_sent_is_asked(upstream: Start, conversation: str) -> None:
    """Check 20: roles, calls, results paired by id, and offers; continued conversations too."""
    app = upstream([says("First.", call("add", a=1, b=2)), says("3")])
    llm = app.llm(conversation=conversation)
    history = [ChatMessage(role="system", content="Be brief."), ChatMessage(content="Add.")]
    first = llm.chat_with_tools([ADD], chat_history=history)
    (made,) = llm.get_tool_calls_from_response(first)
    result = ChatMessage(role="tool", content="<3>", additional_kwargs={"tool_call_id": made.tool_id})
    assert llm.chat_with_tools([ADD], "And?", [*history, first.message, result]).message.content == "3"
    assert app.asked[0].said == [("system", "Be brief."), ("user", "Add.")]
    assert app.asked[1].said == [*app.asked[0].said, ("assistant", "First."), ("tool", "<3>"), ("user", "And?")]
    assert [tool["name"] for tool in app.asked[1].tools] == ["add"]
    assert app.asked[1].messages[3].additional_kwargs == {"tool_call_id": made.tool_id, "name": "add", "is_error": False}


def test_a_generator_may_stream(upstream: Start) -> None:
    """Check 20: one message after the other is one answer."""

    async def echo(messages: Sequence[ChatMessage], **_: Any) -> AsyncIterator[ChatMessage]:
        for word in (messages[-1].content or "").split():
            yield says(word)

    assert upstream(echo).llm().complete("a b c").text == "abc"
