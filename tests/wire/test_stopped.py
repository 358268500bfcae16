"""`run.stop()` against recorded stops: the request is the recorded one, and the run is then read to its end."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from pathlib import Path

import anyio
import pytest

from dify_integrations import AsyncDify, Dify
from dify_integrations.runs.result import RunResult
from dify_integrations.testing import UseCassette
from tests.wire.calls.base import Call
from tests.wire.expected import Meaning, meaning_of
from tests.wire.playing import CASSETTES, OPTIONS, exchanges, left_out, name_of, reachable
from tests.wire.recordings import frames


def stopped(path: Path) -> tuple[int, int, Call, Meaning] | None:
    """Numbers of a streamed run and of the stop its own user asked for, the call, and what the stream means."""
    calls = {number: made.call for number, made in reachable(path).items()}
    for number, call in calls.items():
        answered = exchanges(path)[number][4]
        if not call.streams or not answered.streamed:
            continue
        meaning = meaning_of(frames(answered.body), call.kind, answered.headers["x-version"])
        area = call.method.partition(".")[0]
        wanted = (f"{area}.stop", (meaning.ids.get("task_id"),), {"user": call.kwargs["user"]})
        for other, stop in calls.items():
            if (stop.method, stop.args, stop.kwargs) == wanted and meaning.ends_at is not None:
                return number, other, call, meaning
    return None


CASES = {path: found for path in CASSETTES if (found := stopped(path))}


def stop_sync(call: Call) -> RunResult:
    with Dify(**OPTIONS) as dify, attrgetter(_stream(call))(dify)(*call.args, **call.kwargs) as run:
        for number, _ in enumerate(run):
            if number == 0:
                run.stop()
        result: RunResult = run.result
        return result


def stop_async(call: Call) -> RunResult:
    async def main() -> RunResult:
        async with AsyncDify(**OPTIONS) as dify, attrgetter(_stream(call))(dify)(*call.args, **call.kwargs) as run:
            first = True
            async for _ in run:
                if first:
                    await run.stop()
                first = False
            result: RunResult = run.result
            return result

    return anyio.run(main)


def _stream(call: Call) -> str:
    return call.method.partition(".")[0] + ".stream"


def test_there_are_recorded_stops_of_every_kind() -> None:
    assert {call.method for _, _, call, _ in CASES.values()} == {"chat.send", "completion.send", "workflows.run"}


@pytest.mark.parametrize("stop", [stop_sync, stop_async], ids=["sync", "async"])
@pytest.mark.parametrize("path", CASES, ids=name_of)
def test_a_run_that_its_caller_stops_ends_without_an_error(
    path: Path, stop: Callable[[Call], RunResult], dify_cassette: UseCassette
) -> None:
    number, other, call, meaning = CASES[path]
    with dify_cassette(path, unplayed=left_out(path, number, other)):
        result = stop(call)
    assert result.text == meaning.text
    assert result.status == meaning.status
    assert dict(result.ids) == meaning.ids
