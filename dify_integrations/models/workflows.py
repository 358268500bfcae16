"""Workflow runs looked up by id."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic import field_validator

from .base import Model


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
    inputs: dict[str, Any] | None = None
    outputs: dict[str, Any] | None = None
    error: str | None = None
    total_steps: int | None = None
    total_tokens: int | None = None
    created_at: float | None = None
    finished_at: float | None = None
    elapsed_time: float | None = None

    @field_validator("inputs", "outputs", mode="before")
    @classmethod
    def _json_text(cls, value: Any) -> Any:
        if isinstance(value, str):  # an empty text is a run without a record of them; `{}` is a run without values
            return json.loads(value) if value else None
        return value

    @field_validator("created_at", "finished_at", mode="before")
    @classmethod
    def _date_text(cls, value: Any) -> Any:
        return parsedate_to_datetime(value).timestamp() if isinstance(value, str) else value
