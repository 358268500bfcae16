"""Recorded turns of a conversation as LlamaIndex' messages, with what fresh ones have where fresh ones have it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatMessage, ContentBlock, MessageRole, TextBlock, ThinkingBlock

from dify_integrations.bridge.history import sent_files, thoughts_of, turn_record
from dify_integrations.runs.reasoning import ThinkSplitter

if TYPE_CHECKING:
    from dify_integrations.models.messages import Message


def messages_of(turns: Iterable[Message], app: str, *, split_thinking: bool) -> list[ChatMessage]:
    """Recorded turns, given newest first, as questions and answers in the order they were said.

    Args:
        turns: As `dify.messages.iterate` gives them.
        app: Fingerprint of the app and user.
        split_thinking: Take `<think>` inside answers for thinking.
    """
    return [
        message
        for turn in reversed(list(turns))
        for message in (_question(turn), _answer(turn, app, split_thinking=split_thinking))
    ]


def _question(turn: Message) -> ChatMessage:
    # Not as blocks: the addresses expire within minutes, and a later call would send them.
    files = [file.model_dump(exclude_unset=True) for file in sent_files(turn)]
    extra = {"dify": {"files": files}} if files else {}
    return ChatMessage(role=MessageRole.USER, content=turn.query or "", additional_kwargs=extra)


def _answer(turn: Message, app: str, *, split_thinking: bool) -> ChatMessage:
    record: dict[str, Any] = turn_record(turn, app)
    if record["status"] == "succeeded":
        del record["status"]
    if "retriever_resources" in record:
        record["citations"] = record.pop("retriever_resources")
    steps = [
        {
            "tool": step["tool"],
            "input": step["arguments"],
            "thought": step["thought"],
            "observation": step["observation"] or "",
        }
        for step in thoughts_of(turn)
    ]
    if steps:
        record["agent_steps"] = steps
    blocks = _blocks(turn.answer or "", split_thinking=split_thinking)
    return ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks, additional_kwargs={"dify": record})


def _blocks(answer: str, *, split_thinking: bool) -> list[ContentBlock]:
    splitter = ThinkSplitter()
    pieces = [*splitter.feed(answer), *splitter.close()] if split_thinking else [(False, answer)]
    thinking = "".join(piece for is_thinking, piece in pieces if is_thinking)
    text = TextBlock(text="".join(piece for is_thinking, piece in pieces if not is_thinking))
    return [ThinkingBlock(content=thinking), text] if thinking else [text]
