"""What a form field is to a model that fills it in: a pydantic type that checks and converts, and the JSON schema it shows.

The schema is written out for every kind instead of being derived, so that a model reads what Dify documents, whatever
pydantic's version makes of unions.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, TypeAdapter, ValidationError, WithJsonSchema

from ..core.jsonio import parse_json
from ..files import FileInput

if TYPE_CHECKING:
    from ..core.jsonio import JsonObject, JsonValue
    from .form import FormField

_TEXTS = ("text-input", "paragraph")
_FILES = ("file", "file-list")


def type_for(field: FormField, *, optional: bool) -> Any:
    """The type of an argument, for pydantic; with `optional`, `None` stands for "not given"."""
    inner = _type(field)
    shown = WithJsonSchema(schema_for(field))
    if not optional:
        return Annotated[inner, shown]
    if field.kind in _TEXTS:
        return Annotated[inner | None, shown]
    # Models send "" for what they leave open; as a select or number the server would refuse it.
    return Annotated[inner | None, BeforeValidator(partial(_blank_to_none, options=field.options)), shown]


def default_for(field: FormField) -> Any:
    """The field's default in its own type; `None` when it has none or one that the server would refuse."""
    if not has_default(field):
        return None
    try:
        return TypeAdapter(type_for(field, optional=False)).validate_python(field.default)
    except ValidationError:
        return None


def has_default(field: FormField) -> bool:
    """Whether the app's author gave it one, fitting or not."""
    return field.default not in (None, "") and field.kind not in _FILES


def schema_for(field: FormField) -> JsonObject:
    """The JSON schema of the argument."""
    if field.kind in _TEXTS:
        return {"type": "string", **({"maxLength": field.max_length} if field.max_length else {})}
    if field.kind == "select":
        return {"type": "string", **({"enum": list(field.options)} if field.options else {})}
    if field.kind in ("number", "checkbox"):
        return {"type": "number" if field.kind == "number" else "boolean"}
    if field.kind == "file":
        return _file_schema(field)
    if field.kind == "file-list":
        return {"type": "array", "items": _file_schema(field), **({"maxItems": field.max_length} if field.max_length else {})}
    return _object_schema(field) if field.kind == "json_object" else {}


def note_for(field: FormField) -> str:
    """What the schema cannot say and the description must."""
    if field.kind == "json_object" and _has_references(field.schema):
        return f"JSON schema: {json.dumps(field.schema, ensure_ascii=False)}"
    return ""


def _type(field: FormField) -> Any:
    literal: Any = Literal
    file = Annotated[Any, PlainValidator(partial(_file, field=field))]
    types: dict[str, Any] = {
        **dict.fromkeys(_TEXTS, Annotated[str, Field(max_length=field.max_length), BeforeValidator(_stringified)]),
        "select": Annotated[literal[field.options] if field.options else str, BeforeValidator(_stringified)],
        "number": Annotated[int | float, PlainValidator(_number)],
        "checkbox": bool,
        "file": file,
        "file-list": Annotated[list[file], Field(max_length=field.max_length), BeforeValidator(_listed)],
        "json_object": Annotated[dict[str, Any], BeforeValidator(_parsed)],
    }
    return types.get(field.kind, Any)


def _blank_to_none(value: Any, *, options: tuple[str, ...]) -> Any:
    return None if isinstance(value, str) and not value.strip() and value not in options else value


def _stringified(value: Any) -> Any:
    """Dify takes nothing but strings for texts and selects, and models like to send numbers."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else value


def _number(value: Any) -> int | float:
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            value = _float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError("must be a number")
    return value


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value.encode("utf-8", "replace"))
    except ValueError:
        raise ValueError("must be a JSON object") from None


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, (str, dict, FileInput)) else value


def _file(value: Any, *, field: FormField) -> FileInput:
    """A file by address or upload id. Text from a model never names a file of this machine."""
    if isinstance(value, FileInput):
        return value
    given = {"url": value} if isinstance(value, str) else value if isinstance(value, dict) else {}
    allowed, named = _types_allowed(field), given.get("type") or None
    if named is not None and named not in allowed:
        raise ValueError(f"takes files of type {' or '.join(allowed)}")
    upload_id, url = given.get("upload_file_id"), given.get("url") or given.get("remote_url")
    if isinstance(upload_id, str) and upload_id and _takes(field, "local_file"):
        if named is None and len(allowed) != 1:
            raise ValueError('needs a "type" next to "upload_file_id"')
        return FileInput.uploaded(upload_id, type=named or allowed[0])
    if isinstance(url, str) and _takes(field, "remote_url"):
        return _remote(url.strip(), named, field)
    raise ValueError(f"must be {_wanted(field)}")


def _remote(url: str, named: str | None, field: FormField) -> FileInput:
    try:
        file = FileInput.from_url(url, type=named)
    except ValueError:
        raise ValueError(f"must be {_wanted(field)}") from None
    allowed = _types_allowed(field)
    if file.type in allowed:
        return file
    if file.type != "custom":
        raise ValueError(f"takes files of type {' or '.join(allowed)}, not {file.type}")
    return replace(file, type=allowed[0])  # the address has no telling ending


def _types_allowed(field: FormField) -> tuple[str, ...]:
    return _strings(field, "allowed_file_types") or ("image", "document", "audio", "video", "custom")


def _wanted(field: FormField) -> str:
    forms = ["an http(s) address"] * _takes(field, "remote_url") + ['{"upload_file_id": …}'] * _takes(field, "local_file")
    return " or ".join(forms)


def _takes(field: FormField, method: str) -> bool:
    methods = _strings(field, "allowed_file_upload_methods")
    return method in methods if {"remote_url", "local_file"} & set(methods) else True


def _strings(field: FormField, key: str) -> tuple[str, ...]:
    value = field.raw.get(key)
    return tuple(entry for entry in value if isinstance(entry, str)) if isinstance(value, list) else ()


def _file_schema(field: FormField) -> JsonObject:
    allowed = _types_allowed(field)
    kind: JsonObject = {"type": "string", "enum": list(allowed)}
    address: JsonObject = {"type": "string", "description": "http(s) address of the file"}
    upload: JsonObject = {"type": "string", "description": "id of an uploaded file"}
    shapes: list[JsonValue] = []
    if _takes(field, "remote_url"):
        shapes += [address, {"type": "object", "properties": {"url": address, "type": kind}, "required": ["url"]}]
    if _takes(field, "local_file"):
        needed: list[JsonValue] = ["upload_file_id", "type"] if len(allowed) > 1 else ["upload_file_id"]
        shapes.append({"type": "object", "properties": {"upload_file_id": upload, "type": kind}, "required": needed})
    return {"anyOf": shapes}


def _object_schema(field: FormField) -> JsonObject:
    # References would point into the tool's schema instead of this one; note_for shows the whole to the model.
    if field.schema is None or _has_references(field.schema):
        return {"type": "object"}
    return {"type": "object", **{key: value for key, value in field.schema.items() if key not in ("$schema", "$id")}}


def _has_references(schema: JsonObject | None) -> bool:
    return '"$ref"' in json.dumps(schema)
