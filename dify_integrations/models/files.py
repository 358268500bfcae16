"""Uploaded files."""

from __future__ import annotations

from ..files import FileInput, type_of
from .base import Model, Seconds


class UploadedFile(Model):
    """A file that was uploaded; usable by the same `user` only.

    Attributes:
        id: What `FileInput.uploaded` takes.
        name: File name.
        size: Bytes.
        extension: Without dot; the whole name when it has no dot.
        mime_type: As it was sent with the upload.
        created_by: Dify's id of the end user.
        created_at: Unix seconds.
        reference: Of servers newer than 1.14.2; `None` so far.
        preview_url: `None` on every server seen.
        source_url: Signed address for `files.download`, valid for about five minutes; 1.12 and later.
        original_url, user_id, tenant_id, conversation_id, file_key: As far as the server fills them; 1.12 and later.
    """

    id: str
    name: str
    size: int
    extension: str | None = None
    mime_type: str | None = None
    created_by: str | None = None
    created_at: Seconds = None
    reference: str | None = None
    preview_url: str | None = None
    source_url: str | None = None
    original_url: str | None = None
    user_id: str | None = None
    tenant_id: str | None = None
    conversation_id: str | None = None
    file_key: str | None = None

    def as_input(self, *, type: str | None = None) -> FileInput:
        """This file for `files=` or a file variable.

        Args:
            type: `image`, `document`, `audio`, `video` or `custom`; by the extension unless given.
        """
        return FileInput.uploaded(self.id, type=type or type_of(f".{self.extension}" if self.extension else self.name))
