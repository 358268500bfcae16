"""Values that Dify takes from a closed list, checked before they are sent."""

from __future__ import annotations

from collections.abc import Collection

from ..errors import InvalidArgument


def chosen(name: str, value: str, choices: Collection[str]) -> str:
    """`value`, which is one of `choices`.

    Raises:
        InvalidArgument: It is not.
    """
    if value not in choices:
        raise InvalidArgument(f"{name} must be one of {', '.join(choices)}")
    return value
