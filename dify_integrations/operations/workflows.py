"""Workflow apps and workflow runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.jsonio import JsonValue
from ..core.operation import Answer, Operation, nothing, reading
from ..core.request import Request, path_of
from ..errors import InvalidArgument, NotFound
from ..files import FileInput
from ..models.workflows import WorkflowRun
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
        return Operation("executeWorkflow", Request("POST", "/workflows/run", json=body), whole, streams=streams)
    path = path_of("/workflows/{workflow_id}/run", workflow_id=workflow_id)
    return Operation("runWorkflowById", Request("POST", path, json=body), whole, streams=streams, since="1.7.2")


def stop(task_id: str, *, user: str) -> Operation[None]:
    request = Request("POST", path_of("/workflows/tasks/{task_id}/stop", task_id=task_id), json={"user": user})
    return Operation("stopWorkflowTaskGeneration", request, nothing, repeatable=True)


def detail(workflow_run_id: str) -> Operation[WorkflowRun]:
    if not workflow_run_id:
        raise InvalidArgument("workflow_run_id must be a non-empty string")
    request = Request("GET", path_of("/workflows/run/{id}", id=workflow_run_id))
    return Operation("getWorkflowRunDetail", request, reading(_run), repeatable=True)


def _run(value: JsonValue) -> WorkflowRun:
    if isinstance(value, dict) and value.get("id") is None:
        # Dify ≤ 1.13.0 answers an unknown id with 200 and every field null.
        raise NotFound("no workflow run with this id", status=404, code="not_found")
    return WorkflowRun.model_validate(value)
