"""An app as a query engine: alone, streamed, and inside core's engines."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.response.schema import AsyncStreamingResponse, StreamingResponse
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler, TokenCountingHandler
from llama_index.core.query_engine import RouterQueryEngine, SubQuestionQueryEngine
from llama_index.core.question_gen import LLMQuestionGenerator
from llama_index.core.response_synthesizers import get_response_synthesizer
from llama_index.core.tools import QueryEngineTool

from dify_integrations import APIError, InvalidArgument
from dify_integrations.local import App, Dataset, Fail, Gate, LocalDify, Node, Replace, Say, Text, Turn
from llamaindex_dify import DifyChatLLM, DifyCompletionLLM, DifyQueryEngine

Serve = Callable[..., Any]
Ask = Callable[[DifyQueryEngine, str], Any]


def saying(*says: Say) -> Callable[[Turn], Iterable[Say]]:
    return lambda _: list(says)


async def aread(engine: BaseQueryEngine, question: str) -> Any:
    response = await engine.aquery(question)
    if isinstance(response, AsyncStreamingResponse):
        return await response.get_response()
    return response


def read(engine: BaseQueryEngine, question: str) -> Any:
    response = engine.query(question)
    return response.get_response() if isinstance(response, StreamingResponse) else response


WAYS: dict[str, tuple[bool, Callable[[BaseQueryEngine, str], Any]]] = {
    "query": (False, read),
    "query, streaming": (True, read),
    "aquery": (False, lambda engine, question: asyncio.run(aread(engine, question))),
    "aquery, streaming": (True, lambda engine, question: asyncio.run(aread(engine, question))),
}
each_way = pytest.mark.parametrize(("streaming", "ask"), WAYS.values(), ids=list(WAYS))


def test_it_is_a_query_engine() -> None:
    """Check 1: by core's own class."""
    assert "BaseQueryEngine" in [cls.__name__ for cls in DifyQueryEngine.__mro__]
    assert issubclass(DifyQueryEngine, BaseQueryEngine)


@each_way
@pytest.mark.parametrize("mode", ["chat", "advanced-chat"])
def test_an_answer_comes_with_its_sources(streaming: bool, ask: Any, mode: str) -> None:
    """Check 8: plain, streaming and async; the nodes keep their documents."""
    dataset = Dataset("Shop", {"refunds.txt": "Refunds are possible within 30 days."})
    with LocalDify([App("app", mode, datasets=[dataset])]) as server:
        llm = DifyChatLLM(api_key=server.app("app").api_key, base_url=server.base_url, user="ada")
        answer = ask(DifyQueryEngine(llm, streaming=streaming), "When are refunds possible?")
    (found,) = answer.source_nodes
    assert "30 days" in str(answer)
    assert found.node.get_content() == "Refunds are possible within 30 days."
    assert found.node.ref_doc_id == found.node.metadata["document_id"]
    assert found.score > 0
    assert answer.metadata["dify"]["conversation_id"]
    assert answer.metadata["dify"]["usage"]["total_tokens"] > 0
    assert "refunds" in answer.get_formatted_sources().lower()


@each_way
def test_every_query_is_a_conversation_of_its_own(serve: Serve, streaming: bool, ask: Any) -> None:
    """Check 8: word for word, whatever the LLM does with histories."""
    served = serve(saying(Text("a"), Text("b")))
    engine = DifyQueryEngine.from_defaults(served.llm(conversation="stateful"), streaming=streaming, user="bob", inputs={"n": "1"})
    assert [str(ask(engine, question)) for question in ("one", "two")] == ["ab", "ab"]
    sent = [(one["query"], one["user"], one.get("conversation_id"), one["inputs"]) for one in served.sent]
    assert sent == [("one", "bob", None, {"n": "1"}), ("two", "bob", None, {"n": "1"})]


