"""Uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...files import FileInput
from ...models.files import UploadedFile
from ...operations import files as operations

if TYPE_CHECKING:
    from ..transport import AsyncTransport


class AsyncFiles:
    """Files for runs."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def upload(self, file: FileInput, *, user: str | None = None) -> UploadedFile:
        """Upload a local file; sent once, never repeated by itself.

        Args:
            file: From `FileInput.from_bytes` or `FileInput.from_path`.
            user: The end user; only runs of the same one may use the file.

        Returns:
            The upload; `.as_input()` goes into `files=` or a file variable.

        Raises:
            InvalidArgument: Not a local file.
            PayloadTooLarge: Above the server's limit for its kind (images 10 MB, others 15, audio 50, video 100).
            UnsupportedFileType: Refused by extension.
        """
        name = self._transport.settings.user_for(user)
        return await self._transport.send(operations.upload(file, user=name))
