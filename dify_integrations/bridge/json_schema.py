"""Whether a JSON value fits a JSON schema, said in words that a model can act on.

Known are the keywords that frameworks and pydantic write for answers: types, objects, arrays, choices, references inside
the schema, bounds. An unknown keyword asks for nothing; no reference outside the schema is followed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ..core.jsonio import JsonObject, JsonValue

_DEEPEST: Final = 100
_TYPES: Final[dict[str, Callable[[Any], bool]]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
}
_BOUNDS: Final[dict[str, tuple[str, Callable[[Any, Any], bool], str]]] = {
    "minimum": ("number", lambda value, bound: value >= bound, "must be at least {}"),
    "maximum": ("number", lambda value, bound: value <= bound, "must be at most {}"),
    "exclusiveMinimum": ("number", lambda value, bound: value > bound, "must be more than {}"),
    "exclusiveMaximum": ("number", lambda value, bound: value < bound, "must be less than {}"),
    "minLength": ("string", lambda value, bound: len(value) >= bound, "must have at least {} characters"),
    "maxLength": ("string", lambda value, bound: len(value) <= bound, "must have at most {} characters"),
    "pattern": ("string", lambda value, bound: _matches(bound, value), "must match {}"),
    "minItems": ("array", lambda value, bound: len(value) >= bound, "must have at least {} items"),
    "maxItems": ("array", lambda value, bound: len(value) <= bound, "must have at most {} items"),
}


def problems(value: JsonValue, schema: JsonObject) -> list[str]:
    """What is wrong with the value, one line each with the place; empty when it fits.

    Args:
        value: Any JSON value.
        schema: The JSON schema; its `$defs` may be referred to.
    """
    return [f"{place.lstrip('.') or 'the answer'}: {what}" for place, what in _problems(value, schema, schema, "", 0)]


def _problems(value: Any, schema: Any, root: JsonObject, place: str, depth: int) -> Iterator[tuple[str, str]]:
    if schema is False:
        yield place, "is not allowed"
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return
    if "$ref" in schema:
        yield from _problems(value, _referred(schema["$ref"], root), root, place, depth + 1)
    for other in schema.get("allOf") or ():
        yield from _problems(value, other, root, place, depth + 1)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        tried = [list(_problems(value, choice, root, place, depth + 1)) for choice in choices]
        # A choice that the value begins to fit says more than one of another type altogether.
        yield from min(tried, key=lambda found: (any(where == place for where, _ in found), len(found)))
    yield from ((place, what) for what in _own(value, schema))
    if isinstance(value, dict):
        yield from _members(value, schema, root, place, depth)
    if isinstance(value, list):
        first = schema.get("prefixItems") or ()
        for index, item in enumerate(value):
            inner = first[index] if index < len(first) else schema.get("items")
            yield from _problems(item, inner, root, f"{place}[{index}]", depth + 1)


def _own(value: Any, schema: JsonObject) -> Iterator[str]:
    """What is wrong with the value itself, its members aside."""
    kinds = schema.get("type")
    names = [str(kind) for kind in (kinds if isinstance(kinds, list) else [kinds] if kinds else [])]
    if value is None and schema.get("nullable"):
        return
    if names and not any(_is(name, value) for name in names):
        yield f"must be {' or '.join(names)}, not {_kind(value)}"
        return
    options = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(options, list) and not any(option == value and type(option) is type(value) for option in options):
        yield f"must be one of {', '.join(map(repr, options))}"
    for name, (kind, fits, words) in _BOUNDS.items():
        if name in schema and _is(kind, value) and not fits(value, schema[name]):
            yield words.format(schema[name])


def _is(kind: str, value: Any) -> bool:
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()  # JSON knows one kind of number
    return kind not in _TYPES or _TYPES[kind](value)


def _members(value: dict[str, Any], schema: JsonObject, root: JsonObject, place: str, depth: int) -> Iterator[tuple[str, str]]:
    declared = schema.get("properties")
    properties = declared if isinstance(declared, dict) else {}
    required = schema.get("required")
    for name in required if isinstance(required, list) else ():
        if name not in value:
            yield f"{place}.{name}", "is missing"
    others = schema.get("additionalProperties", True)
    for name, member in value.items():
        if name in properties:
            yield from _problems(member, properties[name], root, f"{place}.{name}", depth + 1)
        else:
            yield from _problems(member, others, root, f"{place}.{name}", depth + 1)


def _referred(reference: Any, root: JsonObject) -> Any:
    """The schema a `#/…` reference points at; anything goes where it points nowhere."""
    found: Any = root
    if not isinstance(reference, str) or not reference.startswith("#"):
        return True
    for name in reference.split("/")[1:]:
        found = found.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return True if found is None else found


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:  # JSON schema's patterns are another language's
        return True


def _kind(value: Any) -> str:
    return next(name for name, fits in _TYPES.items() if fits(value))
