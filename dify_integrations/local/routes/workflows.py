"""`/workflows`: a run, a run of a pinned version, its stop call and its detail."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..apps import App
from ..details import shown_detail
from ..generation import Reply, refused, respond
from ..inputs import checked_files, validated
from ..replies import ApiError, answer, crash, not_found
from ..run import Run
from .access import app_of, check_capacity, check_published, check_trace, is_uuid, json_body, state_of, user_in, workflow_app
from .completion import checked_mode
from .stopping import stop


async def run_workflow(request: Request) -> Reply:
    """POST /workflows/run and POST /workflows/{workflow_id}/run."""
    app_of(request)
    body = await json_body(request)
    user = user_in(body)
    app, state = workflow_app(request), state_of(request)
    streaming = checked_mode(body, "WorkflowRunPayload")
    check_published(app)
    check_trace(state, body)
    check_capacity(state, app)
    _check_pinned(app, request.path_params.get("workflow_id"))
    try:
        inputs = validated(state, app, body["inputs"], user)
        files = checked_files(state, app, body.get("files"), user)
    except ApiError as error:
        if streaming and state.version.relays:
            return refused(state, error)
        raise
    run = Run(state, app, user=user, query="", inputs=inputs, files=files, conversation=None)
    return respond(run, streaming=streaming)


def _check_pinned(app: App, workflow_id: Any) -> None:
    if workflow_id is None or workflow_id == app.workflow_id:
        return
    if not is_uuid(str(workflow_id)):
        raise ApiError(400, "bad_request", f"Invalid workflow_id format: '{workflow_id}'. ")
    raise not_found(f"Workflow not found with id: {workflow_id}")


async def stop_workflow(request: Request) -> Response:
    """POST /workflows/tasks/{task_id}/stop."""
    app_of(request)
    user = user_in(await json_body(request))
    workflow_app(request)
    return stop(request, user)


async def detail(request: Request) -> Response:
    """GET /workflows/run/{workflow_run_id}."""
    app, state = workflow_app(request, chatflows_too=True), state_of(request)
    run_id = str(request.path_params["workflow_run_id"])
    if not is_uuid(run_id):
        raise crash()
    found = state.runs.get(run_id)
    if found is not None and found.app is app:
        return answer(shown_detail(found, outputs_as_text=state.version.outputs_as_text))
    if state.version.unknown_run_is_404:
        raise not_found("Workflow run not found.")
    names = "id workflow_id status inputs outputs error total_steps total_tokens created_at finished_at elapsed_time"
    return answer(dict.fromkeys(names.split()))


ROUTES = [
    Route("/workflows/run", run_workflow, methods=["POST"]),
    Route("/workflows/tasks/{task_id}/stop", stop_workflow, methods=["POST"]),
    Route("/workflows/run/{workflow_run_id}", detail, methods=["GET"]),
    Route("/workflows/{workflow_id}/run", run_workflow, methods=["POST"]),
]
