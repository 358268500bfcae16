"""A run over the breaks of its streams: all of its text once, whatever was lost, and no step twice."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dify_integrations.events.base import Event
from dify_integrations.events.workflow import WorkflowFinishedEvent
from dify_integrations.models.workflows import WorkflowRun
from dify_integrations.runs.fold import Fold
from dify_integrations.runs.items import StepFinished, StepStarted, TextDelta
from dify_integrations.runs.resumption import MOST, Resumption, missing_text
from dify_integrations.runs.terminal import Shape
from tests.runs.builders import end, ev, feed, fold, message, node, started

WORDS = st.lists(st.text("ab \n", max_size=4), max_size=6)


def chunk(text: str) -> Event:
    """Text of a workflow app, whose events name no message."""
    event = ev("text_chunk", {"text": text})
    return type(event)({name: value for name, value in event.raw.items() if name not in ("message_id", "conversation_id")})


def bare(event: Event) -> Event:
    """An event of a workflow app."""
    return type(event)({name: value for name, value in event.raw.items() if name not in ("message_id", "conversation_id")})


def over(status: str = "succeeded", /, **outputs: Any) -> Event:
    return ev("workflow_finished", {"id": "r", "workflow_id": "w", "status": status, "outputs": outputs})


def run(
    joint: Resumption,
    target: Fold,
    *streams: Sequence[Event],
    detail: WorkflowRun | None = None,
    stored: str | None = None,
) -> list[Any]:
    """What a driver does: several streams of one run, then its detail."""
    items: list[Any] = []
    for number, stream in enumerate(streams):
        if number:
            assert joint.broke()
            target.join()
        for event in stream:
            items += feed(target, *joint.admit(event))
    if joint.settle(detail) or joint.over:
        items += feed(target, *joint.conclude(stored))
    return items


def text_of(items: Sequence[Any]) -> str:
    return "".join(item.text for item in items if isinstance(item, TextDelta))


@given(before=WORDS, lost=WORDS, behind=WORDS, detail=st.booleans())
def test_a_chatflow_says_all_of_its_text_once(before: list[str], lost: list[str], behind: list[str], detail: bool) -> None:
    """Whatever was lost in between, and whether the stream or only the detail tells the outputs."""
    whole = "".join([*before, *lost, *behind])
    remembered = WorkflowRun(id="r", status="succeeded", outputs={"answer": whole}) if detail else None
    joint, target = Resumption(), fold()
    items = run(
        joint,
        target,
        [started(), *map(message, before)],
        [
            started(),
            ev("message_replace", answer="", reason=""),
            *map(message, behind),
            end(),
            over(answer="" if detail else whole),
        ],
        detail=remembered,
        stored=whole,
    )
    assert text_of(items) == target.result().text == whole
    assert not joint.text_lost
    assert target.result().status == "succeeded"


@given(before=WORDS, lost=WORDS, behind=WORDS)
def test_a_workflow_says_all_of_its_text_once(before: list[str], lost: list[str], behind: list[str]) -> None:
    """Its outputs stand one below the other in the stream, as recorded of 1.14.2 (`text`, `reasoning`)."""
    whole = "".join([*before, *lost, *behind])
    joint, target = Resumption(), fold(Shape.WORKFLOW)
    streams = [bare(started()), *map(chunk, before)], [*map(chunk, behind), bare(over(text=whole, reasoning=""))]
    items = run(joint, target, *streams)
    told = text_of(items)
    assert told == target.result().text
    assert told.rstrip() == whole.rstrip()


@given(st.text("ab \n"), st.text("ab \n"), st.text("ab \n"), st.text(" \n", max_size=2))
def test_missing_text(before: str, lost: str, behind: str, tail: str) -> None:
    """The three parts of a text give it back; a stream may end in more white space than the outputs."""
    whole = before + lost + behind
    missing = missing_text(before, whole, behind + tail)
    assert missing is not None or not behind.strip()
    assert missing is None or (before + missing).rstrip() == whole.rstrip()


@pytest.mark.parametrize(("before", "whole", "behind"), [("x", "abc", "c"), ("a", "abc", "d"), ("abcd", "abc", "")])
def test_what_does_not_fit(before: str, whole: str, behind: str) -> None:
    assert missing_text(before, whole, behind) is None


def test_the_whole_log_again() -> None:
    """Newer servers send a run's log from its beginning; nothing of it is said twice."""
    joint, target = Resumption(), fold()
    log = [started(), message("one "), message("two"), over(answer="one two")]
    assert text_of(run(joint, target, log[:2], log)) == "one two"


def test_steps_of_a_snapshot_are_not_told_again() -> None:
    """Those that were told keep what was told of them; those of the break are told."""
    joint, target = Resumption(), fold()
    first = [started(), node("node_started", "n1"), node("node_finished", "n1", outputs={"a": 1}, status="succeeded")]
    again = [started(), node("node_started", "n1"), node("node_finished", "n1", outputs=None, status="succeeded")]
    new = [node("node_started", "n2"), node("node_finished", "n2", outputs=None, status="succeeded")]
    items = run(joint, target, first, [*again, *new, over(answer="")])
    assert [(type(item), item.step.id) for item in items if isinstance(item, (StepStarted, StepFinished))] == [
        (StepStarted, "r"),
        (StepStarted, "n1"),
        (StepFinished, "n1"),
        (StepStarted, "n2"),
        (StepFinished, "n2"),
        (StepFinished, "r"),
    ]
    assert [step.outputs for step in target.result().steps][1] == {"a": 1}


