"""The eight methods: when chunks come, what they hold, how they end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from llama_index.core.base.llms.types import ThinkingBlock
from llama_index.core.callbacks import CallbackManager, LlamaDebugHandler
from llama_index.core.llms import LLM, ChatMessage, ChatResponse, CompletionResponse

from dify_integrations import APIError, Dify, InvalidArgument, RunFailed, StreamInterrupted
from dify_integrations.local import (
    App,
    Drop,
    Fail,
    File,
    Gate,
    LocalDify,
    Node,
    Pause,
    Reasoning,
    Replace,
    Say,
    Text,
    Tool,
    Turn,
)
from llamaindex_dify import DifyChatLLM

HELLO = [ChatMessage(role="user", content="Hello")]
Serve = Callable[..., Any]


def saying(*says: Say) -> Callable[[Turn], Iterable[Say]]:
    return lambda _: list(says)


async def collect(stream: Any) -> list[Any]:
    return [chunk async for chunk in await stream]


def all_finals(llm: LLM) -> dict[str, ChatResponse | CompletionResponse]:
    """The last response of each of the eight methods."""

    async def awaited() -> dict[str, Any]:
        return {
            "achat": await llm.achat(HELLO),
            "astream_chat": (await collect(llm.astream_chat(HELLO)))[-1],
            "acomplete": await llm.acomplete("Hello"),
            "astream_complete": (await collect(llm.astream_complete("Hello")))[-1],
        }

    return {
        "chat": llm.chat(HELLO),
        "stream_chat": list(llm.stream_chat(HELLO))[-1],
        "complete": llm.complete("Hello"),
        "stream_complete": list(llm.stream_complete("Hello"))[-1],
        **asyncio.run(awaited()),
    }


def known(response: Any) -> dict[str, Any]:
    """Of a response of either family, what must not depend on the method."""
    raw: dict[str, Any] = response.raw
    if isinstance(response, ChatResponse):
        about = {**response.message.additional_kwargs, **response.additional_kwargs}
        text = response.message.content
    else:
        about, text = response.additional_kwargs, response.text
    dify = {name: value for name, value in about["dify"].items() if not name.endswith("_id")}
    dify["files"] = [{**file, "id": ""} for file in dify.get("files", [])]
    usage = {name: value for name, value in raw["usage"].items() if "time" not in name and name != "latency"}
    return {"text": text, "dify": dify, "ids": sorted(about["dify"]), "usage": usage, "tokens": about["total_tokens"]}


@pytest.mark.parametrize("mode", ["chat", "agent-chat", "advanced-chat"])
def test_the_eight_methods_say_the_same(serve: Serve, mode: str) -> None:
    """Text, ids, usage and what is known of the run do not depend on how one asks."""
    extra: dict[str, list[Say]] = {
        "chat": [],
        "agent-chat": [Tool("clock", {"zone": "UTC"}, "noon"), File("http://files/a.png")],
        "advanced-chat": [Reasoning("hm")],
    }
    llm = serve(saying(Text("One "), *extra[mode], Text("two.")), mode).llm()
    finals = {name: known(response) for name, response in all_finals(llm).items()}
    assert all(final == finals["chat"] for final in finals.values())
    assert finals["chat"]["text"] == "One two."


def test_chunks_come_as_they_are_written(serve: Serve) -> None:
    """The first chunk is there before the server has said the second word."""
    gate = threading.Event()
    llm = serve(saying(Text("one"), Gate(gate), Text(" two"))).llm()
    stream = llm.stream_chat(HELLO)
    assert next(stream).delta == "one"
    gate.set()
    assert [chunk.delta for chunk in stream] == [" two", ""]


@pytest.mark.anyio
async def test_chunks_come_as_they_are_written_async(serve: Serve) -> None:
    gate = threading.Event()
    llm = serve(saying(Text("one"), Gate(gate), Text(" two"))).llm()
    stream = await llm.astream_chat(HELLO)
    assert (await anext(stream)).delta == "one"
    gate.set()
    assert [chunk.delta async for chunk in stream] == [" two", ""]


def test_chunks_are_cumulative_and_independent(serve: Serve) -> None:
    """Every chunk has its own message with all text so far; the last is the whole with usage."""
    llm = serve(saying(Text("a"), Text("b"), Text("c"))).llm()
    chunks = list(llm.stream_chat(HELLO))
    assert [chunk.message.content for chunk in chunks] == ["a", "ab", "abc", "abc"]
    assert "".join(chunk.delta or "" for chunk in chunks) == "abc"
    assert len({id(chunk.message) for chunk in chunks}) == len(chunks)
    assert chunks[-1].raw["usage"]["completion_tokens"] == chunks[-1].additional_kwargs["completion_tokens"]
    assert [chunk.raw for chunk in chunks[:-1]] == [None, None, None]


def test_an_empty_answer_is_one_chunk(serve: Serve) -> None:
    """No chunk at all breaks core's completion stream."""
    llm = serve(saying()).llm()
    (chat,) = llm.stream_chat(HELLO)
    (complete,) = llm.stream_complete("Hello")
    assert chat.message.content == complete.text == ""


