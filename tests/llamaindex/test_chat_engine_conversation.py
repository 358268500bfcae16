"""The conversation behind a chat engine, in memory and in Dify."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.llms.types import ThinkingBlock
from llama_index.core.memory import Memory
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from dify_integrations import InvalidArgument, NotFound
from dify_integrations.local import Text, Tool
from tests.llamaindex.engines import ASK, asked, each_way, echo, engine_for, said, saying

Serve = Callable[..., Any]


@pytest.mark.usefixtures("loop_of_core")
@each_way
def test_any_memory_mirrors(serve: Serve, way: str, tmp_path: Path) -> None:
    """Core's `Memory` too, which is asynchronous inside; Dify's ids survive it."""
    database = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/memory.db", poolclass=NullPool)  # it never closes its own
    memory = Memory.from_defaults(token_limit=10_000, async_engine=database)
    engine = engine_for(serve(echo), memory=memory)
    ASK[way](engine, "one")
    ASK[way](engine, "two")
    assert [message.content for message in memory.get_all()] == ["one", "You said one", "two", "You said two"]
    assert memory.get_all()[-1].additional_kwargs["dify"]["conversation_id"] == engine.conversation_id


def test_a_recorded_conversation_goes_on(serve: Serve) -> None:
    """Check 18: read from Dify, with sources, steps and thoughts where a fresh answer has them."""
    served = serve(saying(Tool("clock", {"zone": "UTC"}, "noon"), Text("<think>hm</think>It is noon.")), "agent-chat")
    engine = engine_for(served)
    engine.chat("What time is it?")
    later = engine_for(served, conversation_id=engine.conversation_id)
    assert later.chat_history == []
    loaded = later.load_history()
    assert loaded == later.chat_history
    fresh, recorded = engine.chat_history[-1], loaded[-1]
    assert said(later) == said(engine)
    assert isinstance(recorded.blocks[0], ThinkingBlock)
    known = recorded.additional_kwargs["dify"]
    assert known["message_id"] == fresh.additional_kwargs["dify"]["message_id"]
    assert known["agent_steps"] == fresh.additional_kwargs["dify"]["agent_steps"]
    assert "status" not in known
    assert asyncio.run(engine_for(served, conversation_id=engine.conversation_id).aload_history()) == loaded
    later.chat("And now?")
    assert asked(served)[1] == ("And now?", engine.conversation_id)


def test_a_history_that_is_not_there(serve: Serve) -> None:
    served = serve(echo)
    assert engine_for(served).load_history() == []
    assert asyncio.run(engine_for(served).aload_history()) == []
    with pytest.raises(NotFound):
        engine_for(served, conversation_id="7d5a8d8c-0000-4000-8000-000000000000").load_history()


def test_questions_names_and_the_end_of_a_conversation(serve: Serve) -> None:
    """What is done with a conversation beside asking, blocking and not."""
    served = serve(echo, suggested_questions=["And then?"])
    engine = engine_for(served)
    assert engine.suggested_questions() == []
    with pytest.raises(InvalidArgument, match="begun"):
        engine.rename("Talk")
    engine.chat("one")
    assert engine.suggested_questions() == ["And then?"]
    assert engine.rename("Talk") == "Talk"
    assert engine.rename()
    first = engine.conversation_id
    engine.delete()
    assert (engine.conversation_id, engine.chat_history) == ("", [])
    with pytest.raises(NotFound):
        engine_for(served, conversation_id=first).load_history()
    gone = engine_for(served, conversation_id=first)
    gone.delete()
    assert gone.conversation_id == ""


@pytest.mark.anyio
async def test_questions_names_and_the_end_of_a_conversation_async(serve: Serve) -> None:
    served = serve(echo, suggested_questions=["And then?"])
    engine = engine_for(served)
    assert await engine.asuggested_questions() == []
    with pytest.raises(InvalidArgument, match="begun"):
        await engine.arename("Talk")
    await engine.achat("one")
    assert await engine.asuggested_questions() == ["And then?"]
    assert await engine.arename("Talk") == "Talk"
    await engine.adelete()
    assert (engine.conversation_id, engine.chat_history) == ("", [])
    await engine.adelete()
