# Generated from dify_integrations/_async/resources/messages.py by .ci/twin.py; edit that file and run `make twin`.
"""A conversation's history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...models.messages import MessagePage
from ...operations import messages as operations

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
        """
        name = self._transport.settings.user_for(user)
        return self._transport.send(operations.page(conversation_id, user=name, first_id=first_id, limit=limit))