def test_text_streams_as_it_is_written(serve: Serve) -> None:
    """Check 8: the first word is there before the second is said."""
    gate = threading.Event()
    served = serve(saying(Text("one"), Gate(gate), Text(" two")))
    response = DifyQueryEngine(served.llm(), streaming=True).query("Hello")
    assert isinstance(response, StreamingResponse)
    texts = response.response_gen
    assert next(texts) == "one"
    assert response.metadata == {"dify": {}}
    gate.set()
    assert list(texts) == [" two"]
    assert response.metadata is not None
    assert response.metadata["dify"]["conversation_id"]


def test_leaving_a_stream_stops_the_run(serve: Serve) -> None:
    """Check 19: with the generator's own `close`, and by asynchronous ones too."""
    served = serve(saying(Text("one"), Gate(threading.Event())))
    engine = DifyQueryEngine(served.llm(), streaming=True, user="bob")
    response = engine.query("Hello")
    assert isinstance(response, StreamingResponse)
    assert next(response.response_gen) == "one"
    response.response_gen.close()
    assert served.server.wait_until(lambda server: len(server.stops) == 1)

    async def later() -> None:
        awaited = await engine.aquery("Hello")
        assert isinstance(awaited, AsyncStreamingResponse)
        assert await anext(awaited.response_gen) == "one"
        await awaited.response_gen.aclose()

    asyncio.run(later())
    assert served.server.wait_until(lambda server: len(server.stops) == 2)
    assert {stop.user for stop in served.server.stops} == {"bob"}


@each_way
def test_an_answer_that_is_only_a_replacement_is_spoken(serve: Serve, streaming: bool, ask: Any) -> None:
    engine = DifyQueryEngine(serve(saying(Replace("No."))).llm(), streaming=streaming)
    answer = ask(engine, "Say it")
    assert str(answer) == "No."
    assert answer.metadata["dify"]["text_replaced"] is True


@each_way
def test_failures_are_raised(serve: Serve, streaming: bool, ask: Any) -> None:
    engine = DifyQueryEngine(serve(saying(Text("half"), Fail("no model"))).llm(), streaming=streaming)
    with pytest.raises(APIError, match="no model"):
        ask(engine, "Hello")


def test_what_cannot_be_is_refused(serve: Serve) -> None:
    served = serve()
    with pytest.raises(InvalidArgument, match="either"):
        DifyQueryEngine.from_defaults(served.llm(), base_url="http://localhost:9/v1")
    with pytest.raises(InvalidArgument):
        DifyQueryEngine(served.llm()).query("  ")
    assert served.server.requests == []


def test_a_completion_app_answers_too(serve: Serve) -> None:
    form = [{"text-input": {"variable": "query", "label": "query", "required": True}}]
    served = serve(lambda turn: [Text(f"You said {turn.inputs['query']}")], "completion", inputs_form=form)
    llm = DifyCompletionLLM(api_key=served.app.api_key, base_url=served.server.base_url, user="ada", prompt_variable="query")
    assert str(DifyQueryEngine.from_defaults(llm).query("hi")) == "You said hi"


FLOW: list[Say] = [Node("start", "Start"), Node("llm", "LLM", inside=[Text("hi"), Text(" there")])]


@each_way
def test_a_query_is_told_once(serve: Serve, told: Any, streaming: bool, ask: Any) -> None:
    """Check 5: one pair of query events, one of LLM events; spans nest engine, LLM, nodes and all of them end."""
    engine = DifyQueryEngine(serve(lambda _: FLOW, "advanced-chat").llm(), streaming=streaming)
    assert str(ask(engine, "Hello")) == "hi there"
    counted = Counter(told.names())
    assert (counted["QueryStartEvent"], counted["QueryEndEvent"]) == (1, 1)
    assert (counted["LLMChatStartEvent"], counted["LLMChatEndEvent"]) == (1, 1)
    parents = {child: parent for parent, child in told.tree()}
    llm = next(name for name in parents if name.startswith("DifyChatLLM."))
    assert parents["DifyNode.Llm"] == llm
    inner = parents[llm]
    assert (inner.split(".")[0], parents[inner].split(".")[0], parents[parents[inner]]) == (
        "DifyQueryEngine",
        "DifyQueryEngine",
        "",
    )
    assert told.spans.open_spans == {}


