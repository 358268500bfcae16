"""Every word is told to callbacks once, before it is seen, whoever streams; tokens are counted once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import anyio
import pytest
from langchain_core.callbacks import BaseCallbackHandler, UsageMetadataCallbackHandler
from langchain_core.messages import AIMessageChunk

from dify_integrations.local import Node, Reasoning, Replace, Text
from langchain_dify import ChatDify
from tests.langchain.conftest import Serve, saying
from tests.langchain.recorded import SIDES, InSync
from tests.langchain.test_streaming import WORDS, graph_of, spoken

pytestmark = pytest.mark.filterwarnings("ignore:The method `BaseChatModel._a?chat_model_stream_v3` is in beta")

QUESTION: Any = {"messages": [("user", "Hi")]}


class Log(BaseCallbackHandler):
    """What is told to callbacks and what a consumer sees, in order."""

    run_inline = True  # core gives other handlers to threads, which LangGraph's own handler, being inline, does not wait for

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def on_llm_new_token(self, token: Any, *, chunk: Any = None, **kwargs: Any) -> None:
        assert chunk is not None and chunk.text == chunk.message.text
        self._write("told", chunk.text)

    def see(self, text: str) -> None:
        self._write("seen", text)

    def _write(self, what: str, text: str) -> None:
        if text:
            self.lines.append((what, str(text)))

    @property
    def config(self) -> Any:
        return {"callbacks": [self]}


def stream(model: ChatDify, log: Log) -> Iterator[str]:
    return (chunk.text for chunk in model.stream("Hi", log.config))


def stream_events_v3(model: ChatDify, log: Log) -> Iterator[str]:
    return (delta(event) for event in model.stream_events("Hi", log.config, version="v3"))


def graph_messages(model: ChatDify, log: Log) -> Iterator[str]:
    return (chunk.text for chunk, _ in graph_of(model).stream(QUESTION, log.config, stream_mode="messages"))


async def astream(model: ChatDify, log: Log) -> AsyncIterator[str]:
    async for chunk in model.astream("Hi", log.config):
        yield chunk.text


async def astream_events_v2(model: ChatDify, log: Log) -> AsyncIterator[str]:
    async for event in model.astream_events("Hi", log.config, version="v2"):
        chunk = event["data"].get("chunk")
        if event["event"] == "on_chat_model_stream" and isinstance(chunk, AIMessageChunk):
            yield chunk.text


async def astream_events_v3(model: ChatDify, log: Log) -> AsyncIterator[str]:
    events: Any = await model.astream_events("Hi", log.config, version="v3")
    async for event in events:
        yield delta(event)


async def agraph_messages(model: ChatDify, log: Log) -> AsyncIterator[str]:
    async for chunk, _ in graph_of(model, asynchronous=True).astream(QUESTION, log.config, stream_mode="messages"):
        yield chunk.text


def delta(event: Any) -> str:
    return str(event["delta"].get("text", "")) if event["event"] == "content-block-delta" else ""


WAYS = [stream, stream_events_v3, graph_messages]
AWAYS = [astream, astream_events_v2, astream_events_v3, agraph_messages]
EXPECTED = [line for word in WORDS for line in (("told", word), ("seen", word))]


def check(log: Log, *, exactly: bool) -> None:
    """Each word once, told before it is seen; what hands over from a task or thread of its own may be ahead."""
    assert [text for what, text in log.lines if what == "told"] == WORDS
    assert [text for what, text in log.lines if what == "seen"] == WORDS
    assert [word for word in WORDS if log.lines.index(("told", word)) > log.lines.index(("seen", word))] == []
    assert log.lines == EXPECTED or not exactly


@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("way", WAYS)
def test_every_word_is_told_once_before_it_is_seen(serve: Serve, way: Any, version: str) -> None:
    """Check 2: one call per text delta, before the consumer gets the chunk."""
    log = Log()
    for text in way(serve(spoken()).chat(output_version=version), log):
        log.see(text)
    check(log, exactly=way is not graph_messages)


@pytest.mark.anyio
@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("way", AWAYS)
async def test_every_word_is_told_once_before_it_is_seen_async(serve: Serve, way: Any, version: str) -> None:
    """Check 2: the same in an event loop."""
    log = Log()
    async for text in way(serve(spoken()).chat(output_version=version), log):
        log.see(text)
    check(log, exactly=way is astream)


@pytest.mark.parametrize("side", SIDES)
def test_plain_invoke_tells_no_words(serve: Serve, side: type[InSync]) -> None:
    """Check 2: never on a plain `invoke`."""
    log = Log()
    assert side.invoke(serve(spoken()).chat(), config=log.config).text == "".join(WORDS)
    assert log.lines == []


@pytest.mark.parametrize("way", [*WAYS, *AWAYS])
def test_buffered_answer_is_told_once(serve: Serve, way: Callable[..., Any]) -> None:
    """Check 2: with `on_replace="buffer"` there is one text, and one call."""
    log, model = Log(), serve([Text("You fool"), Replace("No.")]).chat(on_replace="buffer")
    if way in WAYS:
        seen = [text for text in way(model, log) if text]
    else:
        seen = anyio.run(all_of, way, model, log)
    assert (seen, log.lines) == (["No."], [("told", "No.")])


async def all_of(way: Callable[..., AsyncIterator[str]], model: ChatDify, log: Log) -> list[str]:
    return [text async for text in way(model, log) if text]


def flow() -> Any:
    """A chatflow with two nodes that speak, and think."""
    nodes = [Node("llm", f"LLM {number}", inside=[Reasoning("hm"), Text(word)]) for number, word in enumerate(WORDS)]
    return saying(*nodes, mode="advanced-chat")


@pytest.mark.parametrize("asynchronous", [False, True])
def test_graph_shows_every_word_once_and_counts_tokens_once(serve: Serve, asynchronous: bool) -> None:
    """Check 17: though the app has LLM nodes of its own; the message the node returns is not shown again."""
    model = serve(flow()).chat(split_thinking=True, model="support")
    graph, usage = graph_of(model, asynchronous=asynchronous), UsageMetadataCallbackHandler()
    config = {"callbacks": [usage]}

    async def ashown() -> list[Any]:
        return [pair async for pair in graph.astream(QUESTION, config, stream_mode="messages")]

    pairs = anyio.run(ashown) if asynchronous else list(graph.stream(QUESTION, config, stream_mode="messages"))
    told = [chunk for chunk, _ in pairs]
    assert "".join(chunk.text for chunk in told).split() == "".join(WORDS).split()
    assert len({chunk.id for chunk in told}) == 1
    counted = [chunk.usage_metadata for chunk in told if chunk.usage_metadata]
    assert len(counted) == 1
    assert usage.usage_metadata == {"support": counted[0]}


@pytest.mark.parametrize("way", ["invoke", "stream", "events"])
@pytest.mark.parametrize("side", SIDES)
def test_tokens_are_counted_once(serve: Serve, side: type[InSync], way: str) -> None:
    """Check 17: the usage callback counts the run, not its nodes, however the model is called."""
    model, usage = serve(flow()).chat(model="support"), UsageMetadataCallbackHandler()
    run: Callable[..., Any | Awaitable[Any]] = getattr(side, way)
    run(model, config={"callbacks": [usage]})
    known = model.invoke("Hi").usage_metadata
    assert known is not None and known["total_tokens"] > 0
    assert usage.usage_metadata == {"support": known}


@pytest.mark.parametrize("call", [{}, {"stream_usage": True}, {"stream_usage": False}])
@pytest.mark.parametrize("field", [True, False])
def test_streams_tell_usage_unless_told_not_to(serve: Serve, field: bool, call: dict[str, bool]) -> None:
    model = serve(spoken()).chat(stream_usage=field)
    told = [chunk.usage_metadata for chunk in InSync.stream(model, **call) if chunk.usage_metadata]
    assert len(told) == int(call.get("stream_usage", field))
    assert model.invoke("Hi").usage_metadata is not None
