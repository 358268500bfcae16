"""Chunks come as the server speaks, callbacks once per token, and folded they are the message `invoke` returns."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk, BaseMessageChunk, message_chunk_to_message
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.graph import START, MessagesState, StateGraph

from dify_integrations.local import Fail, File, Gate, Node, Pause, Reasoning, Replace, Say, Sources, Text, Tool, tokens
from tests.langchain.conftest import Recorder, Serve, saying

WORDS = ["one ", "two ", "three"]
SOURCE = {
    "position": 1,
    "document_name": "a.txt",
    "content": "A.",
    "score": 0.5,
    "dataset_id": "d",
    "document_id": "x",
    "segment_id": "s",
}


def spoken() -> list[Say]:
    return [Text(word) for word in WORDS]


def folded(chunks: Sequence[BaseMessageChunk]) -> AIMessageChunk:
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk
    assert isinstance(whole, AIMessageChunk)
    return whole


def comparable(message: Any) -> Any:
    """A message without the ids and clock readings that differ from run to run."""
    told = message.model_dump(mode="json", exclude={"id", "type", "tool_call_chunks", "chunk_position"})
    told["response_metadata"]["dify"] |= {"created_at": 0, "elapsed_s": 0, "usage": {}}
    text = json.dumps(told, sort_keys=True)
    text = re.sub(r'"form_token": "[^"]*"', '"form_token": ""', text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|call_[0-9a-f]{32}", "ID", text)
    return json.loads(re.sub(r"\b\d{10}\b", "0", text))


def chain_of(model: Any) -> Runnable[Any, str]:
    chain: Runnable[Any, str] = ChatPromptTemplate.from_template("{question}") | model | StrOutputParser()
    return chain


def test_chain_yields_the_first_token_before_the_second_is_sent(serve: Serve) -> None:
    gate = threading.Event()
    served = serve([Text("one "), Gate(gate), Text("two")])
    stream = chain_of(served.chat()).stream({"question": "Hi"})
    assert next(stream) == "one "
    gate.set()
    assert "".join(stream) == "two"


@pytest.mark.anyio
async def test_async_chain_yields_the_first_token_before_the_second_is_sent(serve: Serve) -> None:
    gate = threading.Event()
    served = serve([Text("one "), Gate(gate), Text("two")])
    stream = chain_of(served.chat()).astream({"question": "Hi"})
    assert await anext(aiter(stream)) == "one "
    gate.set()
    assert "".join([text async for text in stream]) == "two"


def test_stream_tells_every_token_once(serve: Serve, recorder: Recorder) -> None:
    chunks = list(serve(spoken()).chat().stream("Hi", config={"callbacks": [recorder]}))
    assert [chunk.text for chunk in chunks if chunk.text] == WORDS
    assert [token for token in recorder.tokens if token] == WORDS
    assert recorder.open == []


@pytest.mark.anyio
async def test_astream_tells_every_token_once(serve: Serve, recorder: Recorder) -> None:
    model = serve(spoken()).chat()
    chunks = [chunk async for chunk in model.astream("Hi", config={"callbacks": [recorder]})]
    assert [chunk.text for chunk in chunks if chunk.text] == WORDS
    assert [token for token in recorder.tokens if token] == WORDS


@pytest.mark.anyio
async def test_events_v2_tell_every_token_once(serve: Serve) -> None:
    model = serve(spoken()).chat()
    events = [event async for event in model.astream_events("Hi", version="v2")]
    data: list[Any] = [event["data"] for event in events if event["event"] == "on_chat_model_stream"]
    texts = [told["chunk"].text for told in data]
    assert [text for text in texts if text] == WORDS


@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "streaming"])
def test_invoke_tells_tokens_only_when_asked_to_stream(serve: Serve, recorder: Recorder, streaming: bool) -> None:
    model = serve(spoken()).chat(streaming=True) if streaming else serve(spoken()).chat()
    assert model.invoke("Hi", config={"callbacks": [recorder]}).text == "one two three"
    assert [token for token in recorder.tokens if token] == (WORDS if streaming else [])


def graph_of(model: Any, *, asynchronous: bool = False) -> Any:
    def answer(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    async def aanswer(state: MessagesState, config: RunnableConfig) -> dict[str, Any]:
        # Python 3.10 has no contexts for tasks: there LangGraph wants the config handed on.
        return {"messages": [await model.ainvoke(state["messages"], config)]}

    graph = StateGraph(MessagesState)
    graph.add_node("answer", aanswer if asynchronous else answer)
    graph.add_edge(START, "answer")
    return graph.compile()


def test_langgraph_messages_show_every_token_once_though_nodes_speak(serve: Serve) -> None:
    flow = saying(Node("llm", "LLM", inside=[*spoken()]), mode="advanced-chat")
    graph = graph_of(serve(flow).chat())
    shown = [chunk.text for chunk, _ in graph.stream({"messages": [("user", "Hi")]}, stream_mode="messages")]
    assert [text for text in shown if text] == WORDS


@pytest.mark.anyio
async def test_langgraph_messages_async(serve: Serve) -> None:
    graph = graph_of(serve(spoken()).chat(), asynchronous=True)
    shown = [chunk.text async for chunk, _ in graph.astream({"messages": [("user", "Hi")]}, stream_mode="messages")]
    assert [text for text in shown if text] == WORDS


TURNS: dict[str, tuple[str, list[Say]]] = {
    "chat": ("chat", spoken()),
    "chat with sources": ("chat", [Sources([SOURCE]), *spoken()]),
    "chat with a file": ("chat", [*spoken(), File("https://files.example/a.png")]),
    "agent": ("agent-chat", [*tokens("Let me see. "), Tool("clock", {"zone": "UTC"}, "12:00"), *tokens("It is noon.")]),
    "chatflow that thinks": ("advanced-chat", [Node("llm", "LLM", inside=[Reasoning("hm"), Reasoning(" so"), *spoken()])]),
    "chatflow": ("advanced-chat", [Node("start", "Start"), Node("llm", "LLM", inside=spoken()), Node("answer", "Answer")]),
    "pause": ("advanced-chat", [*spoken(), Pause("Really?")]),
    "nothing said": ("chat", []),
}


@pytest.mark.parametrize("name", TURNS)
def test_folded_stream_is_the_invoked_message(serve: Serve, name: str) -> None:
    mode, says = TURNS[name]
    model = serve(saying(*says, mode=mode)).chat()
    streamed, invoked = message_chunk_to_message(folded(list(model.stream("Hi")))), model.invoke("Hi")
    assert comparable(streamed) == comparable(invoked)


@pytest.mark.anyio
@pytest.mark.parametrize("name", TURNS)
async def test_folded_async_stream_is_the_invoked_message(serve: Serve, name: str) -> None:
    mode, says = TURNS[name]
    model = serve(saying(*says, mode=mode)).chat()
    streamed = message_chunk_to_message(folded([chunk async for chunk in model.astream("Hi")]))
    assert comparable(streamed) == comparable(await model.ainvoke("Hi"))


def test_identifiers_stand_once_and_usage_on_the_last_chunk(serve: Serve) -> None:
    chunks = list(serve(spoken()).chat(model="support").stream("Hi"))
    whole = folded(chunks)
    assert chunks[-1].chunk_position == "last"
    assert [chunk.usage_metadata is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert whole.usage_metadata is not None
    assert whole.usage_metadata["total_tokens"] == whole.usage_metadata["input_tokens"] + whole.usage_metadata["output_tokens"]
    told = whole.response_metadata
    assert (told["model_provider"], told["model_name"], told["finish_reason"]) == ("dify", "support", "stop")
    assert len(told["dify"]["message_id"]) == len(told["dify"]["conversation_id"]) == 36
    assert isinstance(told["dify"]["usage"]["total_price"], str)
    assert {chunk.id for chunk in chunks} == {whole.id} and str(whole.id).startswith("lc_run--")


def test_first_chunk_has_content_so_that_fallbacks_can_take_over(serve: Serve) -> None:
    from dify_integrations.local import App

    failing = App("failing", "chat", lambda turn: (Fail("no"),))
    working = App("working", "chat", lambda turn: (Text("fine"),))
    served = serve(failing, working)
    chain = served.chat("failing").with_fallbacks([served.chat("working")])
    assert "".join(chunk.text for chunk in chain.stream("Hi")) == "fine"


def test_replacement_is_returned_by_invoke_and_annotated_in_a_stream(serve: Serve, recorder: Recorder) -> None:
    model = serve([Text("You fool"), Replace("I cannot say that.")]).chat()
    message = model.invoke("Hi")
    assert message.text == "I cannot say that."
    assert message.response_metadata["finish_reason"] == "content_filter"
    whole = folded(list(model.stream("Hi", config={"callbacks": [recorder]})))
    assert whole.text == "You fool"
    assert whole.response_metadata["finish_reason"] == "content_filter"
    assert whole.response_metadata["dify"]["replaced_answer"] == "I cannot say that."
    assert [name for name, _ in recorder.events] == ["dify.message_replace"]


def test_replacement_that_goes_on_is_streamed_as_its_rest(serve: Serve) -> None:
    chunks = list(serve([Text("Hello"), Replace("Hello there.")]).chat().stream("Hi"))
    assert "".join(chunk.text for chunk in chunks) == "Hello there."
    assert "replaced_answer" not in folded(chunks).response_metadata["dify"]


def test_reasoning_is_apart_from_the_text(serve: Serve) -> None:
    model = serve([Reasoning("hm"), Text("Yes.")]).chat(split_thinking=True)
    message = model.invoke("Hi")
    assert message.text.strip() == "Yes."
    assert "hm" in message.additional_kwargs["reasoning_content"]


def test_agent_steps_of_the_server_are_no_tool_calls(serve: Serve) -> None:
    message = serve(saying(Tool("clock", {"zone": "UTC"}, "12:00"), Text("Noon."), mode="agent-chat")).chat().invoke("Hi")
    assert message.tool_calls == []
    (thought,) = message.additional_kwargs["dify"]["thoughts"]
    assert (thought["tool"], thought["observation"]) == ("clock", "12:00")


def test_paused_run_is_an_answer_with_its_form(serve: Serve) -> None:
    message = serve(saying(Text("Wait."), Pause("Really?"), mode="advanced-chat")).chat().invoke("Hi")
    assert message.response_metadata["finish_reason"] == "paused"
    assert message.response_metadata["dify"]["pause"]["forms"][0]["content"] == "Really?"


def test_run_that_somebody_stops_is_an_answer(serve: Serve) -> None:
    gate = threading.Event()
    served = serve(saying(Node("llm", "LLM", inside=[Text("one "), Gate(gate), Text("two")]), mode="advanced-chat"))
    model = served.chat()
    stream = model.stream("Hi")
    first = next(stream)
    model.clients.sync.chat.stop(first.response_metadata["dify"]["task_id"], user="ann")
    whole = folded([first, *stream])
    assert whole.text == "one "
    assert whole.response_metadata["finish_reason"] == "stopped"


@pytest.mark.parametrize("streaming", [True, False], ids=["stream", "invoke"])
def test_stop_sequence_cuts_the_text_and_stops_the_run(serve: Serve, streaming: bool) -> None:
    gate = threading.Event()
    served = serve([Text("one tw"), Text("o three"), Gate(gate), Text("never")])
    model = served.chat()
    text = "".join(chunk.text for chunk in model.stream("Hi", stop=["two"])) if streaming else model.invoke("Hi", stop=["two"]).text
    assert text == "one "
    assert served.server.wait_until(lambda server: len(server.stops) == 1)
    gate.set()


def test_leaving_a_stream_stops_the_run(serve: Serve, recorder: Recorder) -> None:
    gate = threading.Event()
    served = serve(saying(Node("llm", "LLM", inside=[Text("one "), Gate(gate)]), mode="advanced-chat"))
    stream = served.chat().stream("Hi", config={"callbacks": [recorder]})
    next(stream)
    stream.close()
    assert recorder.open == [] and len(recorder.failed) == 3
    assert served.server.wait_until(lambda server: [stop.user for stop in server.stops] == ["ann"])
    gate.set()


@pytest.mark.anyio
async def test_cancelling_a_task_stops_the_run_and_closes_every_child(serve: Serve, recorder: Recorder) -> None:
    gate, started = threading.Event(), asyncio.Event()
    served = serve(saying(Node("llm", "LLM", inside=[Text("one "), Gate(gate)]), mode="advanced-chat"))

    async def read() -> None:
        async for _ in served.chat().astream("Hi", config={"callbacks": [recorder]}):
            started.set()

    task = asyncio.create_task(read())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert recorder.open == []
    assert await asyncio.to_thread(served.server.wait_until, lambda server: bool(server.stops))
    gate.set()


def test_batch_answers_every_input(serve: Serve) -> None:
    assert [message.text for message in serve(spoken()).chat().batch(["a", "b", "c"])] == ["one two three"] * 3
