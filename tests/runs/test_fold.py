"""What events mean: one table of small streams each, as items and as a result."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dify_integrations.errors import ConversationNotFound, ProviderError, RunFailed, RunStopped, ServerError, StreamInterrupted
from dify_integrations.events import Event, UnknownEvent
from dify_integrations.runs.items import (
    AudioChunk,
    Citation,
    Ended,
    FileOut,
    Paused,
    ReasoningDelta,
    StepFinished,
    StepStarted,
    TextDelta,
    TextReplaced,
    Usage,
)
from dify_integrations.runs.terminal import Shape, Verdict
from tests.runs.builders import end, ev, feed, finished, fold, message, node, started


def texts(items: Sequence[object]) -> list[str]:
    return [item.text for item in items if isinstance(item, TextDelta)]


def test_a_chat_turn() -> None:
    """Deltas, usage, ids, the end."""
    run = fold()
    items = feed(
        run,
        message("Hel"),
        message("lo"),
        message(""),
        end(usage={"total_tokens": 3, "total_price": "0E-7", "currency": "USD", "latency": 0.5}),
    )
    assert texts(items) == ["Hel", "lo"]
    assert items[-1] == Ended("succeeded")
    result = run.result()
    assert (result.text, result.status, result.created_at) == ("Hello", "succeeded", 5)
    assert result.ids == {"task_id": "t", "conversation_id": "c", "message_id": "m"}
    assert result.usage is not None
    assert (result.usage.total_price, result.usage.currency, result.total_tokens) == (Decimal("0E-7"), "USD", 3)
    assert run.failure() is None
    assert run.over


def test_nothing_is_heard_after_the_end() -> None:
    """Frames behind the terminal one change nothing."""
    run = fold()
    feed(run, message("a"), end())
    assert feed(run, message("b"), ev("error", code="x", message="late"), finished("failed")) == []
    assert run.result().text == "a"
    assert list(run.end()) == []
    assert list(run.abort(StreamInterrupted("late"))) == []


@pytest.mark.parametrize(
    "event",
    [ev("ping"), UnknownEvent({"event": "new"}), ev("parallel_branch_started", {}), ev("parallel_branch_finished", {})],
    ids=lambda e: e.name,
)
def test_events_without_meaning(event: Event) -> None:
    """Pings, unknown and unlisted events give nothing and end nothing."""
    run = fold()
    assert feed(run, event) == []
    assert not run.over


def test_text_in_disguise_and_files() -> None:
    """message_file is text with answer, a file with url; the user's own files are no output."""
    run = fold()
    picture = ev("message_file", id="f1", type="image", belongs_to="assistant", url="http://f/1")
    items = feed(
        run,
        ev("message_file", id="m", answer="He"),
        ev("message_file", id="m", answer="y"),
        picture,
        ev("message_file", id="f2", type="image", belongs_to="user", url="http://f/2"),
        ev("message_end", metadata={}, files=[
            {"related_id": "f1", "transfer_method": "tool_file", "url": "http://f/1b"},
            {"related_id": "f3", "transfer_method": "local_file", "url": "http://f/3"},
            {"dify_model_identity": "__dify__file__", "related_id": "f4", "transfer_method": "remote_url", "remote_url": "http://f/4", "size": 9},
        ]),
    )  # fmt: skip
    assert texts(items) == ["He", "y"]
    assert [(file.id, file.url, file.size) for file in items if isinstance(file, FileOut)] == [
        ("f1", "http://f/1", None),
        ("f4", "http://f/4", 9),
    ]
    assert [file.id for file in run.result().files] == ["f1", "f4"]


def test_the_closing_message_of_a_new_agent_is_not_doubled() -> None:
    """agent_message* then message with the complete answer."""
    run = fold()
    items = feed(run, ev("agent_message", answer="Hel"), ev("agent_message", answer="lo"), message("Hello!"), end())
    assert texts(items) == ["Hel", "lo", "!"]
    assert run.result().text == "Hello!"


