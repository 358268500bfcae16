"""An app's input form as `/parameters` tells it, in one shape for all kinds of fields and versions of Dify."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core.jsonio import parse_json

if TYPE_CHECKING:
    from ..core.jsonio import JsonObject, JsonValue
    from ..models.apps import AppParameters

_TEXTS = frozenset({"text-input", "paragraph"})
_NOT_SENT = frozenset({"external_data_tool"})  # the server fills these


@dataclass(frozen=True, slots=True)
class FormField:
    """One input of an app.

    Attributes:
        variable: Key in `inputs`.
        kind: `text-input`, `paragraph`, `select`, `number`, `checkbox`, `file`, `file-list`, `json_object`, or one that this
            version does not know.
        label: For people; `""` when there is none.
        description: Help text; `""` when there is none.
        required: Whether the server refuses a run without it.
        default: As the app's author set it; `None` when there is none. Not checked against the kind.
        options: Of a `select`.
        max_length: Characters of a text, files of a `file-list`; `None` without limit. Other kinds carry numbers without
            meaning here.
        hidden: Not shown in the web form, yet accepted.
        schema: JSON schema of a `json_object`, if it has one.
        raw: The field as it came.
    """

    variable: str
    kind: str
    label: str
    description: str
    required: bool
    default: JsonValue
    options: tuple[str, ...]
    max_length: int | None
    hidden: bool
    schema: JsonObject | None
    raw: JsonObject


def form_of(parameters: AppParameters) -> tuple[FormField, ...]:
    """The inputs a caller may give, in the form's order. Fields that the server fills itself are left out."""
    fields = (field for entry in parameters.user_input_form for field in _fields(entry))
    return tuple(field for field in fields if field.kind not in _NOT_SENT)


def prompt_variable(fields: Iterable[FormField], taken: Collection[str] = ()) -> str:
    """The variable of a completion app that takes a prompt.

    Args:
        fields: The app's form.
        taken: Variables that have a value already.

    Returns:
        `query` when the form has it or has no text variable to offer; otherwise the first required text variable, or the
        first text variable.
    """
    texts = [field for field in fields if field.kind in _TEXTS and field.variable not in taken]
    names = [field.variable for field in texts]
    required = [field.variable for field in texts if field.required]
    return "query" if "query" in names else (required or names or ["query"])[0]


def _fields(entry: Mapping[str, Any]) -> Iterator[FormField]:
    if isinstance(entry.get("variable"), str):  # not wrapped in its kind
        entry = {str(entry.get("type") or "text-input"): entry}
    for kind, item in entry.items():
        if isinstance(item, dict) and isinstance(item.get("variable"), str) and item["variable"]:
            yield _field(kind, item)


def _field(kind: str, item: JsonObject) -> FormField:
    longest, options = item.get("max_length"), item.get("options")
    limited = isinstance(longest, int) and not isinstance(longest, bool) and longest > 0
    return FormField(
        variable=str(item["variable"]),
        kind=kind,
        label=_text(item.get("label")),
        description=next((text for key in ("description", "hint", "placeholder") if (text := _text(item.get(key)))), ""),
        required=item.get("required") is True,
        default=item.get("default"),
        options=tuple(str(option) for option in options if option is not None) if isinstance(options, list) else (),
        max_length=longest if limited and isinstance(longest, int) else None,
        hidden=item.get("hide") is True,
        schema=_schema(item.get("json_schema")),
        raw=item,
    )


def _text(value: JsonValue) -> str:
    """A text, or of an object with one text per language the first."""
    if isinstance(value, dict):
        value = next((text for text in value.values() if isinstance(text, str)), "")
    return value.strip() if isinstance(value, str) else ""


def _schema(value: JsonValue) -> JsonObject | None:
    """The schema as an object; Dify stores some as a JSON string."""
    if isinstance(value, str):
        try:
            value = parse_json(value.encode())
        except ValueError:
            return None
    return value if isinstance(value, dict) and value else None
