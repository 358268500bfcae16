# Generated from dify_integrations/_async/resources/messages.py by .ci/twin.py; edit that file and run `make twin`.
"""A conversation's history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...models.messages import Message, MessagePage
from ...operations import messages as operations
from ...operations.paging import Ids
from ..paging import Pages

if TYPE_CHECKING:
    from ..transport import Transport


class Messages:
    """Turns that happened."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self, conversation_id: str, *, user: str | None = None, first_id: str | None = None, limit: int = 20
    ) -> MessagePage:
        """One page of a conversation, newest page first, oldest turn first within it.

        Args:
            conversation_id: The conversation.
            user: Its user.
            first_id: Id of the oldest turn seen so far, for the page before it.
            limit: 1 to 100.

        Returns:
            The page. Turns of the same second can be lost between pages on Dify ≤ 1.12.

        Raises:
            NotFound: Unknown conversation or `first_id`.
            InvalidArgument: No conversation or no user, or another limit.
        """
        name = self._transport.settings.user_for(user)
        return self._transport.send(operations.page(conversation_id, user=name, first_id=first_id, limit=limit))

    def iterate(self, conversation_id: str, *, user: str | None = None, limit: int = 100) -> Pages[Message]:
        """Every turn of a conversation, newest first, read page by page as they are needed.

        Args:
            conversation_id: The conversation.
            user: Its user.
            limit: Turns per page, 1 to 100.

        Returns:
            The turns, lazily; the errors of `list` come while iterating.

        Raises:
            InvalidArgument: An argument that cannot be sent.
        """
        name = self._transport.settings.user_for(user)
        return Pages(
            self._transport,
            lambda: Ids(lambda turn: turn.id, backward=True, time_of=lambda turn: turn.created_at or 0),
            lambda cursor: operations.page(conversation_id, user=name, limit=limit, first_id=cursor),
        )
