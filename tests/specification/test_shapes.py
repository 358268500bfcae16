"""Answers and events with every field that Dify's specification gives them: all are read, and all are typed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from dify_integrations import UnknownEvent
from dify_integrations.events.parse import parse_event
from tests.specification.making import CALLS, step
from tests.specification.schema import fields_of, filled
from tests.specification.spec import Json, described, events, needs_the_specification
from tests.wire.calls.base import Sent
from tests.wire.outcomes import Answered, Outcome, check
from tests.wire.replaying import in_sync

pytestmark = needs_the_specification


# Runs become a RunResult, which is compared with recordings and examples.
RUNS = {"executeWorkflow", "runWorkflowById"}
# What a schema calls a string, and servers send as something better.
BETTER: dict[str, Json] = {"getWorkflowRunDetail": {"inputs": "{}"}}


def answers() -> Iterator[Any]:
    """Every JSON answer that a call gives back as a value."""
    for one in described():
        for status, media_type, schema in one.answers:
            gives = {path for path, _ in fields_of(schema)} - {"result"}
            if status < 300 and media_type == "application/json" and gives and one.id not in RUNS:
                yield pytest.param(one.id, status, schema, id=one.id)


@pytest.mark.parametrize(("operation", "status", "schema"), list(answers()))
def test_every_field_of_an_answer_is_typed(operation: str, status: int, schema: Json) -> None:
    row = next(row for row in CALLS if row.operation == operation and not row.streams)
    answered = Answered(status, {"content-type": "application/json"}, json.dumps(whole(operation, schema)).encode())

    def judge(outcome: Outcome, _: list[Sent]) -> None:
        check(row.call, answered, outcome)
        assert list(untyped(outcome.value, operation)) == []

    in_sync([step(row, answered, judge)], items=False)


def whole(operation: str, schema: Json) -> Any:
    """An answer with every field."""
    value = filled(schema)
    return {**value, **BETTER[operation]} if operation in BETTER else value


def untyped(value: Any, at: str) -> Iterator[str]:
    """Paths of what a model keeps without knowing it."""
    if isinstance(value, list):
        for entry in value:
            yield from untyped(entry, f"{at}[]")
    elif isinstance(value, BaseModel):
        yield from (f"{at}.{name}" for name in value.model_extra or {})
        for name in type(value).model_fields:
            yield from untyped(getattr(value, name), f"{at}.{name}")


@pytest.mark.parametrize(("kind", "name", "schema"), [pytest.param(*one, id=f"{one[0]}-{one[1]}") for one in events()])
def test_every_field_of_an_event_is_typed(kind: str, name: str, schema: Json) -> None:
    raw = filled(schema) | {"event": name}
    event = parse_event(("message", json.dumps(raw).encode()))
    assert event.name == name
    assert not isinstance(event, UnknownEvent)
    inside = raw.pop("data") if isinstance(raw.get("data"), dict) else {}
    fields = raw | inside
    missing = [field for field in fields if field != "event" and not hasattr(event, field)]
    assert missing == []
