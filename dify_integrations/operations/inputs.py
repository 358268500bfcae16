"""What the generating operations have in common: inputs, files, and how their streams and blocking bodies are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ..core.request import FilePart, header_value
from ..errors import InvalidArgument
from ..files import FileInput, mime_of

if TYPE_CHECKING:
    from ..core.jsonio import JsonObject, JsonValue
    from ..core.operation import Answer

ResponseMode = Literal["streaming", "blocking"]


def run_body(*, inputs: Mapping[str, Any] | None, user: str, files: Sequence[FileInput], response_mode: ResponseMode) -> JsonObject:
    """The fields every generating request has.

    Raises:
        InvalidArgument: Inputs that are no mapping, files that are none, or local files that were not uploaded.
    """
    if isinstance(files, FileInput) or not all(isinstance(file, FileInput) for file in files or ()):
        raise InvalidArgument(
            "files takes a list of FileInput, such as FileInput.from_path(Path(…)), or .as_input() of an upload; text is no path"
        )
    body: JsonObject = {
        "inputs": wire_inputs(inputs),
        "response_mode": response_mode,
        "user": user,
    }
    if files:
        body["files"] = [file.to_wire() for file in files]
    return body


def wire_inputs(inputs: Mapping[str, Any] | None) -> JsonObject:
    """Values of variables or form fields, files among them.

    Raises:
        InvalidArgument: No mapping, or a local file that was not uploaded.
    """
    if inputs is not None and not isinstance(inputs, Mapping):
        raise InvalidArgument("inputs must be a mapping of variable names to values")
    return {name: _wire(value) for name, value in (inputs or {}).items()}


def _wire(value: Any) -> JsonValue:
    if isinstance(value, FileInput):
        return value.to_wire()
    if isinstance(value, Mapping):
        return {name: _wire(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_wire(entry) for entry in value]
    wire: JsonValue = value
    return wire


def file_part(file: FileInput) -> FilePart:
    """The one file of an upload.

    Raises:
        InvalidArgument: Not a local file.
    """
    if not isinstance(file, FileInput) or file.content is None:
        raise InvalidArgument("takes local content: FileInput.from_bytes, FileInput.from_path or FileInput.from_file")
    # A line break here would begin a header of its own; httpx writes it as it is.
    mime_type = header_value("mime_type", file.mime_type or mime_of(file.filename))
    return FilePart("file", file.filename or "file", file.content, mime_type)


def whole(answer: Answer) -> Answer:
    """The reader of streams: the driver reads on from the open answer."""
    return answer
