"""Events of a run that waits for a person (Dify ≥ 1.13)."""

from __future__ import annotations

from . import fields
from .base import Event


class HumanInputRequiredEvent(Event):
    """A node waits for a form.

    Attributes:
        form_id: The form's id.
        form_token: What `/form/human_input/{form_token}` takes; `""` when the form is not delivered to the web app.
        node_id: The waiting node.
        node_title: Its title.
        form_content: Markdown with `{{#$output.name#}}` where an input belongs.
        inputs: The form's fields.
        actions: The buttons: `id`, `title`, `button_style`.
        display_in_ui: Whether the web app shows it.
        resolved_default_values: Prefilled values by variable.
        expiration_time: Unix seconds.
    """

    __slots__ = ()
    name = "human_input_required"
    form_id = fields.text(inside="data")
    form_token = fields.text(inside="data")
    node_id = fields.text(inside="data")
    node_title = fields.text(inside="data")
    form_content = fields.text(inside="data")
    inputs = fields.objects(inside="data")
    actions = fields.objects(inside="data")
    display_in_ui = fields.flag(inside="data")
    resolved_default_values = fields.json_object(inside="data")
    expiration_time = fields.integer(inside="data")


class HumanInputFormFilledEvent(Event):
    """Somebody submitted the form.

    Attributes:
        node_id: The node that waited.
        node_title: Its title.
        rendered_content: The form with the values filled in.
        action_id: The button pressed.
        action_text: Its title.
        submitted_data: The values (servers after 1.14.2), otherwise `None`.
    """

    __slots__ = ()
    name = "human_input_form_filled"
    node_id = fields.text(inside="data")
    node_title = fields.text(inside="data")
    rendered_content = fields.text(inside="data")
    action_id = fields.text(inside="data")
    action_text = fields.text(inside="data")
    submitted_data = fields.optional_object(inside="data")


class HumanInputFormTimeoutEvent(Event):
    """Nobody submitted the form in time; the run goes on by its time-out branch."""

    __slots__ = ()
    name = "human_input_form_timeout"
    node_id = fields.text(inside="data")
    node_title = fields.text(inside="data")
    expiration_time = fields.integer(inside="data")


class WorkflowPausedEvent(Event):
    """The run stands still until its forms are submitted; the server closes the stream.

    Attributes:
        paused_nodes: Node ids.
        reasons: Why: for human input the form again, under `TYPE` (upper case) `human_input_required`.
        outputs: `{}` on a live stream; may be filled in a replayed snapshot.
        status: `paused`.
        elapsed_time: Seconds.
    """

    __slots__ = ()
    name = "workflow_paused"
    paused_nodes = fields.texts(inside="data")
    reasons = fields.objects(inside="data")
    outputs = fields.json_object(inside="data")
    status = fields.text(inside="data")
    elapsed_time = fields.number(inside="data")
    total_tokens = fields.integer(inside="data")
    total_steps = fields.integer(inside="data")
