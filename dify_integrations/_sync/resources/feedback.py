# Generated from dify_integrations/_async/resources/feedback.py by .ci/twin.py; edit that file and run `make twin`.
"""Likes and dislikes of an app's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...models.feedback import FeedbackItem, FeedbackPage, Rating
from ...operations import feedback as operations
from ...operations.paging import Numbers
from ..paging import Pages

if TYPE_CHECKING:
    from ..transport import Transport


class Feedback:
    """What users think of the app's answers; every mode but `workflow`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def send(self, message_id: str, rating: Rating | None, *, content: str | None = None, user: str | None = None) -> None:
        """Like or dislike an answer, or take that back.

        Args:
            message_id: The answer's turn.
            rating: `like` or `dislike`, in place of an earlier one; `None` takes the user's feedback back.
            content: Words to go with it.
            user: Who says so, the client's unless given; it must be the turn's.

        Raises:
            NotFound: Unknown message, or another user's.
            BadRequest: There is nothing to take back.
            InvalidArgument: Another rating.
        """
        name = self._transport.settings.user_for(user)
        self._transport.send(operations.send(message_id, rating, content=content, user=name))

    def list(self, *, page: int = 1, limit: int = 20) -> FeedbackPage:
        """One page of the feedback of all users, and of the app's makers in Dify's console (Dify ≥ 1.4).

        Args:
            page: From 1.
            limit: 1 to 100.

        Returns:
            The page. The server does not say whether it is the last one: a page with fewer than `limit` entries is.

        Raises:
            EndpointNotAvailable: The server is older.
            InvalidArgument: Another page or limit.
        """
        return self._transport.send(operations.page(page=page, limit=limit))

    def iterate(self, *, limit: int = 100) -> Pages[FeedbackItem]:
        """All feedback, read page by page as it is needed (Dify ≥ 1.4).

        Args:
            limit: Entries per page, 1 to 100.

        Returns:
            The feedback, lazily; the errors of `list` come while iterating.

        Raises:
            InvalidArgument: Another limit.
        """
        return Pages(self._transport, lambda: Numbers(limit), lambda cursor: operations.page(page=int(cursor), limit=limit))
