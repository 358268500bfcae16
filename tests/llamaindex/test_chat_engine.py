"""One conversation per engine: what is sent, what is kept, and how a turn ends."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.llms.types import ImageBlock, ThinkingBlock
from llama_index.core.chat_engine.types import BaseChatEngine
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import Memory
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from dify_integrations import APIError, Dify, InvalidArgument, NotFound
from dify_integrations.local import App, Dataset, Fail, Gate, LocalDify, Node, Replace, Say, Text, Tool, Turn
from llamaindex_dify import DifyChatEngine, DifyChatLLM, DifyModerationError

Serve = Callable[..., Any]
Ask = Callable[[DifyChatEngine, str], Any]


def saying(*says: Say) -> Callable[[Turn], Iterable[Say]]:
    return lambda _: list(says)


def echo(turn: Turn) -> list[Say]:
    return [Text("You said "), Text(turn.query)]


async def read(engine: DifyChatEngine, message: str) -> Any:
    response = await engine.astream_chat(message)
    async for _ in response.async_response_gen():
        pass
    return response


def streamed(engine: DifyChatEngine, message: str) -> Any:
    response = engine.stream_chat(message)
    for _ in response.response_gen:
        pass
    return response


ASK: dict[str, Ask] = {
    "chat": lambda engine, message: engine.chat(message),
    "stream_chat": streamed,
    "achat": lambda engine, message: asyncio.run(engine.achat(message)),
    "astream_chat": lambda engine, message: asyncio.run(read(engine, message)),
}
each_way = pytest.mark.parametrize("way", ASK)


def engine_for(served: Any, **options: Any) -> DifyChatEngine:
    return DifyChatEngine.from_defaults(served.llm(), **options)


def said(engine: DifyChatEngine) -> list[tuple[str, str | None]]:
    return [(message.role.value, message.content) for message in engine.chat_history]


def asked(served: Any) -> list[tuple[str, str]]:
    return [(sent["query"], sent.get("conversation_id") or "") for sent in served.sent]


def test_it_is_a_chat_engine() -> None:
    """Check 1: a chat engine by core's own class."""
    assert "BaseChatEngine" in [cls.__name__ for cls in DifyChatEngine.__mro__]
    assert issubclass(DifyChatEngine, BaseChatEngine)


@each_way
def test_only_what_is_new_is_sent_and_the_memory_mirrors_the_turns(serve: Serve, way: str) -> None:
    """Check 18: the second turn goes into the conversation of the first, word for word."""
    served = serve(echo)
    engine = engine_for(served)
    answers = [ASK[way](engine, message) for message in ("one", "two")]
    assert [str(answer) for answer in answers] == ["You said one", "You said two"]
    assert asked(served) == [("one", ""), ("two", engine.conversation_id)]
    assert engine.conversation_id == answers[1].metadata["conversation_id"] != ""
    assert said(engine) == [("user", "one"), ("assistant", "You said one"), ("user", "two"), ("assistant", "You said two")]
    assert answers[1].metadata["usage"]["total_tokens"] > 0


@each_way
def test_a_withdrawn_text_is_never_kept(serve: Serve, way: str) -> None:
    """Check 18: neither in memory nor in the response, whatever was streamed."""
    served = serve(saying(Text("bad "), Text("words"), Replace("I cannot say that.")))
    engine = engine_for(served)
    answer = ASK[way](engine, "Say it")
    assert str(answer) == answer.response == "I cannot say that."
    assert said(engine) == [("user", "Say it"), ("assistant", "I cannot say that.")]
    assert answer.metadata["text_replaced"] is True


@each_way
def test_an_answer_that_is_only_a_replacement_is_spoken(serve: Serve, way: str) -> None:
    engine = engine_for(serve(saying(Replace("No."))))
    assert str(ASK[way](engine, "Say it")) == "No."


@each_way
def test_a_reset_begins_another_conversation(serve: Serve, way: str) -> None:
    """Check 18: with an empty memory and a new id."""
    served = serve(echo)
    engine = engine_for(served)
    ASK[way](engine, "one")
    first = engine.conversation_id
    engine.reset()
    assert (engine.conversation_id, engine.chat_history) == ("", [])
    ASK[way](engine, "two")
    assert asked(served)[1] == ("two", "")
    assert engine.conversation_id not in {"", first}


@each_way
@pytest.mark.parametrize("mode", ["chat", "advanced-chat"])
def test_passages_are_source_nodes(way: str, mode: str) -> None:
    """Check 18: what the answer cites, with its document as the source."""
    dataset = Dataset("Shop", {"refunds.txt": "Refunds are possible within 30 days."})
    with LocalDify([App("app", mode, datasets=[dataset])]) as server:
        llm = DifyChatLLM(api_key=server.app("app").api_key, base_url=server.base_url, user="ada")
        engine = DifyChatEngine(llm)
        (found,) = ASK[way](engine, "When are refunds possible?").source_nodes
        assert found.node.get_content() == "Refunds are possible within 30 days."
        assert found.score > 0
        assert found.node.ref_doc_id == found.node.metadata["document_id"]
        assert found.node.metadata["document_name"] == "refunds.txt"
        assert engine.chat_history[-1].additional_kwargs["dify"]["citations"][0]["segment_id"] == found.node.node_id


