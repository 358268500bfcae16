"""A tool call that was demanded and did not come is asked for once more, inside the same LangChain call.

Words that were said instead are held back until it is sure that they stay: what was streamed cannot be unsaid.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.messages.ai import add_usage
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from dify_integrations.bridge.arguments import choice_of, is_demanding
from dify_integrations.bridge.tool_calls import UNCALLED

if TYPE_CHECKING:
    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun

    from .chat_models import ChatDify

    Sync = Callable[[list[BaseMessage], Mapping[str, Any]], Generator[ChatGenerationChunk, None, None]]
    Async = Callable[[list[BaseMessage], Mapping[str, Any]], AsyncGenerator[ChatGenerationChunk, None]]

_OVER = ("stop", "tool_calls")


class Demand:
    """What is asked in a call that demands a tool, turn by turn.

    Args:
        model: Says how often to ask again, unless the call does.
        messages, kwargs: Of the call.

    Attributes:
        messages, kwargs: Of the turn that comes next.
    """

    def __init__(self, model: ChatDify, messages: list[BaseMessage], kwargs: Mapping[str, Any]) -> None:
        self.messages = messages
        self.kwargs = kwargs
        demanded = bool(kwargs.get("tools")) and is_demanding(choice_of(kwargs.get("tool_choice")))
        repairs = kwargs.get("max_tool_repairs")
        self._left = (model.max_tool_repairs if repairs is None else repairs) if demanded else 0
        self._held: list[ChatGenerationChunk] = []
        self._repeat = False
        self._usage: Any = None
        self._record: list[dict[str, Any]] = []

    @property
    def waits(self) -> bool:
        """Whether the next turn's words are held back."""
        return self._left > 0

    def again(self, answer: AIMessage) -> bool:
        """Whether the turn that is over must be repeated; then `messages` and `kwargs` are the next turn's."""
        if not self.waits or answer.tool_calls or answer.response_metadata.get("finish_reason") not in _OVER:
            return False
        self._left -= 1
        known = answer.response_metadata["dify"]
        self._usage = add_usage(self._usage, answer.usage_metadata)
        self._record.append({name: known[name] for name in ("message_id", "usage") if name in known})
        self.messages, self.kwargs = next_turn(self.messages, self.kwargs, answer, UNCALLED)
        return True

    def joined(self, answer: AIMessage) -> None:
        """Make the last turn's message tell of the turns before it: their usage is added, their ids are in `repairs`."""
        if self._record and answer.response_metadata.get("finish_reason"):
            answer.usage_metadata = add_usage(self._usage, answer.usage_metadata)
            answer.response_metadata["dify"]["repairs"] = self._record

    def shown(self, chunk: ChatGenerationChunk) -> Sequence[ChatGenerationChunk]:
        """What may be streamed now; after the turn's last chunk `unmet` tells whether another turn is needed."""
        message = _chunk(chunk)
        if self.waits:
            self._held.append(chunk)
            if message.tool_calls:
                self._left = 0  # what was demanded is there
            elif message.chunk_position != "last" or self._asks_again():
                return ()
        held, self._held = self._held or [chunk], []
        self.joined(_chunk(held[-1]))
        return held

    def unmet(self) -> bool:
        """Whether the turn that was streamed must be repeated."""
        repeat, self._repeat = self._repeat, False
        return repeat

    def _asks_again(self) -> bool:
        whole = _chunk(self._held[0])
        for chunk in self._held[1:]:
            whole = whole + _chunk(chunk)
        self._repeat = self.again(whole)
        if self._repeat:
            self._held = []
        return self._repeat


def next_turn(
    messages: Sequence[BaseMessage], kwargs: Mapping[str, Any], answer: AIMessage, complaint: str
) -> tuple[list[BaseMessage], dict[str, Any]]:
    """Messages and arguments of a turn that complains of the answer.

    In the answer's own conversation everything else was said before, so that only the complaint goes out.
    """
    return [*messages, answer, HumanMessage(complaint)], {**kwargs, "repairing": True}


def answered(demand: Demand, turn: Callable[[list[BaseMessage], Mapping[str, Any]], ChatResult]) -> ChatResult:
    """The answer of the last turn that was needed."""
    while True:
        result = turn(demand.messages, demand.kwargs)
        if not demand.again(_message(result)):
            demand.joined(_message(result))
            return result


async def aanswered(demand: Demand, turn: Callable[[list[BaseMessage], Mapping[str, Any]], Awaitable[ChatResult]]) -> ChatResult:
    """As `answered`, without blocking."""
    while True:
        result = await turn(demand.messages, demand.kwargs)
        if not demand.again(_message(result)):
            demand.joined(_message(result))
            return result


def streamed(demand: Demand, turn: Sync, run_manager: CallbackManagerForLLMRun | None) -> Iterator[ChatGenerationChunk]:
    """The chunks of the last turn that was needed, told to the run manager, if there is one, before they are seen."""
    repeat = True
    while repeat:
        with closing(turn(demand.messages, demand.kwargs)) as chunks:
            for chunk in chunks:
                for shown in demand.shown(chunk):
                    if run_manager is not None:
                        run_manager.on_llm_new_token(shown.text, chunk=shown)
                    yield shown
        repeat = demand.unmet()


async def astreamed(
    demand: Demand, turn: Async, run_manager: AsyncCallbackManagerForLLMRun | None
) -> AsyncIterator[ChatGenerationChunk]:
    """As `streamed`, without blocking."""
    repeat = True
    while repeat:
        async with aclosing(turn(demand.messages, demand.kwargs)) as chunks:
            async for chunk in chunks:
                for shown in demand.shown(chunk):
                    if run_manager is not None:
                        await run_manager.on_llm_new_token(shown.text, chunk=shown)
                    yield shown
        repeat = demand.unmet()


def _message(result: ChatResult) -> AIMessage:
    return cast("AIMessage", result.generations[0].message)


def _chunk(chunk: ChatGenerationChunk) -> AIMessageChunk:
    return cast("AIMessageChunk", chunk.message)
