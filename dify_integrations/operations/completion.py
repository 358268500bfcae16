"""Completion (text generator) apps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.operation import Answer, Operation, nothing
from ..core.request import Request, path_of
from ..files import FileInput
from .inputs import ResponseMode, run_body, whole


def send(
    inputs: Mapping[str, Any] | None = None,
    *,
    user: str,
    query: str = "",
    files: Sequence[FileInput] = (),
    trace_id: str | None = None,
    response_mode: ResponseMode = "streaming",
) -> Operation[Answer]:
    body = run_body(inputs=inputs, user=user, files=files, response_mode=response_mode)
    if query:
        body["query"] = query
    if trace_id:
        body["trace_id"] = trace_id
    request = Request("POST", "/completion-messages", json=body)
    return Operation("createCompletionMessage", request, whole, streams=response_mode == "streaming")


def stop(task_id: str, *, user: str) -> Operation[None]:
    request = Request("POST", path_of("/completion-messages/{task_id}/stop", task_id=task_id), json={"user": user})
    return Operation("stopGenerate", request, nothing, repeatable=True)
