"""Uploaded files."""

from __future__ import annotations

from ..files import FileInput, type_of
from .base import Model


class UploadedFile(Model):
    """A file that was uploaded; usable by the same `user` only.

    Attributes:
        id: What `FileInput.uploaded` takes.
        name: File name.
        size: Bytes.
        extension: Without dot.
        mime_type: As judged by the server.
        created_at: Unix seconds.
    """

    id: str
    name: str
    size: int
    extension: str | None = None
    mime_type: str | None = None
    created_at: float | None = None

    def as_input(self, *, type: str | None = None) -> FileInput:
        """This file for `files=` or a file variable.

        Args:
            type: `image`, `document`, `audio`, `video` or `custom`; by the extension unless given.
        """
        return FileInput.uploaded(self.id, type=type or type_of(f".{self.extension}" if self.extension else self.name))
