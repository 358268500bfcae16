"""Workflow runs looked up by id."""

from __future__ import annotations

from .base import JsonText, Model, Seconds


class WorkflowRun(Model):
    """A run as the server remembers it.

    Servers differ: `inputs` (and `outputs` before 1.13) come as JSON text, times of 0.15 as RFC 822 dates. Both are
    made objects and Unix seconds here.

    Attributes:
        id, workflow_id: Ids.
        status: `running`, `succeeded`, `failed`, `stopped`, `partial-succeeded`, `paused`. Dify ≤ 1.12 keeps saying
            `running` for ever of a run that was stopped through the API.
        inputs: With `sys.*` keys.
        outputs: End values.
        error: Why it failed.
        total_steps, total_tokens: Counts.
        created_at, finished_at: Unix seconds.
        elapsed_time: Seconds.
    """

    id: str
    workflow_id: str | None = None
    status: str | None = None
    inputs: JsonText = None
    outputs: JsonText = None
    error: str | None = None
    total_steps: int | None = None
    total_tokens: int | None = None
    created_at: Seconds = None
    finished_at: Seconds = None
    elapsed_time: float | None = None
