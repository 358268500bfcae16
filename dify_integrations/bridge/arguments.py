"""What a caller says with one call, checked before anything is sent: who asks, variables of the app, which tool to use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from ..errors import InvalidArgument
from ..files import FileInput


def user_text(value: Any) -> str:
    """An identifier of a user as Dify takes it: text, or a number or UUID as text.

    Raises:
        InvalidArgument: Anything else, or nothing. A turn nobody's is never taken for the client's user's.
    """
    if isinstance(value, (str, int, UUID)) and not isinstance(value, bool) and str(value):
        return str(value)
    raise InvalidArgument(f"a user is a text that is not empty, not {'an empty one' if value == '' else type(value).__name__}")


def conversation_text(value: Any) -> str:
    """The id of a conversation as Dify takes it; `""` for none.

    Raises:
        InvalidArgument: It is no text and no UUID.
    """
    if value is None or isinstance(value, (str, UUID)):
        return str(value or "")
    raise InvalidArgument(f"a conversation_id is a text, not {type(value).__name__}")


def files_in(value: Any) -> list[FileInput]:
    """The `files` of a call.

    Raises:
        InvalidArgument: They are no list of `FileInput`.
    """
    files = [] if value is None else value
    if isinstance(files, (list, tuple)) and all(isinstance(file, FileInput) for file in files):
        return [*files]
    raise InvalidArgument("files takes a list of FileInput, such as [FileInput.from_path(Path(…))]; text is no path")


def merged_inputs(below: Any, above: Any) -> dict[str, Any]:
    """Variables of the app from two places; those of `above` win.

    Raises:
        InvalidArgument: They are no mapping.
    """
    if not isinstance(below or {}, Mapping) or not isinstance(above or {}, Mapping):
        raise InvalidArgument("inputs are a mapping of the app's variables to their values")
    return {**(below or {}), **(above or {})}


def choice_of(choice: Any) -> str | None:
    """The frameworks' and OpenAI's ways to choose a tool: `None`, `"auto"`, `"any"`, `"none"` or a tool's name.

    Raises:
        InvalidArgument: None of them.
    """
    if choice is None or choice is False:
        return None
    if choice is True or choice in ("any", "required"):
        return "any"
    if isinstance(choice, str):
        return choice
    if isinstance(choice, Mapping) and choice.get("type") in ("auto", "any", "none"):
        return str(choice["type"])
    name = choice.get("name") or (choice.get("function") or {}).get("name") if isinstance(choice, Mapping) else None
    if isinstance(name, str):
        return name
    raise InvalidArgument("tool_choice is a tool's name, 'auto', 'any', 'none' or {'function': {'name': …}}")


def is_demanding(choice: str | None) -> bool:
    """Whether the choice wants a call in any case."""
    return choice not in (None, "auto", "none")
