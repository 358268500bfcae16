"""One tree of spans for every way to call, and nothing left open however a call ends: told by core's own handler."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from llama_index_instrumentation.span import active_span_id

from dify_integrations import DifyError
from dify_integrations.bridge.tool_schema import argument_schema
from dify_integrations.local import Drop, Fail, Gate, Node, Say, Text
from llamaindex_dify import DifyWorkflowTool
from tests.llamaindex.conftest import Serve, Told
from tests.llamaindex.trees import (
    ASYNC,
    LEAVING,
    METHODS,
    Tree,
    call,
    many,
    parallel,
    run,
    tree_below,
    tree_of,
)
from tests.wire.played import clients_of
from tests.wire.recordings import recordings


def tree(told: Told) -> Tree:
    return tree_of((span.id_, span.parent_id, span.id_.split("-")[0]) for span in told.ended)


@pytest.mark.parametrize("method", METHODS)
def test_one_tree_for_every_method(told: Told, method: str) -> None:
    """Check 5: nodes below the call, the iteration's two at once below the iteration, siblings beside each other."""
    call(parallel(), method)
    assert tree(told) == tree_below(f"DifyChatLLM.{method}")
    assert told.spans.open_spans == {} and told.spans.dropped_spans == []
    assert active_span_id.get() is None


@pytest.mark.parametrize("method", METHODS)
def test_one_start_and_one_end(told: Told, method: str) -> None:
    """Check 3: one span and one pair of events per call; `complete` does not nest `chat`."""
    call(parallel(), method)
    kind, other = ("Chat", "Completion") if "chat" in method else ("Completion", "Chat")
    counted = Counter(told.names())
    assert (counted[f"LLM{kind}StartEvent"], counted[f"LLM{kind}EndEvent"]) == (1, 1)
    assert (counted[f"LLM{other}StartEvent"], counted[f"LLM{other}EndEvent"]) == (0, 0)
    assert len([span for span in told.ended if span.id_.startswith("DifyChatLLM.")]) == 1


@pytest.mark.parametrize("method", ASYNC)
def test_ten_at_once(told: Told, method: str) -> None:
    """Check 5: ten calls of one object at the same time are ten trees."""
    run(many(parallel(), method))
    assert tree(told) == tree_below(f"DifyChatLLM.{method}", times=10)
    calls = [span.id_ for span in told.ended if span.id_.startswith("DifyChatLLM.")]
    assert {Counter(span.parent_id for span in told.ended)[one] for one in calls} == {4}
    assert told.spans.open_spans == {}


def test_a_span_says_which_step_of_which_run_it_is(told: Told) -> None:
    """Check 5: ids and titles as tags."""
    call(parallel(), "chat")
    (span,) = [span for span in told.ended if span.id_.startswith("DifyNode.Llm")]
    assert span.tags == {
        "dify.node.id": "llm",
        "dify.node.type": "llm",
        "dify.node.title": "llm",
        "dify.node.index": 1,
        "dify.workflow_run_id": "run",
        "dify.task_id": "t",
    }


ENDINGS: dict[str, list[Say]] = {
    "a node fails": [Node("code", "Code", status="failed", error="boom")],
    "the stream says error": [Node("llm", "LLM", inside=[Text("one"), Fail("boom")])],
    "the connection breaks": [Node("llm", "LLM", inside=[Text("one"), Drop()])],
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("script", ENDINGS.values(), ids=ENDINGS)
def test_a_failure_drops_what_was_open(serve: Serve, told: Told, script: list[Say], method: str) -> None:
    """Check 5: the step that failed is dropped with an error, nothing stays open, the next call is a root."""
    llm = serve(lambda _: script, "advanced-chat").llm()
    for _ in range(2):
        with pytest.raises(DifyError):
            call(llm, method)
    dropped = [span for span in told.spans.dropped_spans if span.id_.startswith("DifyNode.")]
    assert len(dropped) == 2 and all((span.metadata or {})["error"] for span in dropped)
    assert told.spans.open_spans == {}
    assert [span.parent_id for span in told.ended if span.id_.startswith("DifyChatLLM.")] == [None, None]


@pytest.mark.parametrize("leave", LEAVING.values(), ids=LEAVING)
def test_leaving_drops_what_was_open(serve: Serve, told: Told, leave: Callable[[Any], Any]) -> None:
    """Check 5: early close and cancel."""
    gate = threading.Event()
    script = [Node("llm", "LLM", inside=[Text("one"), Gate(gate), Text("two")])]
    leave(serve(lambda _: script, "advanced-chat").llm())
    (dropped,) = told.spans.dropped_spans
    assert dropped.id_.startswith("DifyNode.Llm")
    assert "left before its end" in (dropped.metadata or {})["error"]
    assert told.spans.open_spans == {} and active_span_id.get() is None


@pytest.mark.parametrize("side", ["call", "acall"])
def test_a_recorded_workflow_with_branches_at_once(told: Told, side: str) -> None:
    """Check 5: real frames, where nodes of branches and of an iteration overlap, below the call of the tool."""
    (recording, *_) = [one for one in recordings() if one.path.stem == "workflow_iteration_streaming"]
    tool = DifyWorkflowTool(**clients_of(recording), name="work", description="Works.", schema=argument_schema("work", ()))
    output = tool.call() if side == "call" else run(tool.acall())
    assert not output.is_error
    own = f"DifyWorkflowTool.{side}"
    inside = [("DifyIteration.Iteration", "DifyNode.Llm")] * 4 + [("DifyLoop.Loop", "DifyNode.Assigner")] * 2
    nodes = ["Start", "Code", "TemplateTransform", "Llm", "Tool", "VariableAggregator", "End"]
    names = ["DifyIteration.Iteration", "DifyLoop.Loop", *(f"DifyNode.{node}" for node in nodes)]
    assert tree(told) == Counter([("", own), *((own, name) for name in names), *inside])
    assert told.spans.open_spans == {} and told.spans.dropped_spans == []
