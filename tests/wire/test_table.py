"""The table behind `test_cassettes.py` is whole and honest: what is played, what is left out, and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from dify_integrations import Dify, InvalidArgument
from dify_integrations.operations.catalogue import OPERATIONS
from tests.wire.calls.base import Asked, Difference, Reason, Unreachable
from tests.wire.calls.never import NOT_REACHABLE
from tests.wire.calls.table import REASONS, REFUSED, ROUTES, Made, call_for, fits
from tests.wire.outcomes import Outcome
from tests.wire.playing import CASSETTES, every_cassette, exchanges
from tests.wire.recordings import COLLECTION, CURATED, streams_of
from tests.wire.replaying import OPTIONS, make

WHOLE = COLLECTION.is_dir()
# Recorded on no server but with a refusal: a knowledge base made of a pipeline would be needed.
NEVER_ANSWERED = {"listDatasourcePlugins", "runPipeline", "runDatasourceNode"}
# An older spelling of `updateDocument`, which the client comes to by itself.
SPELLINGS = {"updateDocumentByFile"}


class Told:
    """Everything that was recorded, sorted by what becomes of it."""

    def __init__(self, paths: list[Path]) -> None:
        self.played: dict[str, Counter[int]] = defaultdict(Counter)
        self.reasons: dict[Reason, Counter[int]] = defaultdict(Counter)
        self.differences: set[tuple[str, Difference]] = set()
        for path in paths:
            for method, uri, headers, body, answered in exchanges(path):
                try:
                    made = call_for(Asked(method, uri, headers, body))
                except Unreachable as unreachable:
                    self.reasons[unreachable.reason][answered.status] += 1
                    continue
                self.differences |= {(made.id, difference) for difference in made.differences}
                if answered.status >= 400 and is_refused(made):
                    self.reasons[REFUSED][answered.status] += 1
                else:
                    self.played[made.id][answered.status] += 1

    @property
    def counts(self) -> tuple[int, int]:
        """Exchanges that are played, and that are not."""
        return _total(self.played), _total(self.reasons)


def _total(counters: Mapping[Any, Counter[int]]) -> int:
    return sum(sum(counter.values()) for counter in counters.values())


def is_refused(made: Made) -> bool:
    """Whether the client refuses the call before it sends anything."""

    def sent(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("sent")

    with (
        httpx.Client(transport=httpx.MockTransport(sent)) as http,
        Dify(base_url="http://127.0.0.1:9/v1", http_client=http, **OPTIONS) as dify,
    ):
        try:
            make(dify, made.call, Outcome())
        except InvalidArgument:
            return True
        except Exception:
            return False
    raise AssertionError("nothing was sent")


@pytest.fixture(scope="module")
def told() -> Told:
    return Told(every_cassette())


def test_every_operation_has_a_route() -> None:
    assert ROUTES.keys() == {endpoint.id for endpoint in OPERATIONS} - SPELLINGS


def test_every_operation_was_recorded(told: Told) -> None:
    """And not only refused."""
    if not WHOLE:
        return
    answered = {name for name, statuses in told.played.items() if min(statuses) < 300}
    assert ROUTES.keys() - answered == NEVER_ANSWERED
    assert "" in answered  # files by signed addresses


def test_what_is_not_reachable_is_told(told: Told) -> None:
    """Every exchange is played, or a row or a reason says why not; those that say nothing any more must go."""
    asked = [Asked(*exchange[:4]) for path in every_cassette() for exchange in exchanges(path)]
    used = {row for row in NOT_REACHABLE for one in asked if fits(row, one)}
    assert used == set(NOT_REACHABLE) or not WHOLE
    assert told.reasons.keys() == REASONS or not WHOLE
    assert told.reasons.keys() <= REASONS


def test_every_difference_is_one(told: Told) -> None:
    """The client sends what was recorded, but for the differences the table names; those nobody needs must go."""
    named = {(route.id, difference) for route in ROUTES.values() for difference in route.differences}
    assert told.differences == named or not WHOLE
    assert told.differences <= named


def test_what_the_client_refuses_is_refused_by_servers(told: Told) -> None:
    """Where servers answer well what no call sends, its reason says so."""
    for reason, statuses in told.reasons.items():
        assert reason.answered or min(statuses) >= 400, reason
        assert not (WHOLE and reason.answered) or min(statuses) < 400, reason


def test_nearly_everything_is_played(told: Told) -> None:
    here, left = Told(CASSETTES).counts
    assert here >= 1475
    assert left <= 198
    if WHOLE:
        everywhere, left = told.counts
        assert everywhere >= 2641
        assert left <= 366


def test_raw_streams_are_the_bodies_in_the_cassettes() -> None:
    for path in CASSETTES:
        streams = [answered.body for *_, answered in exchanges(path) if answered.streamed]
        files = sorted(CURATED.glob(f"{path.parent.name}/{path.stem}.sse"))
        files += sorted(CURATED.glob(f"{path.parent.name}/{path.stem}.[0-9].sse"))
        assert [file.read_bytes() for file in files] == streams, path
        assert len(streams) == len(streams_of(path))
