"""`/form/human_input/{form_token}`: the form of a paused run, and its submission. Since Dify 1.14.0."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..forms import checked, find
from ..replies import answer, schema_error
from .access import app_of, json_body, state_of, user_in


async def show(request: Request) -> Response:
    """GET /form/human_input/{form_token}."""
    state = state_of(request)
    shown = find(state, app_of(request), _token(request)).definition
    keys = ("form_content", "inputs", "resolved_default_values")
    body = {**{key: shown[key] for key in keys}, "user_actions": shown["actions"], "expiration_time": shown["expiration_time"]}
    # Unlike every other route: raw UTF-8 and no final newline.
    return Response(json.dumps(body, ensure_ascii=False), media_type="application/json")


async def submit(request: Request) -> Response:
    """POST /form/human_input/{form_token}; anybody may submit, and only the names of the form count."""
    state = state_of(request)
    app = app_of(request)
    body = await json_body(request)
    user = user_in(body)
    _check_schema(body)
    form = find(state, app, _token(request))
    await form.fill(checked(state, form, body["action"], body["inputs"], user))
    return answer({})


def _token(request: Request) -> str:
    return str(request.path_params["form_token"])


def _check_schema(body: dict[str, Any]) -> None:
    problems: list[tuple[str, str, str, Any]] = [
        (field, "Field required", "missing", body) for field in ("inputs", "action") if field not in body
    ]
    if "inputs" in body and not isinstance(body["inputs"], dict):
        problems.append(("inputs", "Input should be a valid dictionary", "dict_type", body["inputs"]))
    if "action" in body and not isinstance(body["action"], str):
        problems.append(("action", "Input should be a valid string", "string_type", body["action"]))
    if problems:
        raise schema_error("HumanInputFormSubmitPayload", problems)


ROUTES = [
    Route("/form/human_input/{form_token}", show, methods=["GET"]),
    Route("/form/human_input/{form_token}", submit, methods=["POST"]),
]
