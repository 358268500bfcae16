"""One adapter in the place of core's mock LLM: what a `ResponseGenerator` says goes over a real wire.

Core tests its agents and engines with `MockFunctionCallingLLM`, which asks a function `messages -> ChatMessage`. Here the same
function sits behind a server: it is asked for what arrived there, and what it says leaves as server-sent events, tool calls as
the words that `tool_calling="prompt"` asks for. Rendering, HTTP, the stream and the parser of calls stand between.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from llama_index.core.base.llms.types import ContentBlock, TextBlock, ThinkingBlock, ToolCallBlock
from llama_index.core.llms import ChatMessage, MessageRole

from dify_integrations.local import Reasoning, Say, Text, Turn
from llamaindex_dify import DifyChatLLM

Spoken = ChatMessage | Iterable[ChatMessage] | AsyncIterable[ChatMessage]
ResponseGenerator = Callable[..., Spoken]
"""Called as core's mock calls it: `generator(messages, tools=…)`, here with the offers as they arrived, one dict per tool."""


@dataclass(frozen=True)
class Asked:
    """One request, read back into what it told the app.

    Attributes:
        messages: The history.
        tools: What was offered by words: name, description, parameters.
    """

    messages: list[ChatMessage]
    tools: list[dict[str, Any]]

    @property
    def said(self) -> list[tuple[str, str]]:
        """Role and text of every message."""
        return [(message.role.value, message.content or "") for message in self.messages]

    @property
    def last(self) -> str:
        """The words of the last message."""
        return self.messages[-1].content or ""

    @property
    def results(self) -> list[str]:
        """What tools answered."""
        return [message.content or "" for message in self.messages if message.role == MessageRole.TOOL]


@dataclass
class Upstream:
    """An app that says what a response generator says.

    Args:
        answers: A response generator, or the messages it would give, one per turn.
        size: Characters per event of the stream.

    Attributes:
        asked: What arrived, turn by turn.
    """

    answers: ResponseGenerator | Sequence[ChatMessage]
    size: int = 7
    asked: list[Asked] = field(default_factory=list)
    connect: Callable[..., DifyChatLLM] = DifyChatLLM

    def llm(self, **options: Any) -> DifyChatLLM:
        """As core's mock it calls functions; `tool_calling="off"` is a plain LLM."""
        return self.connect(**{"tool_calling": "prompt", **options})

    async def script(self, turn: Turn) -> AsyncIterator[Say]:
        """The turn as the server plays it."""
        asked = read(turn)
        self.asked.append(asked)
        async for message in _each(self._answer(asked)):
            for say in spoken(message, self.size):
                yield say

    def _answer(self, asked: Asked) -> Spoken:
        if callable(self.answers):
            return self.answers(asked.messages, tools=asked.tools)
        assert len(self.asked) <= len(self.answers), "the app was asked more often than it has answers"
        return self.answers[len(self.asked) - 1]


def says(text: str = "", *calls: ToolCallBlock, thinking: str = "") -> ChatMessage:
    """An answer: what it thinks, says, and calls."""
    blocks: list[ContentBlock] = [ThinkingBlock(content=thinking)] if thinking else []
    blocks += [TextBlock(text=text)] if text else []
    return ChatMessage(role=MessageRole.ASSISTANT, blocks=[*blocks, *calls])


def call(name: str, **arguments: Any) -> ToolCallBlock:
    """A tool call; its id is made where it is read."""
    return ToolCallBlock(tool_name=name, tool_kwargs=arguments)


# -- what the app says


async def _each(answer: Spoken) -> AsyncIterator[ChatMessage]:
    if isinstance(answer, ChatMessage):
        yield answer
    elif isinstance(answer, AsyncIterable):
        async for message in answer:
            yield message
    else:
        for message in answer:
            yield message


def spoken(message: ChatMessage, size: int) -> Iterator[Say]:
    """A message as events: thinking and text in pieces, then the calls in the words of the prompt."""
    calls = []
    for block in message.blocks:
        if isinstance(block, ThinkingBlock):
            yield Reasoning(block.content or "")
        elif isinstance(block, TextBlock):
            yield from _pieces(block.text, size)
        elif isinstance(block, ToolCallBlock):
            calls.append(json.dumps({"name": block.tool_name, "arguments": block.tool_kwargs}))
        else:
            raise TypeError(f"an app cannot say a {type(block).__name__}")
    if calls:
        yield from _pieces("\n".join(["\n<tool_calls>", *calls, "</tool_calls>"]), size)


def _pieces(text: str, size: int) -> Iterator[Text]:
    return (Text(text[at : at + size]) for at in range(0, len(text), size))


# -- what the app was told

_SYSTEM = re.compile(r"\A<system>\n(.*?)\n</system>(?:\n\n|\Z)", re.DOTALL)
_HISTORY = re.compile(r"\A<history>\n(.*?)\n</history>(?:\n\n|\Z)", re.DOTALL)
_SAID = re.compile(r'<(user|assistant|tool)(?: name="([^"]*)")?>\n(.*?)\n</\1>', re.DOTALL)
_CALLS = re.compile(r"\n?<tool_calls>\n(.*?)\n</tool_calls>", re.DOTALL)
_RESULT = re.compile(r"<tool_result id=(\S+) name=(.+?) status=\"(ok|error)\">(.*)</tool_result>")
_OFFER = re.compile(r"You can use tools\..*?Tools, one per line:((?:\n\{[^\n]*\})+)", re.DOTALL)


def read(turn: Turn) -> Asked:
    """What a request told, with the earlier turns of its conversation."""
    earlier = [message for query, answer in turn.history for message in (*_messages(query)[0], _assistant(answer))]
    messages, tools = _messages(turn.query)
    return Asked([*earlier, *messages], tools)


def _messages(query: str) -> tuple[list[ChatMessage], list[dict[str, Any]]]:
    system, query = _taken(_SYSTEM, query)
    history, query = _taken(_HISTORY, query)
    tools, system = _tools(_OFFER.search(system)), _OFFER.sub("", system).strip()
    messages = [ChatMessage(role=MessageRole.SYSTEM, content=system)] if system else []
    messages += [_message(*said.groups()) for said in _SAID.finditer(history)]
    return [*messages, *([ChatMessage(role=MessageRole.USER, content=query)] if query else [])], tools


def _taken(part: re.Pattern[str], query: str) -> tuple[str, str]:
    found = part.match(query)
    return (found[1], query[found.end() :]) if found else ("", query)


def _tools(offer: re.Match[str] | None) -> list[dict[str, Any]]:
    return [json.loads(line) for line in offer[1].strip().splitlines()] if offer else []


def _message(role: str, name: str | None, text: str) -> ChatMessage:
    if role == "assistant":
        return _assistant(text)
    result = _RESULT.fullmatch(text) if role == "tool" else None
    if result is None:
        return ChatMessage(role=role, content=text, additional_kwargs={"name": name} if name else {})
    about = {"tool_call_id": json.loads(result[1]), "name": json.loads(result[2]), "is_error": result[3] == "error"}
    body = json.loads(result[4])
    return ChatMessage(role=role, content=body if isinstance(body, str) else result[4], additional_kwargs=about)


def _assistant(text: str) -> ChatMessage:
    lines = [json.loads(line) for found in _CALLS.finditer(text) for line in found[1].splitlines()]
    calls = [ToolCallBlock(tool_call_id=it.get("id"), tool_name=it["name"], tool_kwargs=it["arguments"]) for it in lines]
    return says(_CALLS.sub("", text), *calls)
