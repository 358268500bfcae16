"""LlamaIndex' metadata filters as Dify's: one flat level of conditions, and nothing dropped in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

from llama_index.core.vector_stores.types import FilterCondition, FilterOperator, MetadataFilter, MetadataFilters

from dify_integrations.bridge.indexing import field_types as types_of
from dify_integrations.errors import InvalidArgument
from dify_integrations.models.retrieval import ComparisonOperator, ListOperator, NumberOperator, TextOperator, TimeOperator
from dify_integrations.models.retrieval import MetadataCondition as DifyCondition
from dify_integrations.models.retrieval import MetadataFilter as DifyFilter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dify_integrations.models.metadata import MetadataFields

__all__ = ["DifyCondition", "DifyFilter"]
FieldType = Literal["string", "number", "time"]
Filters = MetadataFilters | DifyFilter | dict[str, Any]
"""LlamaIndex' filters, Dify's own, or Dify's as they are written in JSON."""

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
_ANY_KIND = ("empty", "not empty")
_ALLOWED: dict[FieldType, tuple[str, ...]] = {
    "string": (*get_args(TextOperator), *get_args(ListOperator), *_ANY_KIND),
    "number": (*get_args(NumberOperator), *_ANY_KIND),
    "time": (*get_args(TimeOperator), *_ANY_KIND),
}
_GROUPS = {FilterOperator.ANY: "or", FilterOperator.ALL: "and"}


def as_dify(filters: Filters | None, field_types: Mapping[str, FieldType]) -> DifyFilter | None:
    """Any kind of filter as the retrieval API takes it.

    Raises:
        InvalidArgument: Something Dify cannot express; the message names it.
    """
    if isinstance(filters, MetadataFilters):
        return dify_filter(filters, field_types)
    if filters is None or isinstance(filters, DifyFilter):
        return filters
    if isinstance(filters, dict):
        return DifyFilter.model_validate(filters)
    raise InvalidArgument(f"filters are MetadataFilters, a DifyFilter or the same as a dictionary, not a {type(filters).__name__}")


def known_types(bases: Sequence[MetadataFields]) -> dict[str, FieldType]:
    """The types of the fields that every one of the knowledge bases has.

    Raises:
        InvalidArgument: They do not agree about a field.
    """
    first, *others = map(types_of, bases)
    common = {name: kind for name, kind in first.items() if all(name in other for other in others)}
    for name, kind in common.items():
        if any(other[name] != kind for other in others):
            raise InvalidArgument(f"the metadata field {name!r} has different types in the knowledge bases: ask them one by one")
    kinds: dict[str, FieldType] = {kind: kind for kind in _COMPARISONS}
    return {name: kinds[kind] for name, kind in common.items() if kind in kinds}


def refuse_unknown(condition: DifyFilter, types: Mapping[str, FieldType]) -> None:
    """See that the fields of a filter exist and are compared as their types allow.

    Raises:
        InvalidArgument: One does not, or is not: the server would find nothing, and say nothing.
    """
    for each in condition.conditions:
        kind = types.get(each.name)
        if kind is None:
            raise InvalidArgument(f"no metadata field {each.name!r}; there are: {', '.join(sorted(types)) or 'none'}")
        if each.comparison_operator not in _ALLOWED[kind]:
            raise InvalidArgument(f"Dify cannot compare the {kind} field {each.name!r} by {each.comparison_operator!r}")


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
        return _group(leaves[0], field_types.get(leaves[0].key))
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


def _group(leaf: MetadataFilter, field_type: FieldType | None) -> DifyFilter:
    kind = field_type or _type_of(leaf.value)
    if kind != "string":
        raise _refusal(leaf, kind)
    conditions = [DifyCondition(name=leaf.key, comparison_operator="contains", value=value) for value in _several(leaf)]
    return DifyFilter(logical_operator="or" if leaf.operator is FilterOperator.ANY else "and", conditions=conditions)


def _condition(leaf: MetadataFilter, field_type: FieldType | None) -> DifyCondition:
    kind = field_type or _type_of(leaf.value)
    comparison = _COMPARISONS.get(kind, {}).get(leaf.operator)
    if comparison is None:
        raise _refusal(leaf, kind)
    return DifyCondition(name=leaf.key, comparison_operator=comparison, value=_value(leaf, comparison, kind))


def _refusal(leaf: MetadataFilter, kind: str) -> InvalidArgument:
    hint = " unless it is the only filter" if leaf.operator in _GROUPS and kind == "string" else ""
    return InvalidArgument(
        f"Dify cannot compare the {kind} field {leaf.key!r} by {leaf.operator.value!r} (FilterOperator.{leaf.operator.name}){hint}"
    )


def _several(leaf: MetadataFilter) -> list[str]:
    values = leaf.value if isinstance(leaf.value, list) else [leaf.value]
    if not values or None in values:  # there would be no condition, and everything would be found
        raise InvalidArgument(f"the filter on {leaf.key!r} needs at least one value for {leaf.operator.value!r}")
    return [str(value) for value in values]


def _type_of(value: Any) -> FieldType:
    probe = value[0] if isinstance(value, list) and value else value
    return "number" if isinstance(probe, (int, float)) else "string"


def _value(leaf: MetadataFilter, comparison: str, kind: FieldType) -> Any:
    if comparison == "empty":
        return None
    if comparison in ("in", "not in"):
        # Always a list: the server splits a string at its commas.
        return _several(leaf) if leaf.value != [] else []
    if leaf.value is None or isinstance(leaf.value, list):
        raise InvalidArgument(f"the filter on {leaf.key!r} needs one value for {leaf.operator.value!r}")
    if kind == "string":
        return str(leaf.value)
    if isinstance(leaf.value, str):
        raise InvalidArgument(f"the {kind} field {leaf.key!r} is compared with numbers, not with {leaf.value!r}")
    return leaf.value
