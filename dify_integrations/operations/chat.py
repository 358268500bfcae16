"""Chat, agent and chatflow apps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.operation import Answer, Operation, nothing, reading
from ..errors import InvalidArgument
from ..files import FileInput
from ..models.messages import SuggestedQuestions
from .catalogue import operation
from .inputs import ResponseMode, run_body, whole


def send(
    query: str,
    *,
    user: str,
    inputs: Mapping[str, Any] | None = None,
    conversation_id: str = "",
    files: Sequence[FileInput] = (),
    auto_generate_name: bool | None = None,
    workflow_id: str | None = None,
    trace_id: str | None = None,
    response_mode: ResponseMode = "streaming",
) -> Operation[Answer]:
    if not isinstance(query, str) or not (query.strip() or files):
        # ≥ 1.13 takes an empty query, sends one ping and falls silent.
        raise InvalidArgument("query must be a non-empty string")
    body = run_body(inputs=inputs, user=user, files=files, response_mode=response_mode)
    body["query"] = query
    if conversation_id:
        body["conversation_id"] = conversation_id
    if auto_generate_name is not None:
        body["auto_generate_name"] = auto_generate_name
    if workflow_id:
        body["workflow_id"] = workflow_id
    if trace_id:
        body["trace_id"] = trace_id
    return operation("sendChatMessage", whole, json=body, streams=response_mode == "streaming")


def stop(task_id: str, *, user: str) -> Operation[None]:
    return operation("stopChatMessageGeneration", nothing, path={"task_id": task_id}, json={"user": user})


def suggested(message_id: str, *, user: str) -> Operation[SuggestedQuestions]:
    read = reading(SuggestedQuestions.model_validate)
    return operation("getSuggestedQuestions", read, path={"message_id": message_id}, query=[("user", user)])
