"""Prompts that want JSON, and who obeys them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dify_integrations.local import json_grammar, tool_grammar

CITY: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "people": {"type": "integer"}, "motto": {"type": "string"}},
    "required": ["name", "people"],
}


def prompt(schema: dict[str, Any], question: str) -> str:
    return f"Answer in JSON, by this schema:\n{json.dumps(schema)}\n\n{question}"


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (prompt(CITY, "How many live in Paris, 7 or 8?"), {"name": "Paris", "people": 7}),
        (
            prompt({"properties": {"city": {"$ref": "#/$defs/City"}}, "required": ["city"], "$defs": {"City": CITY}}, "8 in Rome"),
            {"city": {"name": "Rome", "people": 8}},
        ),
        ("A joke. Return JSON with the keys 'setup' and \"punchline\".", dict.fromkeys(["setup", "punchline"])),
    ],
)
def test_json_is_written(asked: str, answer: dict[str, Any]) -> None:
    written = json.loads(str(json_grammar.obey(asked)))
    assert written.keys() == answer.keys()
    assert all(value is None or written[name] == value for name, value in answer.items())


@pytest.mark.parametrize("asked", ["What is JSON?", "Hi", 'Is {"properties": 1} JSON?', '{"properties": {}}', "JSON:\n{broken\n"])
def test_other_prompts_are_left_alone(asked: str) -> None:
    assert json_grammar.obey(asked) is None


def test_recursive_schemas_end() -> None:
    node = {"properties": {"next": {"$ref": "#/$defs/Node"}}, "required": ["next"]}
    assert json_grammar.obey(prompt({**node, "$defs": {"Node": node}}, "Go")) is not None


def test_tools_that_were_offered_before() -> None:
    """A prompt that only speaks of tools means the last ones offered, unless they cannot be used."""
    tool = json.dumps({"name": "clock", "description": "Time", "parameters": {"properties": {}}})
    earlier = [f"Write <tool_calls>.\n{tool}\n\nHi", "Well?"]
    still, gone = (
        "Calls stand in <tool_calls> as before.\n\nThe time?",
        "The tools cannot be used, so no <tool_calls>.\n\nThe time?",
    )
    assert '"clock"' in str(tool_grammar.obey(still, earlier))
    assert (
        tool_grammar.obey(still) is None and tool_grammar.obey(gone, earlier) is None and tool_grammar.obey("Hi", earlier) is None
    )