@each_way
def test_tools_of_the_apps_agent_are_sources(serve: Serve, way: str) -> None:
    served = serve(saying(Tool("clock", {"zone": "UTC"}, "noon"), Text("It is noon.")), "agent-chat")
    (used,) = ASK[way](engine_for(served), "What time is it?").sources
    assert (used.tool_name, used.raw_input, used.content, used.is_error) == ("clock", {"zone": "UTC"}, "noon", False)


@each_way
def test_a_history_begins_a_new_conversation_and_is_told_once(serve: Serve, way: str) -> None:
    """Check 18: a caller's history is rendered with the first question, and the next one goes without."""
    served = serve(echo)
    engine = engine_for(served, chat_history=[ChatMessage(role="user", content="I am Ada"), ChatMessage("Hi", role="assistant")])
    ASK[way](engine, "Who am I?")
    ASK[way](engine, "Sure?")
    (first, _), second = asked(served)
    assert "I am Ada" in first
    assert first.endswith("Who am I?")
    assert second == ("Sure?", engine.conversation_id)
    assert [content for _, content in said(engine)][:3] == ["I am Ada", "Hi", "Who am I?"]


def test_a_history_of_a_call_leaves_the_old_conversation(serve: Serve) -> None:
    """Check 18: in all four methods; an empty history is a new conversation too."""
    served = serve(echo)
    engine = engine_for(served)
    engine.chat("one")
    first = engine.conversation_id
    history = [ChatMessage(role="user", content="other"), ChatMessage("things", role="assistant")]
    engine.chat("two", chat_history=history)
    second = engine.conversation_id
    list(engine.stream_chat("three", chat_history=[]).response_gen)

    async def later() -> None:
        await engine.achat("four", chat_history=history)
        response = await engine.astream_chat("five", chat_history=[])
        assert [text async for text in response.async_response_gen()] == ["You said ", "five"]

    asyncio.run(later())
    assert [conversation for _, conversation in asked(served)] == [""] * 5
    assert asked(served)[2] == ("three", "")
    assert said(engine) == [("user", "five"), ("assistant", "You said five")]
    assert len({first, second, engine.conversation_id}) == 3


@each_way
def test_a_conversation_that_is_gone_is_begun_anew_with_the_memory(serve: Serve, way: str) -> None:
    """Check 18: 404 on the conversation: everything said is told once more, and the answer says so."""
    served = serve(echo)
    engine = engine_for(served)
    ASK[way](engine, "one")
    first = engine.conversation_id
    with Dify(served.app.api_key, base_url=served.server.base_url, user="ada") as dify:
        dify.conversations.delete(first)
    answer = ASK[way](engine, "two")
    assert asked(served)[1] == ("two", first)
    again, conversation = asked(served)[2]
    assert conversation == ""
    assert "You said one" in again
    assert again.endswith("two")
    assert answer.metadata["conversation_lost"] == first
    assert engine.conversation_id == answer.metadata["conversation_id"] != first
    assert [content for role, content in said(engine) if role == "user"] == ["one", "two"]


@each_way
def test_a_failed_turn_leaves_everything_as_it_was(serve: Serve, way: str) -> None:
    """Asked again, it is told in the same place, with the history of a conversation that has not begun."""
    failing = [True]
    served = serve(lambda turn: [Text("half"), Fail("no model")] if failing[0] else echo(turn))
    engine = engine_for(served, chat_history=[ChatMessage("I am Ada", role="user"), ChatMessage("Hi", role="assistant")])
    with pytest.raises(APIError, match="no model"):
        ASK[way](engine, "Who am I?")
    assert (engine.conversation_id, len(engine.chat_history)) == ("", 2)
    failing[0] = False
    assert str(ASK[way](engine, "Who am I?")).endswith("Who am I?")
    assert "I am Ada" in asked(served)[1][0]
    assert len(engine.chat_history) == 4


@pytest.mark.parametrize("message", ["", "  ", None, 7])
def test_nothing_to_ask_is_refused_and_changes_nothing(serve: Serve, message: Any) -> None:
    served = serve(echo)
    engine = engine_for(served)
    engine.chat("one")
    at = engine.conversation_id

    async def later() -> None:
        with pytest.raises(InvalidArgument):
            await engine.achat(message, chat_history=[])
        with pytest.raises(InvalidArgument):
            await engine.astream_chat(message, chat_history=[])

    with pytest.raises(InvalidArgument):
        engine.chat(message, chat_history=[])
    with pytest.raises(InvalidArgument):
        engine.stream_chat(message, chat_history=[])
    asyncio.run(later())
    assert (engine.conversation_id, len(engine.chat_history), len(served.sent)) == (at, 2, 1)


