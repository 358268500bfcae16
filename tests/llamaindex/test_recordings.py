"""Every recorded chat, agent, chatflow and completion stream through the LLMs: the eight methods say the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, TextBlock, ThinkingBlock

from dify_integrations import DifyError
from llamaindex_dify import DifyChatLLM, DifyCompletionLLM
from tests.wire.played import MESSAGES, clients_of, failed, meaning, outcome
from tests.wire.recordings import Recording

HELLO = [ChatMessage(role="user", content="Hi")]
EVERY = [pytest.param(recording, id=recording.id) for recording in MESSAGES]
THINKING = [pytest.param(recording, id=recording.id) for recording in MESSAGES if "<think>" in meaning(recording).text]
REPLACED = [
    pytest.param(recording, id=recording.id)
    for recording in MESSAGES
    for told in [meaning(recording)]
    if told.replaced and told.error is None and told.ends_at is not None
]


def model(recording: Recording, **fields: Any) -> DifyChatLLM | DifyCompletionLLM:
    fields |= clients_of(recording)
    return DifyChatLLM(**fields) if "chat" in recording.route else DifyCompletionLLM(**fields, prompt_variable="query")


async def aoutcome(call: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await call()
    except DifyError as error:
        return type(error), str(error)


async def every(stream: Awaitable[Any]) -> list[Any]:
    return [chunk async for chunk in await stream]


def in_async(llm: DifyChatLLM | DifyCompletionLLM) -> list[Any]:
    async def main() -> list[Any]:
        return [
            await aoutcome(lambda: llm.achat(HELLO)),
            await aoutcome(lambda: every(llm.astream_chat(HELLO))),
            await aoutcome(lambda: llm.acomplete("Hi")),
            await aoutcome(lambda: every(llm.astream_complete("Hi"))),
        ]

    return asyncio.run(main())


def told_by(response: Any) -> dict[str, Any]:
    """All that a response says, but for what was new in it."""
    return {name: value for name, value in response.model_dump().items() if name != "delta"}


def spoken_by(response: Any) -> str:
    return (response.message.content if isinstance(response, ChatResponse) else response.text) or ""


@pytest.mark.parametrize("recording", EVERY)
def test_the_eight_methods_say_the_same(recording: Recording) -> None:
    """Check 2: text, blocks, usage, every id and all the rest; deltas add up to the text; an error is the same error."""
    llm = model(recording)
    chat, complete = outcome(lambda: llm.chat(HELLO)), outcome(lambda: llm.complete("Hi"))
    chunks, texts = outcome(lambda: list(llm.stream_chat(HELLO))), outcome(lambda: list(llm.stream_complete("Hi")))
    achat, achunks, acomplete, atexts = in_async(llm)
    if failed(chat):
        assert complete == chunks == texts == achat == achunks == acomplete == atexts == chat
        return
    assert told_by(achat) == told_by(chat)
    assert told_by(acomplete) == told_by(complete)
    assert complete.text == spoken_by(chat)
    assert complete.raw == chat.raw
    assert complete.additional_kwargs == {**chat.message.additional_kwargs, **chat.additional_kwargs}
    replaced = chat.additional_kwargs.get("message_replaced", False)
    for streamed, whole in ((chunks, chat), (achunks, chat), (texts, complete), (atexts, complete)):
        assert streamed
        assert told_by(streamed[-1]) == told_by(whole)
        assert replaced or "".join(chunk.delta for chunk in streamed) == spoken_by(whole)
        assert replaced or all(spoken_by(whole).startswith(spoken_by(chunk)) for chunk in streamed)


@pytest.mark.parametrize("recording", EVERY)
def test_chat_says_what_the_recording_does(recording: Recording) -> None:
    """Check 2: the response against the raw JSON; shares no code with the package."""
    expected, response = meaning(recording), outcome(lambda: model(recording, split_thinking=False).chat(HELLO))
    assert failed(response) == (expected.ends_at is None or expected.error is not None)
    if failed(response):
        return
    about = response.message.additional_kwargs["dify"]
    assert spoken_by(response) == expected.text
    assert {name: about.get(name) for name in expected.ids} == expected.ids
    assert {name: response.raw.get(name) for name in expected.ids} == expected.ids
    assert response.raw["metadata"]["retriever_resources"] == expected.citations
    assert len(about.get("citations", [])) == len(expected.citations)
    assert [file["id"] for file in about.get("files", [])][: len(expected.files)] == expected.files
    assert len(about.get("agent_steps", [])) == len(expected.tools)
    assert response.additional_kwargs.get("message_replaced", False) == expected.replaced
    told = response.raw.get("usage", {})
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        counted = (expected.usage or {}).get(name)
        assert counted is None or told[name] == response.additional_kwargs[name] == counted


@pytest.mark.parametrize("recording", THINKING)
def test_thinking_is_told_apart(recording: Recording) -> None:
    """Check 2: a block of its own before the text, streamed as `thinking_delta`, and nothing of either lost."""
    chunks = list(model(recording).stream_chat(HELLO))
    thinking, text = chunks[-1].message.blocks
    assert isinstance(thinking, ThinkingBlock) and isinstance(text, TextBlock)
    assert f"<think>{thinking.content}</think>{text.text}" == meaning(recording).text
    assert "".join(chunk.additional_kwargs.get("thinking_delta", "") for chunk in chunks) == thinking.content


@pytest.mark.parametrize("recording", REPLACED)
def test_withdrawn_words_are_never_streamed_when_buffered(recording: Recording) -> None:
    """Check 2: then deltas add up to the text of a replaced answer too."""
    llm = model(recording, on_replace="buffer")
    chat, chunks = llm.chat(HELLO), list(llm.stream_chat(HELLO))
    assert "".join(chunk.delta or "" for chunk in chunks) == spoken_by(chat) == meaning(recording).text
    assert told_by(chunks[-1]) == told_by(chat)
    assert chat.additional_kwargs["message_replaced"] is True
