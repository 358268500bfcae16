"""Streams of a chat engine: how they are left and stopped, and what is told of them."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer

from dify_integrations import APIError, InvalidArgument
from dify_integrations.local import Fail, Gate, Node, Say, Text
from tests.llamaindex.engines import ASK, asked, each_way, echo, engine_for, said, saying

Serve = Callable[..., Any]

FLOW: list[Say] = [Node("start", "Start"), Node("llm", "LLM", inside=[Text("hi"), Text(" there")])]


def test_an_unread_stream_is_no_turn(serve: Serve) -> None:
    """Nothing was sent; closed or forgotten, the next question may come."""
    served = serve(echo)
    engine = engine_for(served)
    engine.stream_chat("one").close()
    engine.stream_chat("two")
    gc.collect()

    async def later() -> None:
        await (await engine.astream_chat("three")).aclose()

    asyncio.run(later())

    async def otherwise() -> None:
        response = await engine.astream_chat("four")
        response.close()
        assert [text async for text in response.async_response_gen()] == [""]
        await engine.stream_chat("five").aclose()

    asyncio.run(otherwise())
    assert served.sent == []
    assert str(engine.chat("six")) == "You said six"
    assert len(engine.chat_history) == 2


@pytest.mark.parametrize("how", ["close", "with", "break", "forget"])
def test_leaving_a_stream_stops_the_run_and_keeps_what_was_said(serve: Serve, how: str) -> None:
    """Check 19: one stop with the run's own user; the conversation goes on behind the half answer, as it does in Dify."""
    served = serve(lambda turn: [Text("one"), Gate(threading.Event())] if turn.query == "first" else echo(turn))
    engine = engine_for(served, user="bob")
    response = engine.stream_chat("first")
    if how == "with":
        with response:
            next(response.response_gen)
    else:
        for text in response.response_gen:
            assert text == "one"
            if how == "close":
                response.close()
                response.close()
            break
    if how == "forget":
        del response
        gc.collect()
    assert served.server.wait_until(lambda server: bool(server.stops))
    assert [stop.user for stop in served.server.stops] == ["bob"]
    assert said(engine) == [("user", "first"), ("assistant", "one")]
    assert engine.chat_history[-1].additional_kwargs["dify"]["status"] == "stopped"
    engine.chat("second")
    assert asked(served)[1] == ("second", engine.conversation_id)


@pytest.mark.parametrize("how", ["aclose", "async with", "break", "cancel"])
@pytest.mark.anyio
async def test_leaving_a_stream_stops_the_run_and_keeps_what_was_said_async(serve: Serve, how: str) -> None:
    """Check 19: as for blocking streams, and for a cancelled task."""
    served = serve(lambda turn: [Text("one"), Gate(threading.Event())] if turn.query == "first" else echo(turn))
    engine = engine_for(served)
    response = await engine.astream_chat("first")
    began = asyncio.Event()

    async def reading() -> None:
        texts = response.async_response_gen()
        try:
            async for text in texts:
                assert text == "one"
                began.set()
                if how != "cancel":
                    break
        finally:
            await texts.aclose()

    if how == "async with":
        async with response:
            await reading()
    elif how == "cancel":
        task = asyncio.create_task(reading())
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        await reading()
        await response.aclose()
    assert await asyncio.to_thread(served.server.wait_until, lambda server: bool(server.stops))
    assert said(engine) == [("user", "first"), ("assistant", "one")]
    assert str(await engine.achat("second")) == "You said second"
    assert asked(served)[1] == ("second", engine.conversation_id)


def test_closing_from_another_thread_ends_the_reader(serve: Serve) -> None:
    """A stop button: whoever reads gets what there is, as the answer."""
    served = serve(saying(Text("one"), Gate(threading.Event())))
    engine = engine_for(served)
    response = engine.stream_chat("first")
    texts, began = [], threading.Event()

    def reading() -> None:
        for text in response.response_gen:
            texts.append(text)
            began.set()

    thread = threading.Thread(target=reading)
    thread.start()
    assert began.wait(5)
    while thread.is_alive():
        response.close()
        thread.join(0.05)
    assert texts == ["one"]
    assert said(engine) == [("user", "first"), ("assistant", "one")]


@pytest.mark.anyio
async def test_stopping_ends_the_answer_with_what_there_is(serve: Serve) -> None:
    """`stop` from anywhere: the answer is the half, marked as such, and Dify is asked to stop the run."""
    served = serve(saying(Text("one"), Gate(threading.Event())))
    engine = engine_for(served)
    assert engine.stop() is False
    response = await engine.astream_chat("first")
    texts = []
    async for text in response.async_response_gen():
        texts.append(text)
        assert await engine.astop() is True
    assert texts == ["one"]
    assert (response.response, response.metadata["status"]) == ("one", "stopped")
    assert await asyncio.to_thread(served.server.wait_until, lambda server: bool(server.stops))
    assert said(engine) == [("user", "first"), ("assistant", "one")]
    assert engine.stop() is False


def test_stopping_a_whole_answer(serve: Serve) -> None:
    """Check 19: from another thread, while `chat` waits."""
    served = serve(saying(Text("one"), Gate(threading.Event())))
    engine = engine_for(served)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(engine.chat, "first")
        assert served.server.wait_until(lambda server: bool(server.running))
        while not answer.done():
            engine.stop()
        metadata = answer.result().metadata
        assert metadata is not None
        assert metadata["status"] == "stopped"


