"""A Dify conversation as LangChain's message history."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from typing_extensions import override

from dify_integrations import NotFound

from ._base import Connection
from ._stored import messages_of
from ._turns import anchor_of

if TYPE_CHECKING:
    from pydantic import SecretStr

    from dify_integrations import AsyncDify, Dify, Timeouts


class DifyChatMessageHistory(BaseChatMessageHistory):
    """What was said in a conversation of a chat, agent or chatflow app, read from Dify, which records every turn itself.

    Setup:
        The app's key (`api_key` or `DIFY_API_KEY`), and the user the conversation belongs to (`user` or `DIFY_USER`).

    Instantiate:
        `history = DifyChatMessageHistory("1f0e…")` for a conversation that exists, or without an id for one that will be:
        it takes the id of the first answer that is added.

    Messages:
        Questions as `HumanMessage`, with their files; answers as `AIMessage`, with Dify's ids, sources and agent steps where
        `ChatDify` has them too (`response_metadata["dify"]`, `additional_kwargs["dify"]["thoughts"]`). `ChatDify` goes on in
        the same conversation behind them. A turn that failed has an empty answer, `finish_reason` `error`, and the error in
        `response_metadata["dify"]["error"]`.

    Adding:
        Dify's API cannot write messages, it only records what is asked through it. Answers of this conversation, and the
        questions before them, are taken as written, because they are; of everything else a warning tells that it is not
        kept. So `RunnableWithMessageHistory` works with `ChatDify` of the same app and user.

    Every access to `messages` reads the whole conversation again, 100 turns per request. Errors are Dify's own.

    Args:
        conversation_id: The conversation; `""` for one that the first answer will begin.
        api_key: The app's key, or `DIFY_API_KEY`.
        base_url: Address with `/v1`, or `DIFY_BASE_URL`.
        user: Whose conversation it is, or `DIFY_USER`.
        timeout: As for `Dify`.
        max_retries: As for `Dify`.
        client: A shared sync client.
        async_client: A shared async client.

    Attributes:
        conversation_id: As given or taken.
    """

    def __init__(
        self,
        conversation_id: str = "",
        *,
        api_key: SecretStr | str | None = None,
        base_url: str | None = None,
        user: str | None = None,
        timeout: float | Timeouts | None = None,
        max_retries: int | None = None,
        client: Dify | None = None,
        async_client: AsyncDify | None = None,
    ) -> None:
        self.conversation_id = conversation_id
        self._connection = Connection(
            api_key=api_key,
            base_url=base_url,
            user=user,
            timeout=timeout,
            max_retries=max_retries,
            client=client,
            async_client=async_client,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.conversation_id!r})"

    @property
    @override
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]  # LangChain declares an attribute and asks for a property
        """All of it, oldest first; nothing before the conversation has begun.

        Raises:
            NotFound: No such conversation, or another user's.
        """
        if not self.conversation_id:
            return []
        turns = list(self._connection.clients.sync.messages.iterate(self.conversation_id))
        return messages_of(turns, self._connection.app_fingerprint)

    @override
    async def aget_messages(self) -> list[BaseMessage]:
        """As `messages`.

        Raises:
            NotFound: As for `messages`.
        """
        if not self.conversation_id:
            return []
        pages = self._connection.clients.asynchronous.messages.iterate(self.conversation_id)
        return messages_of([turn async for turn in pages], self._connection.app_fingerprint)

    @override
    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Take note of messages that Dify has recorded; nothing is sent.

        Args:
            messages: A turn through `ChatDify`. Others are not kept, and a warning says so.
        """
        lost: list[BaseMessage] = []
        waiting: list[BaseMessage] = []  # questions are recorded if the answer to them is
        for message in messages:
            if isinstance(message, HumanMessage):
                waiting.append(message)
            elif isinstance(message, AIMessage) and self._is_recorded(message):
                waiting.clear()
            else:
                lost += [*waiting, message]
                waiting.clear()
        if lost := lost + waiting:
            kinds = ", ".join(sorted({type(message).__name__ for message in lost}))
            warnings.warn(
                f"{len(lost)} of {len(messages)} messages ({kinds}) are not kept: Dify records what is asked through this app "
                "in this conversation and takes nothing else",
                stacklevel=2,
            )

    @override
    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """As `add_messages`.

        Args:
            messages: As for `add_messages`.
        """
        self.add_messages(messages)

    @override
    def clear(self) -> None:
        """Delete the conversation in Dify; the next answer that is added begins another. Deleting it twice is no error."""
        if self.conversation_id:
            with suppress(NotFound):
                self._connection.clients.sync.conversations.delete(self.conversation_id)
        self.conversation_id = ""

    @override
    async def aclear(self) -> None:
        """As `clear`."""
        if self.conversation_id:
            with suppress(NotFound):
                await self._connection.clients.asynchronous.conversations.delete(self.conversation_id)
        self.conversation_id = ""

    def variables(self) -> dict[str, str | None]:
        """What a chatflow keeps in the conversation (Dify ≥ 1.3.1).

        Returns:
            Name to value; values are always text.

        Raises:
            NotFound: As for `messages`.
            EndpointNotAvailable: The server is older.
        """
        if not self.conversation_id:
            return {}
        known = self._connection.clients.sync.conversations.iterate_variables(self.conversation_id)
        return {variable.name or variable.id: variable.value for variable in known}

    async def avariables(self) -> dict[str, str | None]:
        """As `variables`.

        Returns:
            As for `variables`.

        Raises:
            NotFound: As for `messages`.
            EndpointNotAvailable: As for `variables`.
        """
        if not self.conversation_id:
            return {}
        known = self._connection.clients.asynchronous.conversations.iterate_variables(self.conversation_id)
        return {variable.name or variable.id: variable.value async for variable in known}

    def _is_recorded(self, message: AIMessage) -> bool:
        anchor = anchor_of(message)
        if anchor is None or anchor.app != self._connection.app_fingerprint:
            return False
        self.conversation_id = self.conversation_id or anchor.conversation_id
        return anchor.conversation_id == self.conversation_id
