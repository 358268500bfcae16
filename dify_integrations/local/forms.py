"""The forms of paused runs: their definition on the wire, what may be submitted, and what became of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .apps import App
from .nodes import OpenNode
from .pauses import Filled, Pause
from .replies import ApiError
from .run import Run
from .state import Message, State, Upload

_PLACE = re.compile(r"\{\{#\$output\.([^#}]+)#\}\}")


@dataclass(eq=False)
class Form:
    """One form that a run waits for; `expires_at` is what people are told, `deadline` is on the clock of the loop."""

    run: Run
    say: Pause
    node: OpenNode
    id: str
    token: str
    expires_at: int
    deadline: float
    filled: Filled | None = None
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    # The run has gone on with the answer, or will when it is followed.
    taken: asyncio.Event = field(default_factory=asyncio.Event)

    async def fill(self, filled: Filled) -> None:
        """Submit it, and let the run go on before anybody can ask for it."""
        self.filled = filled
        self.answered.set()
        await self.taken.wait()

    @property
    def definition(self) -> dict[str, Any]:
        """`data` of `human_input_required`."""
        say = self.say
        return {
            "form_id": self.id,
            "node_id": self.node.node_id,
            "node_title": say.title,
            "form_content": say.form_content,
            "inputs": [dict(item) for item in say.inputs],
            "actions": [dict(action) for action in say.actions],
            "display_in_ui": say.display_in_ui,
            "form_token": self.token,
            "resolved_default_values": dict(say.defaults),
            "expiration_time": self.expires_at,
        }

    @property
    def designed(self) -> dict[str, Any]:
        """The definition as a snapshot shows it, with the text nobody filled in."""
        return {**self.definition, "form_content": self.say.template or self.say.form_content}

    @property
    def names(self) -> list[str]:
        """The names of its inputs."""
        return [str(item["output_variable_name"]) for item in self.say.inputs]

    @property
    def action_title(self) -> str:
        """The title of the chosen button."""
        chosen = self.filled.action if self.filled else ""
        return next((str(action["title"]) for action in self.say.actions if action["id"] == chosen), "")

    def submission(self, *, echo: bool) -> dict[str, Any]:
        """`data` of `human_input_form_filled`; newer servers repeat the values."""
        filled = self.filled or Filled()
        node = {"node_id": self.node.node_id, "node_title": self.say.title}
        chosen = {"rendered_content": filled.text, "action_id": filled.action, "action_text": self.action_title}
        return {**node, **chosen, **({"submitted_data": dict(filled.inputs)} if echo else {})}


def rendered(text: str, values: Mapping[str, Any]) -> str:
    """The text of a form with the submitted values in their places."""

    def shown(place: re.Match[str]) -> str:
        value = values.get(place[1], place[0])
        if isinstance(value, Mapping):
            return "[file]"
        return f"[{len(value)} files]" if isinstance(value, list) else str(value)

    return _PLACE.sub(shown, text)


def extra_contents(state: State, message: Message) -> list[dict[str, Any]]:
    """`extra_contents` of a message in the history: one entry for every form of its run."""
    return [_content(state, form) for form in state.forms.values() if form.run.message is message]


def _content(state: State, form: Form) -> dict[str, Any]:
    filled, typed = form.filled, state.version.types_form_inputs
    submitted = filled is not None and not filled.expired
    shown = {**form.definition, "form_token": None if submitted else form.token}
    return {
        "workflow_run_id": form.run.run_id,
        "submitted": submitted,
        "form_definition": shown if typed or not submitted else None,
        "form_submission_data": form.submission(echo=typed) if submitted else None,
        "type": "human_input",
    }


def find(state: State, app: App, token: str) -> Form:
    """The form of a token that can still be submitted.

    Raises:
        ApiError: 404 for an unknown token, one of another app or one that was not delivered to the web app; 412 once the
            form was submitted or has expired.
    """
    form = state.forms.get(token)
    if form is None or form.run.app is not app or not form.say.display_in_ui:
        path = f"/v1/form/human_input/{token}"
        hint = f"You have requested this URI [{path}] but did you mean /v1/form/human_input/<string:form_token> ?"
        raise ApiError(404, "not_found", f"Form not found. {hint}")
    if form.filled is not None and not form.filled.expired:
        text = f"This form has already been submitted by another user, form_id={form.id}"
        raise ApiError(412, "human_input_form_submitted", text)
    if form.filled is not None or state.now() >= form.expires_at:
        raise ApiError(412, "human_input_form_expired", f"This form has expired, form_id={form.id}")
    return form


def checked(state: State, form: Form, action: str, values: Mapping[str, Any], user: str) -> Filled:
    """What a submission fills the form with; values the form does not ask for are dropped.

    Raises:
        ApiError: 400 `invalid_form_data` for an unknown action, a missing value, or a value a typed input does not take.
    """
    if action not in {entry["id"] for entry in form.say.actions}:
        raise _wrong(f"Invalid action: {action}")
    missing = [name for name in form.names if name not in values]
    if missing:
        raise _wrong(f"Missing required inputs: {', '.join(missing)}")
    kept = dict(zip(form.names, (values[name] for name in form.names), strict=True))
    if state.version.types_form_inputs:
        kept = {str(item["output_variable_name"]): _value(state, item, kept) for item in form.say.inputs}
    return Filled(action, kept, rendered(form.say.form_content, kept), user)


def _value(state: State, item: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    name, kind = str(item["output_variable_name"]), item.get("type")
    value = values[name]
    if kind == "select" and value not in item.get("option_source", {}).get("value", ()):
        raise _wrong(f"Invalid value for select input '{name}': {value}")
    if kind == "file":
        if not isinstance(value, Mapping):
            raise _wrong(f"Invalid value for file input '{name}': expected mapping")
        return _file(state, value)
    if kind == "file-list":
        if not isinstance(value, list) or not all(isinstance(file, Mapping) for file in value):
            raise _wrong(f"Invalid value for file-list input '{name}': expected list of mappings")
        return [_file(state, file) for file in value]
    return value


def _wrong(message: str) -> ApiError:
    return ApiError(400, "invalid_form_data", message)


def _file(state: State, given: Mapping[str, Any]) -> dict[str, Any]:
    url = str(given.get("url") or given.get("remote_url") or "")
    upload = state.uploads.get(str(given.get("upload_file_id")))
    if upload is None:
        name = url.split("?", maxsplit=1)[0].rsplit("/", 1)[-1]
        upload = Upload("", "", name, "application/octet-stream", b"", 0)
    method = str(given.get("transfer_method"))
    return {
        "dify_model_identity": "__dify__file__",
        "id": None,
        "type": given.get("type"),
        "transfer_method": method,
        "remote_url": url,
        "reference": f"dify-file-ref:{upload.id}" if upload.id else None,
        "filename": upload.name,
        "extension": "." + upload.name.rpartition(".")[2],
        "mime_type": upload.mime_type,
        "size": len(upload.content) if upload.id else -1,
        "related_id": upload.id or None,
        "url": f"/files/{upload.id}/file-preview" if upload.id else url,
    }
