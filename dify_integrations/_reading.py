"""An open file as httpx reads it for an upload.

httpx takes a file's length from its descriptor, which is wrong for a compressed file and for a pipe; it asks again while a
file may grow; and whatever reading raises would leave the client as it is.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any, TypeVar

from .core.request import seekable
from .errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

T = TypeVar("T")


class Reading:
    """The part of a binary file that httpx needs, with our errors; it has no descriptor.

    Args:
        file: Read from its beginning if it can be rewound, otherwise from where it stands.
        filename: For messages.
    """

    def __init__(self, file: BinaryIO, filename: str) -> None:
        self._file = file
        self._filename = filename
        self._left: int | None = None

    def tell(self) -> int:
        """Where it stands; a file that cannot be rewound has no length either."""
        self._check_seekable()
        return self._try(self._file.tell)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go there; the end as it is now stays the end, whatever is appended while it is sent."""
        self._check_seekable()
        position = self._try(lambda: self._file.seek(offset, whence))
        if whence == os.SEEK_END:
            self._left = position
        return position

    def read(self, size: int) -> bytes:
        """The next bytes, `b""` at the end."""
        piece: Any = self._try(lambda: self._file.read(size if self._left is None else min(size, self._left)))
        if not isinstance(piece, bytes):
            raise InvalidArgument(f"the file {self._filename!r} gives {type(piece).__name__}, not bytes; open it in binary mode")
        if self._left is not None:
            self._left -= len(piece)
        return piece

    def _check_seekable(self) -> None:
        # A pipe says so with another error than the one httpx expects.
        if not seekable(self._file):
            raise io.UnsupportedOperation("not seekable")

    def _try(self, do: Callable[[], T]) -> T:
        try:
            return do()
        except Exception as error:  # what somebody else's file raises can be anything
            raise InvalidArgument(f"the file {self._filename!r} cannot be read: {error or type(error).__name__}") from error