def test_moderation_behind_a_break() -> None:
    """A replacement is the whole text, and what follows it is said as it comes."""
    joint, target = Resumption(), fold()
    replaced = ev("message_replace", answer="No. ", reason="output_moderation")
    streams = [started(), message("bad ")], [message("worse"), replaced, message("Sorry."), end(), over(answer="bad worse")]
    items = run(joint, target, *streams)
    assert target.result().text == "No. Sorry."
    assert text_of(items) == "bad Sorry."
    assert not joint.text_lost


def test_moderation_during_a_break() -> None:
    """The history has what the user may see; the outputs have what the model said."""
    joint, target = Resumption(), fold()
    run(joint, target, [started(), message("bad ")], [over(answer="bad worse")], stored="No.")
    assert (target.result().text, target.result().text_replaced, joint.text_lost) == ("No.", True, False)


def test_without_the_history_only_what_was_sent() -> None:
    """The outputs of a chatflow hold what moderation has taken back during the break."""
    joint, target = Resumption(), fold()
    run(joint, target, [started(), message("bad ")], [over(answer="bad worse")])
    assert (target.result().text, joint.text_lost) == ("bad ", True)
    joint, target = Resumption(), fold()
    run(joint, target, [started(), message("all ")], [message("of it"), over(answer="all of it")])
    assert (target.result().text, joint.text_lost) == ("all of it", False)


def test_outputs_of_every_kind() -> None:
    """As 1.14 streams them; of a file's link nobody knows the signature."""
    outputs: dict[str, Any] = {"text": "a", "none": None, "yes": True, "list": [0, "x", None], "object": {"k": "ü"}, "number": 1.5}
    joint, target = Resumption(), fold(Shape.WORKFLOW)
    run(joint, target, [bare(started())], [bare(over(**outputs))])
    assert target.result().text == 'a\n\nTrue\n- 0\n- x\n- None\n{\n  "k": "ü"\n}\n1.5'
    for odd in ({"dify_model_identity": "__dify__file__"}, [{"a": 1}]):
        joint = Resumption()
        run(joint, fold(Shape.WORKFLOW), [bare(started())], [bare(over(file=odd))])
        assert joint.text_lost


def test_a_pause_behind_a_break() -> None:
    """The snapshot of a paused chatflow holds its answer; the form is told once."""
    form = ev("human_input_required", {"form_id": "f", "form_token": "t", "node_id": "n"})
    paused = ev("workflow_paused", {"paused_nodes": ["n"], "reasons": [], "outputs": {}, "status": "paused"})
    joint, target = Resumption(), fold()
    streams = [started(), message("one "), form], [started(), ev("message_replace", answer="one two"), form, paused]
    items = run(joint, target, *streams)
    result = target.result()
    assert (text_of(items), result.status) == ("one two", "paused")
    assert result.pause is not None
    assert [known.form_id for known in result.pause.forms] == ["f"]


def test_a_hole_is_not_passed_off() -> None:
    """When the outputs do not hold what was said, the text is not called whole."""
    joint, target = Resumption(), fold()
    run(joint, target, [started(), message("one")], [message("three"), over(answer="another")])
    assert joint.text_lost
    assert target.result().outputs == {"answer": "another"}


def test_a_long_answer_costs_no_more_per_token() -> None:
    """A text that is put together anew with every token takes half a minute here."""
    joint, token = Resumption(), message("hello ")
    began = time.process_time()
    for _ in range(200_000):
        joint.admit(token)
    assert time.process_time() - began < 5


def test_a_failed_run_needs_no_text() -> None:
    joint, target = Resumption(), fold()
    run(joint, target, [started(), message("one")], [over("failed")])
    assert not joint.text_lost
    assert target.result().status == "failed"


def test_the_detail_alone() -> None:
    """A run that ended while nobody listened, on a server that has forgotten its events."""
    joint, target = Resumption(), fold()
    detail = WorkflowRun(id="r", workflow_id="w", status="failed", error="boom", total_tokens=7)
    run(joint, target, [started(), message("one")], [], detail=detail)
    result = target.result()
    assert (result.status, result.error, result.total_tokens, result.text) == ("failed", "boom", 7, "one")


def test_a_running_detail_confirms_nothing() -> None:
    """The server's memory may lag behind its own stream."""
    joint, target = Resumption(), fold()
    lagging = WorkflowRun(id="r", status="running")
    run(joint, target, [started(), message("a")], [message("b"), over(answer="ab")], detail=lagging)
    assert (target.result().status, target.result().text) == ("succeeded", "ab")


def test_a_run_without_id_or_end_is_not_followed() -> None:
    joint = Resumption()
    assert not joint.broke()
    joint.admit(started())
    assert [joint.broke() for _ in range(MOST)] == [True] * (MOST - 1) + [False]
    done = Resumption()
    done.admit(started())
    assert done.broke()
    done.admit(over(answer=""))
    assert not done.broke()
    assert isinstance(done.finished, WorkflowFinishedEvent)
    assert Resumption().conclude() == ()
