"""Workflow apps and workflow runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ..core.jsonio import JsonValue
from ..core.operation import Answer, Operation, nothing, reading
from ..errors import InvalidArgument, NotFound
from ..files import FileInput
from ..models.workflows import WorkflowLogPage, WorkflowRun
from .catalogue import operation
from .inputs import ResponseMode, run_body, whole
from .paging import page_number, page_size


def run(
    inputs: Mapping[str, Any] | None = None,
    *,
    user: str,
    workflow_id: str | None = None,
    files: Sequence[FileInput] = (),
    trace_id: str | None = None,
    response_mode: ResponseMode = "streaming",
) -> Operation[Answer]:
    body = run_body(inputs=inputs, user=user, files=files, response_mode=response_mode)
    if trace_id:
        body["trace_id"] = trace_id
    streams = response_mode == "streaming"
    if workflow_id is None:
        return operation("executeWorkflow", whole, json=body, streams=streams)
    return operation("runWorkflowById", whole, path={"workflow_id": workflow_id}, json=body, streams=streams)


def stop(task_id: str, *, user: str) -> Operation[None]:
    return operation("stopWorkflowTaskGeneration", nothing, path={"task_id": task_id}, json={"user": user})


def events(
    workflow_run_id: str, *, user: str, include_state_snapshot: bool = False, continue_on_pause: bool = False
) -> Operation[Answer]:
    query = [("user", user)]
    if include_state_snapshot:
        query.append(("include_state_snapshot", "true"))
    if continue_on_pause:
        query.append(("continue_on_pause", "true"))
    path = {"workflow_run_id": workflow_run_id}
    return operation("streamWorkflowEvents", whole, path=path, query=query, streams=True)


def detail(workflow_run_id: str) -> Operation[WorkflowRun]:
    return operation("getWorkflowRunDetail", reading(_run), path={"workflow_run_id": workflow_run_id})


def _run(value: JsonValue) -> WorkflowRun:
    if isinstance(value, dict) and value.get("id") is None:
        # Dify ≤ 1.13.0 answers an unknown id with 200 and every field null.
        raise NotFound("no workflow run with this id", status=404, code="not_found")
    return WorkflowRun.model_validate(value)


def logs(
    *,
    keyword: str | None = None,
    status: str | None = None,
    created_at_before: datetime | str | None = None,
    created_at_after: datetime | str | None = None,
    created_by_end_user_session_id: str | None = None,
    created_by_account: str | None = None,
    page: int = 1,
    limit: int = 20,
) -> Operation[WorkflowLogPage]:
    filters = {
        "keyword": keyword,
        "status": status,
        "created_at__before": _time("created_at_before", created_at_before),
        "created_at__after": _time("created_at_after", created_at_after),
        "created_by_end_user_session_id": created_by_end_user_session_id,
        "created_by_account": created_by_account,
    }
    query = [("page", page_number(page)), ("limit", page_size(limit))]
    query += [(name, value) for name, value in filters.items() if value is not None]
    return operation("getWorkflowLogs", reading(WorkflowLogPage.model_validate), query=query)


def _time(name: str, value: datetime | str | None) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise InvalidArgument(f"{name} must be a datetime with a time zone, or ISO 8601 text")
    return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
