"""Every recorded chat, agent, chatflow and completion stream through the models: what streams is what `invoke` returns."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from langchain_tests.utils.stream_lifecycle import assert_valid_event_stream

from tests.langchain.recorded import SIDES, InSync, Played, told_by, unnumbered
from tests.langchain.test_streaming import folded
from tests.wire import played
from tests.wire.played import failed, meaning, outcome
from tests.wire.recordings import Recording

pytestmark = pytest.mark.filterwarnings("ignore:The method `BaseChatModel._a?chat_model_stream_v3` is in beta")

EVERY = [pytest.param(recording, id=recording.id) for recording in played.MESSAGES]
CHATS = [pytest.param(recording, id=recording.id) for recording in played.CHATS]


def finished(chunks: list[AIMessageChunk]) -> AIMessage:
    message = message_chunk_to_message(folded(chunks))
    assert isinstance(message, AIMessage)
    return message


@pytest.mark.parametrize("recording", CHATS)
def test_invoke_says_what_the_recording_does(recording: Recording) -> None:
    """Check 3: the message against the raw JSON; shares no code with the package."""
    expected, message = meaning(recording), outcome(lambda: Played(recording).chat().invoke("Hi"))
    assert failed(message) == (expected.ends_at is None or expected.error is not None)
    if failed(message):
        return
    about = message.response_metadata["dify"]
    assert message.text == expected.text
    assert {name: about.get(name) for name in expected.ids} == expected.ids
    assert about.get("usage") == expected.usage
    assert about.get("retriever_resources", []) == expected.citations
    assert about.get("outputs", {}) == (expected.outputs or {})
    assert {thought["id"] for thought in message.additional_kwargs.get("dify", {}).get("thoughts", ())} == expected.tools
    blocks = unnumbered(message.content_blocks)
    assert "".join(block["text"] for block in blocks if block["type"] == "text") == expected.text
    assert [cited["extras"] for block in blocks for cited in block.get("annotations", ())] == expected.citations
    assert {block["id"] for block in blocks if block["type"] == "server_tool_call"} == expected.tools
    files = [block.get("id", "") for block in blocks if block["type"] in ("image", "audio", "video", "file")]
    assert files[: len(expected.files)] == expected.files
    filtered = message.response_metadata["finish_reason"] == "content_filter"
    assert filtered == (expected.replaced and expected.status != "paused")


def check_streamed(invoked: Any, streamed: Any) -> None:
    """A stream's outcome is that of `invoke`; of a withdrawn answer the words differ, and the stream says so."""
    assert failed(streamed) == failed(invoked)
    if failed(invoked):
        assert streamed == invoked
        return
    told, same = told_by(streamed), told_by(invoked)
    replaced = told["metadata"]["dify"].pop("replaced_answer", None)
    assert (streamed.text if replaced is None else replaced) == invoked.text
    if replaced is not None:
        told["extra"] = same["extra"]
    assert told == same
    if replaced is None:
        assert unnumbered(streamed.content_blocks) == unnumbered(invoked.content_blocks)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("recording", CHATS)
def test_folded_stream_is_the_invoked_message(recording: Recording, side: type[InSync]) -> None:
    """Check 3: content, blocks, calls, usage and every id, which is not doubled; an error is the same error."""
    model = Played(recording).chat()
    invoked, streamed = outcome(lambda: side.invoke(model)), outcome(lambda: finished(side.stream(model)))
    check_streamed(invoked, streamed)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("recording", CHATS)
def test_every_output_version_gives_the_same_blocks(recording: Recording, side: type[InSync]) -> None:
    """Check 4: v0, v1 and v3, invoked and streamed; the events of v3 keep core's rules."""
    models = Played(recording)
    plain, new = models.chat(on_replace="buffer"), models.chat(on_replace="buffer", output_version="v1")
    whole = outcome(lambda: side.invoke(plain))
    for model, call in ((new, lambda: side.invoke(new)), (new, lambda: finished(side.stream(new)))):
        message = outcome(call)
        assert failed(message) == failed(whole)
        if not failed(whole):
            assert isinstance(message.content, list) and model.output_version == "v1"
            assert unnumbered(message.content_blocks) == unnumbered(whole.content_blocks)
            assert told_by(message) == told_by(whole)
    told = outcome(lambda: side.events(plain))
    if failed(whole):
        assert told == whole
        return
    events, message = told
    assert_valid_event_stream(events)
    assert unnumbered(message.content_blocks) == unnumbered(whole.content_blocks)
    assert told_by(message) == told_by(whole)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("recording", CHATS)
def test_streams_of_blocks_add_up_as_they_come(recording: Recording, side: type[InSync]) -> None:
    """Check 4: the same as the words come, not at the end; text that is withdrawn stays, and is told."""
    models = Played(recording)
    plain, new = models.chat(), models.chat(output_version="v1")
    old = outcome(lambda: finished(side.stream(plain)))
    streamed, told = outcome(lambda: finished(side.stream(new))), outcome(lambda: side.events(plain))
    if failed(old):
        assert streamed == told == old
        return
    events, message = told
    assert_valid_event_stream(events)
    assert unnumbered(streamed.content_blocks) == unnumbered(message.content_blocks) == unnumbered(old.content_blocks)
    assert told_by(streamed) == told_by(message) == told_by(old)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("recording", EVERY)
def test_text_model(recording: Recording, side: type[InSync]) -> None:
    """Check 3: for `DifyLLM`: the chunks add up to what `generate` gives, and to what the recording says."""
    expected, model = meaning(recording), Played(recording).llm(on_replace="buffer")
    invoked, streamed = outcome(lambda: side.invoke(model)), outcome(lambda: "".join(side.stream(model)))
    assert invoked == streamed
    assert failed(invoked) == (expected.ends_at is None or expected.error is not None)
    if failed(invoked):
        return
    assert invoked == expected.text
    (((generation,),), *_) = [model.generate(["Hi"]).generations]
    about = (generation.generation_info or {})["dify"]
    assert {name: about.get(name) for name in expected.ids} == expected.ids
    assert about.get("usage") == expected.usage
