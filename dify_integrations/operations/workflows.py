"""Workflow apps and workflow runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.jsonio import JsonValue
from ..core.operation import Answer, Operation, nothing, reading
from ..errors import NotFound
from ..files import FileInput
from ..models.workflows import WorkflowRun
from .catalogue import operation
from .inputs import ResponseMode, run_body, whole


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
