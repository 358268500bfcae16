"""An app's form as the arguments of a tool: names a framework can live with, types, defaults, and the way back to Dify.

Frameworks take some argument names for themselves and lose others without a word (a variable called `config` is
overwritten, one with a leading underscore vanishes). So every argument gets a harmless name, and the map back is kept.
"""

from __future__ import annotations

import hashlib
import keyword
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model

from ..errors import InvalidArgument
from .argument_types import default_for, has_default, note_for, type_for
from .form import FormField, form_of

if TYPE_CHECKING:
    from ..core.jsonio import JsonObject

__all__ = [
    "ArgumentSchema",
    "FormField",
    "argument_schema",
    "form_of",
    "pinned_inputs",
    "tool_name",
    "unique_names",
    "variables_model",
]

QUERY: Final = "query"
_LONGEST: Final = 64
# Injected by LangChain or LlamaIndex, or the parameters of their own functions.
_INJECTED: Final = frozenset(
    ("self", "cls", "args", "kwargs", "config", "run_manager", "callbacks", "runtime", "state", "store", "tool_call_id", "ctx")
)


@dataclass(frozen=True, slots=True)
class ArgumentSchema:
    """The arguments of a tool that runs an app.

    Attributes:
        model: Checks arguments; its JSON schema is what the calling model sees.
        names: Argument name to Dify variable, in the form's order; `query` stays itself.
        unoffered: Defaults of variables that are not offered, by variable.
        rest: An argument whose value is variables by name; `""` without one.
    """

    model: type[BaseModel]
    names: Mapping[str, str]
    unoffered: Mapping[str, Any] = field(default_factory=dict)
    rest: str = ""

    def inputs_of(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The `inputs` for Dify, by variable: checked, converted, defaults filled in, open optional ones left out.

        With `query` in the schema it is in the result too. It may stay there when the run is started: Dify drops inputs
        that the app does not declare, and an app with a variable of that name gets the same words.

        Raises:
            InvalidArgument: Missing, unknown or unusable arguments; the message names each.
        """
        try:
            values = self.model.model_validate(dict(arguments))
        except ValidationError as error:
            raise InvalidArgument("; ".join(self._reasons(error))) from error
        inputs = {**self.unoffered, **(getattr(values, self.rest) if self.rest else {})}
        for argument, variable in self.names.items():
            field = self.model.model_fields[argument]
            value = getattr(values, argument)
            if value is None and not field.is_required():
                value = field.get_default()
            if value is not None:
                inputs[variable] = value
        return inputs

    def arguments_of(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Values by variable as arguments; those named as arguments stay."""
        arguments = {variable: argument for argument, variable in self.names.items()}
        return {arguments.get(name, name): value for name, value in given.items()}

    def _reasons(self, error: ValidationError) -> list[str]:
        others = f"no such argument; there are: {', '.join(self.model.model_fields) or 'none'}"
        return [
            f"argument {where!r}: {others if kind == 'extra_forbidden' else reason}" for where, kind, reason in _reasons_of(error)
        ]


def argument_schema(name: str, fields: Sequence[FormField], *, query: bool = False, fixed: Collection[str] = ()) -> ArgumentSchema:
    """The arguments for a form.

    Hidden fields are not offered unless the server demands them. Optional arguments take `None` for "not given".

    Args:
        name: Of the tool; the model class is called so.
        fields: From `form_of`.
        query: Whether the app takes a query; it becomes the first argument, and stands for a variable of that name too.
        fixed: Variables that the developer pins. They are not offered, and the caller adds their values.
    """
    own = {field.variable: field for field in reversed(fields)}  # of equal variables the first
    kept = {field.variable: own[field.variable] for field in fields if field.variable not in fixed}
    if query:
        kept.pop(QUERY, None)
    hidden = {key: field for key, field in kept.items() if field.hidden and not _is_demanded(field)}
    offered = [field for key, field in kept.items() if key not in hidden]
    names = _names([field.variable for field in offered], taken={QUERY} if query else set())
    arguments = dict(zip(names, offered, strict=True))
    members: dict[str, Any] = {QUERY: (str, Field(description="What to ask or tell the app"))} if query else {}
    members |= {argument: _member(argument, field) for argument, field in arguments.items()}
    model = create_model(
        tool_name(name), __config__=ConfigDict(extra="forbid", protected_namespaces=()), __module__=__name__, **members
    )
    variables = {argument: field.variable for argument, field in arguments.items()}
    defaults = {key: value for key, field in hidden.items() if (value := default_for(field)) is not None}
    return ArgumentSchema(model, {QUERY: QUERY, **variables} if query else variables, defaults)


def pinned_inputs(fields: Sequence[FormField], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values that the developer pins, by variable: checked and converted as a model's would be; `None` pins nothing.

    Args:
        fields: From `form_of`. Variables that are not there keep their values.
        values: By variable.

    Raises:
        InvalidArgument: A value that the app would refuse; the message names the variable.
    """
    own = {field.variable: field for field in reversed(fields)}
    pinned = {}
    for variable, given in values.items():
        field = own.get(variable)
        try:
            value = given if field is None else TypeAdapter(type_for(field, optional=not field.required)).validate_python(given)
        except ValidationError as error:
            reasons = "; ".join(reason for _, _, reason in _reasons_of(error))
            raise InvalidArgument(f"the app does not take this as its variable {variable!r}: {reasons}") from error
        if value is not None:
            pinned[variable] = value
    return pinned


def variables_model(schema: ArgumentSchema) -> type[BaseModel]:
    """The model of a schema under the variables' own names, for callers that are no models; arguments' names work too."""
    config = ConfigDict(alias_generator=lambda argument: schema.names[argument], populate_by_name=True)
    return type(schema.model.__name__, (schema.model,), {"model_config": config, "__module__": __name__})


def unique_names(names: Sequence[str]) -> list[str]:
    """Names for tools offered together: repeated ones are numbered, within the length every provider accepts."""
    used: set[str] = set()
    unique = []
    for name in names:
        free, number = name, 1
        while free in used:
            number += 1
            free = f"{name[: _LONGEST - 1 - len(str(number))]}_{number}"
        used.add(free)
        unique.append(free)
    return unique


def tool_name(text: str) -> str:
    """A name every provider accepts (`[a-zA-Z0-9_-]{1,64}`); different for different texts where letters allow it."""
    name = re.sub(r"[^a-zA-Z0-9_-]+", "_", _ascii(text)).strip("_-")[:_LONGEST]
    if not name:
        digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
        return f"dify_{digest}" if text.strip() else "dify_app"
    # LlamaIndex keeps this one for passing control between agents.
    return f"{name}_tool" if name.lower() == "handoff" else name


def _reasons_of(error: ValidationError) -> Iterator[tuple[str, str, str]]:
    """Where, of what kind, and why; never with the value."""
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        where = ".".join(str(part) for part in detail["loc"])
        yield where, detail["type"], detail["msg"].removeprefix("Value error, ")


def _is_demanded(field: FormField) -> bool:
    # A default that does not fit is no way to leave the field open: the server would take it and refuse the run.
    return default_for(field) is None and (field.required or has_default(field))


def _member(argument: str, field: FormField) -> tuple[Any, Any]:
    demanded = _is_demanded(field)
    shown: dict[str, Any] = {"title": field.label or field.variable, "description": _description(argument, field) or None}
    kind = type_for(field, optional=not demanded)
    if demanded:
        return kind, Field(**shown)
    return kind, Field(default=default_for(field), json_schema_extra=_without_null, **shown)


def _description(argument: str, field: FormField) -> str:
    label = field.label if field.label != argument else ""
    said = ": ".join(part for part in (label, field.description) if part)
    origin = f'(variable "{field.variable}")' if argument != field.variable else ""
    return " ".join(part for part in (said, origin, note_for(field)) if part)


def _without_null(schema: JsonObject) -> None:
    # "Not given" is no value to offer to a model.
    if schema.get("default", "") is None:
        del schema["default"]


def _names(variables: Sequence[str], *, taken: set[str]) -> list[str]:
    """An argument name for each variable: its own if that is harmless, else one as close as possible."""
    used = taken | {variable for variable in variables if _is_harmless(variable)}
    names: list[str] = []
    for position, variable in enumerate(variables, start=1):
        name = variable
        if not _is_harmless(variable) or variable in taken:
            name = _free(_closest(variable, position), used)
        used.add(name)
        names.append(name)
    return names


def _is_harmless(name: str) -> bool:
    is_plain = re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]*", name) is not None and len(name) <= _LONGEST
    # hasattr: what pydantic's base class has (schema, json, copy, ...) would be shadowed.
    is_taken = keyword.iskeyword(name) or name in _INJECTED or name.startswith("model_") or hasattr(BaseModel, name)
    return is_plain and not is_taken


def _closest(variable: str, position: int) -> str:
    name = re.sub(r"[^a-zA-Z0-9_]+", "_", _ascii(variable)).strip("_")[: _LONGEST - 12] or str(position)
    return name if _is_harmless(name) else f"input_{name}"


def _free(name: str, used: Collection[str]) -> str:
    free, number = name, 2
    while free in used:
        free, number = f"{name}_{number}", number + 1
    return free


def _ascii(text: str) -> str:
    """Without accents, so that they do not tear words apart."""
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