def test_what_cannot_be_is_refused(serve: Serve) -> None:
    served = serve()
    with pytest.raises(InvalidArgument, match="user"):
        DifyChatEngine(DifyChatLLM(api_key="app-x", base_url="http://localhost:9/v1"))
    with pytest.raises(InvalidArgument, match="either"):
        DifyChatEngine.from_defaults(served.llm(), api_key="app-x")
    with pytest.raises(InvalidArgument, match="load_history"):
        DifyChatEngine.from_defaults(served.llm(), conversation_id="1", chat_history=[])


def test_an_engine_from_settings(serve: Serve) -> None:
    """One's own user and variables; the key is nowhere to be seen."""
    served = serve(echo)
    settings = {"api_key": served.app.api_key, "base_url": served.server.base_url, "user": "bob"}
    engine = DifyChatEngine.from_defaults(**settings, inputs={"tone": "dry"})
    assert str(engine.chat("one")) == "You said one"
    assert (engine.user, served.sent[0]["user"], served.sent[0]["inputs"]) == ("bob", "bob", {"tone": "dry"})
    assert served.app.api_key not in repr(engine) + repr(vars(engine)) + repr(engine._llm)


def test_the_llm_is_not_changed(serve: Serve) -> None:
    """Check 18: `Settings.llm` belongs to everybody; what is of one engine is on the engine."""
    llm = serve(echo).llm(conversation="stateful", inputs={"a": 1})
    engine = DifyChatEngine(llm, user="bob", inputs={"b": 2})
    engine.chat("one", chat_history=[ChatMessage("x", role="user"), ChatMessage("y", role="assistant")])
    assert (llm.user, llm.inputs, llm.conversation) == ("ada", {"a": 1}, "stateful")


def test_what_the_llm_knows_is_taken_over(serve: Serve) -> None:
    """Its user, also as a function, and its conversation; nothing but the turn itself is asked of Dify."""
    served = serve(echo)
    first = DifyChatEngine(served.llm(user=lambda: "cy"))
    first.chat("one")
    second = DifyChatEngine(served.llm(user="cy", conversation="auto", conversation_id=first.conversation_id))
    assert (first.user, second.conversation_id) == ("cy", first.conversation_id)
    second.chat("two")
    assert asked(served) == [("one", ""), ("two", first.conversation_id)]
    assert {request.method for request in served.server.requests} == {"POST"}


@each_way
def test_a_refusal_keeps_nothing(serve: Serve, way: str) -> None:
    """Check 18: an LLM that raises what was withdrawn raises it here, and the memory stays as it was."""
    served = serve(saying(Text("bad "), Replace("I cannot say that.")))
    engine = DifyChatEngine(served.llm(on_replace="raise"))
    with pytest.raises(DifyModerationError):
        ASK[way](engine, "Say it")
    assert engine.chat_history == []


@pytest.mark.parametrize("way", ["stream_chat", "astream_chat"])
def test_a_buffered_answer_is_spoken_once(serve: Serve, way: str) -> None:
    """Check 18: with `on_replace="buffer"` a reader never hears what was withdrawn."""
    engine = DifyChatEngine(serve(saying(Text("bad "), Replace("I cannot say that."))).llm(on_replace="buffer"))

    async def read_all() -> list[str]:
        return [text async for text in (await engine.astream_chat("Say it")).async_response_gen()]

    texts = list(engine.stream_chat("Say it").response_gen) if way == "stream_chat" else asyncio.run(read_all())
    assert texts == ["I cannot say that."]
    assert said(engine)[1] == ("assistant", "I cannot say that.")


def test_a_refused_stream_is_no_turn(serve: Serve) -> None:
    """What cannot be told to the app is refused before anything is sent, and the next question may come."""
    served = serve(echo)
    engine = DifyChatEngine(served.llm())
    foreign = [ChatMessage(role="user", blocks=[ImageBlock()])]
    with pytest.raises(InvalidArgument):
        engine.stream_chat("one", chat_history=foreign)
    assert (engine.stop(), served.sent) == (False, [])
    assert str(engine.chat("two", chat_history=[])) == "You said two"


def test_twenty_users_with_one_llm_never_mix() -> None:
    """Check 18: each has its own conversation, memory and id, three turns each, all at once."""
    with LocalDify([App("echo", "chat", lambda turn: [Text(f"{turn.user}: {turn.query}")])]) as server:
        llm = DifyChatLLM(api_key=server.app("echo").api_key, base_url=server.base_url, user="nobody")
        engines = [DifyChatEngine(llm, user=f"u{number}") for number in range(20)]

        async def talk(engine: DifyChatEngine) -> list[str]:
            first = str(await engine.achat("a"))
            second = str(await read(engine, "b"))
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
    assert served.sent == []
    assert str(engine.chat("four")) == "You said four"
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


FLOW: list[Say] = [Node("start", "Start"), Node("llm", "LLM", inside=[Text("hi"), Text(" there")])]


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
