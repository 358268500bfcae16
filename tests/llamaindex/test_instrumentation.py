"""Spans and events: one per call, steps below it, nothing left open, nobody's context touched."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.llms import ChatMessage
from llama_index_instrumentation.span import active_span_id

from dify_integrations import RunFailed
from dify_integrations.local import App, Dataset, Gate, Iteration, LocalDify, Node, Pause, Replace, Retry, Say, Text, Tool, Turn
from llamaindex_dify import DifyChatLLM

HELLO = [ChatMessage(role="user", content="Hello")]
Serve = Callable[..., Any]

FLOW: list[Say] = [
    Node("start", "Start"),
    Iteration("Each", [[Node("code", "Inner", {"n": 1}, {"m": 2})], [Node("code", "Inner", {"n": 2}, {"m": 3})]]),
    Node("llm", "LLM", inside=[Text("hi"), Text(" there")]),
    Node("answer", "Answer"),
]
CHILDREN = {
    ("DifyNode.Start", 1),
    ("DifyIteration.Iteration", 1),
    ("DifyNode.Llm", 1),
    ("DifyNode.Answer", 1),
}


def flow(_: Turn) -> list[Say]:
    return FLOW


async def drain(stream: Any) -> None:
    async for _ in await stream:
        pass


CALLS: dict[str, Callable[[DifyChatLLM], Any]] = {
    "chat": lambda llm: llm.chat(HELLO),
    "stream_chat": lambda llm: list(llm.stream_chat(HELLO)),
    "complete": lambda llm: llm.complete("Hello"),
    "stream_complete": lambda llm: list(llm.stream_complete("Hello")),
    "achat": lambda llm: asyncio.run(llm.achat(HELLO)),
    "astream_chat": lambda llm: asyncio.run(drain(llm.astream_chat(HELLO))),
    "acomplete": lambda llm: asyncio.run(llm.acomplete("Hello")),
    "astream_complete": lambda llm: asyncio.run(drain(llm.astream_complete("Hello"))),
}


@pytest.mark.parametrize("method", CALLS)
def test_steps_are_spans_below_the_call(serve: Serve, told: Any, method: str) -> None:
    """One LLM span and one start and end event for each call; nodes below it, iteration's children below the iteration."""
    CALLS[method](serve(flow, "advanced-chat").llm())
    (span,) = [span for span in told.ended if span.id_.startswith("DifyChatLLM.")]
    assert span.id_.startswith(f"DifyChatLLM.{method}-")
    children = [one.id_.split("-")[0] for one in told.ended if one.parent_id == span.id_]
    assert set(Counter(children).items()) == CHILDREN
    assert ("DifyIteration.Iteration", "DifyNode.Code") in told.tree()
    assert told.spans.open_spans == {}
    assert told.spans.dropped_spans == []
    kind = "Chat" if "chat" in method else "Completion"
    counted = Counter(told.names())
    assert (counted[f"LLM{kind}StartEvent"], counted[f"LLM{kind}EndEvent"]) == (1, 1)
    assert not [name for name in counted if name.startswith("LLM") and kind not in name]
    assert active_span_id.get() is None


def test_step_events_carry_the_span_of_their_step(serve: Serve, told: Any) -> None:
    """So that tracers hang them where they belong."""
    serve(flow, "advanced-chat").llm().chat(HELLO)
    started = told.of("DifyNodeStartedEvent")
    assert [event.title for event in started] == ["Start", "Inner", "Inner", "LLM", "Answer"]
    assert all(event.span_id.startswith("DifyNode.") for event in started)
    (finished,) = [event for event in told.of("DifyNodeFinishedEvent") if event.type == "llm"]
    assert finished.status == "succeeded"
    (ended,) = told.of("DifyWorkflowFinishedEvent")
    assert ended.span_id.startswith("DifyChatLLM.chat-")
    json.dumps([event.model_dump(mode="json") for event in told.events if event.class_name().startswith("Dify")])


def test_a_second_call_is_a_root_of_its_own(serve: Serve, told: Any) -> None:
    """Streams that are read after the call must not leave their span behind."""
    llm = serve(flow, "advanced-chat").llm()
    for _ in range(2):
        list(llm.stream_chat(HELLO))
    roots = [span for span in told.ended if span.id_.startswith("DifyChatLLM.")]
    assert [root.parent_id for root in roots] == [None, None]


