"""Every cell of the table of filters, and a refusal for everything outside it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from llama_index.core.vector_stores.types import FilterCondition, FilterOperator, MetadataFilter, MetadataFilters

from dify_integrations import InvalidArgument
from llamaindex_dify import DifyCondition, DifyFilter
from llamaindex_dify._filters import FieldType, dify_filter
from tests.llamaindex.library import Library

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
    """Check 10: each cell of the filters table; one that is dropped in silence shows people what they must not see."""
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
    """Check 10: the last row of the table; only texts contain something."""
    for kind in ("number", "time"):
        with pytest.raises(ValueError, match=operator.name):
            dify_filter(one(kind, operator, [VALUES[kind]]), types(kind))
    with pytest.raises(ValueError, match="f"):
        dify_filter(one("string", operator, []), {})
    told = dify_filter(one("number", operator, [2023]), {"f": "string"})
    assert [each.value for each in told.conditions] == ["2023"]
    found = dify_filter(one("string", operator, ["a", "b"]), {})
    assert found.logical_operator == joined
    assert [(each.comparison_operator, each.value) for each in found.conditions] == [("contains", "a"), ("contains", "b")]
    for kind, value in (("number", [1]), ("time", [1])):
        with pytest.raises(ValueError, match=f"{kind} field 'f'"):
            dify_filter(one(kind, operator, value), types(kind))
    (condition,) = dify_filter(one("number", operator, [1]), {"f": "string"}).conditions
    assert condition.value == "1"
    two = MetadataFilters(filters=[*one("string", operator, ["a"]).filters, *one("string", Op.EQ).filters])
    with pytest.raises(ValueError, match="only filter"):
        dify_filter(two, {})


@pytest.mark.parametrize("operator", [Op.ANY, Op.ALL, Op.IN, Op.NIN])
def test_a_comparison_with_nothing_is_refused(operator: Op) -> None:
    """Of no value there would be no condition, and everything would be found."""
    none = MetadataFilters(filters=[MetadataFilter(key="f", value=None, operator=operator)])
    with pytest.raises(ValueError, match="at least one value"):
        dify_filter(none, {})
    empty = one("string", operator, [])
    if operator in (Op.IN, Op.NIN):  # the server knows what is in nothing
        assert dify_filter(empty, {}).conditions[0].value == []
    else:
        with pytest.raises(ValueError, match="at least one value"):
            dify_filter(empty, {})


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


# -- in the retriever

REFUSED: list[Any] = [
    one("string", Op.TEXT_MATCH_INSENSITIVE),
    one("number", Op.IN, [1, 2]),
    MetadataFilters(filters=one("string", Op.EQ).filters, condition=FilterCondition.NOT),
    {"conditions": [{"name": "f", "comparison_operator": ">=", "value": 1}]},
    {"conditions": [{"name": "f", "comparison_operator": "is"}]},
    one("string", Op.ANY, []),
    one("string", Op.EQ).filters[0],
    [one("string", Op.EQ).filters[0]],
    "topic = money",
]


@pytest.mark.parametrize("filters", REFUSED, ids=lambda each: type(each).__name__)
def test_what_dify_cannot_express_is_refused_before_any_request(library: Library, filters: Any) -> None:
    """Check 10: every unsupported combination raises `ValueError` before any request."""
    for checked in (False, True):
        with pytest.raises(InvalidArgument) as refusal:
            library.retriever(filters=filters, validate_filters=checked).retrieve("refunds")
        assert isinstance(refusal.value, ValueError)
    assert library.asked == []


def found(library: Library, filters: Any, **options: Any) -> set[str]:
    retriever = library.retriever(filters=filters, **options)
    nodes = retriever.retrieve("refunds shipping")
    assert [node.node_id for node in asyncio.run(retriever.aretrieve("refunds shipping"))] == [node.node_id for node in nodes]
    return {node.node.metadata["document_name"] for node in nodes}


@pytest.mark.parametrize("checked", [False, True])
def test_filters_of_every_kind_reach_dify(library: Library, checked: bool) -> None:
    """Check 10: the enum's operators, and those it lacks through `DifyFilter` or a raw dict."""
    wanted = {"refunds.txt"}
    start = DifyCondition(name="topic", comparison_operator="start with", value="mon")
    raw = {"logical_operator": "and", "conditions": [{"name": "topic", "comparison_operator": "not contains", "value": "parcel"}]}
    year = MetadataFilters(filters=[MetadataFilter(key="year", value=2023, operator=Op.LTE)])
    either = MetadataFilters(filters=[MetadataFilter(key="topic", value=["mon", "coins"], operator=Op.ANY)])
    for filters in (DifyFilter(conditions=[start]), raw, year, either):
        assert found(library, filters, validate_filters=checked) == wanted
    assert library.requests("GET", "/metadata") == (4 if checked else 0)