def test_a_closing_message_that_differs_replaces() -> None:
    """The last word is the canonical answer."""
    run = fold()
    items = feed(run, ev("agent_message", answer="Hello"), message("Bye"), end())
    assert TextReplaced("Bye") in items
    assert run.result().text == "Bye"


def test_an_agent_app_that_never_spoke_as_agent() -> None:
    """Annotation and moderation answers of agent apps come as plain messages."""
    run = fold()
    feed(run, message("a"), message("b"), end())
    assert run.result().text == "ab"


@pytest.mark.parametrize("name", ["message_replace", "text_replace"])
def test_replaced_text(name: str) -> None:
    """What was said is withdrawn; the replacement counts."""
    run = fold(Shape.WORKFLOW)
    event = ev(name, {"text": "safe"}, answer="safe", reason="output_moderation")
    items = feed(run, started(), ev("text_chunk", {"text": "bad"}), event, finished())
    assert [item for item in items if isinstance(item, TextReplaced)][0].text == "safe"
    assert (run.result().text, run.result().text_replaced) == ("safe", True)


def test_replaced_by_nothing() -> None:
    """An empty replacement empties the answer."""
    run = fold(split_thinking=True)
    feed(run, message("bad <thi"), ev("message_replace", answer=""), end())
    assert run.result().text == ""


def test_a_replacement_with_reasoning_is_split_too() -> None:
    """Moderation that masks words replaces all that was said, thinking included; a New Agent then repeats it."""
    masked = "<think>*** it</think>So ***."
    run = fold(split_thinking=True)
    items = feed(run, ev("agent_message", answer="<think>damn it</think>So damn."), ev("message_replace", answer=masked))
    assert items[-1] == TextReplaced("So ***.")
    assert feed(run, message(masked), end())[:-1] == []
    assert (run.result().text, run.result().reasoning, run.result().text_replaced) == ("So ***.", "*** it", True)
    plain = fold(split_thinking=True)
    feed(plain, message("<think>hm</think>bad"), ev("message_replace", answer="good"), end())
    assert (plain.result().text, plain.result().reasoning) == ("good", "hm")
    kept = fold()
    feed(kept, message("bad"), ev("message_replace", answer=masked), end())
    assert kept.result().text == masked


def test_reasoning_events() -> None:
    """reasoning_chunk with text; the final one may be empty."""
    run = fold()
    items = feed(
        run,
        ev("reasoning_chunk", {"reasoning": "hm", "node_id": "n"}),
        ev("reasoning_chunk", {"reasoning": "", "is_final": True}),
        end(),
    )
    assert items[0] == ReasoningDelta("hm", "n")
    assert (run.result().reasoning, run.result().text) == ("hm", "")


def test_reasoning_tags_are_split_on_demand() -> None:
    """Cut tags too; what was held back comes before the end."""
    run = fold(split_thinking=True)
    items = feed(run, message("<th"), message("ink>why</think>so <"), end())
    assert [type(item) for item in items] == [ReasoningDelta, TextDelta, TextDelta, Ended]
    assert (run.result().reasoning, run.result().text) == ("why", "so <")
    kept = fold()
    feed(kept, message("<think>why</think>so"), end())
    assert kept.result().text == "<think>why</think>so"


def test_citations_without_a_knowledge_node_make_a_retrieval_step() -> None:
    """Chat apps retrieve without telling of a step."""
    run = fold()
    items = feed(run, message("x"), end(retriever_resources=[{"position": 1, "document_name": "D", "content": "c", "score": None}]))
    (citation,) = [item for item in items if isinstance(item, Citation)]
    assert (citation.document_name, citation.score, citation.segment_id) == ("D", None, "")
    assert [step.kind for step in run.result().steps] == ["retrieval"]


def test_citations_behind_a_knowledge_node_make_none() -> None:
    """The node told of the retrieval."""
    run = fold()
    feed(run, started(), ev("node_started", {"id": "k", "node_type": "knowledge-retrieval"}), ev("node_finished", {"id": "k", "node_type": "knowledge-retrieval", "status": "succeeded"}), end(retriever_resources=[{"position": 1}]), finished())  # fmt: skip
    assert [step.kind for step in run.result().steps] == ["run", "node"]


