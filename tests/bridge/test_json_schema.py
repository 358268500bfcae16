"""What fits a JSON schema, and the words for what does not."""

from __future__ import annotations

from typing import Any, Optional, Union

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from dify_integrations.bridge.json_schema import problems

PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}, "role": {"enum": ["a", "b"]}},
    "required": ["name"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "schema", "expected"),
    [
        ({"name": "Bo", "age": 3, "role": "a"}, PERSON, []),
        ({"age": 3}, PERSON, ["name: is missing"]),
        (
            {"name": 1, "age": True, "role": "c"},
            PERSON,
            ["name: must be string, not integer", "age: must be integer, not boolean", "role: must be one of 'a', 'b'"],
        ),
        ({"name": "Bo", "age": -1, "more": 1}, PERSON, ["age: must be at least 0", "more: is not allowed"]),
        ([], PERSON, ["the answer: must be object, not array"]),
        ({"list": [1, "x"]}, {"properties": {"list": {"items": {"type": "number"}}}}, ["list[1]: must be number, not string"]),
        ([1, "x", None], {"prefixItems": [{"type": "integer"}, {"type": "integer"}]}, ["[1]: must be integer, not string"]),
        (2.0, {"type": "integer"}, []),
        (2.5, {"type": "integer"}, ["the answer: must be integer, not number"]),
        (None, {"type": "string", "nullable": True}, []),
        (None, {"type": ["string", "null"]}, []),
        ("x", {"const": "y"}, ["the answer: must be one of 'y'"]),
        (True, {"enum": [1]}, ["the answer: must be one of 1"]),
        ("x", {"anyOf": [{"type": "null"}, {"type": "string"}]}, []),
        (3, {"oneOf": [{"type": "null"}, {"type": "string"}]}, ["the answer: must be null, not integer"]),
        ({"a": 1}, {"anyOf": [{"type": "null"}, {"properties": {"a": {"type": "string"}}}]}, ["a: must be string, not integer"]),
        (
            "abc",
            {"allOf": [{"maxLength": 2}, {"pattern": "^b"}]},
            ["the answer: must have at most 2 characters", "the answer: must match ^b"],
        ),
        ("abc", {"pattern": "(?<"}, []),
        ([], {"minItems": 1}, ["the answer: must have at least 1 items"]),
        (
            {"x": {"y": {}}},
            {"$ref": "#/$defs/T", "$defs": {"T": {"additionalProperties": {"$ref": "#/$defs/T"}, "type": "object"}}},
            [],
        ),
        ("x", {"$ref": "#"}, []),
        ("x", {"$ref": "https://example.org/other"}, []),
        ("x", True, []),
        ("x", {"format": "date", "title": "unknown keywords ask for nothing"}, []),
    ],
)
def test_problems(value: Any, schema: Any, expected: list[str]) -> None:
    assert problems(value, schema) == expected


class Inner(BaseModel):
    tag: str
    weight: Optional[float] = Field(default=None, ge=0)


class Outer(BaseModel):
    names: list[str]
    inner: Union[Inner, int]
    more: dict[str, Inner] = {}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.sampled_from(["tag", "x", ""]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["names", "inner", "more", "tag"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(max_examples=400)
@given(_JSON)
def test_it_agrees_with_pydantic_about_its_own_schemas(value: Any) -> None:
    try:
        Outer.model_validate(value, strict=True)
        fits = True
    except ValidationError:
        fits = False
    assert (problems(value, Outer.model_json_schema()) == []) is fits