def test_a_number_told_to_be_a_string_is_compared_as_one() -> None:
    (condition,) = dify_filter(one("number", Op.IN, [2023, 2024]), {"f": "string"}).conditions
    assert (condition.comparison_operator, condition.value) == ("in", ["2023", "2024"])


def test_a_type_that_dify_does_not_know_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="date field 'f'"):
        dify_filter(one("number", Op.GT), {"f": "date"})  # type: ignore[dict-item]  # a mistake


def test_validation_takes_the_types_from_dify(library: Library) -> None:
    """Check 10: a time looks like a number, and a field that does not exist finds nothing."""
    library.dify().datasets.metadata.create(library.shop.id, name="when", type="time")
    retriever = library.retriever(filters=one("number", Op.GT), validate_filters=True)
    with pytest.raises(InvalidArgument, match="no metadata field 'f'; there are: topic, when, year"):
        retriever.retrieve("refunds")
    time = MetadataFilters(filters=[MetadataFilter(key="when", value=1_700_000_000, operator=Op.GT)])
    assert found(library, time, validate_filters=True) == set()
    (condition,) = library.asked[-1]["retrieval_model"]["metadata_filtering_conditions"]["conditions"]
    assert condition["comparison_operator"] == "after"
    equal = MetadataFilters(filters=[MetadataFilter(key="when", value=1_700_000_000, operator=Op.EQ)])
    with pytest.raises(InvalidArgument, match="time field 'when'"):
        library.retriever(filters=equal, validate_filters=True).retrieve("refunds")
    wrong = DifyFilter(conditions=[DifyCondition(name="topic", comparison_operator=">", value=3)])
    with pytest.raises(InvalidArgument, match="string field 'topic' by '>'"):
        library.retriever(filters=wrong, validate_filters=True).retrieve("refunds")


def test_queries_at_once_are_all_filtered(library: Library) -> None:
    """The first ones ask for the fields at the same time; none of them may lose the filter, nor those that follow."""
    year = MetadataFilters(filters=[MetadataFilter(key="year", value=2023)])
    retriever, threaded = (library.retriever(filters=year, validate_filters=True) for _ in range(2))

    async def work() -> None:
        await asyncio.gather(*(retriever.aretrieve("refunds") for _ in range(5)))

    asyncio.run(work())
    with ThreadPoolExecutor(5) as threads:
        list(threads.map(threaded.retrieve, ["refunds"] * 5))
    retriever.retrieve("refunds")
    sent = [asked["retrieval_model"]["metadata_filtering_conditions"]["conditions"] for asked in library.asked]
    assert sent == [[{"name": "year", "comparison_operator": "=", "value": 2023}]] * 11


def test_fields_of_several_bases_must_be_in_all_and_of_one_type(library: Library) -> None:
    metadata = library.dify().datasets.metadata
    year = MetadataFilters(filters=[MetadataFilter(key="year", value=2000, operator=Op.GT)])
    with pytest.raises(InvalidArgument, match="no metadata field 'year'"):
        library.retriever(library.shop, library.other, filters=year, validate_filters=True).retrieve("refunds")
    metadata.create(library.other.id, name="year", type="string")
    with pytest.raises(InvalidArgument, match="'year' has different types"):
        library.retriever(library.shop, library.other, filters=year, validate_filters=True).retrieve("refunds")


def test_built_in_fields_can_be_filtered_by_where_they_are_switched_on(library: Library) -> None:
    named = DifyFilter(conditions=[DifyCondition(name="document_name", comparison_operator="is", value="refunds.txt")])
    with pytest.raises(InvalidArgument, match="document_name"):
        library.retriever(filters=named, validate_filters=True).retrieve("refunds")
    library.dify().datasets.metadata.set_built_in(library.shop.id, "enable")
    assert found(library, named, validate_filters=True) == {"refunds.txt"}
