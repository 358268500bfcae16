"""The same trees as two tracers export them to memory: OpenInference and LlamaIndex' own OpenTelemetry bridge."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from llama_index.observability.otel import LlamaIndexOpenTelemetry  # type: ignore[import-untyped]  # it has no types
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.dispatcher import Dispatcher
from openinference.instrumentation.llama_index import LlamaIndexInstrumentor
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, StatusCode

from dify_integrations import Dify, RunFailed
from dify_integrations.bridge.tool_schema import argument_schema
from dify_integrations.local import App, Dataset, Gate, LocalDify, Node, Say, Text, Tool
from llamaindex_dify import DifyChatLLM, DifyWorkflowTool
from tests.llamaindex.conftest import Serve
from tests.llamaindex.trees import (
    ASYNC,
    HELLO,
    LEAVING,
    METHODS,
    USAGE,
    Tree,
    call,
    left_in_sync,
    many,
    parallel,
    run,
    tree_below,
    tree_of,
)

# OpenInference 4.6.1 asks the LLM's metadata for `json`.
pytestmark = pytest.mark.filterwarnings("ignore:The `json` method is deprecated:DeprecationWarning")


def ids_of(span: ReadableSpan) -> SpanContext:
    """Its ids."""
    context = span.get_span_context()
    assert context is not None
    return context


@dataclass
class Exported:
    """What a tracer sent out."""

    exporter: InMemorySpanExporter

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == name]

    def tree(self) -> Tree:
        return tree_of(
            (str(ids_of(span).span_id), str(span.parent.span_id) if span.parent else None, span.name) for span in self.spans
        )

    def roots(self) -> list[str]:
        return [span.name for span in self.spans if span.parent is None]


@contextmanager
def own_handlers() -> Iterator[Dispatcher]:
    """What is added to the handlers inside goes with it."""
    root = get_dispatcher()
    spans, events = list(root.span_handlers), list(root.event_handlers)
    yield root
    root.span_handlers, root.event_handlers = spans, events


@pytest.fixture(scope="module")
def bridge() -> tuple[InMemorySpanExporter, Any, Any]:
    """Its handlers, registered as its users do it; OpenTelemetry's provider can be set only once in a process."""
    exporter = InMemorySpanExporter()
    with own_handlers() as root:
        LlamaIndexOpenTelemetry(span_exporter=exporter, span_processor="simple").start_registering()
        return exporter, root.span_handlers[-1], root.event_handlers[-1]


@pytest.fixture
def official(bridge: tuple[InMemorySpanExporter, Any, Any]) -> Iterator[Exported]:
    exporter, spans, events = bridge
    exporter.clear()
    with own_handlers() as root:
        root.add_span_handler(spans)
        root.add_event_handler(events)
        yield Exported(exporter)


@pytest.fixture
def openinference() -> Iterator[Exported]:
    exporter, provider, instrumentor = InMemorySpanExporter(), TracerProvider(), LlamaIndexInstrumentor()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with own_handlers():
        instrumentor.instrument(tracer_provider=provider)
        yield Exported(exporter)
        instrumentor.uninstrument()
    provider.shutdown()


@pytest.fixture(params=["openinference", "official"])
def exported(request: pytest.FixtureRequest) -> Exported:
    """By either of the two."""
    found: Exported = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("method", METHODS)
def test_the_exported_tree(exported: Exported, method: str) -> None:
    """Check 6: that of core's handler; a second call, also behind a stream, starts a clean root."""
    for times in (1, 2):
        call(parallel(), method)
        assert exported.tree() == tree_below(f"DifyChatLLM.{method}", times)
    assert {span.status.status_code for span in exported.spans} == {StatusCode.OK}
    assert not trace.get_current_span().get_span_context().is_valid


@pytest.mark.parametrize("method", ASYNC)
def test_ten_at_once(exported: Exported, method: str) -> None:
    """Check 6: every call has a trace of its own, with its own nodes in it."""
    run(many(parallel(), method))
    assert exported.tree() == tree_below(f"DifyChatLLM.{method}", times=10)
    assert set(Counter(ids_of(span).trace_id for span in exported.spans).values()) == {7}


@pytest.mark.parametrize("method", METHODS)
def test_a_failed_node(exported: Exported, serve: Serve, method: str) -> None:
    """Check 6: its span has the error; the next call starts a clean root."""
    llm = serve(lambda _: [Node("code", "Code", status="failed", error="boom")], "advanced-chat").llm()
    for _ in range(2):
        with pytest.raises(RunFailed):
            call(llm, method)
    assert [span.status.status_code for span in exported.named("DifyNode.Code")] == [StatusCode.ERROR] * 2
    assert all("boom" in (span.status.description or "") for span in exported.named("DifyNode.Code"))
    assert exported.roots() == [f"DifyChatLLM.{method}"] * 2


