"""Every recorded exchange the public client can make: it sends what was recorded, and the answer means what it should."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dify_integrations.errors import InvalidArgument
from tests.faults.server import Received
from tests.wire.calls.base import Asked, Part, Sent
from tests.wire.calls.table import Made, sent_by
from tests.wire.outcomes import Answered, Outcome, check
from tests.wire.playing import CASSETTES, every_cassette, exchanges, name_of, reachable
from tests.wire.replaying import KEYS, NO_SUCH_ADDRESS, NO_SUCH_VERB, Step, in_async, in_sync

Drive = Callable[..., int]
EVERY = every_cassette()
PLAYED = [path for path in EVERY if reachable(path)]
STREAMED = [path for path in PLAYED if any(made.call.streams for made in reachable(path).values())]
# Async all of this repository's, and some of the others.
SAMPLE = {path for number, path in enumerate(PLAYED) if path in CASSETTES or number % 5 == 0}


def cases(paths: Sequence[Path]) -> list[object]:
    """Every cassette with the clients that play it."""
    found = [pytest.param(path, in_sync, id=f"{name_of(path)}-sync") for path in paths]
    return [*found, *(pytest.param(path, in_async, id=f"{name_of(path)}-async") for path in paths if path in SAMPLE)]


@pytest.mark.parametrize(("path", "drive"), cases(PLAYED))
def test_a_cassette_is_played_by_the_client(path: Path, drive: Drive) -> None:
    steps = [step(made, exchanges(path)[number][4]) for number, made in reachable(path).items()]
    assert drive(steps, items=False) == len(steps) > 0


@pytest.mark.parametrize(("path", "drive"), cases(STREAMED))
def test_its_streams_are_played_item_by_item(path: Path, drive: Drive) -> None:
    played = {number: made for number, made in reachable(path).items() if made.call.streams}
    steps = [step(made, exchanges(path)[number][4]) for number, made in played.items()]
    assert drive(steps, items=True) == len(steps) > 0


def step(made: Made, answered: Answered) -> Step:
    """The call, its answers, and the comparison of what was sent and what came."""
    missing = answered.status == 405 or (answered.status == 404 and "html" in answered.headers["content-type"])
    after = made.after if missing else []
    absent = [NO_SUCH_VERB if sent.method == "PATCH" else NO_SUCH_ADDRESS for sent in made.before]

    def judge(outcome: Outcome, requests: Sequence[Received]) -> None:
        if isinstance(outcome.error, InvalidArgument):
            assert requests == []
            assert answered.status >= 400, f"the client refuses what the server takes: {outcome.error}"
            return
        assert [comparable(received(request)) for request in requests] == [
            comparable(sent) for sent in (*made.before, made.sent, *after)
        ]
        assert {request.headers.get("authorization") for request in requests} == {KEYS[made.key]}
        check(made.call, answered, outcome)

    return made.call, [*absent, answered, *(NO_SUCH_ADDRESS for _ in after)], judge


def received(request: Received) -> Sent:
    return sent_by(Asked(request.method, f"http://server{request.path}", request.headers, request.body))


def comparable(sent: Sent) -> Sent:
    """Parameters in any order; values as text, because Python says True == 1."""
    return replace(sent, query=sorted(sent.query), body=json.dumps(sent.body, sort_keys=True, default=_told))


def _told(value: object) -> object:
    return vars(value) if isinstance(value, Part) else repr(value)
