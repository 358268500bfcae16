"""Schemas of every kind LangChain knows as one thing: JSON for the model, and a check that makes JSON the caller's value."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from langchain_core.utils.function_calling import convert_to_json_schema
from pydantic import BaseModel, PydanticUserError, TypeAdapter, ValidationError
from pydantic.v1 import BaseModel as BaseModelV1
from pydantic.v1 import ValidationError as ValidationErrorV1
from typing_extensions import is_typeddict

from dify_integrations import InvalidArgument
from dify_integrations.bridge.json_schema import problems


class Misfit(ValueError):
    """A value that is not of the shape.

    Attributes:
        problems: What is wrong, one line each.
    """

    def __init__(self, found: Sequence[str]) -> None:
        super().__init__("; ".join(found))
        self.problems = list(found)


@dataclass(frozen=True, slots=True)
class Shape:
    """What an answer is to be.

    Attributes:
        schema: As it was given.
        json_schema: The same for the model.
        name: For the tool, and for people.
        grows: Whether a part of the answer is of use.
        value: Makes JSON the answer's value; raises `Misfit`.
    """

    schema: Any
    json_schema: dict[str, Any]
    name: str
    grows: bool
    value: Callable[[Any], Any]


def shape_of(schema: Any, *, strict: bool | None = None) -> Shape:
    """The shape that a schema of any kind describes.

    Raises:
        InvalidArgument: A schema of no known kind.
    """
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return Shape(schema, schema.model_json_schema(), schema.__name__, False, partial(_model, schema, strict))
    if isinstance(schema, type) and issubclass(schema, BaseModelV1):
        return Shape(schema, schema.schema(), schema.__name__, False, partial(_old_model, schema))
    if isinstance(schema, dict) and schema.get("type") != "function" and not {"title", "name"} & schema.keys():
        schema = {"title": "answer", **schema}
    try:
        known, described = schema, convert_to_json_schema(schema)
    except (ValueError, TypeError, AttributeError) as error:
        known = described = _typed(schema, error)
    # Core takes every key for required, also where `total=False` says otherwise.
    optional: frozenset[str] = getattr(schema, "__optional_keys__", frozenset())
    told = {**described, "required": [name for name in described.get("required", ()) if name not in optional]}
    return Shape(known, told, str(described["title"]), True, partial(_checked, told))


def _typed(schema: Any, error: Exception) -> dict[str, Any]:
    """A `TypedDict` that core cannot describe: it fails on `NotRequired`."""
    try:
        if is_typeddict(schema):
            return TypeAdapter(schema).json_schema()
    except PydanticUserError as advice:
        raise InvalidArgument(f"the schema cannot be described: {advice.message}") from error
    raise InvalidArgument("schema is a pydantic class, a TypedDict, a JSON schema or an OpenAI function") from error


def _model(schema: type[BaseModel], strict: bool | None, value: Any) -> Any:
    try:
        if strict:  # as JSON, where a date is text
            return schema.model_validate_json(json.dumps(value), strict=True)
        return schema.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise Misfit([f"{_place(detail['loc'])}: {detail['msg']}" for detail in found]) from error


def _old_model(schema: type[BaseModelV1], value: Any) -> Any:
    try:
        return schema.parse_obj(value)
    except ValidationErrorV1 as error:
        raise Misfit([f"{_place(detail['loc'])}: {detail['msg']}" for detail in error.errors()]) from error


def _checked(schema: dict[str, Any], value: Any) -> Any:
    found = problems(value, schema)
    if found:
        raise Misfit(found)
    return value


def _place(location: Sequence[int | str]) -> str:
    return ".".join(map(str, location)) or "the answer"
