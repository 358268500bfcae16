"""One turn of a chat engine: what is asked, what came of it, and what is kept. No I/O: the engine drives it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole
from llama_index.core.chat_engine.types import AgentChatResponse
from llama_index.core.instrumentation.events.chat_engine import (
    StreamChatDeltaReceivedEvent,
    StreamChatEndEvent,
    StreamChatErrorEvent,
    StreamChatStartEvent,
)
from llama_index_instrumentation.span import active_span_id

from dify_integrations.errors import InvalidArgument

from ._answers import about
from ._mapping import nodes_of_documents
from ._one_at_a_time import OneAtATime
from ._telling import dispatcher
from ._tool_outputs import used_by_the_app
from ._tracing import somebody_listens
from ._watching import watching

if TYPE_CHECKING:
    from llama_index.core.schema import NodeWithScore
    from llama_index.core.tools import ToolOutput
    from llama_index_instrumentation.base import BaseEvent
    from typing_extensions import Self

    from dify_integrations import AsyncRun, Run


@dataclass
class Conversation:
    """Where an engine's conversation stands; after a reset there is another one.

    Attributes:
        id: Dify's, `""` before the first answer.
        message_id: Of the last answer.
        turns: Whose turn it is.
        turn: The one under way.
    """

    id: str = ""
    message_id: str = ""
    turns: OneAtATime = field(default_factory=OneAtATime)
    turn: ChatTurn | None = None

    @contextmanager
    def beginning_stream(self) -> Iterator[None]:
        """Around what begins a streamed turn, which its reader ends; when it does not begin, it is nobody's turn.

        Raises:
            InvalidArgument: A turn is under way.
        """
        self.turns.begin_stream()
        try:
            yield
        except BaseException:
            self.turn = None
            self.turns.leave()
            raise


class ChatTurn:
    """A question and what comes of it.

    Args:
        at: The conversation.
        message: The question.
        app: Fingerprint of app and user.

    Attributes:
        text: The answer as it stands.
        metadata: What else is known of it, at the end.
        sources: Tools that the app's agent used.
        source_nodes: Passages that the answer cites.
        kept: What the memory gets, at the end.
        begun: Whether somebody reads its stream.
        over: Whether its stream has ended, or will never be read.
    """

    def __init__(self, at: Conversation, message: str, app: str) -> None:
        self.at = at
        self.question = ChatMessage(role=MessageRole.USER, content=message)
        self.text = ""
        self.metadata: dict[str, Any] = {}
        self.sources: list[ToolOutput] = []
        self.source_nodes: list[NodeWithScore] = []
        self.kept: list[ChatMessage] = []
        self.begun = False
        self._app = app
        self._run: Run | AsyncRun | None = None
        self._lost = ""
        self._failed = False
        self.over = False
        self._caller = active_span_id.get()
        self._context = copy_context() if somebody_listens() else None
        at.turn = self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.at.turn = None

    # -- asking

    @property
    def arguments(self) -> dict[str, Any]:
        """For the LLM's call."""
        return {"conversation_id": self.at.id} if self.at.id else {}

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Around the LLM's call: its run is this turn's, its span is below the engine's."""
        token = active_span_id.set(self._caller)
        try:
            with watching(self._see):
                yield
        finally:
            active_span_id.reset(token)

    def lose(self) -> bool:
        """Dify does not know the conversation; whether the turn can begin another."""
        self._lost, self.at.id = self.at.id, ""
        return bool(self._lost)

    def stop(self) -> bool:
        """End the answer with what it has; whether there was a run to end."""
        if self._run is None:
            return False
        self._run.cancel()
        return True

    def _see(self, run: Run | AsyncRun) -> None:
        self._run = run

    # -- what comes

    def take(self, response: ChatResponse) -> None:
        """The answer so far; the last response tells everything."""
        self.text = response.message.content or ""
        if response.delta:
            self._tell(StreamChatDeltaReceivedEvent, delta=response.delta)
        record = response.message.additional_kwargs.get("dify")
        if record is not None:
            self._end(response.message, {**record, "usage": (response.raw or {}).get("usage")})

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Around the keeping of a stream's turn, which is over then, even if the memory fails."""
        self._leave()
        try:
            yield
        finally:
            self.release()

    def _leave(self) -> None:
        """The reader is gone. Dify keeps what it had said by then, and so does the memory."""
        if self.kept or self._failed or self._run is None or not self.text:
            return
        record = {**about(self._run.result), "app": self._app, "status": "stopped"}
        self._end(ChatMessage(role=MessageRole.ASSISTANT, content=self.text, additional_kwargs={"dify": record}), record)

    def release(self) -> None:
        """A stream's turn is over."""
        if not self.over:
            self.over = True
            self.at.turn = None
            self.at.turns.leave()

    def abandon(self) -> None:
        """Nobody will read the stream. One that is being read is released by its own end."""
        if not self.begun:
            self.release()

    def _end(self, answer: ChatMessage, record: dict[str, Any]) -> None:
        self.at.id = record.get("conversation_id") or self.at.id
        self.at.message_id = record.get("message_id") or ""
        self.metadata |= {name: value for name, value in record.items() if value}
        if self._lost:
            self.metadata["conversation_lost"] = self._lost
        self.sources += used_by_the_app(record)
        self.source_nodes += nodes_of_documents(record.get("citations"))
        stopped_at_once = record.get("status") == "stopped" and not self.text
        self.kept = [] if stopped_at_once else [self.question, answer]

    def response(self) -> AgentChatResponse:
        """The whole answer, for whoever did not want a stream."""
        return AgentChatResponse(self.text, self.sources, self.source_nodes, metadata=self.metadata)

    # -- what is told

    @contextmanager
    def streaming(self) -> Iterator[None]:
        """Around the reading of a stream: tells that it began and how it ended."""
        self._tell(StreamChatStartEvent)
        try:
            yield
        except Exception as error:
            self._failed = True
            self._tell(StreamChatErrorEvent, exception=error)
            raise
        self._tell(StreamChatEndEvent)

    def _tell(self, event: type[BaseEvent], **told: Any) -> None:
        if self._context is not None:
            self._context.run(lambda: dispatcher.event(event(**told)))  # an event takes its span when it is made


def checked_question(message: object) -> None:
    """Refuse what cannot be asked.

    Raises:
        InvalidArgument: No text, or an empty one.
    """
    if not isinstance(message, str) or not message.strip():
        raise InvalidArgument("a chat engine is asked a text, and not an empty one")


def checked_history(messages: list[ChatMessage] | None) -> list[ChatMessage] | None:
    """The messages, before a memory takes in what no question could be asked with.

    Raises:
        InvalidArgument: Something else.
    """
    given = [] if messages is None else messages
    if not isinstance(given, list) or not all(isinstance(message, ChatMessage) for message in given):
        raise InvalidArgument("chat_history is a list of ChatMessage")
    return messages