def test_an_answer_that_is_stopped_at_once_is_not_kept(serve: Serve) -> None:
    """As when the reader leaves before the first word: an empty answer is none."""
    served = serve(saying(Gate(threading.Event())))
    engine = engine_for(served)
    response = engine.stream_chat("first")
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(lambda: list(response.response_gen))
        assert served.server.wait_until(lambda server: bool(server.running))
        while not reading.done():
            response.close()
    assert reading.result() == [""]
    assert response.metadata["status"] == "stopped"
    assert engine.chat_history == []


def test_a_memory_that_fails_ends_the_turn(serve: Serve) -> None:
    """The reader is told, and the next question is not refused."""

    class Full(ChatMemoryBuffer):
        def put_messages(self, messages: list[ChatMessage]) -> None:
            raise OSError("disk full")

        async def aput_messages(self, messages: list[ChatMessage]) -> None:
            raise OSError("disk full")

    served = serve(echo)
    engine = engine_for(served, memory=Full.from_defaults(token_limit=1000))
    for way in ("stream_chat", "astream_chat", "chat", "achat"):
        with pytest.raises(OSError, match="disk full"):
            ASK[way](engine, "Hi")
    assert len(served.sent) == 4


def test_a_failed_answer_is_not_taken_for_a_short_one(serve: Serve) -> None:
    """Whoever reads it once more is told again."""
    served = serve(saying(Text("so "), Fail("overloaded")))
    response = engine_for(served).stream_chat("Hi")
    for _ in range(2):
        with pytest.raises(APIError, match="overloaded"):
            list(response.response_gen)

    async def again() -> None:
        late = await engine_for(served).astream_chat("Hi")
        for _ in range(2):
            with pytest.raises(APIError, match="overloaded"):
                [text async for text in late.async_response_gen()]
        assert isinstance(late.exception, APIError)

    asyncio.run(again())
    assert isinstance(response.exception, APIError)
    assert not response.is_done
    assert len(served.sent) == 2


def test_a_reset_beside_a_stream_forgets_it(serve: Serve) -> None:
    """What it says is of the old conversation, and stays out of the new memory."""
    served = serve(echo)
    engine = engine_for(served)
    response = engine.stream_chat("one")
    texts = response.response_gen
    next(texts)
    engine.reset()
    assert str(engine.chat("two")) == "You said two"
    assert list(texts) == ["one"]
    assert said(engine) == [("user", "two"), ("assistant", "You said two")]
    assert asked(served)[1] == ("two", "")


def test_a_stream_is_read_one_way(serve: Serve) -> None:
    engine = engine_for(serve(echo))
    response = engine.stream_chat("one")

    async def wrongly() -> None:
        async for _ in response.async_response_gen():
            pass

    with pytest.raises(InvalidArgument, match="response_gen"):
        asyncio.run(wrongly())
    assert list(response.response_gen) == ["You said ", "one"]
    other = asyncio.run(engine.astream_chat("two"))
    with pytest.raises(InvalidArgument, match="async_response_gen"):
        list(other.response_gen)
    asyncio.run(other.aclose())


def test_a_stream_prints(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    """Core's own way to show it."""
    engine_for(serve(echo)).stream_chat("one").print_response_stream()
    assert capsys.readouterr().out == "You said one"


@each_way
def test_spans_nest_engine_llm_nodes(serve: Serve, told: Any, way: str) -> None:
    """Check 5: the engine's span above one LLM span above the nodes, and nothing left open."""
    engine = engine_for(serve(lambda _: FLOW, "advanced-chat"))
    ASK[way](engine, "Hello")
    tree = told.tree()
    assert ("", f"DifyChatEngine.{way}") in tree
    assert (f"DifyChatEngine.{way}", f"DifyChatLLM.{way}") in tree
    assert (f"DifyChatLLM.{way}", "DifyNode.Llm") in tree
    assert told.spans.open_spans == {}
    assert (len(told.of("LLMChatStartEvent")), len(told.of("LLMChatEndEvent"))) == (1, 1)


@pytest.mark.parametrize("way", ["stream_chat", "astream_chat"])
def test_streams_tell_how_they_went(serve: Serve, told: Any, way: str) -> None:
    """Core's events of a streamed chat, once each, in the engine's span."""
    served = serve(lambda turn: [Text("half"), Fail("no model")] if turn.query == "fail" else [Text("hi"), Text(" there")])
    engine = engine_for(served)
    ASK[way](engine, "Hello")
    with pytest.raises(APIError):
        ASK[way](engine, "fail")
    names = [name for name in told.names() if name.startswith("StreamChat")]
    delta = "StreamChatDeltaReceivedEvent"
    assert names == [
        "StreamChatStartEvent",
        delta,
        delta,
        "StreamChatEndEvent",
        "StreamChatStartEvent",
        delta,
        "StreamChatErrorEvent",
    ]
    assert [event.delta for event in told.of(delta)] == ["hi", " there", "half"]
    assert {event.span_id.split("-")[0] for event in told.of(delta)} == {f"DifyChatEngine.{way}"}


@pytest.mark.parametrize("way", ["stream_chat", "astream_chat"])
def test_a_conversation_begun_anew_is_below_the_same_engine_span(serve: Serve, told: Any, way: str) -> None:
    engine = engine_for(serve(echo), conversation_id="7d5a8d8c-0000-4000-8000-000000000000")
    ASK[way](engine, "Hello")
    parents = {span.parent_id for span in told.ended if span.id_.startswith("DifyChatLLM.")}
    (parent,) = parents
    assert parent.startswith(f"DifyChatEngine.{way}-")
