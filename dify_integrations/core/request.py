"""A request as a value: verb, safe path, query, body. Knows nothing of hosts, keys or sockets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal
from urllib.parse import quote

from ..errors import InvalidArgument

if TYPE_CHECKING:
    from .jsonio import JsonObject

KeyKind = Literal["app", "dataset"]
"""Which of the two credentials an operation needs."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class FilePart:
    """One file of a multipart body.

    Attributes:
        name: Of the form field.
        filename: As the server shall see it.
        content: Bytes, the path of a file that is opened for sending, or an open binary file, read from its beginning.
        mime_type: Its content type.
    """

    name: str
    filename: str
    content: bytes | Path | BinaryIO = field(repr=False)
    mime_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Request:
    """What to send, relative to the base URL.

    Attributes:
        method: HTTP verb.
        path: Percent-encoded path, starting with `/`; or a whole `http(s)` address for a signed file address.
        key: Which credential goes with it, `None` for none. To another origin than the client's go neither a key nor the
            client's own headers, whatever stands here.
        query: Parameters; repeated names are allowed.
        json: JSON body, or `None`.
        form: Text fields of a multipart body, used with `files`.
        files: File parts; makes the body multipart.
        headers: Extra headers of this request.
    """

    method: str
    path: str
    key: KeyKind | None = "app"
    query: tuple[tuple[str, str], ...] = ()
    json: JsonObject | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    files: tuple[FilePart, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def replayable(self) -> bool:
        """Whether the body can be sent a second time (a pipe cannot)."""
        return all(isinstance(part.content, (bytes, Path)) or seekable(part.content) for part in self.files)


def seekable(file: BinaryIO) -> bool:
    """Whether an open file can be rewound; temporary files of Python 3.10 do not say, closed files cannot."""
    says = getattr(file, "seekable", None)
    try:
        return bool(says()) if callable(says) else hasattr(file, "seek")
    except ValueError:
        return False


def path_of(template: str, **values: str) -> str:
    """Fill a path template with ids, percent-encoded with no safe characters.

    Raises:
        InvalidArgument: An id is empty, `.` or `..`, or has control characters. A dot segment would be folded by the
            HTTP library and reach another route with the key attached.
    """

    def one(match: re.Match[str]) -> str:
        return quote(segment(match[1], values[match[1]]), safe="")

    return _PLACEHOLDER.sub(one, template)


def segment(name: str, value: str) -> str:
    """`value` if it can stand in a path, otherwise `InvalidArgument`."""
    if not isinstance(value, str) or not value.strip():
        raise InvalidArgument(f"{name} must be a non-empty string")
    if value in (".", "..") or _CONTROL.search(value):
        raise InvalidArgument(f"{name} must not be a dot segment or contain control characters")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidArgument(f"{name} holds half a character (a lone surrogate) and cannot be sent")
    return value


def body_bytes(value: JsonObject) -> bytes:
    """A JSON body.

    Raises:
        InvalidArgument: It holds something JSON has no words for: another type, NaN, half a surrogate pair.
    """
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"the request cannot be written as JSON: {error}") from error


def header_value(name: str, value: str) -> str:
    """`value` if it can stand in a header, otherwise `InvalidArgument`."""
    if _CONTROL.search(value) or not value.isascii():
        raise InvalidArgument(f"{name} must be ASCII without control characters")
    return value
