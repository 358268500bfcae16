"""Every cell of the table of filters, and a refusal for everything outside it."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.vector_stores.types import FilterCondition, FilterOperator, MetadataFilter, MetadataFilters

from llamaindex_dify._filters import FieldType, dify_filter

Op = FilterOperator
VALUES: dict[str, Any] = {"string": "x", "number": 3, "time": 1_700_000_000}
TABLE: dict[str, dict[Op, str]] = {
    "string": {
        Op.EQ: "is",
        Op.NE: "is not",
        Op.IN: "in",
        Op.NIN: "not in",
        Op.TEXT_MATCH: "contains",
        Op.CONTAINS: "contains",
        Op.IS_EMPTY: "empty",
    },
    "number": {Op.EQ: "=", Op.NE: "≠", Op.GT: ">", Op.LT: "<", Op.GTE: "≥", Op.LTE: "≤", Op.IS_EMPTY: "empty"},
    "time": {Op.GT: "after", Op.LT: "before", Op.IS_EMPTY: "empty"},
}
CELLS = [(kind, operator) for kind in TABLE for operator in Op if operator not in (Op.ANY, Op.ALL)]


def one(kind: str, operator: Op, value: Any = None) -> MetadataFilters:
    return MetadataFilters(filters=[MetadataFilter(key="f", value=VALUES[kind] if value is None else value, operator=operator)])


def types(kind: str) -> dict[str, FieldType]:
    return {"f": "time"} if kind == "time" else {}


@pytest.mark.parametrize(("kind", "operator"), CELLS)
def test_every_comparison_is_exact_or_refused(kind: str, operator: Op) -> None:
    """A filter that is dropped in silence shows people what they must not see."""
    expected = TABLE[kind].get(operator)
    if expected is None:
        with pytest.raises(ValueError, match=operator.name):
            dify_filter(one(kind, operator), types(kind))
        return
    (condition,) = dify_filter(one(kind, operator), types(kind)).conditions
    assert condition.comparison_operator == expected
    wanted = {"empty": None, "in": ["x"], "not in": ["x"]}.get(expected, VALUES[kind])
    assert condition.value == wanted


def test_in_is_always_a_list_of_strings() -> None:
    """The server splits a string at its commas."""
    (condition,) = dify_filter(one("string", Op.IN, "a, b"), {}).conditions
    assert condition.value == ["a, b"]
    (condition,) = dify_filter(one("string", Op.IN, [1, 2]), {"f": "string"}).conditions
    assert condition.value == ["1", "2"]


@pytest.mark.parametrize(("operator", "joined"), [(Op.ANY, "or"), (Op.ALL, "and")])
def test_any_and_all_stand_alone(operator: Op, joined: str) -> None:
    found = dify_filter(one("string", operator, ["a", "b"]), {})
    assert found.logical_operator == joined
    assert [(each.comparison_operator, each.value) for each in found.conditions] == [("contains", "a"), ("contains", "b")]
    two = MetadataFilters(filters=[*one("string", operator, ["a"]).filters, *one("string", Op.EQ).filters])
    with pytest.raises(ValueError, match="only filter"):
        dify_filter(two, {})


def test_groups_of_the_same_condition_are_flattened() -> None:
    nested = MetadataFilters(filters=[one("string", Op.EQ), one("number", Op.GT)], condition=FilterCondition.OR)
    assert [each.comparison_operator for each in dify_filter(nested, {}).conditions] == ["is", ">"]
    assert dify_filter(nested, {}).logical_operator == "or"
    pair = MetadataFilters(filters=[*one("string", Op.EQ).filters, *one("string", Op.NE).filters])
    with pytest.raises(ValueError, match="one level"):
        dify_filter(MetadataFilters(filters=[pair, pair], condition=FilterCondition.OR), {})


def test_not_is_refused() -> None:
    refused = MetadataFilters(filters=one("string", Op.EQ).filters, condition=FilterCondition.NOT)
    for filters in (refused, MetadataFilters(filters=[refused])):
        with pytest.raises(ValueError, match="not"):
            dify_filter(filters, {})


@pytest.mark.parametrize(("kind", "value"), [("time", "2024-01-01"), ("time", [1.0])])
def test_times_are_numbers(kind: str, value: Any) -> None:
    """The server compares them as such and breaks on a date."""
    with pytest.raises(ValueError, match="'f'"):
        dify_filter(one(kind, Op.GT, value), types(kind))
