"""Fields of request bodies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.jsonio import JsonObject
from ..errors import InvalidArgument
from ..models.base import RequestModel


def given(**fields: Any) -> JsonObject:
    """The fields that have a value, as JSON; `None` is not sent."""
    return {
        name: value.to_wire() if isinstance(value, RequestModel) else value for name, value in fields.items() if value is not None
    }


def of_length(name: str, value: object, least: int, most: int) -> str:
    """`value`, which has `least` to `most` characters.

    Raises:
        InvalidArgument: It has fewer or more, or is no string.
    """
    if not isinstance(value, str) or not least <= len(value) <= most:
        raise InvalidArgument(f"{name} must be a string of {least} to {most} characters")
    return value


def several(name: str, texts: Sequence[str]) -> list[str]:
    """`texts` as a list.

    Raises:
        InvalidArgument: One string, which would be taken for a list of its letters.
    """
    if isinstance(texts, str):
        raise InvalidArgument(f"{name} takes a list of strings, not one")
    return list(texts)