def test_steps_that_say_nothing_make_no_chunk(serve: Serve) -> None:
    """Agents emit an event for every chunk."""
    llm = serve(saying(Node("start", "Start"), Node("llm", "LLM", inside=[Text("x")]), Node("answer", "A")), "advanced-chat").llm()
    assert [chunk.delta for chunk in llm.stream_chat(HELLO)] == ["x", ""]


def test_thinking_is_not_answer(serve: Serve) -> None:
    """Thinking has its own delta and block, and stays out of the text."""
    llm = serve(saying(Reasoning("Let me see."), Text("Yes."))).llm()
    chunks = list(llm.stream_chat(HELLO))
    assert "".join(chunk.additional_kwargs.get("thinking_delta", "") for chunk in chunks).strip() == "Let me see."
    final = chunks[-1].message
    assert (final.content or "").strip() == "Yes."
    assert isinstance(final.blocks[0], ThinkingBlock)


def test_replaced_text_replaces(serve: Serve) -> None:
    """What moderation withdrew is not in the message, and the response says so."""
    llm = serve(saying(Text("bad "), Text("words"), Replace("I cannot say that."))).llm()
    chunks = list(llm.stream_chat(HELLO))
    flagged = [chunk for chunk in chunks if chunk.additional_kwargs.get("message_replaced")]
    assert [chunk.delta for chunk in flagged] == ["", ""]
    assert {chunk.message.content for chunk in flagged} == {"I cannot say that."}
    assert chunks[-1].message.additional_kwargs["dify"]["text_replaced"] is True


def test_a_stopped_run_is_an_answer_that_says_so(serve: Serve) -> None:
    """Somebody else's stop is no exception for a framework that only wants the text."""
    gate = threading.Event()
    served = serve(saying(Node("llm", "LLM", inside=[Text("half"), Gate(gate), Text(" more")])), "advanced-chat")
    stream = served.llm().stream_chat(HELLO)
    assert next(stream).delta == "half"
    (task_id,) = served.server.running
    Dify(served.app.api_key, base_url=served.server.base_url, user="ada").chat.stop(task_id)
    *_, final = stream
    assert final.message.content == "half"
    assert final.message.additional_kwargs["dify"]["status"] == "stopped"


def test_a_paused_run_is_an_answer_that_says_so(serve: Serve) -> None:
    served = serve(saying(Text("Wait."), Pause("Agree?")), "advanced-chat")
    about = served.llm().chat(HELLO).message.additional_kwargs["dify"]
    assert about["status"] == "paused"
    assert about["pause"]["forms"][0]["content"] == "Agree?"


@pytest.mark.parametrize(
    ("script", "mode", "kind"),
    [
        (saying(Text("half"), Fail("no model")), "chat", APIError),
        (saying(Text("half"), Node("code", "Code", status="failed", error="boom")), "advanced-chat", RunFailed),
        (saying(Text("half"), Drop()), "chat", StreamInterrupted),
    ],
    ids=["error", "failed", "dropped"],
)
def test_failures_are_raised_with_what_had_arrived(serve: Serve, script: Any, mode: str, kind: type[Exception]) -> None:
    """In all eight methods, as the client's own errors."""
    llm = serve(script, mode).llm()

    async def awaited() -> None:
        with pytest.raises(kind):
            await llm.achat(HELLO)
        with pytest.raises(kind):
            await collect(llm.astream_complete("Hello"))

    with pytest.raises(kind) as caught:
        llm.complete("Hello")
    assert caught.value.partial.text == "half"  # type: ignore[attr-defined]  # every error of ours has it
    chunks = []
    with pytest.raises(kind):
        for chunk in llm.stream_chat(HELLO):
            chunks.append(chunk.delta)
    assert chunks == ["half"]
    asyncio.run(awaited())


def test_a_wrong_key_is_told_before_any_chunk(serve: Serve) -> None:
    served = serve()
    llm = DifyChatLLM(api_key="app-wrong", base_url=served.server.base_url, user="ada")
    with pytest.raises(APIError) as caught:
        llm.complete("Hello")
    assert caught.value.status == 401


