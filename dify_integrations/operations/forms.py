"""Forms of runs that wait for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.jsonio import JsonObject
from ..core.operation import Operation, nothing, reading
from ..errors import InvalidArgument
from ..models.forms import Form
from .catalogue import operation
from .inputs import wire_inputs


def get(form_token: str) -> Operation[Form]:
    return operation("getChatflowHumanInputForm", reading(Form.model_validate), path={"form_token": form_token})


def submit(form_token: str, *, action: str, inputs: Mapping[str, Any] | None, user: str) -> Operation[None]:
    if not isinstance(action, str) or not action:
        raise InvalidArgument("action must be the id of one of the form's user_actions")
    body: JsonObject = {"inputs": wire_inputs(inputs), "action": action, "user": user}
    return operation("submitChatflowHumanInputForm", nothing, path={"form_token": form_token}, json=body)
