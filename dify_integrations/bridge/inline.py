"""Content that a message carries inside itself (base64 text, a `data:` address, bytes), as files to upload. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

from ..errors import InvalidArgument
from ..files import FileInput, extension_of, mime_of, type_of

LIMIT_BYTES: Final = 100 * 1024 * 1024
"""What a server takes at most unless it was configured otherwise; more of it in memory is a mistake."""

_DATA_URL: Final = re.compile(r"data:([^,;]*)((?:;[^,;]*)*),", re.IGNORECASE)
_URL_SAFE: Final = str.maketrans("-_", "+/", " \t\r\n")
_MEDIA: Final = ("image", "audio", "video")


def inline_file(content: str | bytes, mime_type: str = "", *, filename: str = "", kind: str = "") -> FileInput:
    """A file made of what a message holds.

    Args:
        content: Bytes, base64 text (either alphabet), or a `data:` address, whose own MIME type counts when none is given.
        mime_type: Of the content; guessed from the name unless given.
        filename: For the upload; made up unless given. Folders in it are cut off.
        kind: Dify's file type; told by MIME type and name unless given.

    Raises:
        InvalidArgument: More than `LIMIT_BYTES`, nothing at all, no base64, or nothing that tells what it is.
    """
    if isinstance(content, str) and content[:5].lower() == "data:":
        found = _DATA_URL.match(content)
        if found is None:
            raise InvalidArgument("a data: address has no comma, so it has no content")
        mime_type = mime_type or found[1]
        content = content[found.end() :] if found[2].lower().endswith(";base64") else unquote_to_bytes(content[found.end() :])
    data = _decoded(content) if isinstance(content, str) else content
    _check_size(len(data))
    if not data:
        raise InvalidArgument("content inside a message is empty")
    mime_type = mime_type.partition(";")[0].strip().lower()
    name = re.split(r"[/\\]", filename)[-1]
    if not mime_type and "." not in name:
        raise InvalidArgument("content inside a message needs a mime_type or a filename with an extension")
    if "." not in name:
        name = f"{name or kind or 'file'}{_extension(mime_type)}"
    mime_type = mime_type or mime_of(name)
    return FileInput.from_bytes(data, name, type=kind or kind_of(mime_type, name), mime_type=mime_type)


def kind_of(mime_type: str, filename: str = "") -> str:
    """Dify's file type for a MIME type and a name; `custom` when neither tells."""
    major = mime_type.partition("/")[0].lower()
    return major if major in _MEDIA else type_of(filename if "." in filename else f"file{_extension(mime_type)}")


def has_local_file(value: object) -> bool:
    """Whether a file that has yet to be uploaded stands in `value`, at any depth of lists and mappings.

    Its text form does not tell its content, so nothing that is looked up by that form may depend on it.
    """
    if isinstance(value, Mapping):
        return any(has_local_file(entry) for entry in value.values())
    if isinstance(value, (list, tuple)):
        return any(has_local_file(entry) for entry in value)
    return isinstance(value, FileInput) and value.is_local


def _decoded(text: str) -> bytes:
    _check_size(len(text) * 3 // 4 - 2)
    text = text.translate(_URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidArgument("content inside a message is not base64") from None


def _check_size(size: int) -> None:
    if size > LIMIT_BYTES:
        raise InvalidArgument(
            f"content inside a message has {size // 1024**2} MiB, at most {LIMIT_BYTES // 1024**2} are sent; "
            "upload it with dify.files.upload(FileInput.from_path(…)) instead"
        )


def _extension(mime_type: str) -> str:
    subtype = mime_type.rpartition("/")[2]
    return extension_of(mime_type) or (f".{subtype}" if subtype.isalnum() else ".bin")
