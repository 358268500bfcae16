"""Where a download goes: memory, an open file, or a new file. Plain code for both clients, it waits for no network.

A new file appears under its name only when it is complete, and never in the place of another one.
"""

from __future__ import annotations

import os
import tempfile
from io import RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast

from .core.filenames import disposition_name, safe_name
from .errors import BodyTooLarge, ConnectionDropped, InvalidArgument
from .files import Download, extension_of, is_text

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from .core.operation import Answer


class Saving:
    """One download on its way; use it with `with`, which removes what is not complete.

    Args:
        to: A path or an open binary file; `None` keeps the bytes in memory.
        max_bytes: Largest size, `None` for no limit.
        default_limit: Largest size in memory without `max_bytes`.

    Raises:
        InvalidArgument: A target that cannot be written, or that exists.
    """

    def __init__(self, to: Path | BinaryIO | None, *, max_bytes: int | None, default_limit: int) -> None:
        if max_bytes is not None and (not isinstance(max_bytes, int) or isinstance(max_bytes, bool) or max_bytes < 0):
            raise InvalidArgument(f"max_bytes must be a whole number of bytes, or None; got {max_bytes!r}")
        self._target = _target(to)
        self._limit = default_limit if max_bytes is None and to is None else max_bytes
        self._expected: int | None = None
        self._size = 0
        self._name = self._mime_type = ""

    def begin(self, answer: Answer, filename: str = "") -> None:
        """Look at the head of the answer, and open the target.

        Args:
            answer: Its head counts.
            filename: For servers that give no name.

        Raises:
            BodyTooLarge: It announces more than the limit.
            InvalidArgument: The folder has a file of this name.
        """
        self._mime_type = answer.content_type
        fallback = filename or "download"
        fallback = fallback if "." in fallback else fallback + extension_of(self._mime_type)
        self._name = safe_name(disposition_name(answer.headers.get("content-disposition", "")), fallback)
        length = answer.headers.get("content-length", "")
        # The length of an encoded body says nothing about what comes out.
        if answer.headers.get("content-encoding", "identity").strip().lower() in ("", "identity") and length.isdecimal():
            self._expected = int(length)
            self._check(self._expected)
        self._target.begin(self._name)

    def write(self, piece: bytes) -> None:
        """Take the next bytes."""
        self._size += len(piece)
        self._check(self._size)
        self._target.write(piece)

    def finish(self) -> Download:
        """Put everything in its place.

        Raises:
            ConnectionDropped: Fewer bytes than announced.
            InvalidArgument: Meanwhile there is another file of this name.
        """
        if self._expected is not None and self._size < self._expected:
            # httpx notices with HTTP/1.1 and its own connections, but not behind every transport one can give it.
            raise ConnectionDropped(f"the file is cut short: {self._size} of {self._expected} bytes arrived")
        content, path = self._target.finish()
        return Download(content, path, self._size, self._mime_type, path.name if path else self._name)

    def _check(self, size: int) -> None:
        if self._limit is not None and size > self._limit:
            raise BodyTooLarge(f"the file is larger than {self._limit} bytes; raise max_bytes, or save it with to=…")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._target.close()


class _Target(Protocol):
    """What takes the bytes."""

    def begin(self, name: str) -> None: ...

    def write(self, piece: bytes) -> None: ...

    def finish(self) -> tuple[bytes | None, Path | None]: ...

    def close(self) -> None:
        """Remove what is not finished."""


def _target(to: Path | BinaryIO | None) -> _Target:
    if to is None:
        return _Memory()
    if isinstance(to, Path):
        return _NewFile(to)
    return _OpenFile(to)


class _Memory:
    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def begin(self, name: str) -> None:
        pass

    def write(self, piece: bytes) -> None:
        self._pieces.append(piece)

    def finish(self) -> tuple[bytes | None, Path | None]:
        return b"".join(self._pieces), None

    def close(self) -> None:
        self._pieces = []


class _OpenFile:
    """Somebody else's file: written where it stands, left open."""

    def __init__(self, file: BinaryIO) -> None:
        if is_text(file) or not callable(getattr(file, "write", None)):
            raise InvalidArgument("to= takes a pathlib.Path or a file opened in binary mode")
        if getattr(file, "closed", False) or not getattr(file, "writable", lambda: True)():
            raise InvalidArgument("the file given with to= is closed or open for reading only")
        self._file = file

    def begin(self, name: str) -> None:
        pass

    def write(self, piece: bytes) -> None:
        rest: Any = piece
        while rest:
            written: Any = self._file.write(rest)
            if not isinstance(written, int) and not isinstance(self._file, RawIOBase):
                return  # a file-like object that does not count
            if not written:
                raise BlockingIOError("the file given with to= takes no bytes now")
            rest = memoryview(rest)[written:]  # an unbuffered file may take a part

    def finish(self) -> tuple[bytes | None, Path | None]:
        return None, None

    def close(self) -> None:
        pass


class _NewFile:
    """A file of its own: a temporary one beside it, mode 0600, that gets the name when it is complete."""

    def __init__(self, path: Path) -> None:
        self._folder = path if path.is_dir() else path.parent
        self._path = None if path.is_dir() else path
        self._file: BinaryIO | None = None
        self._temporary: Path | None = None
        if self._path is not None:
            _check_free(self._path)
        if not self._folder.is_dir():
            raise InvalidArgument(f"there is no folder {str(self._folder)!r}")

    def begin(self, name: str) -> None:
        if self._path is None:
            self._path = self._folder / name
            _check_free(self._path)
        descriptor, temporary = tempfile.mkstemp(prefix=".dify-", suffix=".part", dir=self._folder)
        self._temporary = Path(temporary)
        self._file = os.fdopen(descriptor, "wb")

    def write(self, piece: bytes) -> None:
        cast("BinaryIO", self._file).write(piece)

    def finish(self) -> tuple[bytes | None, Path | None]:
        path, temporary = cast("Path", self._path), cast("Path", self._temporary)
        cast("BinaryIO", self._file).close()
        try:
            # Renaming takes the place of whatever is there; this claims the name first, or finds it taken.
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            raise _taken(path) from None
        try:
            temporary.replace(path)
        except BaseException:
            path.unlink()
            raise
        self._temporary = None
        return None, path

    def close(self) -> None:
        if self._file is not None:
            try:
                self._file.close()
            finally:  # a full disk fails again here
                if self._temporary is not None:
                    self._temporary.unlink(missing_ok=True)


def _check_free(path: Path) -> None:
    if os.path.lexists(path):
        raise _taken(path)


def _taken(path: Path) -> InvalidArgument:
    return InvalidArgument(f"{str(path)!r} exists; downloads never overwrite")
