"""A person's answer, matched to the forms that wait."""

from __future__ import annotations

from typing import Any

import pytest

from dify_integrations import InvalidArgument
from dify_integrations.bridge.answers import FormAnswer, answers_of

ACTIONS = [{"id": "approve", "title": "Approve"}]


def form(node: str, *fields: str, **defaults: Any) -> dict[str, Any]:
    inputs = [{"type": "paragraph", "output_variable_name": name} for name in fields]
    known = {"node_id": node, "node_title": node.title(), "form_token": f"token-{node}"}
    return {**known, "inputs": inputs, "actions": ACTIONS, "default_values": defaults}


def test_one_form() -> None:
    assert answers_of([form("a", "why")], {"action": "approve", "inputs": {"why": "x"}}) == [
        FormAnswer("token-a", "approve", {"why": "x"})
    ]


def test_defaults_stand_in_for_what_is_left_out() -> None:
    (answer,) = answers_of([form("a", "why", why="so", other="x")], {"action": "approve"})
    assert answer.inputs == {"why": "so"}


def test_several_forms_in_their_order() -> None:
    answers = answers_of([form("a"), form("b")], {"token-b": {"action": "approve"}, "a": {"action": "approve"}})
    assert [answer.form_token for answer in answers] == ["token-a", "token-b"]


def test_a_part_of_the_forms() -> None:
    assert len(answers_of([form("a"), form("b")], {"b": {"action": "approve"}})) == 1


def test_answered_elsewhere() -> None:
    assert answers_of([form("a")], {"submitted": True}) == []


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (None, "not NoneType"),
        ({}, "not dict"),
        ("approve", "not str"),
        ({"action": "no"}, "the form 'A' has no action 'no', only approve"),
        ({"action": 1}, "no action 1"),
        ({"action": "approve", "inputs": ["x"]}, "values by name, not list"),
        ({"action": "approve"}, "the form 'A' needs why"),
        ({"submitted": False}, "no form submitted, only a"),
        ({"a": "approve"}, "the answer to the form 'A'"),
        ({"action": "approve", "inputs": {"why": "x", "wy": "y"}}, "the form 'A' has no field wy, only why"),
        ({"action": "approve", "why": "x"}, 'an answer has "action" and "inputs", not why'),
        ({"a": {"action": "approve", "input": {}}}, 'an answer has "action" and "inputs", not input'),
        ({"submitted": True, "action": "approve"}, "not both"),
        ({"action": "approve", "inputs": {"why": 5}}, "the field why of the form 'A' is a text, not int"),
        ({"action": "approve", "inputs": {"why": None}}, "the field why of the form 'A' is a text, not NoneType"),
    ],
)
def test_what_is_no_answer(given: Any, reason: str) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        answers_of([form("a", "why")], given)


def test_which_of_several_is_not_guessed() -> None:
    with pytest.raises(InvalidArgument, match="several forms wait: .* one of a, b"):
        answers_of([form("a"), form("b")], {"action": "approve"})


def test_other_fields_take_what_they_take() -> None:
    """Dify checks selects and files itself; a number in a paragraph it would accept, and then end the run."""
    asked = form("a")
    asked["inputs"] = [{"type": "file-list", "output_variable_name": "scans"}]
    (answer,) = answers_of([asked], {"action": "approve", "inputs": {"scans": [{"type": "image"}]}})
    assert answer.inputs == {"scans": [{"type": "image"}]}


def test_a_form_without_a_token() -> None:
    """It is answered elsewhere; that can still be said."""
    asked = {**form("a"), "form_token": ""}
    with pytest.raises(InvalidArgument, match='answer it there and give {"submitted": True}'):
        answers_of([asked], {"action": "approve"})
    assert answers_of([asked], {"submitted": True}) == []
