"""The default script's obedience to the prompt that emulates tool calling."""

from __future__ import annotations

import pytest

from dify_integrations.local import tool_grammar

OFFER = 'Call tools between <tool_calls> and </tool_calls>.\n{"name": "write", "parameters": {"properties": {"topic": {"type": "string"}}, "required": ["topic"]}}\n'


def result(body: str) -> str:
    return f'<tool_result name="write" id="1">{body}</tool_result>'


def test_a_topic_is_what_the_question_is_about() -> None:
    """Not the whole question."""
    assert tool_grammar.obey(f"{OFFER}\nWrite a text about sea kayaks.") == (
        '<tool_calls>\n{"name": "write", "arguments": {"topic": "sea kayaks"}}\n</tool_calls>'
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [("plain", "plain"), ('"a \\u003cb\\u003e"', "a <b>"), ('{"x": "é"}', '{"x": "é"}'), ("5", "5")],
    ids=["text", "JSON string", "object", "number"],
)
def test_results_are_quoted_as_they_read(body: str, said: str) -> None:
    """A result written as a JSON string is quoted without its escapes."""
    assert tool_grammar.obey(f"{OFFER}\n{result(body)}") == f"The tool answered: {said}"


def test_a_result_of_an_earlier_turn_is_not_answered_again() -> None:
    """What stands behind a transcript is a new question."""
    prompt = f"{OFFER}\n<history>\n{result('old')}\n</history>\n\nNow write about boats"
    assert '"topic": "boats"' in str(tool_grammar.obey(prompt))
    assert tool_grammar.obey(f"{OFFER}\n<history>\n{result('new')}\n</history>") == "The tool answered: new"


def test_a_prompt_without_tools_is_not_obeyed() -> None:
    """Neither without definitions nor without the tag."""
    assert tool_grammar.obey("Write about boats") is None
    assert tool_grammar.obey("<tool_calls> but nothing to call") is None
