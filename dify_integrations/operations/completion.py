"""Completion (text generator) apps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.operation import Answer, Operation, nothing
from ..files import FileInput
from .catalogue import operation
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
    return operation("createCompletionMessage", whole, json=body, streams=response_mode == "streaming")


def stop(task_id: str, *, user: str) -> Operation[None]:
    return operation("stopGenerate", nothing, path={"task_id": task_id}, json={"user": user})
