"""Typed, tolerant views on the JSON of an event.

An event keeps the JSON object it came as; a field reads one key of it when asked. That costs nothing per token for
what nobody reads, keeps every key of every server version, and lets no `null` or odd type end a stream: a field that
is missing or of another type than documented gives its documented "nothing" instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

if TYPE_CHECKING:
    from typing_extensions import Self

    from ..core.jsonio import JsonObject, JsonValue

T = TypeVar("T")


class Field(Generic[T]):
    """A read-only attribute of an event: `read` applied to one key of the JSON, or of its `data` object."""

    __slots__ = ("_inside", "_key", "_read")

    def __init__(self, read: Callable[[Any], T], key: str = "", inside: str = "") -> None:
        self._read = read
        self._key = key
        self._inside = inside

    def __set_name__(self, owner: type, name: str) -> None:
        if not self._key:
            self._key = name

    @overload
    def __get__(self, event: None, owner: type) -> Self: ...
    @overload
    def __get__(self, event: Any, owner: type) -> T: ...
    def __get__(self, event: Any, owner: type) -> Self | T:
        if event is None:
            return self
        source: Any = event.raw
        if self._inside:
            source = as_object(source.get(self._inside))
        return self._read(source.get(self._key))


def as_text(value: JsonValue) -> str:
    """The string, `""` for null; other values as their text."""
    if isinstance(value, str):
        return value
    return "" if value is None else str(value)


def as_optional_text(value: JsonValue) -> str | None:
    return None if value is None else as_text(value)


def as_integer(value: JsonValue) -> int | None:
    """The whole number (floats are cut), `None` for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return int(value)
    except (ValueError, OverflowError):  # nan, inf
        return None


def as_number(value: JsonValue) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value)


def as_flag(value: JsonValue) -> bool:
    return value is True


def as_object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


def as_optional_object(value: JsonValue) -> JsonObject | None:
    return value if isinstance(value, dict) else None


def as_objects(value: JsonValue) -> list[JsonObject]:
    """The objects in a list; `[]` when it is null or no list."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def as_texts(value: JsonValue) -> list[str]:
    return [as_text(entry) for entry in value] if isinstance(value, list) else []


def as_it_is(value: JsonValue) -> JsonValue:
    return value


def anything(key: str = "", *, inside: str = "") -> Field[JsonValue]:
    return Field(as_it_is, key, inside)


def text(key: str = "", *, inside: str = "") -> Field[str]:
    return Field(as_text, key, inside)


def optional_text(key: str = "", *, inside: str = "") -> Field[str | None]:
    return Field(as_optional_text, key, inside)


def integer(key: str = "", *, inside: str = "") -> Field[int | None]:
    return Field(as_integer, key, inside)


def number(key: str = "", *, inside: str = "") -> Field[float | None]:
    return Field(as_number, key, inside)


def flag(key: str = "", *, inside: str = "") -> Field[bool]:
    return Field(as_flag, key, inside)


def json_object(key: str = "", *, inside: str = "") -> Field[JsonObject]:
    return Field(as_object, key, inside)


def optional_object(key: str = "", *, inside: str = "") -> Field[JsonObject | None]:
    return Field(as_optional_object, key, inside)


def objects(key: str = "", *, inside: str = "") -> Field[list[JsonObject]]:
    return Field(as_objects, key, inside)


def texts(key: str = "", *, inside: str = "") -> Field[list[str]]:
    return Field(as_texts, key, inside)