def test_speech() -> None:
    """MP3 chunks; broken base64 is skipped; with audio wanted the end waits for them."""
    chunk = ev("tts_message", audio=base64.b64encode(b"mp3").decode())
    run = fold(want_audio=True)
    items = feed(run, message("x"), end(), ev("tts_message", audio="%%%x"), chunk, ev("tts_message", audio=""))
    assert not run.over
    assert [item.data for item in items if isinstance(item, AudioChunk)] == [b"mp3"]
    assert feed(run, ev("tts_message_end", audio=""))[-1] == Ended("succeeded")
    assert run.result().audio == b"mp3"


def test_without_audio_wanted_the_answer_is_the_end() -> None:
    """Speech behind message_end is not waited for."""
    run = fold()
    feed(run, message("x"), end())
    assert run.over


def test_an_error_event_raises_by_code_with_what_had_arrived() -> None:
    """HTTP was 200; the class comes from the code."""
    run = fold()
    items = feed(run, message("par"), ev("error", code="completion_request_error", status=400, message="provider says no"))
    assert items[-1] == Ended("failed", "provider says no")
    error = run.failure()
    assert isinstance(error, ProviderError)
    assert error.in_stream
    assert error.partial is not None
    assert (error.partial.text, error.partial.status) == ("par", "failed")


@pytest.mark.parametrize(
    ("fields", "cls"),
    [
        ({"code": "internal_server_error", "status": 500, "message": "x"}, ServerError),
        ({"code": "", "status": 404, "message": "Conversation Not Exists."}, ConversationNotFound),
        ({"code": "unheard_of", "status": None, "message": "x"}, ServerError),
    ],
    ids=str,
)
def test_error_classes(fields: dict[str, Any], cls: type[Exception]) -> None:
    """By code, else by the status inside the event."""
    run = fold()
    feed(run, ev("error", **fields))
    assert type(run.failure()) is cls


def test_the_bare_error_frame_is_a_failed_run() -> None:
    """No ids, no code: a run that was refused before it began; its 500 is not a server error to repeat."""
    run = fold(Shape.WORKFLOW)
    run.feed(type(ev("error"))({"event": "error", "message": "topic is required in input form", "status": 500}))
    error = run.failure()
    assert isinstance(error, RunFailed)
    assert "topic is required" in error.message


@pytest.mark.parametrize("shape", [Shape.WORKFLOW, Shape.MESSAGE], ids=lambda shape: shape.name)
def test_a_failed_workflow_is_over_at_once(shape: Shape) -> None:
    """No error event needs to follow; open steps end."""
    run = fold(shape, version="1.12.1")
    items = feed(run, started(), node("node_started", "a"), finished("failed", error="node a broke"))
    assert run.over
    assert [item.step.status for item in items if isinstance(item, StepFinished)] == ["interrupted", "failed"]
    error = run.failure()
    assert isinstance(error, RunFailed)
    assert "node a broke" in error.message
    assert error.result is not None
    assert error.result.error == "node a broke"


@pytest.mark.parametrize("shape", ["error", "workflow_finished"])
def test_the_servers_words_are_one_short_line_without_secrets(shape: str) -> None:
    """A provider's text may hold a key, line breaks and any length."""
    words = "Incorrect API key provided:\n app-CANARYcanary0123456789ab " + "x" * 3000
    run = fold(Shape.WORKFLOW)
    feed(run, type(ev("error"))({"event": "error", "message": words}) if shape == "error" else finished("failed", error=words))
    error = run.failure()
    assert isinstance(error, RunFailed)
    for text in (str(error), run.result().error or ""):
        assert "CANARY" not in text
        assert "\n" not in text
        assert len(text) < 1100


def test_a_failed_workflow_without_a_reason() -> None:
    """The message says so."""
    run = fold(Shape.WORKFLOW)
    feed(run, finished("failed"))
    assert "no reason" in str(run.failure())


