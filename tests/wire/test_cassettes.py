"""Every curated exchange the public client can make: it sends what was recorded, and the answer means what it should."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import anyio
import pytest

from dify_integrations import AsyncDify, Dify
from dify_integrations.errors import DifyError
from dify_integrations.testing import UseCassette
from tests.wire.calls import NOT_REACHABLE, Call, Unreachable, as_the_client_would, call_for, fits
from tests.wire.outcomes import Outcome, check
from tests.wire.playing import CASSETTES, OPTIONS, exchanges, left_out, name_of, reachable
from tests.wire.recordings import CURATED, streams_of


def script(path: Path, cassette: Any) -> Iterator[Call]:
    """The calls of a cassette in order; a driver sends back what each gave."""
    for request, _ in cassette.data:
        request.uri, request.body = as_the_client_would(request.uri, request.body or b"")
    for number, call in reachable(path).items():
        outcome: Any = yield call
        check(call, exchanges(path)[number][4], outcome)


def in_sync(path: Path, cassette: Any, *, items: bool) -> None:
    steps: Any = script(path, cassette)
    with Dify(**OPTIONS) as dify:
        outcome = None
        while call := _next(steps, outcome):
            outcome = Outcome()
            try:
                if items and call.streams:
                    with attrgetter(_streaming(call))(dify)(*call.args, **call.kwargs) as run:
                        for item in run.items():
                            outcome.items.append(item)
                    outcome.value = run.result
                else:
                    outcome.value = attrgetter(call.method)(dify)(*call.args, **call.kwargs)
            except DifyError as error:
                outcome.error = error


def in_async(path: Path, cassette: Any, *, items: bool) -> None:
    async def main() -> None:
        steps: Any = script(path, cassette)
        async with AsyncDify(**OPTIONS) as dify:
            outcome = None
            while call := _next(steps, outcome):
                outcome = Outcome()
                try:
                    if items and call.streams:
                        async with attrgetter(_streaming(call))(dify)(*call.args, **call.kwargs) as run:
                            async for item in run.items():
                                outcome.items.append(item)
                        outcome.value = run.result
                    else:
                        outcome.value = await attrgetter(call.method)(dify)(*call.args, **call.kwargs)
                except DifyError as error:
                    outcome.error = error

    anyio.run(main)


def _next(steps: Any, outcome: Outcome | None) -> Call | None:
    try:
        call: Call = steps.send(outcome)
    except StopIteration:
        return None
    return call


def _streaming(call: Call) -> str:
    return call.method.partition(".")[0] + ".stream"


PLAYED = [path for path in CASSETTES if reachable(path)]
STREAMED = [path for path in PLAYED if any(call.streams for call in reachable(path).values())]
BOTH = pytest.mark.parametrize("drive", [in_sync, in_async], ids=["sync", "async"])


def played(path: Path, drive: Callable[..., None], dify_cassette: UseCassette, *, items: bool) -> int:
    """How many exchanges the client made; what each must give is asserted while it is played."""
    with dify_cassette(path, unplayed=left_out(path)) as cassette:
        drive(path, cassette, items=items)
        count: int = cassette.play_count
    return count


def to_be_played(path: Path) -> int:
    return len(list(exchanges(path))) - len(left_out(path))


@BOTH
@pytest.mark.parametrize("path", PLAYED, ids=name_of)
def test_a_cassette_is_played_by_the_client(path: Path, drive: Callable[..., None], dify_cassette: UseCassette) -> None:
    assert played(path, drive, dify_cassette, items=False) == to_be_played(path) > 0


@BOTH
@pytest.mark.parametrize("path", STREAMED, ids=name_of)
def test_its_streams_are_played_item_by_item(path: Path, drive: Callable[..., None], dify_cassette: UseCassette) -> None:
    assert played(path, drive, dify_cassette, items=True) == to_be_played(path) > 0


def test_what_is_not_reachable_is_told() -> None:
    """Every exchange is played, or a row or a reason says why not; rows that say nothing any more must go."""
    used: set[tuple[str, str, str]] = set()
    for path in CASSETTES:
        for method, uri, headers, body, _ in exchanges(path):
            try:
                call_for(method, uri, headers, body)
            except Unreachable:
                route = uri.partition("/v1")[2].partition("?")[0] or "/"
                used |= {row for row in NOT_REACHABLE if fits(row, method, route)}
    assert used == set(NOT_REACHABLE)


def test_raw_streams_are_the_bodies_in_the_cassettes() -> None:
    for path in CASSETTES:
        streams = [answered.body for *_, answered in exchanges(path) if answered.streamed]
        files = sorted(CURATED.glob(f"{path.parent.name}/{path.stem}.sse"))
        files += sorted(CURATED.glob(f"{path.parent.name}/{path.stem}.[0-9].sse"))
        assert [file.read_bytes() for file in files] == streams, path
        assert len(streams) == len(streams_of(path))
