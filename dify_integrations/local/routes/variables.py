"""`/conversations/{id}/variables`: what a chatflow keeps for a conversation."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..replies import ApiError, answer, crash, not_found, schema_error
from ..state import Conversation
from ..variables import KeptVariable
from .access import app_of, chat_app, guessing, json_body, query_uuid, state_of, user_or_default, whole_number
from .conversations import thread_of

_NAMES = {str: "string", bool: "boolean", int: "integer", float: "float", dict: "object", list: "array", type(None): "none"}


async def variables(request: Request) -> Response:
    """GET /conversations/{conversation_id}/variables."""
    model = "ConversationVariablesQuery"
    last_id = query_uuid(request, "last_id", model=model)
    limit = whole_number(request, "limit", 20, model=model, least=1, most=100)
    thread = _thread(request, request.query_params)
    if request.query_params.get("variable_name"):
        # The filter is written for another database than the one everybody runs: every recorded server crashes on it.
        raise crash()
    kept = thread.variables
    if last_id:
        last = next((variable for variable in kept if variable.id == last_id), None)
        if last is None:
            raise guessing(not_found("Conversation Variable Not Exists."), request)
        # The cursor is a whole second, and all variables of a conversation are made in one.
        kept = [variable for variable in kept if variable.created_at > last.created_at]
    data = [variable.shown() for variable in kept[:limit]]
    return answer({"limit": limit, "has_more": len(kept) > limit, "data": data})


async def update(request: Request) -> Response:
    """PUT /conversations/{conversation_id}/variables/{variable_id}."""
    app_of(request)
    body = await json_body(request)
    if "value" not in body:
        raise schema_error("ConversationVariableUpdatePayload", [("value", "Field required", "missing", body)])
    thread, variable_id = _thread(request, body), str(request.path_params["variable_id"])
    variable = next((kept for kept in thread.variables if kept.id == variable_id), None)
    if variable is None:
        raise not_found("Conversation Variable Not Exists.")
    _check_type(variable, body["value"])
    variable.value, variable.updated_at = body["value"], state_of(request).now()
    return answer(variable.shown())


def _thread(request: Request, values: Any) -> Conversation:
    app, state = chat_app(request), state_of(request)
    thread = thread_of(state, app, user_or_default(values), request.path_params["conversation_id"])
    if thread is None:
        raise guessing(not_found("Conversation Not Exists."), request)
    return thread


def _check_type(variable: KeptVariable, value: Any) -> None:
    if not variable.takes(value):
        declared, given = variable.declared, _NAMES[type(value)]
        text = f"Type mismatch: variable '{declared.name}' expects {declared.value_type}, but got {given} type"
        raise ApiError(400, "bad_request", text)


ROUTES = [
    Route("/conversations/{conversation_id:uuid}/variables", variables, methods=["GET"]),
    Route("/conversations/{conversation_id:uuid}/variables/{variable_id:uuid}", update, methods=["PUT"]),
]