@pytest.mark.parametrize("version", ["1.12.1", "1.14.2"])
def test_both_orders_of_a_chatflows_end(version: str) -> None:
    """workflow_finished, message_end and the reverse give the same result."""
    tail = [finished(), end(usage={"total_tokens": 1})]
    run = fold(version=version)
    items = feed(run, started(), message("x"), *(tail if version == "1.12.1" else reversed(tail)))
    assert items[-1] == Ended("succeeded")
    result = run.result()
    assert (result.text, result.outputs, result.status) == ("x", {"answer": "x"}, "succeeded")
    assert result.usage is not None


def test_1_13_0_ends_without_message_end() -> None:
    """workflow_finished is all it sends."""
    run = fold(version="1.13.0")
    feed(run, started(), message("x"), finished())
    assert run.over
    assert run.result().usage is None


def test_an_unknown_version_waits_a_little() -> None:
    """Complete, but message_end may follow; the end of the body settles it."""
    run = fold(version=None)
    feed(run, started(), message("x"), finished())
    assert run.verdict is Verdict.GRACE
    assert not run.over
    assert list(run.end()) == [Ended("succeeded")]


def test_partial_success_is_a_success_that_says_so() -> None:
    """A node failed and the workflow was told to survive it."""
    run = fold(Shape.WORKFLOW)
    feed(run, started(), finished("partial-succeeded"))
    assert run.failure() is None
    assert run.result().status == "partial-succeeded"


def test_a_cancelled_run_closes_what_is_open() -> None:
    """What comes behind the cut is not heard, and the end is told once."""
    run = fold(Shape.WORKFLOW)
    feed(run, started(), node("node_started", "a"))
    run.cut()
    assert feed(run, finished()) == []
    items = list(run.cancel())
    assert [type(item) for item in items] == [StepFinished, StepFinished, Ended]
    assert list(run.cancel()) == []
    error = run.failure()
    assert isinstance(error, RunStopped)
    assert error.result is not None
    assert error.result.status == "stopped"


def test_a_run_that_has_ended_is_not_cancelled() -> None:
    """A cancel that comes too late changes nothing."""
    run = fold()
    feed(run, message("a"), end())
    list(run.end())
    assert list(run.cancel()) == []
    assert run.result().status == "succeeded"
    assert run.failure() is None


def test_a_stop_by_somebody_else_raises() -> None:
    """A short answer is never silent."""
    run = fold(Shape.WORKFLOW)
    feed(run, started(), node("node_started", "a"), finished("stopped", error="Stopped by user."))
    error = run.failure()
    assert isinstance(error, RunStopped)
    assert error.result is not None
    assert [step.status for step in error.result.steps] == ["stopped", "stopped"]


@pytest.mark.parametrize("status", ["stopped", "failed"])
def test_a_stop_that_was_asked_for_is_a_result(status: str) -> None:
    """Also when the graph's abort wins the race and calls it failed."""
    run = fold(Shape.WORKFLOW)
    run.stop_asked = True
    feed(run, started(), finished(status))
    assert run.failure() is None


def test_a_stop_by_moderation_is_a_complete_answer() -> None:
    """The replacement is the whole answer."""
    run = fold()
    feed(run, started(), message("bad"), ev("message_replace", answer="safe", reason="output_moderation"), finished("stopped"))
    assert run.failure() is None
    assert run.result().status == "stopped"


def test_a_pause_is_a_result_with_its_forms() -> None:
    """Forms of human_input_required; open steps are paused."""
    run = fold(Shape.WORKFLOW)
    form = ev("human_input_required", {"form_id": "f", "form_token": "k", "node_id": "n", "node_title": "N", "form_content": "?", "actions": [{"id": "ok"}], "expiration_time": 9})  # fmt: skip
    items = feed(
        run, started(), node("node_started", "h"), form, ev("workflow_paused", {"paused_nodes": ["n"], "reasons": [{"TYPE": "x"}]})
    )
    (pause,) = [item for item in items if isinstance(item, Paused)]
    assert (pause.workflow_run_id, pause.paused_nodes, pause.forms[0].form_token) == ("r", ("n",), "k")
    assert items[-1] == Ended("paused")
    assert run.failure() is None
    assert (run.result().status, run.result().pause) == ("paused", pause)
    assert {step.status for step in run.result().steps} == {"paused"}


