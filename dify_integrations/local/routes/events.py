"""`/workflow/{workflow_run_id}/events`: following a run that goes on, waits or has ended. Since Dify 1.14.0."""

from __future__ import annotations

from starlette.requests import Request
from starlette.routing import Route

from .. import frames
from ..channel import EventStream
from ..flow import FlowWriter
from ..following import Follower
from ..replies import crash, not_found
from ..snapshot import finished, snapshot
from .access import app_of, is_uuid, state_of, user_in, workflow_app

_HEADERS = {"cache-control": "no-cache", "connection": "keep-alive"}


async def events(request: Request) -> EventStream:
    """GET /workflow/{workflow_run_id}/events."""
    state = state_of(request)
    app_of(request)
    flow = _flow(request, user_in(request.query_params))
    wants_snapshot, continues = (_flag(request, name) for name in ("include_state_snapshot", "continue_on_pause"))
    follower = Follower(snapshot=wants_snapshot, continues=continues)
    if flow.detail.status in {"running", "paused"}:
        follower.channel.push(frames.PING)
        # Nothing is awaited in between: no frame falls between the snapshot and the subscription.
        if wants_snapshot:
            follower.replay(snapshot(flow))
        flow.run.topic.subscribe(follower)
    else:
        follower.end(finished(flow))
    task_id, idle_s = flow.run.task_id, state.timing.silence_s
    return EventStream(state, follower.channel, None, task_id=task_id, idle_s=idle_s, headers=_HEADERS)


def _flow(request: Request, user: str) -> FlowWriter:
    app, run_id = workflow_app(request, chatflows_too=True), str(request.path_params["workflow_run_id"])
    if not is_uuid(run_id):
        raise crash()
    flow = state_of(request).flows.get(run_id)
    if flow is None or flow.run.app is not app or flow.run.user != user:
        raise not_found("Workflow run not found")
    return flow


def _flag(request: Request, name: str) -> bool:
    return request.query_params.get(name, "").lower() == "true"


ROUTES = [Route("/workflow/{workflow_run_id}/events", events, methods=["GET"])]
