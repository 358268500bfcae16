"""One piece of a model's JSON: what is mended, what is not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dify_integrations.bridge.call_lines import ParsedCall, is_unfinished, read_cut, read_whole, unreadable


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ('{"name": "a", "arguments": {"b": [1, 2.5, null, "ü"]}}', "a", {"b": [1, 2.5, None, "ü"]}),
        ('{"arguments": {}, "name": " a "}', "a", {}),
        ('{"name": "a"}', "a", {}),
        ('{"name": "a", "arguments": null}', "a", {}),
        ('{"name": "a", "arguments": ""}', "a", {}),
        ('{"name": "a", "arguments": "{\\"b\\": 1}"}', "a", {"b": 1}),
        ('{"name": "a", "arguments": "{\'b\': 1,}"}', "a", {"b": 1}),
        ('{"name": "a", "parameters": {"b": 1}}', "a", {"b": 1}),
        ('{"name": "a", "args": {"b": 1}}', "a", {"b": 1}),
        ('{"type": "function", "function": {"name": "a", "arguments": "{}"}}', "a", {}),
        ('{"name": "a", "arguments": {"b": 1,},}', "a", {"b": 1}),
        ("{'name': 'a', 'arguments': {'b': 'it\\'s \"so\" \\\\ \\n'}}", "a", {"b": 'it\'s "so" \\ \n'}),
        ('{"name": "a", "arguments": {"b": True, "c": None, "d": "True, None"}}', "a", {"b": True, "c": None, "d": "True, None"}),
        ('{"name": "a", "arguments": {"b": "x, }"},}', "a", {"b": "x, }"}),
        ('{"name": "a", "arguments": {"b": "1\n\t2"}}', "a", {"b": "1\n\t2"}),
        ('{"name": "a", "arguments": {}}}', "a", {}),
        ('{"name": "a", "arguments": {}},', "a", {}),
        ('[{"name": "a", "arguments": {}},', "a", {}),
        ('{"name": "a", "arguments": {}}]', "a", {}),
        ('{"name": "a", "arguments": {"b": "\ud800"}}', "a", {"b": "?"}),
    ],
)
def test_complete_calls(text: str, name: str, arguments: Any) -> None:
    assert read_whole(text) == [ParsedCall("", name, arguments, text.strip())]


@pytest.mark.parametrize(
    ("text", "name", "error"),
    [
        ('{"arguments": {}}', "", "no tool is named"),
        ('{"name": "", "arguments": {}}', "", "no tool is named"),
        ('{"name": 1}', "", "no tool is named"),
        ("[1]", "", "no tool is named"),
        ('{"name": "a", "arguments": [1]}', "a", "the arguments are not a JSON object"),
        ('{"name": "a", "arguments": "half"}', "a", "the arguments are not a JSON object"),
        ('{"name": "a", "arguments": "[1]"}', "a", "the arguments are not a JSON object"),
        ('{"name": "a", "arguments": 3}', "a", "the arguments are not a JSON object"),
    ],
)
def test_json_that_is_no_call_says_why(text: str, name: str, error: str) -> None:
    assert read_whole(text) == [ParsedCall("", name, None, text, error)]
    assert unreadable(text) == ParsedCall("", name, None, text, error)
    assert read_cut(text) is None


@pytest.mark.parametrize("text", ["", "   ", "no", "42", '"text"', "{", '{"name": "a" "b"}', '{"name": "a"]', "}}", "[" * 500])
def test_what_is_not_complete_json_is_not_read(text: str) -> None:
    assert read_whole(text) is None
    assert unreadable(text).error


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "a", "arguments": {"b": {"c": [1, 2]',
        '{"name": "a", "arguments": {"b": {"c": [1, 2 ',
        "{'name': 'a', 'arguments': {'b': {'c': [1, 2,]",
        '{"name": "a", "arguments": {"b": {"c": [1, 2]}}',
        '{"name": "a", "arguments": {"b": {"c": [1, 2]}}\n```\n',
        '{"name": "a", "arguments": {"b": {"c": [1, 2]}}</tool_calls>',
    ],
)
def test_missing_brackets_are_added(text: str) -> None:
    calls = read_cut(text)
    assert calls is not None and calls[0].arguments == {"b": {"c": [1, 2]}}
    assert calls[0].error is None


_LINE = '{"name": "send", "arguments": {"to": "bob", "list": [12, {"x": true}], "body": "say \\"hi\\""}}'


@pytest.mark.parametrize("size", range(len(_LINE)))
def test_a_call_cut_anywhere_runs_with_whole_values_or_not_at_all(size: int) -> None:
    """No string, number or constant arrives shortened."""
    calls = read_cut(_LINE[:size])
    if calls is not None:
        arguments = calls[0].arguments
        assert arguments is not None
        assert arguments.get("to", "bob") == "bob"
        assert arguments.get("list", [12, {"x": True}]) in ([], [12], [12, {}], [12, {"x": True}])
        assert arguments.get("body", 'say "hi"') == 'say "hi"'
    else:
        assert unreadable(_LINE[:size]).error


@pytest.mark.parametrize(
    ("text", "unfinished"),
    [
        ('{"name": "a"', True),
        ("  [1, ", True),
        ('{"name": "a', True),
        ("{'name': 'a", True),
        ('{"name": "a\\', True),
        ('{"name": "a\\"', True),
        ('{"name": "a"}', False),
        ('{"name" "a"}', False),
        ("text", False),
        ("", False),
    ],
)
def test_whether_more_lines_may_complete_it(text: str, unfinished: bool) -> None:
    assert is_unfinished(text) is unfinished


@settings(max_examples=150)
@given(st.text(alphabet="{}[]\"'\\,:name\n1T<>/ü", max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    read_whole(text)
    read_cut(text)
    is_unfinished(text)
    assert unreadable(text).error