def test_a_followed_run_reads_on_behind_a_pause() -> None:
    """continue_on_pause: the pause is an item, the run goes on, its steps are the same ones."""
    run = fold(Shape.EVENTS, pause_ends=False)
    feed(run, started(), node("node_started", "h"), ev("workflow_paused", {}))
    assert not run.over
    feed(run, started(), node("node_started", "h"), node("node_finished", "h", status="succeeded"), finished())
    assert [(step.id, step.status) for step in run.result().steps] == [("r", "succeeded"), ("h", "succeeded")]


def test_a_stream_that_breaks_off_closes_what_is_open() -> None:
    """abort: every started step is finished, the last item is Ended."""
    run = fold()
    feed(run, started(), node("node_started", "a"), message("x"))
    assert list(run.end()) == []
    items = run.abort(StreamInterrupted("cut"))
    assert [type(item) for item in items] == [StepFinished, StepFinished, Ended]
    assert run.result().status == "interrupted"
    assert {step.error for step in run.result().steps} == {"cut"}


def test_ids_that_come_late_are_learned() -> None:
    """Workflow frames before workflow_started have a null run id; frames without a task id teach nothing wrong."""
    run = fold(Shape.WORKFLOW)
    first = type(ev("node_started", {}))({"event": "node_started", "task_id": None, "workflow_run_id": None, "data": {"id": "a"}})
    run.feed(first)
    assert run.task_id == ""
    feed(run, started())
    assert (run.task_id, run.result().workflow_run_id, run.result().workflow_id) == ("t", "r", "w")


@given(
    st.lists(
        st.sampled_from(["ping", "node_started", "node_retry", "agent_log", "tts_message", "iteration_next", "agent_thought"]),
        max_size=6,
    ),
    st.integers(0, 6),
)
@settings(max_examples=100)
def test_harmless_events_do_not_change_the_answer(names: list[str], at: int) -> None:
    """Any of them, anywhere between the words."""
    words = [message("a"), message("b")]
    extra = [ev(name, {"id": "s"}, id="s") for name in names]
    run = fold()
    feed(run, *words[:1], *extra[:at], *words[1:], *extra[at:], end())
    assert (run.result().text, run.result().status) == ("ab", "succeeded")


@pytest.mark.parametrize(
    ("raw", "price"),
    [
        ("0.0010", Decimal("0.0010")),
        ("1E-7", Decimal("1E-7")),
        (2, Decimal(2)),
        ("x", None),
        (None, None),
        (True, None),
        ("NaN", None),
    ],
    ids=repr,
)
def test_prices(raw: object, price: Decimal | None) -> None:
    """Decimal strings, exponent form too; nonsense is no price."""
    assert Usage.of({"total_price": raw}).total_price == price  # type: ignore[dict-item]


def test_every_started_step_finishes_once() -> None:
    """Whatever order a stream stops in."""
    run = fold()
    items = feed(
        run,
        started(),
        node("node_started", "a"),
        node("node_started", "b"),
        node("node_finished", "a", status="succeeded"),
        end(),
        finished(),
    )
    begun = [item.step.id for item in items if isinstance(item, StepStarted)]
    done = [item.step.id for item in items if isinstance(item, StepFinished)]
    assert sorted(begun) == sorted(done) == ["a", "b", "r"]


def test_a_followed_chatflow_whose_stream_says_something_else() -> None:
    """Dify main of 2026-06 sends the text before a pause once more; the outputs have the answer, thinking included."""
    target = fold(Shape.EVENTS, split_thinking=True)
    items = feed(
        target, started(), message("<think>hm</think>Draft. Draft. "), finished(outputs={"answer": "<think>hm</think>Draft. Done."})
    )
    assert TextReplaced("Draft. Done.") in items
    result = target.result()
    assert (result.text, result.reasoning, result.text_replaced) == ("Draft. Done.", "hm", False)
