# Generated from dify_integrations/_async/resources/conversations.py by .ci/twin.py; edit that file and run `make twin`.
"""Conversations and the variables a chatflow keeps in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...models.conversations import Conversation, ConversationPage, ConversationVariable, ConversationVariablePage, SortBy
from ...operations import conversations as operations
from ...operations.paging import Ids
from ..paging import Pages

if TYPE_CHECKING:
    from ...core.jsonio import JsonValue
    from ..transport import Transport


class Conversations:
    """A user's conversations with the app, for apps of mode `chat`, `agent-chat`, `advanced-chat` (chatflow) and `agent`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self, *, user: str | None = None, last_id: str | None = None, limit: int = 20, sort_by: SortBy | None = None
    ) -> ConversationPage:
        """One page of a user's conversations.

        Args:
            user: Whose; the client's unless given. An unknown one has none.
            last_id: Id of the last conversation seen so far, for the page behind it.
            limit: 1 to 100.
            sort_by: `created_at` or `updated_at`, with `-` for newest first; the server's `-updated_at` unless given.

        Returns:
            The page. Times have whole seconds, and conversations of the same second can be lost between pages on all
            servers up to 1.14.2.

        Raises:
            BadRequest: The app has no conversations (`not_chat_app`), or `last_id` is no UUID.
            NotFound: Unknown `last_id`.
            InvalidArgument: Another limit or order.
        """
        name = self._transport.settings.user_for(user)
        return self._transport.send(operations.page(user=name, last_id=last_id, limit=limit, sort_by=sort_by))

    def iterate(self, *, user: str | None = None, limit: int = 100, sort_by: SortBy | None = None) -> Pages[Conversation]:
        """Every conversation of a user, read page by page as they are needed.

        Args:
            user: Whose; the client's unless given.
            limit: Conversations per page, 1 to 100.
            sort_by: As for `list`.

        Returns:
            The conversations, lazily; the errors of `list` come while iterating.

        Raises:
            InvalidArgument: An argument that cannot be sent.
        """
        name = self._transport.settings.user_for(user)
        return Pages(
            self._transport,
            lambda: Ids(lambda conversation: conversation.id),
            lambda cursor: operations.page(user=name, last_id=cursor, limit=limit, sort_by=sort_by),
        )

    def rename(
        self, conversation_id: str, name: str | None = None, *, auto_generate: bool = False, user: str | None = None
    ) -> Conversation:
        """Give a conversation another name.

        Args:
            conversation_id: The conversation.
            name: The name; not needed with `auto_generate`.
            auto_generate: Let the server's model find one from the first message.
            user: The conversation's user, the client's unless given.

        Returns:
            The conversation with its new name.

        Raises:
            NotFound: Unknown conversation, or another user's.
            InvalidArgument: Neither a name nor `auto_generate`.
        """
        operation = operations.rename(
            conversation_id, name, auto_generate=auto_generate, user=self._transport.settings.user_for(user)
        )
        return self._transport.send(operation)

    def delete(self, conversation_id: str, *, user: str | None = None) -> None:
        """Delete a conversation.

        Args:
            conversation_id: The conversation.
            user: The conversation's user, the client's unless given.

        Raises:
            NotFound: Unknown conversation, another user's, or deleted before; Dify 1.12 takes it for deleted.
        """
        self._transport.send(operations.delete(conversation_id, user=self._transport.settings.user_for(user)))

    def variables(
        self,
        conversation_id: str,
        *,
        user: str | None = None,
        last_id: str | None = None,
        limit: int = 20,
        variable_name: str | None = None,
    ) -> ConversationVariablePage:
        """One page of the variables a chatflow keeps in a conversation (Dify ≥ 1.3.1).

        Args:
            conversation_id: The conversation.
            user: The conversation's user, the client's unless given.
            last_id: Id of the last variable seen so far, for the page behind it.
            limit: 1 to 100. Ask for all at once: up to Dify 1.14.2 the second page is empty, because all variables of a
                conversation are made in the same second.
            variable_name: Only the variable of this name, 1 to 255 characters. Servers up to 1.14.2 on PostgreSQL fail
                with 500; compare names yourself there.

        Returns:
            The page; values are always text.

        Raises:
            NotFound: Unknown conversation, or another user's.
            EndpointNotAvailable: The server is older.
            ServerError: See `variable_name`.
            InvalidArgument: Another limit, or a name of another length.
        """
        operation = operations.variables(
            conversation_id,
            user=self._transport.settings.user_for(user),
            last_id=last_id,
            limit=limit,
            variable_name=variable_name,
        )
        return self._transport.send(operation)

    def iterate_variables(
        self, conversation_id: str, *, user: str | None = None, limit: int = 100
    ) -> Pages[ConversationVariable]:
        """Every variable of a conversation, read page by page as they are needed (Dify ≥ 1.3.1).

        Args:
            conversation_id: The conversation.
            user: The conversation's user, the client's unless given.
            limit: Variables per page, 1 to 100; a smaller one loses variables, see `variables`.

        Returns:
            The variables, lazily; the errors of `variables` come while iterating.

        Raises:
            InvalidArgument: An argument that cannot be sent.
        """
        name = self._transport.settings.user_for(user)
        return Pages(
            self._transport,
            lambda: Ids(lambda variable: variable.id),
            lambda cursor: operations.variables(conversation_id, user=name, last_id=cursor, limit=limit),
        )

    def update_variable(
        self, conversation_id: str, variable_id: str, value: JsonValue, *, user: str | None = None
    ) -> ConversationVariable:
        """Set a variable (Dify ≥ 1.7.2).

        Args:
            conversation_id: The conversation.
            variable_id: Its `id`, not its name.
            value: Any JSON value of the variable's type: a number for `number`, a list for `array[…]`.
            user: The conversation's user, the client's unless given.

        Returns:
            The variable with its new value, as text.

        Raises:
            BadRequest: A value of another type.
            NotFound: Unknown conversation or variable.
            EndpointNotAvailable: The server is older.
            InvalidArgument: A value that JSON has no words for.
        """
        name = self._transport.settings.user_for(user)
        return self._transport.send(operations.update_variable(conversation_id, variable_id, value, user=name))
