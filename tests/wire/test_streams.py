"""Every recorded stream through decoder, parser and fold: the result is what the contract makes of the raw JSON."""

from __future__ import annotations

from collections import Counter

import pytest

from dify_integrations.errors import APIError, StreamInterrupted
from dify_integrations.runs.items import Ended, StepFinished, StepStarted, TextDelta, TextReplaced
from tests.wire.expected import Meaning, meaning_of
from tests.wire.folding import feed, fold_for
from tests.wire.outcomes import failure_of
from tests.wire.recordings import COLLECTION, CURATED, Recording, frames, recordings

EVERY = [pytest.param(recording, id=recording.id) for recording in recordings()]


def meaning(recording: Recording) -> Meaning:
    return meaning_of(
        frames(recording.body), recording.kind, recording.version, pause_ends=recording.pause_ends, snapshot=recording.snapshot
    )


def test_there_are_recordings() -> None:
    assert len(list(CURATED.glob("*/*.sse"))) > 200
    assert not COLLECTION.is_dir() or len(EVERY) > 400


@pytest.mark.parametrize("recording", EVERY)
def test_a_stream_folds_to_what_its_json_says(recording: Recording) -> None:
    expected = meaning(recording)
    folded = feed(fold_for(recording), [recording.body])
    result = folded.fold.result()

    assert folded.fold.over == (expected.ends_at is not None)
    assert result.text == expected.text
    assert result.text_replaced == expected.replaced
    assert result.status == (expected.status if folded.fold.over else "running")
    assert dict(result.ids) == expected.ids
    assert (result.usage.raw if result.usage else None) == expected.usage
    assert [citation.raw for citation in result.citations] == expected.citations
    assert [file.id for file in result.files][: len(expected.files)] == expected.files
    assert result.outputs == (expected.outputs or {})
    assert len(result.steps) == len(expected.steps)
    assert {step.id: step.status for step in result.steps if step.id in expected.states} == {
        step: state for step, state in expected.states.items() if step in expected.steps
    }
    assert {call.id for call in result.tool_calls} == expected.tools
    assert [form.form_id for form in result.pause.forms] == expected.forms if result.pause else not expected.paused


@pytest.mark.parametrize("recording", EVERY)
def test_items_are_whole(recording: Recording) -> None:
    """Steps that start also end, once and under known parents; text items add up; the end comes last."""
    folded = feed(fold_for(recording), [recording.body])
    items = [*folded.items, *folded.fold.abort(StreamInterrupted("the recording ends here"))]
    started: Counter[str] = Counter()
    finished: Counter[str] = Counter()
    for item in items:
        if isinstance(item, StepStarted):
            assert item.step.parent_id is None or item.step.parent_id in started
            started[item.step.id] += 1
        elif isinstance(item, StepFinished):
            finished[item.step.id] += 1
            assert finished[item.step.id] == started[item.step.id]
            assert item.step.status != "running"
    assert started == finished
    assert [type(item) for item in items].index(Ended) == len(items) - 1
    text = ""
    for item in items:
        if isinstance(item, (TextDelta, TextReplaced)):
            text = item.text if isinstance(item, TextReplaced) else text + item.text
    assert text == folded.fold.result().text


@pytest.mark.parametrize("recording", EVERY)
def test_a_run_that_ends_badly_raises_with_what_there_is(recording: Recording) -> None:
    expected = meaning(recording)
    failure = feed(fold_for(recording), [recording.body]).fold.failure()
    if expected.ends_at is None or failure is None:  # the driver raises StreamInterrupted: test_interrupted.py
        assert failure is None
        assert failure_of(expected) in (None, StreamInterrupted)
        return
    assert type(failure) is failure_of(expected)
    assert failure.partial is not None
    assert failure.partial.text == expected.text
    assert failure.partial.status == expected.status
    if isinstance(failure, APIError) and expected.error:
        assert (failure.code, failure.status) == (expected.error.get("code", ""), expected.error["status"])
        assert failure.in_stream


OLD_CHATFLOWS = [
    recording
    for recording in recordings()
    if recording.version < "1.13" and recording.kind == "message" and b'"workflow_finished"' in recording.body
]


@pytest.mark.parametrize("recording", OLD_CHATFLOWS, ids=lambda recording: recording.id)
def test_a_chatflow_behind_a_proxy_that_hides_the_version_is_read_to_its_end(recording: Recording) -> None:
    expected = meaning(recording)
    folded = feed(fold_for(recording, version=False), [recording.body])
    result = folded.fold.result()
    assert (result.text, result.status) == (expected.text, expected.status)
    assert (result.usage is not None) == expected.message_end


@pytest.mark.parametrize("recording", OLD_CHATFLOWS, ids=lambda recording: recording.id)
def test_without_a_version_a_chatflow_may_end_with_workflow_finished(recording: Recording) -> None:
    """1.13.0 sends nothing behind it, so without a version nothing is missing then."""
    at = recording.body.index(b"\n\n", recording.body.index(b'"workflow_finished"')) + 2
    body = recording.body[:at]
    expected = meaning_of(frames(body), recording.kind, recording.version)
    folded = feed(fold_for(recording, version=False), [body])
    assert folded.fold.over
    assert folded.fold.result().text == expected.text
    assert folded.fold.result().status == expected.finished
