"""Operations that take files: what has to be uploaded first, and the request once that is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from ..core.operation import Operation
from ..core.request import body_bytes
from ..files import FileInput

T = TypeVar("T")
V = TypeVar("V")

Uploads = Mapping[FileInput, FileInput]
"""Local files and the uploads they became."""


class Draft(Generic[T]):
    """An operation whose local files still have to be uploaded.

    Args:
        build: Makes the operation of its keyword arguments.
        arguments: What it is called with; files may stand at any depth of lists and mappings.

    Attributes:
        local: The local files, each once.
        uploads: What some of them have become.
        remembered: Those that became an earlier upload of the same content.

    Raises:
        InvalidArgument: The operation cannot be sent, whatever its uploads will be.
    """

    def __init__(self, build: Callable[..., Operation[T]], **arguments: Any) -> None:
        self.local: list[FileInput] = []
        self.uploads: dict[FileInput, FileInput] = {}
        self.remembered: set[FileInput] = set()
        self._build = build
        self._arguments = arguments
        _collect(arguments, self.local)
        stand_ins = {file: FileInput.uploaded("", type=file.type) for file in self.local}
        self._operation = self.filled(stand_ins)
        body = self._operation.request.json
        if self.local and body is not None:
            body_bytes(body)  # what cannot be written shall not be found out behind the uploads

    def filled(self, uploads: Uploads) -> Operation[T]:
        """The operation with uploads in the place of local files."""
        return self._build(**_replaced(self._arguments, uploads))

    @property
    def operation(self) -> Operation[T]:
        """The operation, complete if there is nothing local."""
        return self._operation


def _collect(value: Any, found: list[FileInput]) -> None:
    if isinstance(value, FileInput):
        if value.is_local and value not in found:
            found.append(value)
    elif isinstance(value, Mapping):
        for entry in value.values():
            _collect(entry, found)
    elif isinstance(value, (list, tuple)):
        for entry in value:
            _collect(entry, found)


def _replaced(value: Any, uploads: Uploads) -> Any:
    if not uploads:
        return value
    if isinstance(value, FileInput):
        return uploads.get(value, value) if value.is_local else value
    if isinstance(value, Mapping):
        return {name: _replaced(entry, uploads) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_replaced(entry, uploads) for entry in value]
    return value
