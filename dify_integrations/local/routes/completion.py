"""`/completion-messages`: one completion and its stop call."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..generation import Reply, respond
from ..inputs import checked_files, validated
from ..message_files import use
from ..replies import schema_error
from ..run import Run
from .access import app_of, check_capacity, check_trace, completion_app, json_body, state_of, user_in
from .stopping import stop


async def send(request: Request) -> Reply:
    """POST /completion-messages."""
    app_of(request)
    body = await json_body(request)
    user = user_in(body)
    app, state = completion_app(request), state_of(request)
    streaming = checked_mode(body, "CompletionRequestPayload")
    check_trace(state, body)
    check_capacity(state, app)
    inputs = validated(state, app, body["inputs"], user)
    files = checked_files(state, app, body.get("files"), user)
    # A query beside the inputs wins over `inputs.query`, but does not satisfy a required one.
    query = str(body.get("query") or inputs.get("query") or "")
    run = Run(state, app, user=user, query=query, inputs=inputs, files=files, conversation=None)
    use(state, run.message, files)
    return respond(run, streaming=streaming)


def checked_mode(body: dict[str, Any], model: str) -> bool:
    """Check `inputs` and `response_mode`, and tell whether the answer shall be streamed."""
    problems: list[tuple[str, str, str, Any]] = []
    if "inputs" not in body:
        problems.append(("inputs", "Field required", "missing", body))
    elif not isinstance(body["inputs"], dict):
        problems.append(("inputs", "Input should be a valid dictionary", "dict_type", body["inputs"]))
    mode = body.get("response_mode")
    if mode not in {None, "blocking", "streaming"}:
        problems.append(("response_mode", "Input should be 'blocking' or 'streaming'", "literal_error", mode))
    if problems:
        raise schema_error(model, problems)
    return mode == "streaming"


async def stop_completion(request: Request) -> Response:
    """POST /completion-messages/{task_id}/stop."""
    app_of(request)
    user = user_in(await json_body(request))
    completion_app(request)
    return stop(request, user)


ROUTES = [
    Route("/completion-messages", send, methods=["POST"]),
    Route("/completion-messages/{task_id}/stop", stop_completion, methods=["POST"]),
]
