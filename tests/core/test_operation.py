"""Answers and readers."""

from __future__ import annotations

from typing import Any

import pytest

from dify_integrations import UnexpectedContent
from dify_integrations.core.operation import Answer, Operation, nothing, reading
from dify_integrations.core.request import Request


@pytest.mark.parametrize(
    ("header", "expected"),
    [("Text/HTML; charset=x", "text/html"), ("application/json", "application/json"), ("", ""), (" a/b ;", "a/b")],
)
def test_content_type(header: str, expected: str) -> None:
    """Lower case, without parameters."""
    assert Answer(200, {"content-type": header}).content_type == expected
    assert Answer(200, {}).content_type == ""


def test_reading() -> None:
    """Parse, then hand on."""
    assert reading(lambda value: value["a"])(Answer(200, {}, b'{"a": 1}')) == 1


@pytest.mark.parametrize("headers", [{"content-type": "text/html"}, {}])
def test_reading_what_is_no_json(headers: dict[str, str]) -> None:
    """The message shows what came, and what to check."""
    with pytest.raises(UnexpectedContent, match="base_url"):
        reading(lambda value: value)(Answer(200, headers, b"<p>"))


def test_reading_another_shape() -> None:
    """A reader's ValueError, pydantic's included, is an unexpected answer."""

    def refuse(_: Any) -> None:
        raise ValueError("no such field")

    with pytest.raises(UnexpectedContent, match="no such field"):
        reading(refuse)(Answer(200, {}, b"{}"))


def test_nothing() -> None:
    """Success is all there is to know."""
    assert nothing(Answer(204, {})) is None  # type: ignore[func-returns-value]  # that it is None is the point


def test_defaults_are_the_careful_ones() -> None:
    """An operation is not repeated unless it says so."""
    operation = Operation("x", Request("POST", "/x"), nothing)
    assert (operation.repeatable, operation.streams, operation.since) == (False, False, "")
