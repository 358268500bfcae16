"""Workflow runs, looked up by id and in lists."""

from __future__ import annotations

from typing import Any

from .base import JsonText, Model, Page, Seconds


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


class WorkflowRunSummary(Model):
    """A run, in a list.

    Attributes:
        id: What `workflows.detail` takes.
        version: Of the workflow: the time it was published, such as `2026-11-20 10:17:27.703625`, or `draft`.
        status: As for `WorkflowRun`.
        triggered_from: `app-run` for those of this API, or what triggered it; missing on 0.15.
        error: Why it failed.
        elapsed_time: Seconds.
        total_tokens, total_steps, exceptions_count: Counts; exceptions are failures that the workflow tolerated.
        created_at, finished_at: Unix seconds; `finished_at` is `None` before the end and during a pause.
    """

    id: str
    version: str | None = None
    status: str | None = None
    triggered_from: str | None = None
    error: str | None = None
    elapsed_time: float | None = None
    total_tokens: int | None = None
    total_steps: int | None = None
    exceptions_count: int | None = None
    created_at: Seconds = None
    finished_at: Seconds = None


class LogAccount(Model):
    """A member of the workspace.

    Attributes:
        id, name, email: Who.
    """

    id: str | None = None
    name: str | None = None
    email: str | None = None


class LogEndUser(Model):
    """An end user.

    Attributes:
        id: What `end_users.get` takes.
        type: `service-api` (`service_api` on 0.15) for those of this API.
        is_anonymous: Whether no `user` was given.
        session_id: Your `user`.
    """

    id: str | None = None
    type: str | None = None
    is_anonymous: bool | None = None
    session_id: str | None = None


class WorkflowLog(Model):
    """A run that happened, and who started it.

    Attributes:
        id: Of the entry, not of the run.
        workflow_run: The run.
        details: About a run that a trigger started; otherwise `None`.
        created_from: `service-api`, `web-app` and others.
        created_by_role: `end_user` or `account`.
        created_by_account: For `account`.
        created_by_end_user: For `end_user`.
        created_at: Unix seconds.
    """

    id: str
    workflow_run: WorkflowRunSummary | None = None
    details: dict[str, Any] | None = None
    created_from: str | None = None
    created_by_role: str | None = None
    created_by_account: LogAccount | None = None
    created_by_end_user: LogEndUser | None = None
    created_at: Seconds = None


class WorkflowLogPage(Page[WorkflowLog]):
    """One page of a workflow app's runs, newest first."""
