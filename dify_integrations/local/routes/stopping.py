"""The stop calls: they always succeed, and reach a running task only when the rules of its mode allow it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ..replies import answer
from ..state import RecordedStop
from .access import state_of


def stop(request: Request, user: str) -> Response:
    """Set the stop flag of a task, note the call, say success.

    Chat and completion runs listen to their own user only; a graph listens to everybody.
    """
    state = state_of(request)
    task_id = str(request.path_params["task_id"])
    run = state.tasks.get(task_id)
    applied = run is not None and (run.user == user or run.app.is_flow)
    if run is not None and applied:
        run.ask_to_stop()
    state.record(state.stops, RecordedStop(request.url.path, task_id, user, applied))
    return answer({"result": "success"})
