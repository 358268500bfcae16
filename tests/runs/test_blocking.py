"""Blocking bodies mean what their streams mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dify_integrations.core.operation import Answer
from dify_integrations.errors import RunFailed, RunStopped, UnexpectedContent
from dify_integrations.runs.blocking import fold_blocking
from dify_integrations.runs.terminal import Shape

MESSAGE = {"event": "message", "task_id": "t", "id": "m", "message_id": "m", "conversation_id": "c", "mode": "chat", "answer": "Hi", "created_at": 3,
           "metadata": {"usage": {"total_tokens": 2}, "retriever_resources": [{"position": 1, "document_name": "D"}]}}  # fmt: skip
WORKFLOW: dict[str, Any] = {
    "task_id": "t",
    "workflow_run_id": "r",
    "data": {"id": "r", "workflow_id": "w", "status": "succeeded", "outputs": {"text": "x"}, "total_tokens": 4},
}


def result_of(body: Any, shape: Shape) -> Any:
    return fold_blocking(Answer(200, {}, json.dumps(body).encode(), attempts=2), shape)


def test_a_message() -> None:
    """Text, usage, citations, ids."""
    result = result_of(MESSAGE, Shape.MESSAGE)
    assert (result.text, result.status, result.attempts, result.conversation_id) == ("Hi", "succeeded", 2, "c")
    assert (result.usage.total_tokens, result.citations[0].document_name) == (2, "D")


def test_a_workflow() -> None:
    """Outputs and ids."""
    result = result_of(WORKFLOW, Shape.WORKFLOW)
    assert (result.outputs, result.workflow_run_id, result.workflow_id, result.total_tokens) == ({"text": "x"}, "r", "w", 4)


@pytest.mark.parametrize(("status", "cls"), [("failed", RunFailed), ("stopped", RunStopped)])
def test_a_workflow_that_did_not_succeed_raises(status: str, cls: type[Exception]) -> None:
    """Dify answers it with 200."""
    with pytest.raises(cls):
        result_of({**WORKFLOW, "data": {**WORKFLOW["data"], "status": status}}, Shape.WORKFLOW)


REASON = {"TYPE": "human_input_required", "form_id": "f", "form_token": "k", "node_id": "n", "node_title": "N", "form_content": "?"}


@pytest.mark.parametrize("reasons", [[REASON, {"TYPE": "other"}, 5], None], ids=["forms", "none"])
@pytest.mark.parametrize("kind", ["workflow", "chatflow"])
def test_a_pause(kind: str, reasons: Any) -> None:
    """The forms come with the answer; a chatflow says what it said so far."""
    data = {"id": "r", "status": "paused", "reasons": reasons, "paused_nodes": ["n"]}
    body = {"task_id": "t", "workflow_run_id": "r", "data": data} | ({"answer": "so far"} if kind == "chatflow" else {})
    result = result_of(body, Shape.WORKFLOW if kind == "workflow" else Shape.MESSAGE)
    assert result.status == "paused"
    assert [form.form_token for form in result.pause.forms] == (["k"] if reasons else [])
    assert result.text == ("so far" if kind == "chatflow" else "")


def test_what_is_no_json_is_unexpected() -> None:
    """A login page instead of an answer."""
    with pytest.raises(UnexpectedContent):
        fold_blocking(Answer(200, {"content-type": "text/html"}, b"<html>"), Shape.MESSAGE)
