"""A Dify conversation as a LlamaIndex chat engine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_type_hints

import anyio
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ChatResponseAsyncGen, ChatResponseGen
from llama_index.core.callbacks import trace_method
from llama_index.core.chat_engine.types import AgentChatResponse
from llama_index.core.memory import BaseMemory
from llama_index.core.settings import Settings

from dify_integrations.errors import ConversationNotFound, InvalidArgument

from ._chat_responses import DifyStreamingChatResponse
from ._chat_turns import ChatTurn, Conversation, checked_history, checked_question
from ._dify_conversation import DifyConversation
from ._leaving import left_with
from .llms import DifyChatLLM

if TYPE_CHECKING:
    from llama_index.core.bridge.pydantic import SecretStr
    from llama_index.core.callbacks import CallbackManager
    from typing_extensions import Self

    from dify_integrations import AsyncDify, Dify

Method = TypeVar("Method", bound=Callable[..., Any])
_KEEPING_S = 5.0


def _traced(method: Method) -> Method:
    method.__annotations__ = get_type_hints(method)  # for whoever makes a tool of the engine: core reads types, not their names
    return cast("Method", trace_method("chat")(method))  # core's decorator is untyped


class DifyChatEngine(DifyConversation):
    """One conversation with a Dify chat, agent or chatflow app, for one end user.

    Dify remembers the conversation; only what is new is sent. The memory mirrors it for your side: a question and its
    answer are put there together when the answer has ended, with ids, citations and steps in
    `additional_kwargs["dify"]`. A text that moderation withdrew never gets there; a turn that failed does not either.

    Make one engine for each conversation; any number of them may share one LLM object. Turns of one engine that are asked
    at once wait for each other; beside an open stream they are refused.

    When Dify does not know the conversation any more, the turn begins another one with what the memory holds, and
    `metadata["conversation_lost"]` of the answer tells the old id.

    Args:
        llm: The app.
        memory: Your side's mirror, a `ChatMemoryBuffer` unless given. What it holds before the conversation has begun is
            told to the app once, with the first question.
        conversation_id: Go on in this conversation; `load_history` fills the memory.
        user: Whose conversation it is; the LLM's unless given.
        inputs: The app's variables, over those of the LLM.
        callback_manager: `Settings`' unless given.

    Raises:
        InvalidArgument: Nobody says whose conversation it is, or another kind of LLM.

    Examples:
        ```python
        engine = DifyChatEngine.from_defaults(api_key="app-…", base_url="http://localhost/v1", user="ada")
        for text in engine.stream_chat("What is a vector?").response_gen:
            print(text, end="")
        ```
    """

    def __init__(
        self,
        llm: DifyChatLLM,
        memory: BaseMemory | None = None,
        *,
        conversation_id: str = "",
        user: str | None = None,
        inputs: dict[str, Any] | None = None,
        callback_manager: CallbackManager | None = None,
    ) -> None:
        if not isinstance(llm, DifyChatLLM):  # another one would be asked as well, without any conversation
            raise InvalidArgument(f"a DifyChatEngine talks to a DifyChatLLM, not to a {type(llm).__name__}")
        super().__init__(llm, memory, conversation_id, user, inputs or {})
        self.callback_manager = callback_manager or Settings.callback_manager

    @classmethod
    def from_defaults(
        cls,
        llm: DifyChatLLM | None = None,
        *,
        client: Dify | None = None,
        async_client: AsyncDify | None = None,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        user: str | None = None,
        inputs: dict[str, Any] | None = None,
        conversation_id: str | None = None,
        chat_history: list[ChatMessage] | None = None,
        memory: BaseMemory | None = None,
        callback_manager: CallbackManager | None = None,
    ) -> Self:
        """An engine from an LLM, from a client, or from settings.

        Args:
            llm: The app; or one of the next four.
            client, async_client, api_key, base_url: As for `DifyChatLLM`, which is made of them.
            user, inputs, conversation_id, memory, callback_manager: As for the class.
            chat_history: What was said before, put into the memory.

        Raises:
            InvalidArgument: An LLM and settings for another, a history of a conversation that Dify keeps, or no user.
        """
        if llm is None:
            llm = DifyChatLLM(client, async_client=async_client, api_key=api_key, base_url=base_url, user=user)
            llm.callback_manager = callback_manager or Settings.callback_manager
        elif (client, async_client, api_key, base_url) != (None, None, None, None):
            raise InvalidArgument("give either an llm or the settings of one")
        if checked_history(chat_history) is not None and conversation_id:
            raise InvalidArgument("Dify keeps the history of conversation_id itself: see load_history")
        engine = cls(
            llm,
            memory,
            conversation_id=conversation_id or "",
            user=user,
            inputs=inputs,
            callback_manager=callback_manager,
        )
        if chat_history is not None:
            engine._memory.set(chat_history)
        return engine

    # -- LlamaIndex' four; core adds the span to each

    @_traced
    def chat(self, message: str, chat_history: list[ChatMessage] | None = None) -> AgentChatResponse:
        """The whole answer.

        Args:
            message: The question.
            chat_history: Begin a new conversation with this instead of the memory; it is told to the app once.

        Returns:
            The answer: `source_nodes` are the passages it cites, `sources` the tools that the app's agent used, `metadata`
            has ids, `usage`, and `status` when it is `stopped` or `paused`.

        Raises:
            InvalidArgument: Nothing to ask, or a stream of this engine is open.
            DifyError: Everything `dify_integrations.errors` draws; `.partial` holds what had arrived.
        """
        at = self._conversation(message, chat_history)
        with at.turns.turn():
            if chat_history is not None:
                self._memory.set(chat_history)
            with ChatTurn(at, message, self._app) as turn:
                turn.take(self._chat(turn))
                self._keep(turn)
        return turn.response()

    @_traced
    def stream_chat(self, message: str, chat_history: list[ChatMessage] | None = None) -> DifyStreamingChatResponse:
        """The answer while it is written. Arguments as for `chat`.

        Raises:
            InvalidArgument: Nothing to ask, or a turn of this engine is under way. Other errors come with the text.
        """
        at = self._conversation(message, chat_history)
        with at.beginning_stream():
            if chat_history is not None:
                self._memory.set(chat_history)
            turn = ChatTurn(at, message, self._app)
            with turn.asking():
                chunks = self._llm.stream_chat(self._messages(turn), **turn.arguments)
        return DifyStreamingChatResponse(turn, chunks=self._chunks(turn, chunks))

    @_traced
    async def achat(self, message: str, chat_history: list[ChatMessage] | None = None) -> AgentChatResponse:
        """As `chat`, without blocking."""
        at = self._conversation(message, chat_history)
        async with at.turns.aturn():
            if chat_history is not None:
                await self._memory.aset(chat_history)
            with ChatTurn(at, message, self._app) as turn:
                turn.take(await self._achat(turn))
                await self._akeep(turn)
        return turn.response()

    @_traced
    async def astream_chat(self, message: str, chat_history: list[ChatMessage] | None = None) -> DifyStreamingChatResponse:
        """As `stream_chat`, without blocking."""
        at = self._conversation(message, chat_history)
        with at.beginning_stream():
            if chat_history is not None:
                await self._memory.aset(chat_history)
            turn = ChatTurn(at, message, self._app)
            with turn.asking():
                chunks = await self._llm.astream_chat(await self._amessages(turn), **turn.arguments)
        return DifyStreamingChatResponse(turn, achunks=self._achunks(turn, chunks))

    # -- one turn

    def _conversation(self, message: str, chat_history: list[ChatMessage] | None) -> Conversation:
        """Where to ask; what cannot be asked must not end the conversation that is."""
        checked_question(message)
        if checked_history(chat_history) is not None:
            self._at = Conversation()
        return self._at

    def _messages(self, turn: ChatTurn) -> list[ChatMessage]:
        """What Dify does not know yet."""
        return [turn.question] if turn.at.id else [*self._memory.get(), turn.question]

    async def _amessages(self, turn: ChatTurn) -> list[ChatMessage]:
        return [turn.question] if turn.at.id else [*await self._memory.aget(), turn.question]

    def _chat(self, turn: ChatTurn) -> ChatResponse:
        with turn.asking():
            try:
                return self._llm.chat(self._messages(turn), **turn.arguments)
            except ConversationNotFound:
                if not turn.lose():
                    raise
            return self._llm.chat(self._messages(turn), **turn.arguments)

    async def _achat(self, turn: ChatTurn) -> ChatResponse:
        with turn.asking():
            try:
                return await self._llm.achat(await self._amessages(turn), **turn.arguments)
            except ConversationNotFound:
                if not turn.lose():
                    raise
            return await self._llm.achat(await self._amessages(turn), **turn.arguments)

    def _chunks(self, turn: ChatTurn, chunks: ChatResponseGen) -> ChatResponseGen:
        try:
            turn.begun = True
            with turn.streaming(), closing(self._found(turn, chunks)) as found:
                for chunk in found:
                    turn.take(chunk)
                    yield chunk
        finally:
            with turn.ending():
                self._keep(turn)

    async def _achunks(self, turn: ChatTurn, chunks: ChatResponseAsyncGen) -> ChatResponseAsyncGen:
        if turn.over:  # closed by somebody who could not close a generator
            return
        try:
            turn.begun = True
            with turn.streaming():
                async with left_with(self._afound(turn, chunks)) as found:
                    async for chunk in found:
                        turn.take(chunk)
                        yield chunk
        finally:
            with turn.ending(), anyio.move_on_after(_KEEPING_S, shield=True):
                await self._akeep(turn)

    def _found(self, turn: ChatTurn, chunks: ChatResponseGen) -> ChatResponseGen:
        """The chunks; of another conversation when Dify does not know this one any more."""
        try:
            with closing(chunks):
                yield from chunks
        except ConversationNotFound:
            if not turn.lose():
                raise
        else:
            return
        with turn.asking():
            again = self._llm.stream_chat(self._messages(turn), **turn.arguments)
        with closing(again):
            yield from again

    async def _afound(self, turn: ChatTurn, chunks: ChatResponseAsyncGen) -> ChatResponseAsyncGen:
        try:
            async with left_with(chunks):
                async for chunk in chunks:
                    yield chunk
        except ConversationNotFound:
            if not turn.lose():
                raise
        else:
            return
        with turn.asking():
            again = await self._llm.astream_chat(await self._amessages(turn), **turn.arguments)
        async with left_with(again):
            async for chunk in again:
                yield chunk

    def _keep(self, turn: ChatTurn) -> None:
        if turn.kept and turn.at is self._at:
            self._memory.put_messages(turn.kept)

    async def _akeep(self, turn: ChatTurn) -> None:
        if turn.kept and turn.at is self._at:
            await self._memory.aput_messages(turn.kept)
