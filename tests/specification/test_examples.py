"""Every answer that Dify's specification shows is read by the call it belongs to: nothing is lost, errors are exact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dify_integrations import AsyncDify, Dify, UnknownEvent
from tests.specification.full import Full
from tests.specification.making import CALLS, STREAM, answer_to, objects, step
from tests.specification.spec import Example, described, needs_the_specification
from tests.wire.calls.base import Sent
from tests.wire.outcomes import Outcome, check
from tests.wire.refusals import check_refusal
from tests.wire.replaying import OPTIONS, Replayer, called, in_async, in_sync

pytestmark = needs_the_specification
EVERY = [example for one in described() for example in one.examples]
BOTH = pytest.mark.parametrize("drive", [in_sync, in_async], ids=["sync", "async"])


def row_for(example: Example) -> Full:
    """The call whose answer it is; refusals come to calls that do not stream as well as to those that do."""
    rows = [row for row in CALLS if row.operation == example.operation]
    return next((row for row in rows if row.streams == (example.media_type == STREAM)), rows[0])


def cases(wanted: Callable[[Example], bool]) -> list[Any]:
    return [pytest.param(example, id=example.id) for example in EVERY if wanted(example)]


def test_there_are_examples() -> None:
    assert len(EVERY) >= 400


@BOTH
@pytest.mark.parametrize("example", cases(lambda example: example.status < 300))
def test_an_answer_is_read(example: Example, drive: Callable[..., None]) -> None:
    row, answered = row_for(example), answer_to(example)

    def judge(outcome: Outcome, _: list[Sent]) -> None:
        check(row.call, answered, outcome)

    drive([step(row, answered, judge)], items=False)


@BOTH
@pytest.mark.parametrize("example", cases(lambda example: example.status >= 300))
def test_a_refusal_is_an_error(example: Example, drive: Callable[..., None]) -> None:
    answered = answer_to(example)

    def judge(outcome: Outcome, _: list[Sent]) -> None:
        check_refusal(answered.status, example.media_type, answered.body, outcome.error)

    drive([step(row_for(example), answered, judge)], items=False)


STREAMS = cases(lambda example: example.media_type == STREAM)


@pytest.mark.parametrize("example", STREAMS)
def test_events_of_a_stream_are_known(example: Example) -> None:
    row = row_for(example)
    with Replayer() as server, Dify(base_url=server.url, **OPTIONS) as dify:
        server.answers = [answer_to(example)]
        with called(dify, row.call, items=True) as run:
            told = list(run)
    assert misread(example, told) == []


@pytest.mark.anyio
@pytest.mark.parametrize("example", STREAMS)
async def test_events_of_a_stream_are_known_async(example: Example) -> None:
    row = row_for(example)
    with Replayer() as server:
        async with AsyncDify(base_url=server.url, **OPTIONS) as dify:
            server.answers = [answer_to(example)]
            async with called(dify, row.call, items=True) as run:
                told = [event async for event in run]
    assert misread(example, told) == []


def misread(example: Example, told: list[Any]) -> list[object]:
    """Events that are missing, not of their own class, or lack something they said."""
    sent = objects(example.value)
    right = [
        event.raw == raw and event.name == raw["event"] and not isinstance(event, UnknownEvent) for raw, event in zip(sent, told)
    ]
    wrong: list[object] = [raw for raw, well in zip(sent, right) if not well]
    return wrong if len(told) == len(sent) > 1 else [f"{len(told)} events of {len(sent)}", *wrong]
