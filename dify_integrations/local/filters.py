"""Metadata filters of retrieval, with every operator Dify knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .datasets import Document
from .replies import schema_error

Test = Callable[[Any, Any], bool]


def _listed(value: Any) -> list[str]:
    values = value.split(",") if isinstance(value, str) else value
    return [str(entry).strip() for entry in values]


def _same(actual: Any, wanted: Any) -> bool:
    return str(actual) == str(wanted)


def _numbers(compare: Callable[[float, float], bool]) -> Test:
    def test(actual: Any, wanted: Any) -> bool:
        try:
            return compare(float(actual), float(wanted))
        except (TypeError, ValueError):
            return False

    return test


OPERATORS: dict[str, Test] = {
    "contains": lambda actual, wanted: actual is not None and str(wanted) in str(actual),
    "not contains": lambda actual, wanted: actual is not None and str(wanted) not in str(actual),
    "start with": lambda actual, wanted: actual is not None and str(actual).startswith(str(wanted)),
    "end with": lambda actual, wanted: actual is not None and str(actual).endswith(str(wanted)),
    "is": lambda actual, wanted: actual is not None and _same(actual, wanted),
    "is not": lambda actual, wanted: actual is not None and not _same(actual, wanted),
    "in": lambda actual, wanted: actual is not None and str(actual) in _listed(wanted),
    "not in": lambda actual, wanted: actual is not None and str(actual) not in _listed(wanted),
    "empty": lambda actual, _: actual is None,
    "not empty": lambda actual, _: actual is not None,
    "=": _numbers(lambda actual, wanted: actual == wanted),
    "≠": _numbers(lambda actual, wanted: actual != wanted),
    ">": _numbers(lambda actual, wanted: actual > wanted),
    "<": _numbers(lambda actual, wanted: actual < wanted),
    "≥": _numbers(lambda actual, wanted: actual >= wanted),
    "≤": _numbers(lambda actual, wanted: actual <= wanted),
    "before": _numbers(lambda actual, wanted: actual < wanted),
    "after": _numbers(lambda actual, wanted: actual > wanted),
}


def document_filter(
    conditions: Mapping[str, Any] | None, values: Callable[[Document], Mapping[str, Any]]
) -> Callable[[Document], bool] | None:
    """The test for `metadata_filtering_conditions`, or `None` when every document passes.

    Args:
        conditions: As in the retrieval model.
        values: What tells the metadata of a document.

    Raises:
        ApiError: 400 for an operator Dify does not know, the ASCII signs `>=`, `<=` and `!=` among them.
    """
    tests = [_condition(index, entry) for index, entry in enumerate((conditions or {}).get("conditions") or [])]
    kept = [test for test in tests if test is not None]
    if not kept:
        return None
    together = any if (conditions or {}).get("logical_operator") == "or" else all
    return lambda document: together(test(values(document)) for test in kept)


def _condition(index: int, entry: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], bool] | None:
    operator = entry.get("comparison_operator")
    field = f"retrieval_model.metadata_filtering_conditions.conditions.{index}"
    if "name" not in entry:
        raise schema_error("HitTestingPayload", [(f"{field}.name", "Field required", "missing", dict(entry))])
    if operator not in OPERATORS:
        allowed = ", ".join(f"'{name}'" for name in OPERATORS)
        problem = (f"{field}.comparison_operator", f"Input should be {allowed}", "literal_error", operator)
        raise schema_error("HitTestingPayload", [problem])
    name, value = str(entry["name"]), entry.get("value")
    # A condition without a value is skipped, except where none is needed.
    if value is None and operator not in {"empty", "not empty"}:
        return None
    test = OPERATORS[operator]
    return lambda values: test(values.get(name), value)
