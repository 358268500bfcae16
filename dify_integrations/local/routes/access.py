"""What every route does first: the key, the app, the JSON body, the user, the page."""

from __future__ import annotations

import json
import uuid
from typing import Any

from starlette.requests import Request

from ..apps import App
from ..datasets import Dataset
from ..people import DEFAULT_USER
from ..replies import ApiError, crash, invalid, not_found, schema_error
from ..state import State


def state_of(request: Request) -> State:
    """The server's state."""
    state: State = request.app.state.local
    return state


def _key(request: Request) -> str:
    header = request.headers.get("authorization")
    if header is None or " " not in header.strip():
        raise ApiError(401, "unauthorized", "Authorization header must be provided and start with 'Bearer'")
    scheme, key = header.strip().split(None, 1)
    if scheme.lower() != "bearer":
        raise ApiError(401, "unauthorized", "Authorization scheme must be 'Bearer'")
    return key


def app_of(request: Request) -> App:
    """The app of the request's key.

    Raises:
        ApiError: 401 without a known app key.
    """
    app = state_of(request).apps.get(_key(request))
    if app is None:
        raise ApiError(401, "unauthorized", "Access token is invalid")
    if not app.api_enabled:
        raise ApiError(403, "forbidden", "The app's API service has been disabled.")
    return app


def chat_app(request: Request) -> App:
    """The app of the key, which must be a chat app of some kind."""
    app = app_of(request)
    if not app.is_chat:
        raise ApiError(400, "not_chat_app", "Please check if your app mode matches the right API route.")
    return app


def completion_app(request: Request) -> App:
    """The app of the key, which must be a completion app."""
    app = app_of(request)
    if app.mode != "completion":
        raise ApiError(400, "app_unavailable", "App unavailable, please check your app configurations.")
    return app


def workflow_app(request: Request, *, chatflows_too: bool = False) -> App:
    """The app of the key, which must be a workflow (or, where said, any flow)."""
    app = app_of(request)
    if app.mode != "workflow" and not (chatflows_too and app.is_flow):
        raise ApiError(400, "not_workflow_app", "Please check if your app mode matches the right API route.")
    return app


def check_published(app: App) -> None:
    """Refuse a graph that was never published."""
    if app.is_flow and not app.published:
        raise invalid("Workflow not published")


def check_trace(state: State, body: dict[str, Any]) -> None:
    """Refuse a bad trace session."""
    session = body.get("trace_session_id")
    if session is None or not state.version.checks_trace_session:
        return
    if not isinstance(session, str):
        raise ApiError(400, "bad_request", "trace_session_id must be a string.")
    if not 1 <= len(session.strip()) <= 200:
        raise ApiError(400, "bad_request", "trace_session_id must be 1 to 200 characters after trimming.")


def check_capacity(state: State, app: App) -> None:
    """Refuse a run above the app's ceiling; it is a 400, whatever is documented."""
    running = sum(run.app is app for run in state.tasks.values())
    if app.max_active_requests and running >= app.max_active_requests:
        ceiling = f"The current maximum concurrent requests allowed for {app.id} is {app.max_active_requests}."
        raise invalid(f"Too many requests. Please try again later. {ceiling}")


def dataset_of(request: Request) -> Dataset:
    """The dataset in the path; its existence is checked before the key, as Dify does."""
    state = state_of(request)
    dataset = state.datasets.get(str(request.path_params["dataset_id"]))
    if dataset is None:
        raise not_found("Dataset not found.")
    check_dataset_key(request)
    return dataset


def check_dataset_key(request: Request) -> None:
    """Refuse everything but the dataset key."""
    if _key(request) != state_of(request).dataset_api_key:
        raise ApiError(401, "unauthorized", "Access token is invalid")


async def json_body(request: Request) -> dict[str, Any]:
    """The JSON object of the request.

    Raises:
        ApiError: 415 for another content type, 400 for broken JSON, 500 for JSON that is no object.
    """
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        text = "Did not attempt to load JSON data because the request Content-Type was not 'application/json'."
        raise ApiError(415, "unsupported_media_type", text)
    try:
        body = json.loads(await request.body())
    except ValueError:
        text = "The browser (or proxy) sent a request that this server could not understand."
        raise ApiError(400, "bad_request", text) from None
    if not isinstance(body, dict):
        raise crash()
    return body


def user_in(values: Any) -> str:
    """The end user of a body or query.

    Raises:
        ApiError: 400 when it is missing or empty.
    """
    user = values.get("user")
    if not user:
        raise invalid("Arg user must be provided.")
    return str(user)


def user_or_default(values: Any) -> str:
    """The end user of a body or query, where naming one is optional."""
    return str(values.get("user") or DEFAULT_USER)


def whole_number(
    request: Request, name: str, default: int, *, model: str, least: int | None = None, most: int | None = None
) -> int:
    """A number of the query string, within its bounds."""
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        number = int(text)
    except ValueError:
        sentence = "Input should be a valid integer, unable to parse string as an integer"
        raise schema_error(model, [(name, sentence, "int_parsing", text)]) from None
    if least is not None and number < least:
        sentence = f"Input should be greater than or equal to {least}"
        raise schema_error(model, [(name, sentence, "greater_than_equal", text)])
    if most is not None and number > most:
        raise schema_error(model, [(name, f"Input should be less than or equal to {most}", "less_than_equal", text)])
    return number


def query_uuid(request: Request, name: str, *, model: str, required: bool = False) -> str | None:
    """An id of the query string."""
    text = request.query_params.get(name)
    if not text:
        if required:
            raise schema_error(model, [(name, "Field required", "missing", dict(request.query_params))])
        return None
    if not is_uuid(text):
        raise schema_error(model, [(name, "Value error, must be a valid UUID", "value_error", text)])
    return text


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def guessing(error: ApiError, request: Request) -> ApiError:
    """A 404 with the suggestion that Dify's framework appends; clients must not compare whole messages."""
    if state_of(request).version.plain_not_found:
        return error
    path = request.url.path
    hint = f" You have requested this URI [{path}] but did you mean {path} ?"
    return ApiError(error.status, error.code, error.message + hint)
