"""Answers as they are read: pieces that add up, and where in the answer everything else took place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dify_integrations.bridge.reading import Part, Reading, added_up
from dify_integrations.bridge.steps import is_tool_failure
from dify_integrations.bridge.tool_calls import ToolCallParser
from dify_integrations.runs.items import Ended, ReasoningDelta, TextDelta, TextReplaced, ToolCall, ToolResult

CALL = '<tool_calls>\n{"name": "add", "arguments": {"a": 1}}\n</tool_calls>\n'


def calling() -> Reading:
    return Reading((), ToolCallParser(new_id=lambda: "call"))


def read(reading: Reading, *items: Any) -> Part:
    return added_up([*(part for item in items for part in reading.take(item)), *reading.close()])


def texts(*words: str) -> list[TextDelta]:
    return [TextDelta(word) for word in words]


def test_text_is_given_out_as_it_is() -> None:
    reading = Reading()
    assert reading.plain and not reading.cut
    assert reading.take(TextDelta("one ")) == [Part(text="one ")]
    assert reading.take(Ended("succeeded")) == [] and reading.close() == []
    assert reading.spoken == ["one "]


def test_usual_order_has_no_turns() -> None:
    """Reasoning, text, calls."""
    part = read(calling(), ReasoningDelta("Hm. "), ReasoningDelta("So."), *texts("Yes.", f"\n{CALL}"))
    assert (part.reasoning, part.text, [call.name for call in part.calls]) == ("Hm. So.", "Yes.", ["add"])
    assert part.turns == []


def test_what_comes_out_of_order_says_where() -> None:
    part = read(calling(), *texts("Yes."), ReasoningDelta("Hm."), *texts(f"\n{CALL}"), ReasoningDelta("So."), *texts(" Done."))
    # Reasoning behind text, reasoning behind a call, and text behind that call.
    assert part.turns == [[4, 0, 0], [4, 3, 1], [4, 6, 1]]


def test_step_of_the_server_is_told_when_it_ends_and_where() -> None:
    reading = Reading()
    call = ToolCall("1", "clock", '{"zone": "UTC"}', "I need the time.")
    assert [reading.take(TextDelta("Wait. ")), reading.take(call)] == [[Part(text="Wait. ")], []]
    (part,) = reading.take(ToolResult("1", "clock", "12:00"))
    assert part.thoughts == [
        {
            "id": "1",
            "thought": "I need the time.",
            "tool": "clock",
            "arguments": '{"zone": "UTC"}',
            "observation": "12:00",
            "at": [6, 0, 0],
        }
    ]


def test_step_without_an_end_is_told_at_the_end() -> None:
    part = read(Reading(), ToolCall("1", "clock", "{}"), *texts("Well."))
    assert [(step["id"], step["observation"], step["at"]) for step in part.thoughts] == [("1", None, [5, 0, 0])]


@pytest.mark.parametrize(
    ("said", "thought", "told"),
    [
        ("", "I look.", "I look."),
        ("I look.\n\n", " I look. ", ""),
        ("Wait. I look.", "I look.", ""),
        ("I look.", "<think>\nHm.\n</think>\nI look.", ""),
        ("<think>Hm.</think>I look.", "<think>Hm.</think>I look.", ""),
        ("Other words.", "<think>Hm.</think>I look.", "<think>Hm.</think>I look."),
    ],
)
def test_thought_that_was_said_aloud_is_not_told_again(said: str, thought: str, told: str) -> None:
    part = read(Reading(), *texts(said), ToolCall("1", "clock", "{}", thought), ToolResult("1", "clock", ""))
    assert [step["thought"] for step in part.thoughts] == [told]


def test_thought_of_several_tools_is_told_once() -> None:
    calls = [ToolCall(name, name, "{}", "I need both.") for name in ("clock", "weekday")]
    part = read(Reading(), *calls, *(ToolResult(call.id, call.name, "") for call in calls))
    assert [step["thought"] for step in part.thoughts] == ["I need both.", ""]


def test_replacement_that_goes_on_is_its_rest() -> None:
    reading = Reading()
    assert read(reading, *texts("Hello"), TextReplaced("Hello there.")).text == "Hello there."
    assert reading.replaced is None


def test_after_another_replacement_nothing_is_given_out() -> None:
    reading = Reading(("STOP",))
    assert read(reading, *texts("You ST"), TextReplaced("No."), *texts("more")).text == "You "
    assert reading.replaced == "No." and not reading.plain


def test_replaced_text_comes_behind_what_remains() -> None:
    reading = Reading()
    items: list[Any] = [ReasoningDelta("Hm."), *texts("You fool"), ToolCall("1", "clock", "{}"), ToolResult("1", "clock", "12:00")]
    heard = [part for item in items for part in reading.take(item)]
    part = added_up(heard, Reading().take(TextDelta("No.")))
    assert (part.text, part.reasoning, [step["at"] for step in part.thoughts]) == ("No.", "Hm.", [[0, 3, 0]])
    assert added_up(heard, []).text == ""


def test_empty_parts_are_none() -> None:
    assert not Part() and not Part(turns=[[0, 0, 0]])
    assert Part(text="a") and Part(reasoning="a") and Part(thoughts=[{}])


@given(pieces=st.lists(st.sampled_from(["one ", "STOP", "ST", "OP ", "\n", CALL, "<tool_calls>"]), max_size=8), stop=st.booleans())
def test_however_a_text_is_split_it_adds_up_to_the_same(pieces: list[str], stop: bool) -> None:
    def reading() -> Reading:
        return Reading(("STOP",) if stop else (), ToolCallParser(new_id=lambda: "call"))

    whole = read(reading(), TextDelta("".join(pieces)))
    split = read(reading(), *texts(*pieces))
    letters = read(reading(), *texts(*"".join(pieces)))
    assert (split.text, split.calls) == (letters.text, letters.calls) == (whole.text, whole.calls)


@pytest.mark.parametrize(
    ("words", "expected"),
    [("tool invoke error: no", True), ("There is not a tool named x", True), ("an error", False), ("", False)],
)
def test_failed_tools_say_so_in_words(words: str, expected: bool) -> None:
    assert is_tool_failure(words) is expected
