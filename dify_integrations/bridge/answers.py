"""A person's answer to the forms of a paused run, as plain data: read, checked, and matched to the forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import InvalidArgument

if TYPE_CHECKING:
    from ..core.jsonio import JsonObject


@dataclass(frozen=True, slots=True)
class FormAnswer:
    """What `dify.forms.submit` takes.

    Attributes:
        form_token: The form.
        action: Id of the button.
        inputs: Values by `output_variable_name`.
    """

    form_token: str
    action: str
    inputs: JsonObject


def answers_of(forms: Sequence[Mapping[str, Any]], given: object) -> list[FormAnswer]:
    """The answers in what a person gave.

    Args:
        forms: The forms that wait, as `pause_record` tells them.
        given: `{"action": …, "inputs": {…}}` for one form. For several a mapping of these by `node_id` or `form_token`;
            forms that are left out stay open, fields that are left out get the form's default. `{"submitted": True}` says
            that the forms were answered elsewhere.

    Returns:
        One per answered form, in the forms' order; none when they were answered elsewhere.

    Raises:
        InvalidArgument: Not such an answer, an unknown form, button or field, or a missing one; the message names it.
    """
    if not isinstance(given, Mapping) or not given:
        raise InvalidArgument(f'an answer is {{"action": …, "inputs": {{…}}}}, not {type(given).__name__}')
    if given.get("submitted") is True:
        if len(given) > 1:
            raise InvalidArgument('an answer is {"submitted": True} when the forms were answered elsewhere, or an action, not both')
        return []
    if "action" in given:
        if len(forms) != 1:
            raise InvalidArgument(f"several forms wait: give an answer for each by its node_id, one of {_names(forms)}")
        return [_answer(forms[0], given)]
    named = {name: form for form in forms for name in (form["node_id"], form["form_token"])}
    unknown = [str(name) for name in given if name not in named]
    if unknown:
        raise InvalidArgument(f'an answer names its "action"; there is no form {", ".join(unknown)}, only {_names(forms)}')
    answers = {named[name]["form_token"]: _answer(named[name], answer) for name, answer in given.items()}
    return [answers[form["form_token"]] for form in forms if form["form_token"] in answers]


def _answer(form: Mapping[str, Any], given: object) -> FormAnswer:
    where = f"the form {form['node_title'] or form['node_id']!r}"
    if not isinstance(given, Mapping):
        raise InvalidArgument(f'the answer to {where} is {{"action": …, "inputs": {{…}}}}, not {type(given).__name__}')
    _refuse_unknown(given, where)
    if not form["form_token"]:
        raise InvalidArgument(f'{where} is not answered through the API: answer it there and give {{"submitted": True}}')
    action, inputs = given.get("action"), given.get("inputs") or {}
    buttons = [button.get("id") for button in form["actions"]]
    if not isinstance(action, str) or not action or (buttons and action not in buttons):
        raise InvalidArgument(f"{where} has no action {action!r}, only {', '.join(map(str, buttons))}")
    if not isinstance(inputs, Mapping):
        raise InvalidArgument(f"the inputs of {where} are values by name, not {type(inputs).__name__}")
    return FormAnswer(form["form_token"], action, _values(form, inputs, where))


def _values(form: Mapping[str, Any], inputs: Mapping[str, Any], where: str) -> JsonObject:
    """The inputs, with defaults for those left out."""
    kinds = {str(field.get("output_variable_name")): field.get("type") for field in form["inputs"]}
    fields = list(kinds)
    unknown = [str(name) for name in inputs if name not in kinds]
    if unknown:  # Dify drops them without a word
        raise InvalidArgument(f"{where} has no field {', '.join(unknown)}, only {', '.join(fields) or 'its buttons'}")
    values = {**{name: value for name, value in form["default_values"].items() if name in fields}, **inputs}
    missing = [name for name in fields if name not in values]
    if missing:
        raise InvalidArgument(f"{where} needs {', '.join(missing)} in its inputs")
    for name, value in inputs.items():
        if kinds[name] == "paragraph" and not isinstance(value, str):  # Dify takes it, and the run fails of it
            raise InvalidArgument(f"the field {name} of {where} is a text, not {type(value).__name__}")
    return values


def _refuse_unknown(given: Mapping[str, Any], where: str) -> None:
    unknown = [str(name) for name in given if name not in ("action", "inputs")]
    if unknown:
        raise InvalidArgument(f'{where}: an answer has "action" and "inputs", not {", ".join(unknown)}')


def _names(forms: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(str(form["node_id"] or form["form_token"]) for form in forms)
