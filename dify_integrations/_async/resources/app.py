"""What an app says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...models.apps import AppInfo, AppMeta, AppParameters, WebAppSettings
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

    async def meta(self) -> AppMeta:
        """Icons of the app's tools.

        Returns:
            The icons by tool name.

        Raises:
            AuthenticationError: Wrong key.
        """
        return await self._transport.send(operations.meta())

    async def site(self) -> WebAppSettings:
        """How the app's own web page looks (Dify ≥ 1.4).

        Returns:
            Its title, icon, colours and texts.

        Raises:
            PermissionDenied: The app has no web page.
            EndpointNotAvailable: The server is older.
        """
        return await self._transport.send(operations.site())