@pytest.mark.parametrize("leave", LEAVING.values(), ids=LEAVING)
def test_a_stream_that_is_left(exported: Exported, serve: Serve, leave: Callable[[Any], Any]) -> None:
    """Check 6: what was open is exported with an error, and the next call starts a clean root."""
    gate = threading.Event()
    script = [Node("llm", "LLM", inside=[Text("one"), Gate(gate), Text("two")])]
    llm = serve(lambda _: script, "advanced-chat").llm()
    for times in (1, 2):
        leave(llm)
        assert [span.status.status_code for span in exported.named("DifyNode.Llm")] == [StatusCode.ERROR] * times
        assert Counter(exported.roots())["DifyChatLLM." + ("stream_chat" if leave is left_in_sync else "astream_chat")] == times
        assert len(exported.roots()) == times


@pytest.mark.parametrize("method", METHODS)
def test_kinds_and_tokens(openinference: Exported, method: str) -> None:
    """Check 6 and 7: one span of kind LLM, with Dify's own counts; a node of type llm is none."""
    call(parallel(), method)
    kinds = Counter((span.attributes or {})["openinference.span.kind"] for span in openinference.spans)
    assert kinds == {"LLM": 1, "CHAIN": 6}
    (span,) = openinference.named(f"DifyChatLLM.{method}")
    told = span.attributes or {}
    assert told["llm.token_count.prompt"] == USAGE["prompt_tokens"]
    assert told["llm.token_count.completion"] == USAGE["completion_tokens"]
    assert told["llm.token_count.total"] == USAGE["total_tokens"]
    assert told["llm.model_name"] == "dify/chat"


def test_nodes_show_what_came_in_and_out(openinference: Exported) -> None:
    """Check 6: without a line of ours for this tracer."""
    script: list[Say] = [Node("code", "Code", {"x": 1}, {"y": 2}), Text("hi")]
    with LocalDify([App("app", "advanced-chat", lambda _: script)]) as server:
        DifyChatLLM(api_key=server.app("app").api_key, base_url=server.base_url, user="ada").chat(HELLO)
    (node,) = openinference.named("DifyNode.Code")
    told = node.attributes or {}
    assert json.loads(str(told["output.value"])) == {"y": 2}
    assert "inputs" in json.loads(str(told["input.value"]))


def test_a_knowledge_node_is_a_retriever(openinference: Exported) -> None:
    """Check 6: with the documents it found."""
    dataset = Dataset("Shop", {"refunds.txt": "Refunds are possible within 30 days."})
    with LocalDify([App("app", "advanced-chat", datasets=[dataset])]) as server:
        llm = DifyChatLLM(api_key=server.app("app").api_key, base_url=server.base_url, user="ada")
        llm.complete("When are refunds possible?")
    (node,) = openinference.named("DifyNode.KnowledgeRetrieval")
    told = node.attributes or {}
    assert told["openinference.span.kind"] == "RETRIEVER"
    assert told["retrieval.documents.0.document.content"] == "Refunds are possible within 30 days."


def test_a_tool_of_the_apps_agent(openinference: Exported, serve: Serve) -> None:
    """Check 6: its name is told."""
    serve(lambda _: [Tool("clock", {"zone": "UTC"}, "noon"), Text("noon")], "agent-chat").llm().chat(HELLO)
    (node,) = openinference.named("DifyTool.Clock")
    assert (node.attributes or {})["tool.name"] == "clock"


def test_steps_are_told_as_attributes_and_events(official: Exported) -> None:
    """Check 6: the tags, and our events on the span of their step."""
    call(parallel(), "stream_chat")
    (node,) = official.named("DifyNode.Llm")
    told = node.attributes or {}
    assert (told["dify.node.title"], told["dify.workflow_run_id"], told["dify.task_id"]) == ("llm", "run", "t")
    assert [event.name for event in node.events] == ["DifyNodeStartedEvent", "DifyNodeFinishedEvent"]


@pytest.mark.parametrize("side", ["call", "acall"])
def test_runs_of_our_own_tools(exported: Exported, serve: Serve, side: str) -> None:
    """Check 6: their nodes are below the call of the tool."""
    served = serve(lambda _: [Node("code", "Code")], "workflow")
    with Dify(api_key=served.app.api_key, base_url=served.server.base_url, user="ada") as dify:
        tool = DifyWorkflowTool(dify, name="work", description="Works.", schema=argument_schema("work", ()))
        output = tool.call() if side == "call" else run(tool.acall())
    assert not output.is_error
    assert exported.tree()[f"DifyWorkflowTool.{side}", "DifyNode.Code"] == 1
    assert exported.roots() == [f"DifyWorkflowTool.{side}"]
