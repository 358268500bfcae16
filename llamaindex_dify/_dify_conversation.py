"""A conversation that Dify keeps for one of its users, and what can be done with it beside asking."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine.types import BaseChatEngine
from llama_index.core.memory import BaseMemory, ChatMemoryBuffer

from dify_integrations.bridge.clients import app_fingerprint
from dify_integrations.errors import InvalidArgument, NotFound

from ._chat_turns import Conversation
from ._copying import Copied
from ._recorded import messages_of

if TYPE_CHECKING:
    from dify_integrations.models.messages import Message

    from .llms import DifyChatLLM


class DifyConversation(Copied, BaseChatEngine):
    """The part of `DifyChatEngine` that asks nothing."""

    def __init__(
        self, llm: DifyChatLLM, memory: BaseMemory | None, conversation_id: str, user: str | None, inputs: dict[str, Any]
    ) -> None:
        self._clients = llm.clients
        told = user or (llm.user() if callable(llm.user) else llm.user)
        self._user = self._clients.settings.user_for(told)
        self._app = app_fingerprint(self._clients.settings, self._user)
        # The engine alone knows where the conversation goes on, whatever the LLM would read in a history.
        own = {"user": self._user, "inputs": {**llm.inputs, **inputs}, "conversation": "stateless", "conversation_id": None}
        self._llm = llm.model_copy(update=own)
        self._memory = memory if memory is not None else ChatMemoryBuffer.from_defaults(llm=llm)
        self._at = Conversation(conversation_id or llm.conversation_id or "")

    def __deepcopy__(self, _: dict[int, Any]) -> NoReturn:
        # None of two engines would know of the other's turns; a shallow copy shares what is known.
        raise TypeError(f"a {type(self).__name__} is one conversation and is not copied; make another one with conversation_id=…")

    @property
    def conversation_id(self) -> str:
        """Dify's id of the conversation, `""` before the first answer."""
        return self._at.id

    @property
    def user(self) -> str:
        """Whose conversation it is."""
        return self._user

    @property
    def chat_history(self) -> list[ChatMessage]:
        """What the memory holds, oldest first."""
        return self._memory.get_all()

    def reset(self) -> None:
        """Forget everything here; the next question begins another conversation. Dify keeps the old one, see `delete`."""
        self._at = Conversation()
        self._memory.reset()

    # -- the conversation in Dify

    def load_history(self) -> list[ChatMessage]:
        """Read the conversation from Dify into the memory, 100 turns per request; nothing before it has begun.

        Returns:
            It, oldest first. A turn that failed has an empty answer, and `status` and `error` in `additional_kwargs["dify"]`.

        Raises:
            NotFound: No such conversation, or another user's.
        """
        at = self._at
        turns = list(self._clients.sync.messages.iterate(at.id, user=self._user)) if at.id else []
        messages = self._recorded(at, turns)
        if at.id:
            self._memory.set(messages)
        return messages

    async def aload_history(self) -> list[ChatMessage]:
        """As `load_history`."""
        at = self._at
        pages = self._clients.asynchronous.messages.iterate(at.id, user=self._user) if at.id else None
        messages = self._recorded(at, [turn async for turn in pages] if pages is not None else [])
        if at.id:
            await self._memory.aset(messages)
        return messages

    def suggested_questions(self) -> list[str]:
        """What the user might ask next, after the last answer; none before the first, or when this object saw none.

        Raises:
            BadRequest: The app does not suggest questions.
        """
        last = self._at.message_id
        return list(self._clients.sync.chat.suggested(last, user=self._user).data) if last else []

    async def asuggested_questions(self) -> list[str]:
        """As `suggested_questions`."""
        last = self._at.message_id
        return list((await self._clients.asynchronous.chat.suggested(last, user=self._user)).data) if last else []

    def stop(self) -> bool:
        """End the answer that is being written, from any thread or task: its reader gets what there is, as the answer.

        Returns at once; Dify is asked to stop the run meanwhile.

        Returns:
            Whether there was one.
        """
        turn = self._at.turn
        return turn is not None and turn.stop()

    async def astop(self) -> bool:
        """As `stop`."""
        return self.stop()

    def rename(self, name: str | None = None) -> str:
        """Give the conversation another name in Dify.

        Args:
            name: The name; `None` lets the server's model find one.

        Returns:
            Its name now.

        Raises:
            InvalidArgument: The conversation has not begun.
            NotFound: Dify does not know it.
        """
        conversations = self._clients.sync.conversations
        renamed = conversations.rename(self._begun(), name, auto_generate=name is None, user=self._user)
        return renamed.name or ""

    async def arename(self, name: str | None = None) -> str:
        """As `rename`."""
        conversations = self._clients.asynchronous.conversations
        renamed = await conversations.rename(self._begun(), name, auto_generate=name is None, user=self._user)
        return renamed.name or ""

    def delete(self) -> None:
        """Delete the conversation in Dify, and forget it here; one that is deleted already is no error."""
        self.stop()
        if self._at.id:
            with suppress(NotFound):
                self._clients.sync.conversations.delete(self._at.id, user=self._user)
        self.reset()

    async def adelete(self) -> None:
        """As `delete`."""
        self.stop()
        if self._at.id:
            with suppress(NotFound):
                await self._clients.asynchronous.conversations.delete(self._at.id, user=self._user)
        self._at = Conversation()
        await self._memory.areset()

    def _recorded(self, at: Conversation, turns: list[Message]) -> list[ChatMessage]:
        """Turns, newest first, as messages; the newest is the one whose next questions are asked for."""
        at.message_id = turns[0].id if turns else at.message_id
        return messages_of(turns, self._app, split_thinking=self._llm.split_thinking)

    def _begun(self) -> str:
        if not self._at.id:
            raise InvalidArgument("the conversation has not begun: ask something first")
        return self._at.id