def test_concurrent_streams_do_not_mix(serve: Serve, told: Any) -> None:
    llm = serve(flow, "advanced-chat").llm()

    async def all_at_once() -> None:
        await asyncio.gather(*(drain(llm.astream_chat(HELLO)) for _ in range(10)))

    asyncio.run(all_at_once())
    calls = [span.id_ for span in told.ended if span.id_.startswith("DifyChatLLM.")]
    for call in calls:
        assert len([span for span in told.ended if span.parent_id == call]) == len(CHILDREN)
    assert told.spans.open_spans == {}


def test_a_failed_node_drops_its_span(serve: Serve, told: Any) -> None:
    script = [Node("start", "Start"), Node("code", "Code", status="failed", error="boom")]
    with pytest.raises(RunFailed):
        serve(lambda _: script, "advanced-chat").llm().chat(HELLO)
    (dropped,) = [span for span in told.spans.dropped_spans if span.id_.startswith("DifyNode.")]
    assert "boom" in dropped.metadata["error"]
    assert told.spans.open_spans == {}


def test_leaving_a_stream_closes_its_spans(serve: Serve, told: Any) -> None:
    gate = threading.Event()
    script = [Node("llm", "LLM", inside=[Text("one"), Gate(gate), Text("two")])]
    stream = serve(lambda _: script, "advanced-chat").llm().stream_chat(HELLO)
    next(stream)
    assert [one.split("-")[0] for one in told.spans.open_spans] == ["DifyNode.Llm"]
    stream.close()
    assert told.spans.open_spans == {}
    assert [span.id_.split("-")[0] for span in told.spans.dropped_spans] == ["DifyNode.Llm"]


def test_tools_of_the_apps_agent_are_spans_and_tool_events(serve: Serve, told: Any) -> None:
    serve(lambda _: [Tool("clock", {"zone": "UTC"}, "noon"), Text("noon")], "agent-chat").llm().chat(HELLO)
    assert ("DifyChatLLM.chat", "DifyTool.Clock") in told.tree()
    (called,) = told.of("AgentToolCallEvent")
    assert (called.tool.name, json.loads(called.arguments)) == ("clock", {"zone": "UTC"})
    assert told.of("DifyAgentThoughtEvent")


@pytest.mark.parametrize("mode", ["advanced-chat", "chat"])
def test_retrieval_of_the_app_is_retrieval_to_tracers(told: Any, mode: str) -> None:
    """Told by a node, or only by what the answer cites."""
    dataset = Dataset("Shop", {"refunds.txt": "Refunds are possible within 30 days."})
    with LocalDify([App("app", mode, datasets=[dataset])]) as server:
        DifyChatLLM(api_key=server.app("app").api_key, base_url=server.base_url, user="ada").complete("When are refunds possible?")
    (found,) = told.of("RetrievalEndEvent")
    assert found.nodes[0].node.get_content() == "Refunds are possible within 30 days."
    assert found.nodes[0].score > 0
    assert found.span_id.startswith(("DifyNode.KnowledgeRetrieval", "DifyRetrieval."))


def test_retries_replacements_and_pauses_are_told(serve: Serve, told: Any) -> None:
    script = [Node("code", "Code", inside=[Retry("busy")]), Text("bad"), Replace("good"), Pause("Agree?", title="Boss")]
    serve(lambda _: script, "advanced-chat").llm().chat(HELLO)
    assert told.of("DifyNodeRetryEvent")[0].error == "busy"
    assert told.of("DifyMessageReplacedEvent")[0].text == "good"
    assert told.of("DifyRunPausedEvent")[0].nodes == ["Boss"]


def test_big_payloads_are_cut(serve: Serve, told: Any) -> None:
    script = [Node("code", "Code", {"x": "y" * 10_000}, {"z": "y" * 10_000})]
    serve(lambda _: script, "advanced-chat").llm().chat(HELLO)
    (finished,) = [event for event in told.of("DifyNodeFinishedEvent") if event.type == "code"]
    assert len(finished.outputs) < 5_000


def test_nothing_is_made_when_nobody_listens(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracing costs nothing unless asked for."""
    from llamaindex_dify import _tracing

    monkeypatch.setattr(_tracing, "copy_context", None)
    assert serve(flow, "advanced-chat").llm().complete("Hello").text == "hi there"
