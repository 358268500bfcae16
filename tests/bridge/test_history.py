"""Recorded turns: the agent's steps are those a fresh answer tells."""

from __future__ import annotations

from typing import Any

import pytest

from dify_integrations.bridge.history import thoughts_of
from dify_integrations.models.messages import Message


def recorded(*steps: dict[str, Any], answer: str = "") -> list[dict[str, Any]]:
    thoughts = [{"id": str(number), "position": number, **step} for number, step in enumerate(steps, 1)]
    turn = {"id": "m", "conversation_id": "c", "answer": answer, "agent_thoughts": [*reversed(thoughts)]}
    return thoughts_of(Message.model_validate(turn))


def test_steps_without_a_tool_are_none() -> None:
    assert recorded({"thought": "Hm.", "tool": ""}, {"thought": "So.", "tool": None}) == []


def test_tools_of_one_step_are_a_step_each() -> None:
    """Dify keys their arguments and results by name; the thought was had once."""
    asked, told = '{"clock": {"zone": "UTC"}, "weekday": {}}', '{"clock": "12:00", "weekday": "Monday"}'
    step = {"thought": "Both.", "tool": "clock;weekday", "tool_input": asked, "observation": told}
    assert recorded(step) == [
        {"id": "1:clock", "thought": "Both.", "tool": "clock", "arguments": '{"zone": "UTC"}', "observation": "12:00"},
        {"id": "1:weekday", "thought": "", "tool": "weekday", "arguments": "{}", "observation": "Monday"},
    ]


@pytest.mark.parametrize(
    ("observation", "expected"), [(None, None), ("", None), ("12:00", "12:00"), ('{"clock": "12:00"}', "12:00")]
)
def test_steps_come_in_their_order(observation: str | None, expected: str | None) -> None:
    one, two = recorded({"tool": "a", "tool_input": ""}, {"tool": "clock", "tool_input": "plain", "observation": observation})
    assert (one["id"], one["arguments"], one["observation"]) == ("1:a", "", None)
    assert (two["id"], two["arguments"], two["observation"]) == ("2:clock", "plain", expected)


@pytest.mark.parametrize(("answer", "expected"), [("I look. It is noon.", ""), ("It is noon.", "I look.")])
def test_thought_that_the_answer_says_is_not_told_again(answer: str, expected: str) -> None:
    (step,) = recorded({"thought": "I look.", "tool": "clock"}, answer=answer)
    assert step["thought"] == expected
