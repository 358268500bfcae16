"""What core tests of streamed messages of several blocks: what is kept of them, by core's engine and by ours."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from llama_index.core.base.llms.types import ThinkingBlock
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer

from llamaindex_dify import DifyChatEngine
from tests.llamaindex.engines import ASK, HEAR, each_way
from tests.llamaindex.upstream.adapter import Upstream, says

Start = Callable[..., Upstream]
ANSWERS = {
    "one text": says("hello"),
    "nothing": says(),
    "thinking before a text": says("hello", thinking="reasoning"),
    "thinking alone": says(thinking="reasoning"),
}


def thoughts(message: ChatMessage) -> list[str | None]:
    return [block.content for block in message.blocks if isinstance(block, ThinkingBlock)]


@each_way
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_our_engine_keeps_every_block(upstream: Start, answer: ChatMessage, way: str) -> None:
    """Check 20: a thought survives beside the text, in front of it, and never becomes text; streamed as whole."""
    app = upstream([answer], mode="advanced-chat")
    engine = DifyChatEngine(app.llm(), ChatMemoryBuffer.from_defaults())
    ASK[way](engine, "Hi")
    _, kept = engine.chat_history
    assert kept.content == (answer.content or "")
    assert thoughts(kept) == thoughts(answer)
    assert [block.block_type for block in kept.blocks] == ["thinking"] * len(thoughts(answer)) + ["text"]


@pytest.mark.parametrize("way", HEAR)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_cores_engine_keeps_the_text(upstream: Start, answer: ChatMessage, way: str) -> None:
    """Check 20: writing a message of several blocks raises nothing; the text is the text, and Dify's ids are kept."""
    app = upstream([answer], mode="advanced-chat")
    engine = SimpleChatEngine.from_defaults(llm=app.llm(), memory=ChatMemoryBuffer.from_defaults())
    response, pieces = HEAR[way](engine, "Hi")
    _, kept = engine.chat_history
    assert "".join(pieces) == str(response) == kept.content == (answer.content or "")
    assert kept.additional_kwargs["dify"]["message_id"]
    assert set(thoughts(kept)) <= set(thoughts(answer))  # core 0.14 forgets them
