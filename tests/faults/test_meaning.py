"""Runs that fail in words: the right class at once, although the server keeps the connection open."""

from __future__ import annotations

import time

import pytest

from dify_integrations import AsyncDify, Ended, ProviderError, RunFailed, RunStopped, ServerError, TextDelta, TooManyRequests
from tests.faults.conftest import Serve
from tests.faults.server import Act, hold, repeat
from tests.faults.sides import Side
from tests.faults.wire import CHAT, PING, WORKFLOW, Kind, chunk, frame, head

AT_ONCE_S = 0.5
AFTERWARDS: dict[str, Act] = {"silence": hold, "pings for ever": repeat(chunk(PING), 0.02)}


@pytest.fixture(params=AFTERWARDS.values(), ids=list(AFTERWARDS))
def afterwards(request: pytest.FixtureRequest) -> Act:
    """What the server does after the end of the run; it never closes."""
    act: Act = request.param
    return act


def error_of(side: Side, kind: Kind, serve: Serve, *script: Act) -> Exception:
    """The error of a run, which must come at once and without a stop call."""
    server = serve((head(), *script))
    error = side.error(lambda dify: kind.start(dify).finish(), server.url)
    assert time.monotonic() - server.requests[0].at < AT_ONCE_S
    assert len(server.requests) == 1
    assert server.stops == []
    return error


def test_error_first(any_side: Side, kind: Kind, afterwards: Act, serve: Serve) -> None:
    """An `error` event is classified by its code and has nothing partial to show."""
    error = error_of(any_side, kind, serve, chunk(CHAT.failed), afterwards)
    assert isinstance(error, ProviderError)
    assert (error.status, error.code, error.in_stream) == (400, "completion_request_error", True)
    assert error.partial is not None
    assert error.partial.text == ""


def test_error_after_text(any_side: Side, kind: Kind, afterwards: Act, serve: Serve) -> None:
    """The text so far is attached."""
    error = error_of(any_side, kind, serve, chunk(kind.began, kind.more), chunk(CHAT.failed), afterwards)
    assert isinstance(error, ProviderError)
    assert error.partial is not None
    assert (error.partial.text, error.partial.status) == ("Hello", "failed")
    assert dict(error.partial.ids) == kind.ids


def test_bare_error_frame(any_side: Side, kind: Kind, afterwards: Act, serve: Serve) -> None:
    """Dify main refuses inputs with a frame without code or ids; its text is the cause."""
    bare = frame("error", message="query is required", status=500)
    error = error_of(any_side, kind, serve, chunk(PING), chunk(bare), afterwards)
    assert isinstance(error, RunFailed)
    assert "query is required" in error.message


@pytest.mark.parametrize(
    ("code", "status", "cls"),
    [("internal_server_error", 500, ServerError), ("too_many_requests", 429, TooManyRequests)],
)
def test_errors_in_a_stream_are_not_repeated(
    side: Side, kind: Kind, code: str, status: int, cls: type[Exception], serve: Serve
) -> None:
    """Classes that would be sent again as an HTTP status are not: the run had begun."""
    event = frame("error", message="no", code=code, status=status)
    assert isinstance(error_of(side, kind, serve, chunk(event), hold), cls)


def test_failed_workflow(any_side: Side, afterwards: Act, serve: Serve) -> None:
    """A failed run says why, with its result, at once."""
    error = error_of(any_side, WORKFLOW, serve, chunk(WORKFLOW.began, WORKFLOW.failed), afterwards)
    assert isinstance(error, RunFailed)
    assert "node broke" in error.message
    assert error.result is not None
    assert (error.result.text, error.result.status, error.result.workflow_run_id) == ("Hel", "failed", "r-1")


def test_stopped_by_somebody_else(side: Side, afterwards: Act, serve: Serve) -> None:
    """A run that another caller stopped raises, with what there is."""
    stopped = WORKFLOW.failed.replace(b'"failed"', b'"stopped"')
    error = error_of(side, WORKFLOW, serve, chunk(WORKFLOW.began, stopped), afterwards)
    assert isinstance(error, RunStopped)
    assert error.result is not None
    assert error.result.text == "Hel"


def test_good_end_on_an_open_connection(side: Side, kind: Kind, afterwards: Act, serve: Serve) -> None:
    """The end of a run is its meaning, not the end of the body."""
    server = serve((head(), chunk(kind.whole), afterwards))
    result = side.run(lambda dify: kind.start(dify).finish(), server.url)
    assert (result.text, result.status) == ("Hello", "succeeded")
    assert time.monotonic() - server.requests[0].at < AT_ONCE_S
    assert server.wait_until(lambda: server.left, AT_ONCE_S)
    assert server.stops == []


def test_events_after_the_end_are_ignored(side: Side, kind: Kind, serve: Serve) -> None:
    """A second end and late text change nothing."""
    server = serve((head(), chunk(kind.whole, kind.more, kind.ended, CHAT.failed), hold))
    assert side.run(lambda dify: kind.start(dify).finish(), server.url).text == "Hello"


def test_everything_before_the_error_is_given_out(side: Side, kind: Kind, serve: Serve) -> None:
    """Iterating yields the items first, then raises."""
    server = serve((head(), chunk(kind.began, kind.more), chunk(CHAT.failed), hold))

    async def body(dify: AsyncDify) -> list[object]:
        items: list[object] = []
        with pytest.raises(ProviderError):
            async with kind.start(dify) as run:
                async for item in run.items():
                    items.append(item)
        return items

    items = side.run(body, server.url)
    assert [item.text for item in items if isinstance(item, TextDelta)] == ["Hel", "lo"]
    assert isinstance(items[-1], Ended)
    assert items[-1].status == "failed"
