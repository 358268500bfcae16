"""Forms of runs that wait for a person."""

from __future__ import annotations

from typing import Any

from .base import Listed, Model


class FormInputDefault(Model):
    """Where a field's first value comes from.

    Attributes:
        type: `constant` or `variable`.
        selector: Path of the variable.
        value: The constant.
    """

    type: str | None = None
    selector: Listed[str]
    value: str | None = None


class FormOptions(Model):
    """Where the choices of a `select` field come from.

    Attributes:
        type: `constant` or `variable`.
        selector: Path of the variable.
        value: The constants.
    """

    type: str | None = None
    selector: Listed[str]
    value: Listed[str]


class FormInput(Model):
    """One field of a form.

    Attributes:
        output_variable_name: The key of its value in `inputs`.
        type: `text-input`, `paragraph`, and on servers after 1.14.2 `select`, `file`, `file-list`.
        default: Its first value.
        option_source: Choices of a `select`.
        allowed_file_types, allowed_file_extensions, allowed_file_upload_methods: What a file field takes.
        number_limits: Most files of a file list.
    """

    output_variable_name: str = ""
    type: str = ""
    default: FormInputDefault | None = None
    option_source: FormOptions | None = None
    allowed_file_types: Listed[str]
    allowed_file_extensions: Listed[str]
    allowed_file_upload_methods: Listed[str]
    number_limits: int | None = None


class FormAction(Model):
    """A button.

    Attributes:
        id: What `forms.submit` takes as `action`.
        title: For people.
        button_style: `primary`, `default`, `accent` or `ghost`.
    """

    id: str = ""
    title: str | None = None
    button_style: str | None = None


class Form(Model):
    """A form as a person sees it.

    Attributes:
        form_content: Markdown, with `{{#$output.name#}}` where a field belongs.
        inputs: The fields.
        resolved_default_values: First values by field.
        user_actions: The buttons.
        expiration_time: Unix seconds; afterwards the run goes on without an answer.
    """

    form_content: str = ""
    inputs: Listed[FormInput]
    resolved_default_values: dict[str, Any] | None = None
    user_actions: Listed[FormAction]
    expiration_time: int | None = None
