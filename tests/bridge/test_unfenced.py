"""A fence around a whole answer is left out, however the answer arrives, and nothing else is."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dify_integrations.bridge.tool_calls import ParsedCall, ToolCallParser
from dify_integrations.bridge.unfenced import Unfenced


def read(*pieces: str) -> str:
    parser = Unfenced()
    out = [piece for text in pieces for piece in parser.feed(text)] + parser.close()
    assert "" not in out
    return "".join(map(str, out))


ANSWERS = [
    ("", ""),
    ('{"a": 1}', '{"a": 1}'),
    ('```json\n{"a": 1}\n```', '{"a": 1}'),
    (' \n``` \r\n{"a": 1}\r\n```\n\n', '{"a": 1}'),
    ('```json\n{"a": "```"}\n```', '{"a": "```"}'),
    ('```json\n{"a": 1', '{"a": 1'),
    ('```json\n{"a": 1}\n``', '{"a": 1}\n``'),
    ('```json\n{"a": 1}\n```\nDone.', '{"a": 1}\n```\nDone.'),
    ("```json", "```json"),
    ("``` not a fence\n", "``` not a fence\n"),
    (" `x` ", " `x` "),
    ("  \n", "  \n"),
    ('Here:\n```json\n{"a": 1}\n```', 'Here:\n```json\n{"a": 1}\n```'),
]


@pytest.mark.parametrize(("answer", "expected"), ANSWERS)
def test_every_cut(answer: str, expected: str) -> None:
    assert read(answer) == expected
    assert read(*answer) == expected
    for first, second in itertools.combinations(range(len(answer) + 1), 2):
        assert read(answer[:first], answer[first:second], answer[second:]) == expected


@settings(max_examples=300)
@given(st.lists(st.sampled_from(["```", "`", "json", "\n", " ", "{}", "x", "\r"]), max_size=12))
def test_any_cut_of_any_answer(pieces: list[str]) -> None:
    assert read(*pieces) == read("".join(pieces))


def test_behind_a_parser_of_calls() -> None:
    parser = Unfenced(ToolCallParser(names=["add"]))
    answer = '```json\n{"total": 3}\n```\n<tool_calls>\n{"name": "add", "arguments": {}}\n</tool_calls>'
    out = [piece for text in answer for piece in parser.feed(text)] + parser.close()
    assert "".join(piece for piece in out if isinstance(piece, str)) == '{"total": 3}'
    assert [piece.name for piece in out if isinstance(piece, ParsedCall)] == ["add"]
