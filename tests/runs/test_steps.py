"""The tree of steps."""

from __future__ import annotations

import pytest

from dify_integrations.runs.items import Item, Step, StepFinished, StepStarted, StepUpdated, ToolCall, ToolResult
from dify_integrations.runs.terminal import Shape
from tests.runs.builders import end, ev, feed, finished, fold, node, started


def shape_of(steps: tuple[Step, ...]) -> list[tuple[str, str | None, str, str]]:
    return [(step.id, step.parent_id, step.kind, step.status) for step in steps]


def phases(items: list[Item]) -> list[tuple[str, str]]:
    words = {StepStarted: "start", StepUpdated: "update", StepFinished: "finish"}
    return [(words[type(item)], item.step.id) for item in items if isinstance(item, (StepStarted, StepUpdated, StepFinished))]


def test_nodes_belong_to_the_run() -> None:
    """Inputs, outputs and metadata of the end; the order of start."""
    run = fold(Shape.WORKFLOW)
    done = node(
        "node_finished",
        "a",
        status="succeeded",
        inputs={"q": 1},
        outputs={"text": "x"},
        elapsed_time=0.5,
        execution_metadata={"total_tokens": 3},
    )
    items = feed(run, started(), node("node_started", "a"), done, finished())
    assert phases(items) == [("start", "r"), ("start", "a"), ("finish", "a"), ("finish", "r")]
    root, step = run.result().steps
    assert (root.kind, root.inputs, root.outputs) == ("run", {"a": 1}, {"answer": "x"})
    assert (step.type, step.title, step.inputs, step.outputs, step.elapsed_s, step.metadata, step.node_id) == (
        *("llm", "a", {"q": 1}, {"text": "x"}, 0.5, {"total_tokens": 3}, "n-a"),
    )


def test_a_stream_joined_late_shows_ends_without_starts() -> None:
    """The missing start is supplied."""
    run = fold(Shape.EVENTS)
    assert phases(feed(run, node("node_finished", "a", status="succeeded"))) == [("start", "a"), ("finish", "a")]


def test_retries_update_the_node() -> None:
    """Status retry is not the node's end."""
    run = fold(Shape.WORKFLOW)
    items = feed(run, started(), node("node_started", "a"), node("node_retry", "a", retry_index=2, error="busy", status="retry"))
    update = items[-1]
    assert isinstance(update, StepUpdated)
    assert (update.what, update.step.index, update.step.error, update.step.status) == ("retry", 2, "busy", "running")
    assert feed(run, node("node_retry", "unknown", retry_index=1)) == []


@pytest.mark.parametrize("kind", ["iteration", "loop"])
def test_nodes_inside_a_container(kind: str) -> None:
    """Container events carry the node id as id; inner nodes name it."""
    run = fold(Shape.WORKFLOW)
    box = {"id": "box", "node_id": "box", "node_type": kind, "title": "Box"}
    items = feed(
        run,
        started(),
        ev(f"{kind}_started", {**box, "metadata": {f"{kind}_length": 2}, "inputs": {"items": [1, 2]}}),
        ev(f"{kind}_next", {**box, "index": 1}),
        node("node_started", "in", **{f"{kind}_id": "box"}),
        node("node_finished", "in", **{f"{kind}_id": "box"}, status="succeeded"),
        ev(f"{kind}_completed", {**box, "status": "succeeded", "outputs": {"output": []}}),
        finished(),
    )
    assert phases(items) == [
        ("start", "r"),
        ("start", "box"),
        ("update", "box"),
        ("start", "in"),
        ("finish", "in"),
        ("finish", "box"),
        ("finish", "r"),
    ]
    assert shape_of(run.result().steps) == [
        ("r", None, "run", "succeeded"),
        ("box", "r", kind, "succeeded"),
        ("in", "box", "node", "succeeded"),
    ]


def test_an_iteration_inside_a_loop_is_a_new_step_each_round() -> None:
    """Its id on the wire is always the node id."""
    run = fold(Shape.WORKFLOW)
    loop, it = {"id": "L", "node_id": "L"}, {"id": "I", "node_id": "I", "loop_id": "L"}
    round_ = [
        ev("iteration_started", it),
        node("node_started", "x", iteration_id="I"),
        node("node_finished", "x", iteration_id="I"),
        ev("iteration_completed", it),
    ]
    again = [
        ev("iteration_started", it),
        node("node_started", "y", iteration_id="I"),
        node("node_finished", "y", iteration_id="I"),
        ev("iteration_completed", it),
    ]
    feed(
        run,
        started(),
        ev("loop_started", loop),
        *round_,
        ev("loop_next", {**loop, "index": 1}),
        *again,
        ev("loop_completed", loop),
        finished(),
    )
    assert shape_of(run.result().steps) == [
        ("r", None, "run", "succeeded"),
        ("L", "r", "loop", "succeeded"),
        ("I", "L", "iteration", "succeeded"),
        ("x", "I", "node", "succeeded"),
        ("I#2", "L", "iteration", "succeeded"),
        ("y", "I#2", "node", "succeeded"),
    ]


