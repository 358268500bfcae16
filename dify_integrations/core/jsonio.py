"""The only reader of JSON: fast for what Dify sends, safe for what anybody could send.

Measured traps of the standard library are closed here: deep nesting (RecursionError), integers of thousands of digits,
lone surrogates (text that cannot be encoded) and invalid UTF-8. Knows JSON only, not what an event means.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias, Union

from pydantic_core import from_json

from ..errors import MalformedEvent
from .redact import excerpt

# Union, not "|": an operand in quotes has no "|" at run time in Python 3.10.
JsonValue: TypeAlias = Union[bool, int, float, str, "list[JsonValue]", "dict[str, JsonValue]", None]
JsonObject: TypeAlias = dict[str, JsonValue]

_POSITION: Final = re.compile(r" at line (\d+) column (\d+)\Z")
# One escape per match, so that "\\ud800" (an escaped backslash and five letters) is left alone. Group 1 is a surrogate
# without its other half.
_ESCAPE: Final = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.", re.DOTALL)


def parse_json(raw: bytes) -> JsonValue:
    """Return the value of a JSON text.

    Invalid UTF-8 and surrogates without their other half become U+FFFD, so every returned text can be encoded. A byte order
    mark is skipped. `NaN` and `Infinity` are accepted as floats: Python servers write them, and one number must not end a
    stream; writing the value back with a strict JSON writer may fail. Of equal keys the last one wins.

    Raises:
        ValueError: Not JSON, nested more than about 200 deep, or an integer of more than 4300 digits. Nothing else is
            raised. The message is short, gives the byte offset where reading stopped (a repaired byte counts as three),
            and holds nothing of the text.
    """
    try:
        value: JsonValue = from_json(raw, cache_strings="keys")
    except ValueError:
        value = _parse_tolerantly(raw)
    return value


def parse_object(raw: bytes) -> JsonObject:
    """Return the JSON object in the data of one event, read as `parse_json` does.

    Raises:
        MalformedEvent: Not JSON, or JSON of another type. The message holds at most 200 redacted characters of the data.
    """
    try:
        value: JsonValue = from_json(raw, cache_strings="keys")
        if isinstance(value, dict):
            return value
    except ValueError:
        value = _reread_event(raw)
    if isinstance(value, dict):
        return value
    raise _malformed(f"a JSON {_kind(value)} at byte 0", raw)


def _reread_event(raw: bytes) -> JsonValue:
    try:
        return _parse_tolerantly(raw)
    except ValueError as error:
        raise _malformed(str(error), raw) from error


def _malformed(reason: str, raw: bytes) -> MalformedEvent:
    return MalformedEvent(f"An event of the stream is not a JSON object: {reason} of {len(raw)}: {excerpt(raw)}")


def _kind(value: JsonValue) -> str:
    kinds: dict[object, str] = {type(None): "null", bool: "boolean", str: "string", list: "array"}
    return kinds.get(type(value), "number")


def _parse_tolerantly(raw: bytes) -> JsonValue:
    """Repair what can be repaired without guessing, and read again."""
    text = raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").encode()
    text = _ESCAPE.sub(lambda match: rb"\ufffd" if match[1] else match[0], text)
    try:
        value: JsonValue = from_json(text, cache_strings="keys")
    except ValueError as error:
        raise ValueError(_explain(error, text)) from None
    return value


def _explain(error: ValueError, text: bytes) -> str:
    """Say what is wrong and at which byte; the parser counts lines and columns."""
    message = str(error)
    position = _POSITION.search(message)
    if position is None:
        return f"{message} at byte 0"
    lines, column = int(position[1]) - 1, int(position[2])
    before = sum(len(line) + 1 for line in text.split(b"\n", lines)[:lines])
    return f"{message[: position.start()]} at byte {before + max(column - 1, 0)}"
