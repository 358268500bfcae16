"""Pausing for a person: the form a script asks with, and what it was answered with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Pause:
    """The run pauses for a person (chatflow and workflow only) and goes on when the form was submitted or has expired.

    The stream ends; the run waits in the background for `POST /form/human_input/{form_token}`. A script that is a generator
    is given the answer::

        filled = yield Pause("Send it?")
        yield Text("Sent." if filled.action == "approve" else "Not sent.")

    Args:
        form_content: The text of the form, `{{#$output.name#}}` where the person's words will stand.
        title: Title of the human-input node.
        inputs: Form inputs, in Dify's shape; all of them must be submitted.
        actions: The buttons.
        defaults: Values the form resolved itself.
        expires_s: Seconds until the form expires; 0 is a form that nobody can submit.
        id: The node id.
        template: The text as it was designed, variables unresolved: state snapshots show this one. Default: `form_content`.
        display_in_ui: Whether the form is delivered to the web app. Otherwise its token is one that the Service API refuses.
        until_followed: Go on after the answer only when somebody follows the run's events (at most five seconds), as a slow
            worker would: whoever submits first and subscribes then misses nothing.
    """

    form_content: str = "Please review."
    title: str = "Human input"
    inputs: Sequence[Mapping[str, Any]] = ()
    actions: Sequence[Mapping[str, Any]] = (
        {"id": "approve", "title": "Approve", "button_style": "primary"},
        {"id": "reject", "title": "Reject", "button_style": "default"},
    )
    defaults: Mapping[str, str] = field(default_factory=dict)
    expires_s: float = 3600
    id: str = "human"
    template: str = ""
    display_in_ui: bool = True
    until_followed: bool = False


@dataclass(frozen=True)
class Pauses:
    """Several forms at once, of parallel branches; the run pauses again until every one was answered.

    A generator script is given a tuple of `Filled`, in the order of the forms.
    """

    forms: Sequence[Pause]


@dataclass(frozen=True)
class Filled:
    """How a form was answered.

    Attributes:
        action: The id of the chosen button; empty when the form expired.
        inputs: The submitted values of the form's own inputs.
        text: The form's text with these values in it.
        user: Who submitted it; Dify lets every user do so.
        expired: Whether nobody did in time.
    """

    action: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    user: str = ""
    expired: bool = False