def test_legacy_callbacks_hear_of_queries_and_tokens(serve: Serve) -> None:
    """Check 7: Dify's own counts, through the engine."""
    debug, counter = LlamaDebugHandler(print_trace_on_end=False), TokenCountingHandler()
    served = serve(saying(Text("a"), Text("b")))
    settings = {"api_key": served.app.api_key, "base_url": served.server.base_url, "user": "ada"}
    engine = DifyQueryEngine.from_defaults(**settings, callback_manager=CallbackManager([debug, counter]))
    answer: Any = engine.query("Hello")
    assert len(debug.get_event_pairs(CBEventType.QUERY)) == 1
    assert len(debug.get_event_pairs(CBEventType.LLM)) == 1
    assert counter.total_llm_token_count == answer.metadata["dify"]["usage"]["total_tokens"]


# -- inside core's engines


def apps(**scripts: Any) -> LocalDify:
    return LocalDify([App(name, "chat", script) for name, script in scripts.items()])


def llm_of(server: LocalDify, name: str) -> DifyChatLLM:
    return DifyChatLLM(api_key=server.app(name).api_key, base_url=server.base_url, user="ada")


def tools_of(server: LocalDify, *, streaming: bool = False) -> list[QueryEngineTool]:
    return [
        QueryEngineTool.from_defaults(
            DifyQueryEngine(llm_of(server, name), streaming=streaming), name=name, description=f"Knows about {name}."
        )
        for name in ("refunds", "shipping")
    ]


@pytest.mark.usefixtures("loop_of_core")
@each_way
def test_a_router_chooses_an_app(streaming: bool, ask: Any) -> None:
    """Check 8: `RouterQueryEngine`, with a Dify app as the one who chooses, too."""
    choice = json.dumps([{"choice": 2, "reason": "It is about shipping."}])
    with apps(chooser=saying(Text(choice)), refunds=saying(Text("30 days")), shipping=saying(Text("5 euros"))) as server:
        router = RouterQueryEngine.from_defaults(tools_of(server, streaming=streaming), llm=llm_of(server, "chooser"))
        answer = ask(router, "What does shipping cost?")
    assert str(answer) == "5 euros"
    assert answer.metadata["selector_result"].ind == 1
    assert answer.metadata["dify"]["conversation_id"]


@pytest.mark.usefixtures("loop_of_core")
@pytest.mark.parametrize("way", ["query", "aquery"])
def test_sub_questions_go_to_apps(way: str) -> None:
    """Check 8: `SubQuestionQueryEngine` asks each app its part, and puts their answers together."""
    asked = [
        {"sub_question": "How long are refunds possible?", "tool_name": "refunds"},
        {"sub_question": "What does it cost?", "tool_name": "shipping"},
    ]

    def think(turn: Turn) -> list[Say]:
        together = "30 days" in turn.query and "5 euros" in turn.query
        return [Text("30 days, for 5 euros")] if together else [Text(json.dumps({"items": asked}))]

    dataset = Dataset("Shop", {"refunds.txt": "Refunds are possible within 30 days."})
    with LocalDify(
        [
            App("thinker", "chat", think),
            App("refunds", "chat", datasets=[dataset]),
            App("shipping", "chat", saying(Text("5 euros"))),
        ]
    ) as server:
        llm = llm_of(server, "thinker")
        engine = SubQuestionQueryEngine(
            LLMQuestionGenerator.from_defaults(llm=llm),
            get_response_synthesizer(llm=llm),
            tools_of(server),
            use_async=way == "aquery",
            verbose=False,
        )
        _, ask = WAYS[way]
        answer = ask(engine, "How are returns?")
        queries = [request.json["query"] for request in server.requests if request.path.endswith("/chat-messages")]
    assert str(answer) == "30 days, for 5 euros"
    assert "Refunds are possible within 30 days." in {found.node.get_content() for found in answer.source_nodes}
    assert {"How long are refunds possible?", "What does it cost?"} <= set(queries)
