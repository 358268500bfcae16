"""What a model is told of tools, and how calls and results stand in a history."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dify_integrations.bridge.tool_calls import ParsedCall, ToolCallParser, ToolSpec, instructions, render_calls, render_result
from dify_integrations.bridge.turn import Message, render
from dify_integrations.core.jsonio import JsonObject
from dify_integrations.errors import InvalidArgument

pytest.importorskip("starlette")  # LocalDify lives in an extra

from dify_integrations.local import tool_grammar

WEATHER = ToolSpec(
    "get_weather",
    "Weather of a city, say <b>Paris</b>",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
MULTIPLY = ToolSpec(
    "multiply",
    "Multiply two numbers",
    {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]},
)
TOOLS = [WEATHER, MULTIPLY]


def specs_in(text: str) -> list[str]:
    """Names of the tools a text offers."""
    return [str(tool["name"]) for tool in tool_grammar.offered_tools(text)]


def read(answer: str) -> list[tuple[str, object]]:
    parser = ToolCallParser()
    pieces = [*parser.feed(answer), *parser.close()]
    return [(piece.name, piece.arguments) for piece in pieces if isinstance(piece, ParsedCall)]


def test_every_tool_is_one_line_of_json() -> None:
    text = instructions(TOOLS)
    assert "<tool_calls>" in text and "</tool_calls>" in text
    lines = [json.loads(line) for line in text.splitlines() if '"parameters": {' in line]
    assert lines == [{"name": tool.name, "description": tool.description, "parameters": tool.parameters} for tool in TOOLS]


def test_the_choice_says_what_is_demanded() -> None:
    free, forced, one = instructions(TOOLS), instructions(TOOLS, choice="any"), instructions(TOOLS, choice="multiply")
    assert instructions(TOOLS, choice="auto") == free
    assert "plain text" in free and "must use" not in free
    assert "must use a tool" in forced and "plain text" not in forced
    assert "must use the tool below" in one
    assert [specs_in(text) for text in (free, forced, one)] == [["get_weather", "multiply"]] * 2 + [["multiply"]]


def test_one_call_at_a_time_is_said() -> None:
    assert "several lines" in instructions(TOOLS)
    assert "several lines" not in instructions(TOOLS, parallel=False)
    assert "at most one tool" in instructions(TOOLS, parallel=False)


def test_no_tools_need_no_words() -> None:
    assert instructions([]) == ""
    assert instructions([], choice="any") == ""


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="'divide' is not one of the tools"):
        instructions(TOOLS, choice="divide")


def test_the_text_depends_on_nothing_else() -> None:
    """Recorded requests and caches rely on it."""
    assert instructions(TOOLS) == instructions(list(TOOLS))


@pytest.mark.parametrize(
    ("choice", "question", "call"),
    [
        (None, "What is the weather in Paris?", ("get_weather", {"city": "Paris"})),
        ("any", "Multiply 3 by 4", ("multiply", {"a": 3, "b": 4})),
        ("multiply", "Multiply 3 by 4, please.", ("multiply", {"a": 3, "b": 4})),
    ],
)
def test_local_dify_obeys(choice: str | None, question: str, call: tuple[str, object]) -> None:
    """The stand-in reads the instructions with code of its own, and our parser its answer."""
    prompt = f"{instructions(TOOLS, choice=choice)}\n\n{question}"
    assert tool_grammar.question_in(prompt) == question
    answer = tool_grammar.obey(prompt)
    assert answer is not None
    assert read(answer) == [call]


def test_local_dify_reads_results_in_a_rendered_history() -> None:
    call: tuple[str, str, JsonObject] = ("call_1", "get_weather", {"city": "Paris"})
    history = [
        Message("user", "What is the weather in Paris?"),
        Message("assistant", render_calls([call])),
        Message("tool", render_result("call_1", "get_weather", "18 °C")),
    ]
    answer = tool_grammar.obey(f"{instructions(TOOLS)}\n\n{render(history).query}")
    assert answer is not None and "18 °C" in answer and "<tool_calls>" not in answer


def test_rendered_calls_are_the_wire_form() -> None:
    assert render_calls([]) == ""
    text = render_calls([("1", "say", {"text": "</tool_calls>"}), ("2", "add", {"a": 1, "b": "ü"})])
    assert text == (
        '<tool_calls>\n{"id": "1", "name": "say", "arguments": {"text": "\\u003c/tool_calls\\u003e"}}\n'
        '{"id": "2", "name": "add", "arguments": {"a": 1, "b": "ü"}}\n</tool_calls>'
    )
    assert read(text) == [("say", {"text": "</tool_calls>"}), ("add", {"a": 1, "b": "ü"})]


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ("18 °C", '"18 °C"'),
        ("", '""'),
        ("two\nlines", '"two\\nlines"'),
        ('</tool_result><b>"', '"\\u003c/tool_result\\u003e\\u003cb\\u003e\\""'),
        ('{"a": 1.10, "b": "<x>"}', '{"a": 1.10, "b": "\\u003cx\\u003e"}'),
        ("[1,\r\n 2]", "[1,  2]"),
        ("42", '"42"'),
        ("{broken", '"{broken"'),
        ("[" * 100_000, '"' + "[" * 100_000 + '"'),
        ("lone \ud800", '"lone ?"'),
        ("线\u2028分", '"线\u2028分"'),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_results_are_json_on_one_line(content: str, body: str) -> None:
    text = render_result("call_1", "get_weather", content)
    assert text == f'<tool_result id="call_1" name="get_weather" status="ok">{body}</tool_result>'
    text.encode()


def test_an_error_is_stated() -> None:
    assert 'status="error"' in render_result("1", "x", "no such city", is_error=True)


_RESULT = re.compile(r'<tool_result id=("(?:[^"\\]|\\.)*") name=("(?:[^"\\]|\\.)*") status="ok">([^<>\n\r]*)</tool_result>')


@settings(max_examples=150)
@given(st.text(), st.text(), st.text() | st.dictionaries(st.text(), st.text() | st.integers()).map(json.dumps))
def test_no_content_forges_a_tag_and_all_of_it_comes_through(call_id: str, name: str, content: str) -> None:
    match = _RESULT.fullmatch(render_result(call_id, name, content))
    assert match is not None
    assert (json.loads(match[1]), json.loads(match[2])) == (call_id, name)
    told = json.loads(match[3])
    assert told == (json.loads(content) if isinstance(told, (dict, list)) else content)
