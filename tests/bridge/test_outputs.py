"""A workflow's outputs as text."""

from __future__ import annotations

import pytest

from dify_integrations.bridge.outputs import output_text, told_text
from dify_integrations.core.jsonio import JsonObject
from dify_integrations.runs.result import RunResult


@pytest.mark.parametrize(
    ("outputs", "key", "text"),
    [
        ({"answer": "Grüße"}, None, "Grüße"),
        ({"answer": {"a": [1, None]}}, None, '{"a": [1, null]}'),
        ({"answer": 3}, None, "3"),
        ({"answer": "x", "more": "ü"}, None, '{"answer": "x", "more": "ü"}'),
        ({"answer": "x", "more": "ü"}, "more", "ü"),
        ({"answer": "x", "more": [1]}, "more", "[1]"),
        ({"answer": "x", "more": None}, "more", "null"),
        ({"error": "no such city"}, "answer", "no such city"),
        ({}, None, "streamed"),
        ({}, "missing", "streamed"),
    ],
)
def test_outputs_as_text(outputs: JsonObject, key: str | None, text: str) -> None:
    assert output_text(RunResult(text="streamed", outputs=outputs), key) == text


def test_long_text_is_cut_with_a_note() -> None:
    result = RunResult(outputs={"text": "abcdef"})
    assert output_text(result, limit=6) == "abcdef"
    assert output_text(result, limit=4) == "abcd… [2 more characters]"


def test_a_tool_tells_what_is_unfinished() -> None:
    assert told_text("done", RunResult(status="succeeded")) == "done"
    assert told_text("half", RunResult(status="partial-succeeded")).startswith("half\n(Some nodes")
