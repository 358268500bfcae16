"""LlamaIndex' metadata filters as Dify's: one flat level of conditions, and nothing dropped in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from llama_index.core.vector_stores.types import FilterCondition, FilterOperator, MetadataFilter, MetadataFilters

from dify_integrations.errors import InvalidArgument
from dify_integrations.models.retrieval import ComparisonOperator, MetadataCondition
from dify_integrations.models.retrieval import MetadataFilter as DifyFilter

if TYPE_CHECKING:
    from collections.abc import Mapping

FieldType = Literal["string", "number", "time"]

_COMPARISONS: dict[FieldType, dict[FilterOperator, ComparisonOperator]] = {
    "string": {
        FilterOperator.EQ: "is",
        FilterOperator.NE: "is not",
        FilterOperator.IN: "in",
        FilterOperator.NIN: "not in",
        FilterOperator.TEXT_MATCH: "contains",
        FilterOperator.CONTAINS: "contains",
        FilterOperator.IS_EMPTY: "empty",
    },
    "number": {
        FilterOperator.EQ: "=",
        FilterOperator.NE: "≠",
        FilterOperator.GT: ">",
        FilterOperator.LT: "<",
        FilterOperator.GTE: "≥",
        FilterOperator.LTE: "≤",
        FilterOperator.IS_EMPTY: "empty",
    },
    # The server compares times as numbers and knows no "at the same time".
    "time": {FilterOperator.GT: "after", FilterOperator.LT: "before", FilterOperator.IS_EMPTY: "empty"},
}
_GROUPS = {FilterOperator.ANY: "or", FilterOperator.ALL: "and"}


def dify_filter(filters: MetadataFilters, field_types: Mapping[str, FieldType]) -> DifyFilter:
    """The filters as the retrieval API takes them.

    Args:
        filters: One level, joined by `and` or `or`; nested groups of the same condition are flattened.
        field_types: Types of fields a value does not show: LlamaIndex has no times, so a time looks like a number.

    Raises:
        InvalidArgument: Something Dify cannot express; the message names it.
    """
    condition = filters.condition or FilterCondition.AND
    if condition is FilterCondition.NOT:
        raise InvalidArgument("Dify's metadata filters cannot express the condition 'not'")
    leaves = _leaves(filters, condition)
    if len(leaves) == 1 and leaves[0].operator in _GROUPS:
        return _group(leaves[0])
    conditions = [_condition(leaf, field_types.get(leaf.key)) for leaf in leaves]
    return DifyFilter(logical_operator="or" if condition is FilterCondition.OR else "and", conditions=conditions)


def _leaves(filters: MetadataFilters, condition: FilterCondition) -> list[MetadataFilter]:
    leaves: list[MetadataFilter] = []
    for entry in filters.filters:
        if isinstance(entry, MetadataFilter):
            leaves.append(entry)
        elif len(entry.filters) > 1 and entry.condition is not condition:
            raise InvalidArgument("Dify's metadata filters have one level: a group of another condition cannot be nested")
        elif entry.condition is FilterCondition.NOT:
            raise InvalidArgument("Dify's metadata filters cannot express the condition 'not'")
        else:
            leaves += _leaves(entry, condition)
    return leaves


def _group(leaf: MetadataFilter) -> DifyFilter:
    values = leaf.value if isinstance(leaf.value, list) else [leaf.value]
    conditions = [MetadataCondition(name=leaf.key, comparison_operator="contains", value=str(value)) for value in values]
    return DifyFilter(logical_operator="or" if leaf.operator is FilterOperator.ANY else "and", conditions=conditions)


def _condition(leaf: MetadataFilter, field_type: FieldType | None) -> MetadataCondition:
    kind = field_type or _type_of(leaf.value)
    comparison = _COMPARISONS[kind].get(leaf.operator)
    if comparison is None:
        hint = " unless it is the only filter" if leaf.operator in _GROUPS else ""
        raise InvalidArgument(
            f"Dify cannot compare the {kind} field {leaf.key!r} by {leaf.operator.value!r} (FilterOperator.{leaf.operator.name}){hint}"
        )
    return MetadataCondition(name=leaf.key, comparison_operator=comparison, value=_value(leaf, comparison, kind))


def _type_of(value: Any) -> FieldType:
    probe = value[0] if isinstance(value, list) and value else value
    return "number" if isinstance(probe, (int, float)) else "string"


def _value(leaf: MetadataFilter, comparison: str, kind: FieldType) -> Any:
    if comparison == "empty":
        return None
    if comparison in ("in", "not in"):
        # Always a list: the server splits a string at its commas.
        values = leaf.value if isinstance(leaf.value, list) else [leaf.value]
        return [str(value) for value in values]
    if leaf.value is None or isinstance(leaf.value, list):
        raise InvalidArgument(f"the filter on {leaf.key!r} needs one value for {leaf.operator.value!r}")
    if kind == "string":
        return str(leaf.value)
    if isinstance(leaf.value, str):
        raise InvalidArgument(f"the {kind} field {leaf.key!r} is compared with numbers, not with {leaf.value!r}")
    return leaf.value
