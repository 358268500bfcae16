"""Spans and events: one per call, steps below it, nothing left open, nobody's context touched."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest

from dify_integrations import Dify, InvalidArgument
from dify_integrations.local import (
    App,
    Dataset,
    File,
    Iteration,
    LocalDify,
    Node,
    Outputs,
    Pause,
    Replace,
    Retry,
    Say,
    Text,
    Tool,
    Turn,
)
from llamaindex_dify import DifyChatLLM, DifyWorkflowTool
from tests.llamaindex.conftest import Serve, Told
from tests.llamaindex.trees import HELLO

FLOW: list[Say] = [
    Node("start", "Start"),
    Iteration("Each", [[Node("code", "Inner", {"n": 1}, {"m": 2})], [Node("code", "Inner", {"n": 2}, {"m": 3})]]),
    Node("llm", "LLM", inside=[Text("hi"), Text(" there")]),
    Node("answer", "Answer"),
]


def flow(_: Turn) -> list[Say]:
    return FLOW


def test_step_events_carry_the_span_of_their_step(serve: Serve, told: Told) -> None:
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


def test_tools_of_the_apps_agent_are_spans_and_tool_events(serve: Serve, told: Told) -> None:
    serve(lambda _: [Tool("clock", {"zone": "UTC"}, "noon"), Text("noon")], "agent-chat").llm().chat(HELLO)
    assert ("DifyChatLLM.chat", "DifyTool.Clock") in told.tree()
    (called,) = told.of("AgentToolCallEvent")
    assert (called.tool.name, json.loads(called.arguments)) == ("clock", {"zone": "UTC"})
    assert told.of("DifyAgentThoughtEvent")


@pytest.mark.parametrize("mode", ["advanced-chat", "chat"])
def test_retrieval_of_the_app_is_retrieval_to_tracers(told: Told, mode: str) -> None:
    """Told by a node, or only by what the answer cites."""
    dataset = Dataset("Shop", {"refunds.txt": "Refunds are possible within 30 days."})
    with LocalDify([App("app", mode, datasets=[dataset])]) as server:
        DifyChatLLM(api_key=server.app("app").api_key, base_url=server.base_url, user="ada").complete("When are refunds possible?")
    (found,) = told.of("RetrievalEndEvent")
    assert found.nodes[0].node.get_content() == "Refunds are possible within 30 days."
    assert found.nodes[0].score > 0
    assert found.span_id.startswith(("DifyNode.KnowledgeRetrieval", "DifyRetrieval."))


def test_retries_replacements_and_pauses_are_told(serve: Serve, told: Told) -> None:
    script = [Node("code", "Code", inside=[Retry("busy")]), Text("bad"), Replace("good"), Pause("Agree?", title="Boss")]
    serve(lambda _: script, "advanced-chat").llm().chat(HELLO)
    assert told.of("DifyNodeRetryEvent")[0].error == "busy"
    assert told.of("DifyMessageReplacedEvent")[0].text == "good"
    assert told.of("DifyRunPausedEvent")[0].nodes == ["Boss"]


@pytest.mark.parametrize("kind", ["none", "truncated", "full"])
def test_as_much_as_trace_payloads_says(serve: Serve, told: Told, kind: Any) -> None:
    """Of inputs, outputs and replaced texts: nothing, their beginning, or everything."""
    long = "y" * 10_000
    script = [Node("code", "Code", {"x": long}, {"z": long}), Text("bad"), Replace(long)]
    serve(lambda _: script, "advanced-chat").llm(trace_payloads=kind).chat(HELLO)
    (finished,) = [event for event in told.of("DifyNodeFinishedEvent") if event.type == "code"]
    (replaced,) = told.of("DifyMessageReplacedEvent")
    if kind == "full":
        assert (finished.inputs, finished.outputs, replaced.text) == ({"x": long}, {"z": long}, long)
    elif kind == "none":
        assert (finished.inputs, finished.outputs, replaced.text) == (None, None, "")
        assert "yyy" not in repr([event for event in told.events if event.class_name().startswith("Dify")])
    else:
        assert [len(str(one)) < 5_000 for one in (finished.inputs, finished.outputs, replaced.text)] == [True] * 3
        assert finished.outputs.startswith('{"z": "yyy')


@pytest.mark.parametrize("kind", ["none", "truncated"])
def test_retrieved_texts_are_payloads_too(told: Told, kind: Any) -> None:
    dataset = Dataset("Shop", {"refunds.txt": "Refunds are possible within 30 days."})
    with LocalDify([App("app", "advanced-chat", datasets=[dataset])]) as server:
        llm = DifyChatLLM(api_key=server.app("app").api_key, base_url=server.base_url, user="ada", trace_payloads=kind)
        llm.complete("When are refunds possible?")
    (found,) = told.of("RetrievalEndEvent")
    assert bool(found.nodes[0].node.get_content()) == bool(found.str_or_query_bundle) == (kind != "none")


@pytest.mark.parametrize("side", ["call", "acall"])
def test_our_own_tools_are_tool_calls(serve: Serve, told: Told, side: str) -> None:
    """Core has the event and no longer tells it."""
    served = serve(lambda _: [Node("code", "Code")], "workflow", inputs_form=[{"text-input": {"variable": "topic"}}])
    with Dify(api_key=served.app.api_key, base_url=served.server.base_url, user="ada") as dify:
        tool = DifyWorkflowTool.from_app(dify, name="work")
        output = tool.call(topic="cats") if side == "call" else asyncio.run(tool.acall(topic="cats"))
    assert not output.is_error
    (called,) = told.of("AgentToolCallEvent")
    assert (called.tool.name, json.loads(called.arguments)) == ("work", {"topic": "cats"})
    assert called.span_id.startswith(f"DifyWorkflowTool.{side}-")


@pytest.mark.parametrize("side", ["call", "acall"])
@pytest.mark.parametrize("kind", ["none", "truncated", "full"])
def test_as_much_of_our_own_tools_as_trace_payloads_says(serve: Serve, told: Told, kind: Any, side: str) -> None:
    """Of arguments, and of inputs and outputs of nodes; the agent gets everything."""
    long = "y" * 10_000
    form = [{"paragraph": {"variable": "topic", "max_length": 20_000}}]
    served = serve(
        lambda _: [Node("code", "Code", {"x": long}, {"z": long}), Outputs({"text": long})], "workflow", inputs_form=form
    )
    with Dify(api_key=served.app.api_key, base_url=served.server.base_url, user="ada") as dify:
        tool = DifyWorkflowTool.from_app(dify, name="work", trace_payloads=kind)
        output = tool.call(topic=long) if side == "call" else asyncio.run(tool.acall(topic=long))
    assert output.content == long
    (called,) = told.of("AgentToolCallEvent")
    (finished,) = [event for event in told.of("DifyNodeFinishedEvent") if event.type == "code"]
    if kind == "full":
        assert (json.loads(called.arguments), finished.outputs) == ({"topic": long}, {"z": long})
    else:
        sizes = [len(str(shown)) for shown in (called.arguments, finished.inputs or "", finished.outputs or "")]
        assert all(4_000 < size < 5_000 for size in sizes) if kind == "truncated" else sizes == [0, 0, 0]


def test_what_trace_payloads_cannot_be() -> None:
    with pytest.raises(InvalidArgument, match="none, truncated, full"):
        DifyWorkflowTool(api_key="app-x", user="ada", name="work", description="", trace_payloads=cast("Any", "some"))


def test_files_are_told_without_their_address(serve: Serve, told: Told) -> None:
    """Whoever reads a trace must not be able to fetch them: the address is signed."""
    serve(lambda _: [Tool("draw", {}, "done", files=[File("/files/cat.png?sign=secret")]), Text("a cat")], "agent-chat").llm().chat(
        HELLO
    )
    (file,) = told.of("DifyMessageFileEvent")
    assert (file.type, file.span_id.split("-")[0]) == ("image", "DifyChatLLM.chat")
    assert "secret" not in repr(told.of("DifyMessageFileEvent"))


def test_every_event_is_json(serve: Serve, told: Told) -> None:
    for script, mode in ((FLOW, "advanced-chat"), ([Tool("clock", {}, "noon"), Text("noon")], "agent-chat")):
        serve(lambda _, script=script: script, mode).llm().chat(HELLO)
    ours = [event for event in told.events if event.class_name().startswith("Dify")]
    assert {event.class_name() for event in ours} >= {"DifyWorkflowStartedEvent", "DifyIterationEvent", "DifyAgentThoughtEvent"}
    assert json.loads(json.dumps([event.model_dump(mode="json") for event in ours]))


def test_nothing_is_made_when_nobody_listens(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracing costs nothing unless asked for."""
    from llamaindex_dify import _tracing

    monkeypatch.setattr(_tracing, "copy_context", None)
    assert serve(flow, "advanced-chat").llm().complete("Hello").text == "hi there"
