"""Schemas: which fields they have, which of them a value has, and a value that has them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.specification.spec import Json, resolved

_COMBINED = ("allOf", "oneOf", "anyOf")
_PLAIN: dict[str, Any] = {"integer": 7, "number": 0.5, "boolean": True, "string": "text"}


@dataclass
class Found:
    """What a value has of a schema.

    Attributes:
        fields: Paths such as `retrieval_model.weights` and `files[].url`.
        choices: Values of fields that have a closed list of them, by path.
        unknown: Paths that the schema does not know.
    """

    fields: set[str] = field(default_factory=set)
    choices: set[tuple[str, str]] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)


def alternatives(schemas: Iterable[Json]) -> Iterator[Json]:
    """The schemas, and what they are combined of."""
    for schema in map(resolved, schemas):
        yield schema
        for word in _COMBINED:
            yield from alternatives(schema.get(word, []))


def fields_of(schema: Json, at: str = "") -> Iterator[tuple[str, Json]]:
    """Every field with its path, however deep."""
    for one in alternatives([schema]):
        if "items" in one:
            yield from fields_of(one["items"], f"{at}[]")
        for name, inner in one.get("properties", {}).items():
            path = f"{at}.{name}".lstrip(".")
            yield path, resolved(inner)
            yield from fields_of(inner, path)
        if isinstance(one.get("additionalProperties"), dict):
            yield from fields_of(one["additionalProperties"], f"{at}{{}}")


def choices_of(schema: Json) -> set[tuple[str, str]]:
    """Every value of every field that has a closed list of them."""
    found = set()
    for path, inner in fields_of(schema):
        for one in alternatives([inner, *([inner["items"]] if "items" in inner else [])]):
            found |= {(path, value) for value in one.get("enum", []) if isinstance(value, str)}
    return found


def compare(value: Any, schemas: Sequence[Json], found: Found, at: str = "") -> Found:
    """Note what of `schemas` is in `value`."""
    known = list(alternatives(schemas))
    if isinstance(value, list):
        for entry in value:
            compare(entry, [one["items"] for one in known if "items" in one], found, f"{at}[]")
    elif isinstance(value, dict):
        _compare_object(value, known, found, at)
    elif isinstance(value, str):
        found.choices.add((at.removesuffix("[]"), value))
    return found


def _compare_object(value: Json, known: list[Json], found: Found, at: str) -> None:
    free = [one["additionalProperties"] for one in known if one.get("additionalProperties", False) is not False]
    shaped = any("properties" in one for one in known)
    for name, entry in value.items():
        path = f"{at}.{name}".lstrip(".")
        inner = [one["properties"][name] for one in known if name in one.get("properties", {})]
        if inner:
            found.fields.add(path)
            compare(entry, inner, found, path)
        elif free or not shaped:
            compare(entry, [one for one in free if isinstance(one, dict)], found, f"{at}{{}}")
        else:
            found.unknown.add(path)


def filled(schema: Json) -> Any:
    """A value with every field the schema has, of the types it says."""
    schema = resolved(schema)
    for word in _COMBINED[1:]:
        if word in schema:
            return filled(schema[word][0])
    if "allOf" in schema:
        return {name: entry for one in schema["allOf"] for name, entry in filled(one).items()}
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "array":
        return [filled(schema["items"])]
    if kind in _PLAIN:
        return schema.get("example", _PLAIN[kind])
    if isinstance(schema.get("additionalProperties"), dict):
        return {"name": filled(schema["additionalProperties"])}
    return {name: filled(inner) for name, inner in schema.get("properties", {}).items()}
