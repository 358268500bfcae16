"""What a model wrote for a tool call, read as one: JSON where it is JSON, mended where nothing has to be guessed.

Knows one piece of text at a time, not where it stands in an answer; that is `tool_calls`. What is mended: trailing commas,
single quotes, Python's constants, raw line ends inside strings, stray array brackets, a closing bracket too
many, missing closing brackets. What is
not: a string or number cut in the middle, for a tool must not run on half an argument.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, Union

from pydantic_core import from_json

from ..core.jsonio import parse_json

if TYPE_CHECKING:
    from ..core.jsonio import JsonObject, JsonValue

Container: TypeAlias = Union["dict[str, JsonValue]", "list[JsonValue]"]

CLOSE: Final = re.compile(r"</tool_calls?>")
ARGUMENT_KEYS: Final = ("arguments", "parameters", "args")

# The string alternatives run to the end of the text when nothing closes them, which keeps every search linear.
_STRING: Final = r""""[^"\\]*(?:\\.[^"\\]*)*\\?(?:"|\Z)"""
_SINGLE: Final = _STRING.replace('"', "'")
_MENDABLE: Final = re.compile(rf"(?s:{_STRING}|{_SINGLE}|,(?=\s*[}}\]])|\b(?:True|False|None)\b)")
_BRACKETS: Final = re.compile(rf"(?s:{_STRING}|[{{}}\[\]])")
_IN_SINGLE: Final = re.compile(r"(?s)\\'|\\.|\"")
_CONTROL: Final = re.compile(r"[\x00-\x1f]")
_CONSTANTS: Final = {"True": "true", "False": "false", "None": "null"}
_TRAILER: Final = re.compile(r"(?:\s*(?:```|</tool_calls?>))+\s*\Z")


@dataclass(frozen=True, slots=True)
class ParsedCall:
    """A tool call of an answer.

    Attributes:
        id: Made by the parser, not by the model.
        name: The tool, offered or not; `""` when the text names none.
        arguments: `None` when they could not be read.
        raw: What the model wrote.
        error: Why it could not be read.
    """

    id: str
    name: str
    arguments: JsonObject | None
    raw: str
    error: str | None = None


def read_whole(text: str) -> list[ParsedCall] | None:
    """The calls (without ids) of a text that is complete JSON, if need be mended; `None` when it is not.

    An object that is no call comes back with an `error`.
    """
    value = read_json(text)
    if value is None:
        inner = text.strip().removeprefix("[").rstrip(" \t\r\n,").removesuffix("]")
        value = read_json(f"[{inner}]") if inner.startswith("{") else None
    if value is None and text.rstrip().endswith("}}"):
        value = read_json(text.rstrip()[:-1])
    return None if value is None else _calls(value, text)


def read_cut(text: str) -> list[ParsedCall] | None:
    """As `read_whole`, for text whose closing brackets may be missing; `None` as well when nothing in it can be called."""
    text = _TRAILER.sub("\n", text)
    calls = read_whole(text)
    if calls is None:
        value = read_unclosed(text) if has_arguments(text) else None
        calls = None if value is None else _calls(value, text)
    if calls is None or any(call.error for call in calls):
        return None
    return [ParsedCall("", call.name, call.arguments, text.strip()) for call in calls]


def read_json(text: str) -> Container | None:
    """The object or array that the whole text is, if need be mended; `None` when it is neither."""
    value = _read(text)
    return _read(_mended(text)) if value is None else value


def read_unclosed(text: str) -> Container | None:
    """The object or array that the text is but for closing brackets; `None` when more than these is missing."""
    mended = _mended(text)
    closing = _closing(mended)
    if not closing or mended[-1].isdigit():  # a digit at the very end may be half of a number
        return None
    return _read(mended + closing)  # as it is: mending again would take the comma before a lost value away


def unreadable(text: str) -> ParsedCall:
    """A call that could not be read, with the reason and, if it can be made out, the name of the tool."""
    calls = read_whole(text)
    found = next((call for call in calls or () if call.error), None)
    reason = "cut off before its end" if is_unfinished(text) else "not a JSON object with a name and arguments"
    return found or ParsedCall("", _name_in(text), None, text.strip(), reason)


def _name_in(text: str) -> str:
    try:
        value = from_json(_mended(text).strip().encode("utf-8", "replace"), allow_partial=True)
    except ValueError:
        return ""
    return _call(value, text).name


def is_unfinished(text: str) -> bool:
    """Whether more lines may complete the JSON that the text begins."""
    return text.lstrip()[:1] in ("{", "[") and _closing(_mended(text)) != ""


def depth_of(line: str) -> int:
    """How many more brackets the line opens than it closes, those in its strings not counted."""
    marks = [match[0] for match in _BRACKETS.finditer(_mended(line))]
    return sum(mark in "{[" for mark in marks) - sum(mark in "}]" for mark in marks)


def has_arguments(text: str) -> bool:
    """Whether the text mentions arguments, without which a small object is more likely a value than a call."""
    return any(key in text for key in ARGUMENT_KEYS)


def _calls(value: Container, raw: str) -> list[ParsedCall]:
    items = value if isinstance(value, list) else [value]
    return [_call(item, raw.strip()) for item in items]


def _call(item: JsonValue, raw: str) -> ParsedCall:
    function = item.get("function") if isinstance(item, dict) else None
    item = function if isinstance(function, dict) else item
    name = item.get("name") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(name, str) or not name.strip():
        return ParsedCall("", "", None, raw, "no tool is named")
    arguments = _arguments(item)
    return ParsedCall("", name.strip(), arguments, raw, None if arguments is not None else "the arguments are not a JSON object")


def _arguments(item: JsonObject) -> JsonObject | None:
    """An object, the object inside a JSON string, or nothing at all for a tool that takes nothing."""
    given = next((item[key] for key in ARGUMENT_KEYS if key in item), None)
    if isinstance(given, str):
        given = read_json(given) if given.strip() else {}
    elif given is None:
        given = {}
    return given if isinstance(given, dict) else None


def _read(text: str) -> Container | None:
    try:
        # A lone surrogate cannot have come over the wire, but must not break the reader either.
        value = parse_json(text.encode("utf-8", "replace"))
    except ValueError:
        return None
    return value if isinstance(value, (dict, list)) else None


def _mended(text: str) -> str:
    return _MENDABLE.sub(_mend, text)


def _mend(match: re.Match[str]) -> str:
    mark = match[0]
    if mark == ",":
        return ""
    if mark in _CONSTANTS:
        return _CONSTANTS[mark]
    if mark[0] == "'" and len(mark) > 1 and mark[-1] == "'":
        mark = '"' + _IN_SINGLE.sub(_requote, mark[1:-1]) + '"'
    return _CONTROL.sub(lambda control: f"\\u{ord(control[0]):04x}", mark)


def _requote(match: re.Match[str]) -> str:
    return {"\\'": "'", '"': '\\"'}.get(match[0], match[0])


def _closing(text: str) -> str | None:
    """The brackets that are missing at the end; `None` when the text stops inside a string or they do not match."""
    missing: list[str] = []
    for match in _BRACKETS.finditer(text):
        mark = match[0]
        if mark in "{[":
            missing.append("}" if mark == "{" else "]")
        elif mark in "}]":
            if not missing or missing.pop() != mark:
                return None
        elif len(mark) == 1 or mark[-1] != '"' or _is_escaped_end(mark):
            return None
    return "".join(reversed(missing))


def _is_escaped_end(mark: str) -> bool:
    inner = mark[1:-1]
    return (len(inner) - len(inner.rstrip("\\"))) % 2 == 1