def test_an_agent_thought_fills_up() -> None:
    """Created, tool chosen, observed: each part is reported once; two tools share a step."""
    run = fold()
    both = '{"time": {}, "day": {"year": 2026}}'
    seen = '{"time": "10:49", "day": "Friday"}'
    first = ev("agent_thought", id="a", position=1, thought="", tool="", tool_input="", observation="")
    chosen = ev("agent_thought", id="a", position=1, thought="call", tool="time;day", tool_input=both, observation="")
    observed = ev("agent_thought", id="a", position=1, thought="call", tool="time;day", tool_input=both, observation=seen)
    last = ev("agent_thought", id="b", position=2, thought="done", tool="", tool_input="", observation="")
    items = feed(run, first, chosen, chosen, observed, observed, last, end())
    assert [(call.name, call.arguments) for call in items if isinstance(call, ToolCall)] == [
        ("time", "{}"),
        ("day", '{"year": 2026}'),
    ]
    assert [(result.name, result.content) for result in items if isinstance(result, ToolResult)] == [
        ("time", "10:49"),
        ("day", "Friday"),
    ]
    assert shape_of(run.result().steps) == [
        ("a", None, "thought", "succeeded"),
        ("a:time", "a", "tool", "succeeded"),
        ("a:day", "a", "tool", "succeeded"),
        ("b", None, "thought", "succeeded"),
    ]
    assert [step.outputs for step in run.result().steps][0] == "call"
    assert len(run.result().tool_calls) == len(run.result().tool_results) == 2


@pytest.mark.parametrize(
    ("tool_input", "observation", "arguments", "content"),
    [
        ('{"t": {"x": 1}}', "plain text", '{"x": 1}', "plain text"),
        ("not json", '{"other": 1}', "not json", '{"other": 1}'),
        ('{"t": 1, "u": 2}', "[1]", '{"t": 1, "u": 2}', "[1]"),
        ("[" * 100_000, '{"t": "ok"}', "[" * 100_000, "ok"),
    ],
    ids=["keyed input", "raw", "an object of the tool's own", "nested too deep"],
)
def test_tool_texts_that_are_not_keyed_by_name(tool_input: str, observation: str, arguments: str, content: str) -> None:
    """The text is passed on as it is."""
    run = fold()
    items = feed(run, ev("agent_thought", id="a", tool="t", tool_input=tool_input, observation=observation), end())
    assert [call.arguments for call in items if isinstance(call, ToolCall)] == [arguments]
    assert [result.content for result in items if isinstance(result, ToolResult)] == [content]


def test_agent_logs_nest_and_end_by_status() -> None:
    """parent_id, else the agent node; the same id is sent again when the status changes."""
    run = fold(Shape.WORKFLOW)
    log = {"id": "g", "node_execution_id": "a", "label": "ROUND 1", "data": {"x": 1}, "status": "start"}
    inner = {"id": "h", "parent_id": "g", "label": "CALL", "status": "start"}
    items = feed(
        run,
        started(),
        node("node_started", "a"),
        ev("agent_log", log),
        ev("agent_log", {**log, "data": {"x": 2}}),
        ev("agent_log", inner),
        ev("agent_log", {**inner, "status": "error", "error": "no"}),
        ev("agent_log", {**log, "status": "success", "metadata": {"m": 1}}),
        ev("agent_log", {**log, "status": "success"}),
    )
    assert phases(items)[2:] == [("start", "g"), ("update", "g"), ("start", "h"), ("finish", "h"), ("finish", "g")]
    steps = {step.id: step for step in run.result().steps}
    assert (steps["g"].parent_id, steps["g"].status, steps["g"].metadata) == ("a", "succeeded", {"m": 1})
    assert (steps["h"].parent_id, steps["h"].status, steps["h"].error) == ("g", "failed", "no")


def test_a_node_that_waited_starts_again_under_its_id() -> None:
    """After a resumption the human-input node is the same step."""
    run = fold(Shape.EVENTS, pause_ends=False)
    feed(run, started(), node("node_started", "h"), node("node_finished", "h", status="paused"))
    items = feed(run, started(), node("node_started", "h"), node("node_finished", "h", status="succeeded"), finished())
    assert phases(items) == [("start", "h"), ("finish", "h"), ("finish", "r")]
    assert [step.status for step in run.result().steps] == ["succeeded", "succeeded"]
