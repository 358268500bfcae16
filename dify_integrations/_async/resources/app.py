"""What an app says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...models.apps import AppInfo, AppParameters
from ...operations import app as operations

if TYPE_CHECKING:
    from ..transport import AsyncTransport


class AsyncApp:
    """The app behind the key."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def info(self) -> AppInfo:
        """Name, description, tags and (Dify ≥ 1.4) mode.

        Returns:
            The app's card.

        Raises:
            AuthenticationError: Wrong key.
        """
        return await self._transport.send(operations.info())

    async def parameters(self) -> AppParameters:
        """The app's form, features and limits.

        Returns:
            Those of the published version, whatever `workflow_id` a run names.

        Raises:
            BadRequest: The app is not published (`app_unavailable`).
        """
        return await self._transport.send(operations.parameters())
