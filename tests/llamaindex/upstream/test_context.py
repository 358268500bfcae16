"""What core tests of its context chat engine, over a Dify knowledge base and an app that repeats what it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.chat_engine import ContextChatEngine
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.schema import QueryBundle

from tests.llamaindex.engines import ASK, HEAR, each_way, said
from tests.llamaindex.library import Library
from tests.llamaindex.upstream.adapter import Upstream
from tests.llamaindex.upstream.test_simple import echo

Stocked = Callable[..., tuple[Upstream, Library]]
# Counting tokens, core runs coroutines.
pytestmark = pytest.mark.usefixtures("loop_of_core")
SYSTEM_PROMPT = "Talk like a pirate."
PASSAGE = "Refunds are possible within 30 days."


def engine_over(app: Upstream, library: Library) -> ContextChatEngine:
    retriever = library.retriever(similarity_top_k=1)
    memory = ChatMemoryBuffer.from_defaults()
    return ContextChatEngine.from_defaults(retriever, llm=app.llm(), memory=memory, system_prompt=SYSTEM_PROMPT)


@each_way
def test_prompt_passages_and_turns_are_told(stocked: Stocked, way: str) -> None:
    """Check 20: system prompt and passages as the system's words, the turns before with their roles."""
    app, library = stocked(echo)
    engine = engine_over(app, library)
    first = ASK[way](engine, "Are refunds possible within days?")
    assert SYSTEM_PROMPT in str(first) and "Are refunds possible within days?" in str(first)
    assert len(engine.chat_history) == 2
    second = ASK[way](engine, "What is refunded?")
    assert SYSTEM_PROMPT in str(second) and "Are refunds possible within days?" in str(second)
    assert said(engine)[3] == ("assistant", str(second)) and str(second).endswith("user: What is refunded?\nassistant:")
    assert [asked["query"] for asked in library.asked] == ["Are refunds possible within days?", "What is refunded?"]

    assert [node.node.get_content() for node in first.source_nodes] == [PASSAGE]
    assert first.sources[0].raw_output == first.source_nodes
    (role, system), *others = app.asked[1].said
    assert role == "system" and SYSTEM_PROMPT in system and "Refunds" in system
    assert others[0] == ("user", "Are refunds possible within days?")
    assert [role for role, _ in others] == ["user", "assistant", "user"]


@each_way
def test_a_question_may_be_a_bundle(stocked: Stocked, way: str) -> None:
    """Check 20: as retrievers and query engines take it; after a reset nothing else is in the memory."""
    engine = engine_over(*stocked(echo))
    ASK[way](engine, "Hello, refunds!")
    engine.reset()
    bundle = QueryBundle("Refunds through a bundle")
    response = ASK[way](engine, bundle)
    assert str(bundle) in str(response)
    assert len(engine.chat_history) == 2
    assert str(bundle) in str(engine.chat_history[0])


@pytest.mark.parametrize("way", HEAR)
def test_it_streams(stocked: Stocked, way: str) -> None:
    """Check 20: in more pieces than a few, which are the answer."""
    engine: Any = engine_over(*stocked(echo))
    for number in (1, 2):
        response, pieces = HEAR[way](engine, "Hello, refunds!")
        assert len(pieces) > 10
        assert "".join(pieces) == str(response)
        assert SYSTEM_PROMPT in str(response) and len(engine.chat_history) == 2 * number
