"""Turns at once: of many engines with one LLM, and of one engine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dify_integrations import InvalidArgument
from dify_integrations.local import App, Gate, LocalDify, Text
from llamaindex_dify import DifyChatEngine, DifyChatLLM
from tests.llamaindex.engines import asked, astreamed, echo, engine_for, said, saying

Serve = Callable[..., Any]


def test_twenty_users_with_one_llm_never_mix() -> None:
    """Check 18: each has its own conversation, memory and id, three turns each, all at once."""
    with LocalDify([App("echo", "chat", lambda turn: [Text(f"{turn.user}: {turn.query}")])]) as server:
        llm = DifyChatLLM(api_key=server.app("echo").api_key, base_url=server.base_url, user="nobody")
        engines = [DifyChatEngine(llm, user=f"u{number}") for number in range(20)]

        async def talk(engine: DifyChatEngine) -> list[str]:
            first = str(await engine.achat("a"))
            second = str((await astreamed(engine, "b"))[0])
            return [first, second, str(await engine.achat("c"))]

        async def all_at_once() -> list[list[str]]:
            return await asyncio.gather(*(talk(engine) for engine in engines))

        answers = asyncio.run(all_at_once())
        assert answers == [[f"u{number}: {letter}" for letter in "abc"] for number in range(20)]
        assert len({engine.conversation_id for engine in engines}) == 20
        for number, engine in enumerate(engines):
            assert [content for role, content in said(engine) if role == "assistant"] == answers[number]
            of_user = [request.json for request in server.requests if request.json and request.json.get("user") == f"u{number}"]
            assert [sent.get("conversation_id") or "" for sent in of_user] == ["", *[engine.conversation_id] * 2]


def test_turns_at_once_wait_for_each_other(serve: Serve) -> None:
    """Check 18: one conversation, whole pairs in the memory, from tasks and from threads."""
    served = serve(echo)
    engine = engine_for(served)

    async def all_at_once() -> None:
        await asyncio.gather(*(engine.achat(f"t{number}") for number in range(6)))

    asyncio.run(all_at_once())
    with ThreadPoolExecutor(6) as pool:
        answers = [str(answer) for answer in pool.map(engine.chat, [f"p{number}" for number in range(6)])]
    assert answers == [f"You said p{number}" for number in range(6)]
    assert {conversation for _, conversation in asked(served)[1:]} == {engine.conversation_id}
    history = said(engine)
    assert len(history) == 24
    pairs = list(zip(history[::2], history[1::2], strict=True))
    assert all(answer == ("assistant", f"You said {question[1]}") for question, answer in pairs)


def test_a_waiting_turn_can_be_cancelled(serve: Serve) -> None:
    """Nobody waits for one that has gone."""
    gate = threading.Event()
    served = serve(lambda turn: [Gate(gate), *echo(turn)] if turn.query == "one" else echo(turn))
    engine = engine_for(served)

    async def talk() -> list[str]:
        first = asyncio.create_task(engine.achat("one"))
        assert await asyncio.to_thread(served.server.wait_until, lambda server: bool(server.running))
        gone, third = asyncio.create_task(engine.achat("two")), asyncio.create_task(engine.achat("three"))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        gate.set()
        return [str(await first), str(await third)]

    assert asyncio.run(talk()) == ["You said one", "You said three"]
    assert [query for query, _ in asked(served)] == ["one", "three"]


def test_beside_an_open_stream_nothing_is_asked(serve: Serve) -> None:
    """Its reader might be the one who would wait for its end."""
    served = serve(echo)
    engine = engine_for(served)
    response = engine.stream_chat("one")
    for again in (engine.chat, engine.stream_chat):
        with pytest.raises(InvalidArgument, match="under way"):
            again("two")
    with pytest.raises(InvalidArgument, match="under way"):
        asyncio.run(engine.achat("two"))
    assert list(response.response_gen) == ["You said ", "one"]
    assert str(engine.chat("two")) == "You said two"


@pytest.mark.anyio
async def test_an_event_loop_is_never_blocked(serve: Serve) -> None:
    """A blocking call beside a task of the same loop would wait for itself."""
    gate = threading.Event()
    served = serve(saying(Gate(gate), Text("hi")))
    engine = engine_for(served)
    task = asyncio.create_task(engine.achat("one"))
    assert await asyncio.to_thread(served.server.wait_until, lambda server: bool(server.running))
    with pytest.raises(InvalidArgument, match="under way"):
        engine.chat("two")
    gate.set()
    assert str(await task) == "hi"
