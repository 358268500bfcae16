"""Uploads and downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import InvalidArgument
from ...files import Download, FileInput
from ...models.files import UploadedFile
from ...operations import files as operations
from ...runs.items import FileOut
from ..downloads import download

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import BinaryIO

    from ..transport import AsyncTransport


class AsyncFiles:
    """Files for runs, and files of runs."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def upload(self, file: FileInput, *, user: str | None = None) -> UploadedFile:
        """Upload a local file, read piece by piece while it is sent.

        It is sent again only when the server surely did not begin, and never from a source that cannot be rewound.

        Args:
            file: From `FileInput.from_bytes`, `FileInput.from_path` or `FileInput.from_file`.
            user: The end user; only runs of the same one may use the file.

        Returns:
            The upload; `.as_input()` goes into `files=` or a file variable.

        Raises:
            InvalidArgument: Not a local file, or one that cannot be read.
            PayloadTooLarge: Above the server's limit for its kind (images 10 MB, others 15, audio 50, video 100).
            UnsupportedFileType: Refused by its MIME type.
            BadRequest: Refused by its extension, where a server has a list of such.
        """
        name = self._transport.settings.user_for(user)
        return await self._transport.send(operations.upload(file, user=name))

    async def preview(
        self,
        file_id: str,
        *,
        user: str | None = None,
        as_attachment: bool = False,
        to: Path | BinaryIO | None = None,
        max_bytes: int | None = None,
    ) -> Download:
        """Fetch an uploaded file. Since Dify 1.7.2.

        Args:
            file_id: Id of the upload. Dify finds it only after a message of this app has used it, and never for workflows.
            user: The end user; Dify does not ask whose file it is.
            as_attachment: The server then gives the file's name, and `application/octet-stream` in place of its type.
            to: A folder, the path of a file that does not exist yet, or an open binary file; without it the bytes are kept in
                memory. A new file has mode 0600, and appears when it is complete. An open file is written where it stands,
                left open, and keeps what it got when the connection breaks.
            max_bytes: Largest size; without it 64 MB in memory and no limit with `to`.

        Returns:
            The bytes or the path, with size, MIME type and a safe file name.

        Raises:
            NotFound: No such file, or no message has used it yet (`file_not_found`).
            PermissionDenied: A file of another app (`file_access_denied`).
            EndpointNotAvailable: The server is older, or the id is no UUID.
            InvalidArgument: The target exists, or cannot be written.
            BodyTooLarge: Larger than `max_bytes`.
            ConnectionDropped: The connection broke before the end; nothing is left of a new file.
            OSError: The file cannot be written.
        """
        settings = self._transport.settings
        operation = operations.preview(file_id, user=user or settings.user, as_attachment=as_attachment)
        return await download(self._transport, operation, to=to, max_bytes=max_bytes, filename=file_id)

    async def download(
        self,
        file: FileOut | str,
        *,
        to: Path | BinaryIO | None = None,
        max_bytes: int | None = None,
        origins: Iterable[str] = (),
    ) -> Download:
        """Fetch a file by its signed address: what a run put out, or the `source_url` of an upload.

        Such an address is a permission by itself, so the key is not sent. Your own `headers` go with it to the server of
        `base_url` only. Redirects are not followed. Errors and this package's log show nothing of the address but the host;
        httpx's own logger writes whole addresses at level INFO.

        Args:
            file: A file of a result, or its address: whole, or a path beginning with `/` on the server of `base_url`.
            to: As for `preview`.
            max_bytes: As for `preview`.
            origins: Other servers that may be asked, such as `["https://files.example.com"]` for a Dify that keeps its files
                elsewhere (`FILES_URL`). Never take one from an answer.

        Returns:
            The bytes or the path, with size, MIME type and a safe file name.

        Raises:
            InvalidArgument: The file has no address, or one of a server that `origins` does not name; or a target that exists
                or cannot be written.
            PermissionDenied: The address is no longer valid; by default they last five minutes.
            NotFound: The file is gone.
            BodyTooLarge: Larger than `max_bytes`.
            ConnectionDropped: The connection broke before the end; nothing is left of a new file.
            OSError: The file cannot be written.
        """
        address = file.url if isinstance(file, FileOut) else file
        if not address:
            raise InvalidArgument("this file has no address to fetch it from")
        operation = operations.signed(address, base_url=self._transport.settings.base_url, origins=origins)
        name = file.filename if isinstance(file, FileOut) else ""
        return await download(
            self._transport, operation, to=to, max_bytes=max_bytes, filename=name or operations.last_part(address)
        )