def test_nothing_to_say_is_refused_before_the_call(serve: Serve) -> None:
    served = serve()
    with pytest.raises(InvalidArgument):
        served.llm().chat([])
    with pytest.raises(ValueError, match="no message"):
        served.llm().stream_complete("  ")
    assert served.server.requests == []


def test_the_user_must_be_named() -> None:
    """There is no default: conversations of all your users would be one person's."""
    llm = DifyChatLLM(api_key="app-x", base_url="http://localhost:9/v1")
    with pytest.raises(InvalidArgument, match="user"):
        llm.stream_chat(HELLO)


def test_leaving_a_stream_stops_the_run(serve: Serve) -> None:
    """With the run's own task and user."""
    gate = threading.Event()
    served = serve(saying(Text("one"), Gate(gate), Text("two")))
    stream = served.llm().stream_chat(HELLO, user="bob")
    next(stream)
    stream.close()
    assert served.server.wait_until(lambda server: bool(server.stops))
    assert served.server.stops[0].user == "bob"


def keeping() -> CallbackManager:
    """A handler that keeps everything it hears, exceptions with their tracebacks included."""
    return CallbackManager([LlamaDebugHandler(print_trace_on_end=False)])


@pytest.mark.parametrize("method", ["stream_chat", "stream_complete"])
def test_leaving_stops_the_run_whoever_listens(serve: Serve, method: str) -> None:
    """Core leaves the inner generator to the garbage collector, which such a handler keeps from its work."""
    served = serve(saying(Text("one"), Gate(threading.Event())))
    stream = getattr(served.llm(callback_manager=keeping()), method)(HELLO if method == "stream_chat" else "Hello")
    next(stream)
    stream.close()
    assert served.server.wait_until(lambda server: bool(server.stops))


@pytest.mark.parametrize("method", ["astream_chat", "astream_complete"])
@pytest.mark.anyio
async def test_leaving_stops_the_run_whoever_listens_async(serve: Serve, method: str) -> None:
    served = serve(saying(Text("one"), Gate(threading.Event())))
    stream = await getattr(served.llm(callback_manager=keeping()), method)(HELLO if method == "astream_chat" else "Hello")
    await anext(stream)
    await stream.aclose()
    assert await asyncio.to_thread(served.server.wait_until, lambda server: bool(server.stops))


@pytest.mark.anyio
async def test_cancelling_a_task_stops_the_run(serve: Serve) -> None:
    gate, started = threading.Event(), asyncio.Event()
    served = serve(saying(Text("one"), Gate(gate), Text("two")))

    async def read() -> None:
        async for _ in await served.llm().astream_chat(HELLO):
            started.set()

    task = asyncio.create_task(read())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(served.server.wait_until, lambda server: bool(server.stops))


def test_an_unread_stream_sends_nothing(serve: Serve) -> None:
    served = serve()
    served.llm().stream_chat(HELLO)
    assert served.server.requests == []


@pytest.mark.filterwarnings("error")
def test_one_object_serves_several_event_loops(serve: Serve) -> None:
    """Core's sync wrappers make a new loop for every call."""
    llm = serve(saying(Text("hi"))).llm()
    assert [asyncio.run(llm.acomplete("Hello")).text for _ in range(3)] == ["hi", "hi", "hi"]


def test_twenty_users_at_once_never_mix() -> None:
    """Check 18: nothing of a conversation is on the object; each second turn goes into its user's own."""
    with LocalDify([App("echo", "chat", lambda turn: [Text(f"{turn.user}: {turn.query}")])]) as server:
        llm = DifyChatLLM(api_key=server.app("echo").api_key, base_url=server.base_url, conversation="auto")

        async def talk(n: int) -> list[ChatMessage]:
            first = [ChatMessage(content=f"q{n}")]
            answer = (await llm.achat(first, user=f"u{n}")).message
            return [answer, (await llm.achat([*first, answer, ChatMessage(content=f"r{n}")], user=f"u{n}")).message]

        async def all_at_once() -> list[list[ChatMessage]]:
            return await asyncio.gather(*(talk(n) for n in range(20)))

        talks = asyncio.run(all_at_once())
    assert [[answer.content for answer in talk] for talk in talks] == [[f"u{n}: q{n}", f"u{n}: r{n}"] for n in range(20)]
    ids = [{answer.additional_kwargs["dify"]["conversation_id"] for answer in talk} for talk in talks]
    assert [len(own) for own in ids] == [1] * 20 and len(set[str]().union(*ids)) == 20
