"""`/workflows/logs`: the ended runs of an app, newest first."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..replies import answer, invalid, schema_error
from ..stamps import version_stamp
from ..state import RunDetail, State
from .access import app_of, state_of, whole_number

_STATUSES = ("succeeded", "failed", "stopped")


async def logs(request: Request) -> Response:
    """GET /workflows/logs; an app without runs, of whatever mode, has an empty page."""
    app, state, model = app_of(request), state_of(request), "WorkflowLogQuery"
    page = whole_number(request, "page", 1, model=model, least=1, most=99999)
    limit = whole_number(request, "limit", 20, model=model, least=1, most=100)
    keep = _filter(request, model)
    mine = [run for run in reversed(state.runs.values()) if run.app is app and run.logged and keep(run)]
    data = [_shown(state, run) for run in mine[(page - 1) * limit : page * limit]]
    has_more = len(mine) > page * limit
    return answer({"page": page, "limit": limit, "total": len(mine), "has_more": has_more, "data": data})


def _filter(request: Request, model: str) -> Callable[[RunDetail], bool]:
    given = request.query_params
    status, keyword, session = given.get("status"), given.get("keyword"), given.get("created_by_end_user_session_id")
    if status is not None and status not in _STATUSES:
        sentence = "Input should be 'succeeded', 'failed' or 'stopped'"
        raise schema_error(model, [("status", sentence, "literal_error", status)])
    if given.get("created_by_account"):
        raise invalid(f"Account not found: {given['created_by_account']}")
    before, after = _instant(given.get("created_at__before")), _instant(given.get("created_at__after"))

    def keep(run: RunDetail) -> bool:
        return (
            (status is None or run.status == status)
            and (not keyword or keyword.lower() in _text(run))
            and (not session or _session(run) == session)
            and (before is None or run.created_at <= before)
            and (after is None or run.created_at >= after)
        )

    return keep


def _instant(text: str | None) -> float | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        raise invalid(f"Invalid isoformat string: {text!r}") from None


def _text(run: RunDetail) -> str:
    return json.dumps([run.inputs, run.outputs, run.id], ensure_ascii=False).lower()


def _session(run: RunDetail) -> str:
    return str(run.inputs.get("sys.user_id", ""))


def _shown(state: State, run: RunDetail) -> dict[str, Any]:
    user = _session(run)
    return {
        "id": state.id_of(f"log/{run.id}"),
        "workflow_run": {
            "id": run.id,
            "version": version_stamp(state.created_at),
            "status": run.status,
            "triggered_from": "app-run",
            "error": run.error,
            "elapsed_time": run.elapsed_time,
            "total_tokens": run.total_tokens,
            "total_steps": run.total_steps,
            "created_at": run.created_at,
            "finished_at": run.finished_at,
            "exceptions_count": run.exceptions_count,
        },
        "details": None,
        "created_from": "service-api",
        "created_by_role": "end_user",
        "created_by_account": None,
        "created_by_end_user": {
            "id": state.user_id(user),
            "type": "service-api",
            "is_anonymous": False,
            "session_id": user,
        },
        "created_at": run.finished_at or run.created_at,
    }


ROUTES = [Route("/workflows/logs", logs, methods=["GET"])]
