"""What is shown and kept of a run: its inputs, and the body of `GET /workflows/run/{id}`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .run import Run
from .state import RunDetail


def shown_inputs(run: Run) -> dict[str, Any]:
    """The inputs of a run as Dify shows them: the form's values and the `sys.` variables."""
    values: dict[str, Any] = dict(run.inputs)
    if run.message:
        values["sys.query"] = run.query
    values.update({"sys.files": run.files, "sys.user_id": run.user})
    if run.message:
        values["sys.dialogue_count"] = len(run.turn.history) + 1
    ids = {"sys.app_id": run.app.id, "sys.workflow_id": run.app.workflow_id, "sys.workflow_run_id": run.run_id}
    return {**values, **ids}


def stored_inputs(run: Run) -> dict[str, Any]:
    """The inputs of a run as Dify keeps them: those of a workflow with the time of the call, which live frames leave out."""
    values = shown_inputs(run)
    if run.message or not run.state.version.relays:
        return values
    ids = {key: values.pop(key) for key in ("sys.workflow_id", "sys.workflow_run_id")}
    return {**values, "sys.timestamp": run.created_at, **ids}


def shown_detail(detail: RunDetail, *, outputs_as_text: bool) -> Mapping[str, Any]:
    """The body of `GET /workflows/run/{id}`; `inputs` is JSON text on every version."""
    return {
        "id": detail.id,
        "workflow_id": detail.app.workflow_id,
        "status": detail.status,
        "inputs": json.dumps(detail.inputs),
        "outputs": json.dumps(detail.outputs) if outputs_as_text else detail.outputs,
        "error": detail.error,
        "total_steps": detail.total_steps,
        "total_tokens": detail.total_tokens,
        "created_at": detail.created_at,
        "finished_at": detail.finished_at,
        "elapsed_time": detail.elapsed_time,
    }
