"""Answers that the app withdraws: `invoke` returns what stands instead, streams annotate, raise or wait."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core import exceptions as langchain

import dify_integrations as dify
from dify_integrations.local import Gate, Replace, Say, Text
from langchain_dify.errors import DifyRefusalError
from tests.langchain.conftest import Recorder, Serve
from tests.langchain.recorded import SIDES, InSync, Played, unnumbered
from tests.langchain.test_blocks import finished
from tests.wire.played import MESSAGES, Documented
from tests.wire.recordings import Recording, frames

pytestmark = pytest.mark.filterwarnings("ignore:The method `BaseChatModel._a?chat_model_stream_v3` is in beta")

WITHDRAWN: list[Say] = [Text("You "), Text("fool"), Replace("I cannot say that.")]
REPLACED = [one for one in MESSAGES if b'"message_replace"' in one.body]
RECORDED = [pytest.param(one, id=one.id) for one in REPLACED]


def replacement(recording: Recording) -> tuple[str, str]:
    """What was said, and what stands instead, by the raw JSON."""
    told = frames(recording.body)
    said = "".join(frame["answer"] for frame in told if frame["event"] in ("message", "agent_message"))
    return said, next(frame["answer"] for frame in told if frame["event"] == "message_replace")


def test_there_are_recordings_of_it() -> None:
    assert len(RECORDED) >= 4
    told = {replacement(one)[1] for one in REPLACED}
    assert told == {"Output blocked by the lab.", "The output was blocked. 已屏蔽"}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("recording", RECORDED)
def test_recorded_replacement(recording: Recording, side: type[InSync]) -> None:
    """Check 23: what real servers send, under each setting."""
    said, instead = replacement(recording)
    played = Played(recording)
    for setting in ("annotate", "buffer"):
        message = side.invoke(played.chat(on_replace=setting))
        assert (message.text, message.response_metadata["finish_reason"]) == (instead, "content_filter")
        assert [block["type"] for block in unnumbered(message.content_blocks)] == ["text"]
    annotated = finished(side.stream(played.chat()))
    assert (annotated.text, annotated.response_metadata["finish_reason"]) == (said, "content_filter")
    assert annotated.response_metadata["dify"]["replaced_answer"] == instead
    (buffered,) = side.stream(played.chat(on_replace="buffer"))
    assert (buffered.text, buffered.chunk_position) == (instead, "last")
    for call in (side.invoke, side.stream):
        with pytest.raises(DifyRefusalError) as refused:
            call(played.chat(on_replace="raise"))
        assert refused.value.replacement == instead


@pytest.mark.parametrize("side", SIDES)
def test_invoke_returns_the_replacement(serve: Serve, side: type[InSync]) -> None:
    """Check 23: with `annotate` and `buffer`; `raise` raises, with the message and the run."""
    served = serve(WITHDRAWN)
    for setting in ("annotate", "buffer"):
        assert side.invoke(served.chat(on_replace=setting)).text == "I cannot say that."
        assert side.invoke(served.llm(mode="chat", on_replace=setting)) == "I cannot say that."
    with pytest.raises(DifyRefusalError) as refused:
        side.invoke(served.chat(on_replace="raise"))
    error = refused.value
    assert isinstance(error, dify.RunError) and isinstance(error, langchain.ModelError) and not error.is_retryable
    assert error.raw is not None and error.result is not None
    assert error.raw.text == error.replacement == error.result.text == "I cannot say that."
    assert error.raw.response_metadata["dify"]["message_id"] == error.result.message_id


@pytest.mark.parametrize("side", SIDES)
def test_stream_annotates(serve: Serve, side: type[InSync], recorder: Recorder) -> None:
    """Check 23: what was streamed stays, the last chunk and an event tell what stands instead."""
    model = serve(WITHDRAWN).chat()
    chunks = side.stream(model, config={"callbacks": [recorder]})
    assert [chunk.text for chunk in chunks if chunk.text] == ["You ", "fool"]
    last = chunks[-1].response_metadata
    assert (last["finish_reason"], last["dify"]["replaced_answer"]) == ("content_filter", "I cannot say that.")
    assert [name for name, _ in recorder.events] == ["dify.message_replace"]
    _, message = side.events(model)
    assert message.text == "You fool"
    assert message.response_metadata["dify"]["replaced_answer"] == "I cannot say that."


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("way", ["stream", "events"])
def test_stream_raises(serve: Serve, side: type[InSync], way: str, recorder: Recorder) -> None:
    """Check 23: behind what was streamed, with what was said and what stands instead."""
    model = serve(WITHDRAWN).chat(on_replace="raise")
    with pytest.raises(DifyRefusalError) as refused:
        getattr(side, way)(model, config={"callbacks": [recorder]})
    error = pickle.loads(pickle.dumps(refused.value))
    assert (error.replacement, error.raw.text) == ("I cannot say that.", "You fool")
    assert error.raw.response_metadata["dify"]["message_id"] == error.result.message_id
    assert recorder.tokens == ["You ", "fool"]
    assert recorder.open == [] and len(recorder.failed) == 1


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_stream_waits(serve: Serve, version: str) -> None:
    """Check 23: with `buffer` nothing is streamed before it is sure that it stays."""
    gate, seen = threading.Event(), threading.Event()
    served = serve([Text("You "), Text("fool"), Gate(gate), Replace("I cannot say that.")])
    model, chunks = served.chat(on_replace="buffer", output_version=version), []

    def read() -> None:
        for chunk in model.stream("Hi"):
            chunks.append(chunk)
            seen.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert served.server.wait_until(lambda server: bool(server.requests)) and not seen.wait(0.3)
    gate.set()
    reader.join(10)
    assert [chunk.text for chunk in chunks] == ["I cannot say that."]
    assert chunks[0].usage_metadata is not None and chunks[0].chunk_position == "last"


@pytest.mark.parametrize("side", SIDES)
def test_text_model_has_the_same_settings(serve: Serve, side: type[InSync], recorder: Recorder) -> None:
    """Check 23: `DifyLLM`."""
    served = serve(WITHDRAWN)
    models = {setting: served.llm(mode="chat", on_replace=setting) for setting in ("annotate", "buffer", "raise")}
    assert [text for text in side.stream(models["annotate"]) if text] == ["You ", "fool"]
    assert [text for text in side.stream(models["buffer"]) if text] == ["I cannot say that."]
    for call in (side.invoke, side.stream):
        with pytest.raises(DifyRefusalError) as refused:
            call(models["raise"], config={"callbacks": [recorder]})
        assert refused.value.replacement == "I cannot say that."
    assert recorder.open == []


@pytest.mark.parametrize("setting", ["annotate", "buffer"])
def test_answer_that_stands_is_the_same_under_every_setting(serve: Serve, setting: Any) -> None:
    model = serve([Text("Hello "), Text("there.")]).chat(on_replace=setting)
    assert finished(list(model.stream("Hi"))).text == model.invoke("Hi").text == "Hello there."


END = {"event": "message_end", "metadata": {"usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}}


def agent(*answers: str, closing: Sequence[str], replaced: str | None = None) -> Played:
    """A New Agent that streams its answer and repeats it at the end, as contract/streaming.md tells (§4, NA newer)."""
    said = [{"event": "agent_message", "answer": answer} for answer in answers]
    moderated = [] if replaced is None else [{"event": "message_replace", "answer": replaced, "reason": "output_moderation"}]
    return Played(Documented([*said, *moderated, *({"event": "message", "answer": answer} for answer in closing), END]))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("closing", "expected"),
    [(["Hello."], ["Hel", "lo."]), (["Hello. Bye."], ["Hel", "lo.", " Bye."]), ([], ["Hel", "lo."])],
    ids=["the same", "and more", "none"],
)
def test_closing_message_of_a_new_agent_is_not_doubled(side: type[InSync], closing: list[str], expected: list[str]) -> None:
    """Check 23: it repeats the whole answer; only what was not said yet is streamed."""
    played = agent("Hel", "lo.", closing=closing)
    for version in ("v0", "v1"):
        model = played.chat(output_version=version)
        chunks = side.stream(model)
        assert [chunk.text for chunk in chunks if chunk.text] == expected
        assert side.invoke(model).text == "".join(expected)
        assert chunks[-1].response_metadata["finish_reason"] == "stop"
    assert side.events(played.chat())[1].text == "".join(expected)


@pytest.mark.parametrize("side", SIDES)
def test_closing_message_that_says_something_else_replaces(side: type[InSync], recorder: Recorder) -> None:
    """Check 23: the last word counts."""
    played = agent("Hel", "lo.", closing=["Bye."])
    last = side.stream(played.chat(), config={"callbacks": [recorder]})[-1]
    assert last.response_metadata["dify"]["replaced_answer"] == side.invoke(played.chat()).text == "Bye."
    assert [name for name, _ in recorder.events] == ["dify.message_replace"]
    with pytest.raises(DifyRefusalError):
        side.stream(played.chat(on_replace="raise"))


@pytest.mark.parametrize("side", SIDES)
def test_closing_message_that_repeats_the_replacement_is_dropped(side: type[InSync], recorder: Recorder) -> None:
    """Check 23: the replacement is told once."""
    played = agent("Hel", "lo.", closing=["No."], replaced="No.")
    last = side.stream(played.chat(), config={"callbacks": [recorder]})[-1]
    assert last.response_metadata["dify"]["replaced_answer"] == side.invoke(played.chat()).text == "No."
    assert [name for name, _ in recorder.events] == ["dify.message_replace"]
