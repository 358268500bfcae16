"""What core tests of its chat engine that condenses the question first, over a Dify knowledge base and app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from llama_index.core.chat_engine import CondensePlusContextChatEngine
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer

from tests.llamaindex.engines import ASK, HEAR, each_way, said
from tests.llamaindex.library import Library
from tests.llamaindex.upstream.adapter import Upstream, says
from tests.llamaindex.upstream.test_simple import echo

Stocked = Callable[..., tuple[Upstream, Library]]
# Counting tokens, core runs coroutines.
pytestmark = pytest.mark.usefixtures("loop_of_core")
SYSTEM_PROMPT = "Talk like a pirate."
CONDENSED = "Are refunds of shipping costs possible?"


def condensing(messages: Sequence[ChatMessage], **_: Any) -> ChatMessage:
    """Condenses when it is asked to, and repeats what it is told otherwise."""
    return says(CONDENSED) if "standalone question" in (messages[-1].content or "") else echo(messages)


def engine_over(app: Upstream, library: Library) -> CondensePlusContextChatEngine:
    retriever = library.retriever(similarity_top_k=1)
    memory = ChatMemoryBuffer.from_defaults()
    return CondensePlusContextChatEngine.from_defaults(retriever, llm=app.llm(), memory=memory, system_prompt=SYSTEM_PROMPT)


@each_way
def test_the_condensed_question_is_searched_and_the_real_one_is_asked(stocked: Stocked, way: str) -> None:
    """Check 20: the first as it is, the next one condensed with the turns before it."""
    app, library = stocked(condensing)
    engine = engine_over(app, library)
    first = ASK[way](engine, "Are refunds possible within days?")
    assert SYSTEM_PROMPT in str(first) and "Are refunds possible within days?" in str(first)
    assert len(engine.chat_history) == 2
    second = ASK[way](engine, "And of shipping?")
    assert SYSTEM_PROMPT in str(second) and "Are refunds possible within days?" in str(second)
    assert said(engine)[2:] == [("user", "And of shipping?"), ("assistant", str(second))]

    assert [asked["query"] for asked in library.asked] == ["Are refunds possible within days?", CONDENSED]
    assert second.sources[0].raw_input == {"message": CONDENSED}
    assert [node.node.metadata["document_name"] for node in second.source_nodes] == ["shipping.txt"]
    ((role, prompt),) = app.asked[1].said  # a prompt of its own, without roles
    assert role == "user" and "Are refunds possible within days?" in prompt and "And of shipping?" in prompt
    assert [role for role, _ in app.asked[2].said] == ["system", "user", "assistant", "user"]
    assert app.asked[2].last == "And of shipping?"


@pytest.mark.parametrize("way", HEAR)
def test_it_streams(stocked: Stocked, way: str) -> None:
    """Check 20: in pieces that are the answer."""
    engine = engine_over(*stocked(condensing))
    for question in ("Hello, refunds!", "What of shipping?"):
        response, pieces = HEAR[way](engine, question)
        assert len(pieces) > 1
        assert "".join(pieces) == str(response)
        assert "Hello, refunds!" in str(response) and question in str(response)


def test_leaving_a_stream_loses_nothing(stocked: Stocked) -> None:
    """Check 20: core's thread reads on to the end, so the memory has all of the answer and Dify is not stopped."""
    app, library = stocked(condensing)
    engine = engine_over(app, library)
    response = engine.stream_chat("Hello, refunds!")
    assert said(engine)[0] == ("user", "Hello, refunds!")
    texts = response.response_gen
    next(texts)
    texts.close()
    assert response.is_done
    assert said(engine)[1][0] == "assistant" and "Hello, refunds!" in str(said(engine)[1][1])
    assert library.requests("POST", "/stop") == 0


@pytest.mark.anyio
async def test_leaving_an_asynchronous_stream_loses_nothing(stocked: Stocked) -> None:
    """Check 20: as the one above, read to the end by core's task."""
    app, library = stocked(condensing)
    engine = engine_over(app, library)
    response = await engine.astream_chat("Hello, refunds!")
    assert said(engine) == [("user", "Hello, refunds!")]
    texts = response.async_response_gen()
    await anext(texts)
    await texts.aclose()
    assert len(engine.chat_history) == 2 and "Hello, refunds!" in str(said(engine)[1][1])
    assert library.requests("POST", "/stop") == 0
