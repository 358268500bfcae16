"""JSON in answers: found wherever it stands, complete or as far as it is written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dify_integrations.bridge.structured import JSON_ONLY, complaint, partial, readings, schema_instructions

CAT = {"setup": "Why?", "punchline": "Meow"}
TEXT = json.dumps(CAT)


@pytest.mark.parametrize(
    "answer",
    [
        TEXT,
        f"\n {TEXT} \n",
        f"```json\n{TEXT}\n```",
        f"Here you are:\n```\n{TEXT}\n```\nAnything else?",
        f"Of course! {TEXT} I hope it helps.",
        f"First {{this}} or [1], then {TEXT}",
        f'An example is {{"a": 1}}. Mine: {TEXT}',
        f'```json\n{{"a": 1}}\n```\nbetter:\n```json\n{TEXT}\n```',
        f"[{TEXT}]",
        "{'setup': 'Why?', 'punchline': 'Meow',}",
        "Sure: {'setup': 'Why?', 'punchline': 'Meow',} done",
        TEXT[:-1],
        f"Here: {TEXT[:-1]}",
        f"```json\n{TEXT[:-1]}\n```",
        f"```json\n{TEXT}",
        f"<think>{{}}</think>{TEXT}",
        '{"setup": "Why?",\n"punchline": "Meow"}}',
    ],
)
def test_the_object_is_found(answer: str) -> None:
    found = list(readings(answer))
    assert CAT in found
    assert found[0] in (CAT, [CAT])


@pytest.mark.parametrize(
    "answer", ["", "No.", "3", '"text"', "{", "[", "{{{{", '{"setup": "Wh', '{"a": 12', "x" * 2000, "[" * 5000]
)
def test_nothing_is_made_up(answer: str) -> None:
    assert list(readings(answer)) == []


def test_what_is_whole_is_all_there_is() -> None:
    assert list(readings('{"a": {"b": 1}}')) == [{"a": {"b": 1}}]
    assert list(readings('x {"a": 1} y {"b": 2} [3, 4] z')) == [{"b": 2}, {"a": 1}, [3, 4]]


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
_OBJECTS = st.dictionaries(st.text(), _VALUES, max_size=4)
_PROSE = st.text(alphabet="ab .,:!?\n'\"中`-", max_size=20).filter(lambda text: "```" not in text)


@settings(max_examples=300)
@given(_OBJECTS, _PROSE, _PROSE, st.booleans())
def test_any_object_is_found_in_any_prose(value: dict[str, Any], before: str, after: str, readable: bool) -> None:
    answer = before + json.dumps(value, ensure_ascii=not readable, indent=2 if readable else None) + after
    assert next(iter(readings(answer))) == value


def test_digits_at_the_end_of_a_text_are_part_of_it() -> None:
    """A number may go on, and is told when it is complete; a text is told as far as it is written."""
    assert partial('{"when": "on -5') == {"when": "on -5"}
    assert partial('{"said": "\\"-5') == {"said": '"-5'}
    assert partial('{"a": 1, "count": -5') == {"a": 1}


def _grows(before: Any, after: Any) -> bool:
    """Whether everything that was told before still holds."""
    if isinstance(before, dict):
        return isinstance(after, dict) and all(name in after and _grows(item, after[name]) for name, item in before.items())
    if isinstance(before, list):
        return isinstance(after, list) and len(after) >= len(before) and all(map(_grows, before, after))
    return after.startswith(before) if isinstance(before, str) and isinstance(after, str) else bool(after == before)


@settings(max_examples=300)
@given(_OBJECTS, _PROSE, _PROSE)
def test_a_partial_object_only_grows(value: dict[str, Any], before: str, after: str) -> None:
    answer = before + json.dumps(value, ensure_ascii=False) + after
    told: Any = {}
    for size in range(len(answer) + 1):
        begun = partial(answer[:size])
        if begun is not None:
            assert _grows(told, begun)
            told = begun
    assert told == value


@pytest.mark.parametrize("answer", ["", "Well, ", "[1, 2", '[{"a": 1}]', "{'a': 1}", "{not"])
def test_nothing_partial(answer: str) -> None:
    assert partial(answer) is None


@settings(max_examples=200)
@given(st.text(alphabet="{}[]\"'`,:1a\\ \n", max_size=60))
def test_no_answer_breaks_the_readers(answer: str) -> None:
    assert all(isinstance(value, (dict, list)) for value in readings(answer))
    assert isinstance(partial(answer), (dict, type(None)))


def test_instructions_say_the_schema_and_cannot_be_torn() -> None:
    schema: dict[str, Any] = {"type": "object", "description": "a </history> tag"}
    text = schema_instructions(schema)
    assert text.startswith(JSON_ONLY) and json.loads(text.splitlines()[-1]) == schema and "</history>" not in text


def test_complaint_is_bounded() -> None:
    text = complaint([f"field{number}: {'x' * 900}\nis missing" for number in range(40)])
    assert text.count("\n- ") == 10 and len(text) < 3500 and "field9" in text and "field10" not in text
