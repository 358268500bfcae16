"""Conversation variables: what an app declares and what each conversation keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "secret": (str,),
    "number": (int, float),
    "integer": (int,),
    "float": (int, float),
    "boolean": (bool,),
    "object": (dict,),
}


@dataclass(frozen=True)
class Variable:
    """A conversation variable of a chatflow.

    Args:
        name: Its name.
        value_type: `string`, `number`, `integer`, `float`, `boolean`, `object`, `secret` or `array[...]` of one of them.
        value: The value a new conversation starts with.
        description: Shown by the API.
    """

    name: str
    value_type: str = "string"
    value: Any = ""
    description: str = ""


@dataclass
class KeptVariable:
    """The variable in one conversation."""

    id: str
    declared: Variable
    value: Any
    created_at: int
    updated_at: int

    def takes(self, value: Any) -> bool:
        """Whether a value has the declared type."""
        kind = self.declared.value_type
        if not kind.startswith("array"):
            return _fits(kind, value)
        inner = kind.removeprefix("array[").removesuffix("]")
        return isinstance(value, list) and all(_fits(inner, item) for item in value)

    def shown(self) -> dict[str, Any]:
        """As the API shows it: the value is text, of lists and objects Python's own."""
        declared = self.declared
        return {
            "id": self.id,
            "name": declared.name,
            "value_type": declared.value_type,
            "value": str(self.value),
            "description": declared.description,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }


def _fits(kind: str, value: Any) -> bool:
    allowed = _KINDS.get(kind)
    if allowed is None:
        return True
    return isinstance(value, allowed) and (kind == "boolean" or not isinstance(value, bool))
