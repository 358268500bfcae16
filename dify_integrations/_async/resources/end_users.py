"""Whom Dify knows by your `user` identifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...models.end_users import EndUser
from ...operations import end_users as operations

if TYPE_CHECKING:
    from ..transport import AsyncTransport


class AsyncEndUsers:
    """End users of the app."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get(self, end_user_id: str) -> EndUser:
        """Look an end user up (Dify ≥ 1.13).

        Args:
            end_user_id: Dify's id, such as `created_by` of an upload or `from_end_user_id` of feedback; not your `user`.

        Returns:
            The end user, with your `user` in `external_user_id`.

        Raises:
            NotFound: Unknown, or another app's.
            EndpointNotAvailable: The server is older, or the id is no UUID.
        """
        return await self._transport.send(operations.get(end_user_id))
