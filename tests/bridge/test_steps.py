"""Steps as tracers see them."""

from __future__ import annotations

import pytest

from dify_integrations.bridge.steps import is_failure, name_of, payload, role_of
from dify_integrations.core.jsonio import JsonValue
from dify_integrations.runs.items import Step, StepKind


@pytest.mark.parametrize(
    ("kind", "node", "role"),
    [
        ("run", "", "chain"),
        ("node", "llm", "chain"),
        ("node", "knowledge-retrieval", "retriever"),
        ("node", "tool", "tool"),
        ("node", "http-request", "tool"),
        ("node", "code", "tool"),
        ("iteration", "iteration", "chain"),
        ("thought", "", "chain"),
        ("tool", "current_time", "tool"),
        ("retrieval", "", "retriever"),
    ],
)
def test_roles(kind: StepKind, node: str, role: str) -> None:
    """Above all an LLM node is no LLM run: its text and tokens would count twice."""
    assert role_of(Step("1", None, kind, node)) == role


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (Step("1", None, "node", "llm", "Answer nicely"), "dify:Answer nicely"),
        (Step("1", None, "node", "llm"), "dify:llm"),
        (Step("1", None, "thought"), "dify:thought"),
    ],
)
def test_names(step: Step, name: str) -> None:
    assert name_of(step) == name


@pytest.mark.parametrize(
    ("value", "limit", "shown"),
    [
        ("abcd", 4, "abcd"),
        ("abcdef", 4, "abcd… [2 more characters]"),
        ({"a": "ü"}, 8, '{"a": "ü… [2 more characters]'),
        ({"a": "ü"}, 10, {"a": "ü"}),
        (None, 4, None),
    ],
)
def test_payloads_are_bounded(value: JsonValue, limit: int, shown: JsonValue) -> None:
    assert payload(value, limit) == shown


@pytest.mark.parametrize("status", ["failed", "exception", "stopped", "interrupted", "succeeded", "running", "paused"])
def test_failures(status: str) -> None:
    assert is_failure(Step("1", None, "node", status=status)) is (status in ("failed", "exception", "stopped", "interrupted"))
