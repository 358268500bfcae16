"""Files that go into a run (bytes, a path, an open file, a remote address, an uploaded id), and files that come out."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass, field
from io import TextIOBase
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

from .errors import InvalidArgument

if TYPE_CHECKING:
    from .core.jsonio import JsonObject

_IMAGE = {"jpg", "jpeg", "png", "webp", "gif", "svg"}
_VIDEO = {"mp4", "mov", "mpeg", "webm"}
_AUDIO = {"mp3", "m4a", "wav", "amr", "mpga"}
# Not in every system's table, or with another extension first.
_SPEECH = {"audio/mpeg": ".mp3", "audio/mp3": ".mp3", "audio/wav": ".wav", "audio/x-wav": ".wav"}
_DOCUMENT = {
    *("txt", "markdown", "md", "mdx", "pdf", "html", "htm", "xlsx", "xls", "docx", "csv", "vtt", "properties"),
    *("doc", "eml", "msg", "pptx", "ppt", "xml", "epub"),
}


@dataclass(frozen=True, slots=True)
class FileInput:
    """A file for `files=` or for a file variable in `inputs=`.

    Make one with `from_bytes`, `from_path`, `from_file`, `from_url` or `uploaded`; strings are never opened as paths.

    Attributes:
        type: `image`, `document`, `audio`, `video` or `custom`; servers ≥ 1.3 refuse a wrong one.
        url: Remote address, which the server fetches.
        upload_file_id: Id of an upload, owned by the `user` who made it.
        content: Local content: bytes, a path or an open binary file; uploaded on the way, or by `dify.files.upload`.
        filename, mime_type: Of local content.
    """

    type: str
    url: str = ""
    upload_file_id: str = ""
    content: bytes | Path | BinaryIO | None = field(default=None, repr=False)
    filename: str = ""
    mime_type: str = ""

    @classmethod
    def from_bytes(cls, content: bytes, filename: str, *, type: str | None = None, mime_type: str | None = None) -> FileInput:
        """Content in memory; type and MIME type are guessed from the name unless given."""
        _check_name(filename)
        return cls(type or type_of(filename), content=content, filename=filename, mime_type=mime_type or mime_of(filename))

    @classmethod
    def from_path(cls, path: Path, *, type: str | None = None, mime_type: str | None = None) -> FileInput:
        """A local file, opened and read when it is sent.

        Raises:
            InvalidArgument: `path` is not a `pathlib.Path` to a file, or Dify takes no file of this name.
        """
        if not isinstance(path, Path) or not path.is_file():
            raise InvalidArgument("from_path takes a pathlib.Path to an existing file")
        _check_name(path.name)
        return cls(type or type_of(path.name), content=path, filename=path.name, mime_type=mime_type or mime_of(path.name))

    @classmethod
    def from_file(cls, file: BinaryIO, filename: str, *, type: str | None = None, mime_type: str | None = None) -> FileInput:
        """An open binary file, read from its beginning while it is sent, and left open.

        One that cannot be rewound, such as a pipe, is read from where it stands, and never sent a second time.

        Raises:
            InvalidArgument: `file` cannot be read, or gives text.
        """
        _check_name(filename)
        if not callable(getattr(file, "read", None)) or is_text(file):
            raise InvalidArgument("from_file takes a file opened in binary mode")
        return cls(type or type_of(filename), content=file, filename=filename, mime_type=mime_type or mime_of(filename))

    @classmethod
    def from_url(cls, url: str, *, type: str | None = None) -> FileInput:
        """A remote file, fetched by the Dify server, never by this client.

        Raises:
            InvalidArgument: Not an `http` or `https` address.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidArgument("from_url takes an http(s) address; upload local and data: content instead")
        return cls(type or type_of(parts.path), url=url)

    @classmethod
    def uploaded(cls, upload_file_id: str, *, type: str) -> FileInput:
        """A file uploaded before by the same user."""
        return cls(type, upload_file_id=upload_file_id)

    @property
    def is_local(self) -> bool:
        """Whether it must be uploaded before a run can use it."""
        return self.content is not None

    def to_wire(self) -> JsonObject:
        """The object the API takes.

        Raises:
            InvalidArgument: Local content that has not been uploaded.
        """
        if self.is_local:
            raise InvalidArgument("upload local content first: file = dify.files.upload(file, user=…).as_input()")
        if self.url:
            return {"type": self.type, "transfer_method": "remote_url", "url": self.url}
        return {"type": self.type, "transfer_method": "local_file", "upload_file_id": self.upload_file_id}


@dataclass(frozen=True, slots=True)
class Download:
    """A file that was fetched.

    Attributes:
        content: Its bytes, when they were not saved elsewhere.
        path: Where it was saved, when that was a path.
        size: Bytes.
        mime_type: As the server says, without parameters; `""` when it says nothing.
        filename: As the server calls it, made safe: no folders, no device names, never empty. With a path, its name.
    """

    content: bytes | None = field(repr=False)
    path: Path | None
    size: int
    mime_type: str
    filename: str


def type_of(filename: str) -> str:
    """Dify's file type by extension, as its servers judge; `custom` for the rest."""
    extension = filename.rpartition(".")[2].lower()
    for kind, extensions in (("image", _IMAGE), ("video", _VIDEO), ("audio", _AUDIO), ("document", _DOCUMENT)):
        if extension in extensions:
            return kind
    return "custom"


def mime_of(filename: str) -> str:
    """MIME type by extension, `application/octet-stream` when unknown."""
    return mimetypes.guess_type(filename)[0] or "application/octet-stream"


def extension_of(mime_type: str) -> str:
    """Extension by MIME type, dot included, `""` when unknown."""
    return _SPEECH.get(mime_type) or mimetypes.guess_extension(mime_type) or ""


def is_text(file: object) -> bool:
    """Whether an open file is in text mode; temporary files hide that behind a class of their own."""
    return isinstance(file, TextIOBase) or getattr(file, "encoding", None) is not None


def _check_name(filename: str) -> None:
    if not filename or "/" in filename or "\\" in filename:
        raise InvalidArgument("a file name must not be empty or contain / or \\")
    if any("\ud800" <= character <= "\udfff" for character in filename):
        raise InvalidArgument("a file name holds bytes that are no text; open the file and use from_file with another name")
