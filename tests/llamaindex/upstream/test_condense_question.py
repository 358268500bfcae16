"""What core tests of its chat engine that condenses questions for a query engine: both are Dify apps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from llama_index.core.chat_engine import CondenseQuestionChatEngine
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer

from llamaindex_dify import DifyQueryEngine
from tests.llamaindex.engines import ASK, HEAR, each_way, said
from tests.llamaindex.upstream.adapter import Upstream, says

Start = Callable[..., Upstream]
HISTORY = [ChatMessage("test human message", role="user"), ChatMessage("test ai message", role="assistant")]


def condensing(messages: Sequence[ChatMessage], **_: Any) -> ChatMessage:
    """Puts question and history together when it is asked for a standalone question, and repeats the question otherwise."""
    prompt = messages[-1].content or ""
    if "<Chat History>" not in prompt:
        return says(prompt)
    history, asked = prompt.partition("<Chat History>\n")[2].split("\n\n<Follow Up Message>\n")
    return says(f"{asked.splitlines()[0]} (after: {history})")


def engine_over(app: Upstream, way: str, *history: ChatMessage) -> CondenseQuestionChatEngine:
    query_engine = DifyQueryEngine(app.llm(), streaming="stream" in way)
    return CondenseQuestionChatEngine.from_defaults(query_engine, llm=app.llm(), memory=ChatMemoryBuffer.from_defaults([*history]))


@each_way
def test_questions_are_condensed_with_the_turns_before(upstream: Start, way: str) -> None:
    """Check 20: the first one goes as it is, also after a reset; the query engine hears nothing but the question."""
    app = upstream(condensing)
    engine = engine_over(app, way)
    engine.reset()
    assert str(ASK[way](engine, "Test message 1")) == "Test message 1"
    second = "Test message 2 (after: user: Test message 1\nassistant: Test message 1)"
    assert str(ASK[way](engine, "Test message 2")) == second
    assert said(engine)[2:] == [("user", "Test message 2"), ("assistant", second)]
    assert app.asked[-1].said == [("user", second)]
    engine.reset()
    assert str(ASK[way](engine, "Test message 3")) == "Test message 3"
    assert len(app.asked) == 4


@each_way
def test_it_begins_with_a_history(upstream: Start, way: str) -> None:
    """Check 20: also one that is given with a question, in the place of the memory's."""
    engine = engine_over(upstream(condensing), way, *HISTORY)
    told = "new human message (after: user: test human message\nassistant: test ai message)"
    assert str(ASK[way](engine, "new human message")) == told


@pytest.mark.parametrize("way", HEAR)
def test_leaving_a_stream_leaves_whole_turns(upstream: Start, way: str) -> None:
    """Check 20: a reader who goes early; core's thread or task reads on, so the memory has the question and all of the answer."""
    engine = engine_over(upstream(condensing, size=2), way)

    async def leave() -> None:
        texts = (await engine.astream_chat("Hello, World!")).async_response_gen()
        await anext(texts)
        await texts.aclose()

    if way == "astream_chat":
        asyncio.run(leave())
    else:
        texts = engine.stream_chat("Hello, World!").response_gen
        next(texts)
        texts.close()
    assert said(engine) == [("user", "Hello, World!"), ("assistant", "Hello, World!")]
