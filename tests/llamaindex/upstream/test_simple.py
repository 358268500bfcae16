"""What core tests of its simple chat engine, with an app that repeats what it is told, as core's mock does."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer

from dify_integrations import APIError
from dify_integrations.local import Fail, Text
from tests.llamaindex.engines import ASK, HEAR, each_way, said
from tests.llamaindex.upstream.adapter import Upstream, says

Start = Callable[..., Upstream]


def echo(messages: Sequence[ChatMessage], **_: Any) -> ChatMessage:
    """All messages, and the beginning of an answer: what core's mock says."""
    return says("\n".join([*map(str, messages), "assistant:"]))


def engine_of(app: Upstream, *history: ChatMessage, **options: Any) -> SimpleChatEngine:
    return SimpleChatEngine.from_defaults(llm=app.llm(**options), memory=ChatMemoryBuffer.from_defaults(list(history)))


HISTORY = (ChatMessage("test human message", role="user"), ChatMessage("test ai message", role="assistant"))


@each_way
@pytest.mark.parametrize("conversation", ["stateless", "auto"])
def test_every_turn_tells_the_turns_before(upstream: Start, way: str, conversation: str) -> None:
    """Check 20: rendered into the query or remembered by Dify; nothing of it after a reset."""
    app = upstream(echo)
    engine = engine_of(app, conversation=conversation)
    engine.reset()
    first = str(ASK[way](engine, "Test message 1"))
    assert first == "user: Test message 1\nassistant:"
    second = str(ASK[way](engine, "Test message 2"))
    assert second == f"user: Test message 1\nassistant: {first}\nuser: Test message 2\nassistant:"
    assert len(engine.chat_history) == 4
    engine.reset()
    assert str(ASK[way](engine, "Test message 3")) == "user: Test message 3\nassistant:"
    assert said(engine)[0] == ("user", "Test message 3")


@each_way
def test_it_begins_with_a_history(upstream: Start, way: str) -> None:
    """Check 20: roles and words of earlier messages are what the app is told."""
    engine = engine_of(upstream(echo), *HISTORY)
    told = "user: test human message\nassistant: test ai message\nuser: new human message\nassistant:"
    assert str(ASK[way](engine, "new human message")) == told


@pytest.mark.parametrize("way", HEAR)
def test_it_streams(upstream: Start, way: str) -> None:
    """Check 20: in pieces that are the answer, twice, and then both turns are in the memory."""
    engine = engine_of(upstream(echo, size=2))
    for question in ("Hello World!", "What is the capital of the moon?"):
        response, pieces = HEAR[way](engine, question)
        assert len(pieces) > 10
        assert "".join(pieces) == response.unformatted_response
        assert "Hello World!" in response.unformatted_response and question in response.unformatted_response
    assert [role for role, _ in said(engine)] == ["user", "assistant"] * 2


@pytest.mark.anyio
async def test_the_text_is_there_without_reading(upstream: Start) -> None:
    """Check 20: core's task reads the stream to its end."""
    engine = engine_of(upstream(echo))
    response = await engine.astream_chat("Hello World!")
    assert response.awrite_response_to_history_task is not None
    await response.awrite_response_to_history_task
    assert str(response) == response.response == "user: Hello World!\nassistant:"


def test_a_stream_that_fails_is_raised_where_it_is_read(serve: Callable[..., Any]) -> None:
    """Check 20: by its own kind, and no task is left with an error that nobody asked for."""
    served = serve(lambda turn: [Text(letter) for letter in turn.query] + [Fail("broken for testing")])
    engine = SimpleChatEngine.from_defaults(llm=served.llm(), memory=ChatMemoryBuffer.from_defaults())
    unasked: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unasked.append(context["message"]))
        response = await engine.astream_chat("Hello World!")
        with pytest.raises(APIError, match="broken for testing") as failure:
            async for _ in response.async_response_gen():
                pass
        assert failure.value.partial is not None

    asyncio.run(main())
    gc.collect()
    assert unasked == []
    assert said(engine) == [("user", "Hello World!")]
