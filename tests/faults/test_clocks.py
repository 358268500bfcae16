"""Silence, dripping bytes and endless pings: which clock runs out, when, and what the error says."""

from __future__ import annotations

import time

import anyio
import httpx
import pytest

from dify_integrations import AsyncDify, DeadlineExceeded, Dify, DifyError, StreamStalled, Timeouts
from tests.faults.conftest import Serve
from tests.faults.server import Connection, Script, hold, repeat
from tests.faults.sides import Side
from tests.faults.wire import CHAT, FLOW_STARTED, FLOW_SUCCEEDED, LAST, PING, Kind, chunk, head

LIMIT_S = 0.1
LONGER_S = 0.3
LATE_S = 0.25
"""Late enough in `LONGER_S` that a clock which starts anew would run visibly too long."""


def ended(side: Side, kind: Kind, serve: Serve, script: Script, timeouts: Timeouts) -> tuple[DifyError, float]:
    """The error of a run and how long it took."""
    server = serve(script)
    began = time.monotonic()
    error = side.error(lambda dify: kind.start(dify).finish(), server.url, timeout=timeouts)
    return error, time.monotonic() - began


def in_time(took: float, limit_s: float = LIMIT_S) -> bool:
    """Not before the clock, and not much later; the allowance is for a busy machine."""
    return limit_s * 0.8 < took < limit_s * 1.2 + 0.3


def drip(data: bytes, every_s: float) -> Script:
    """The same byte for ever."""
    return (repeat(chunk(data), every_s),)


def test_silence(any_side: Side, kind: Kind, serve: Serve) -> None:
    """A stream that says nothing is given up on the idle clock."""
    error, took = ended(any_side, kind, serve, (head(), hold), Timeouts(idle_s=LIMIT_S))
    assert type(error) is StreamStalled
    assert isinstance(error, TimeoutError)
    assert in_time(took)
    assert "proxy" in error.message


def test_silence_after_text(any_side: Side, kind: Kind, serve: Serve) -> None:
    """What had arrived is on the error."""
    error, took = ended(any_side, kind, serve, (head(), chunk(kind.began), hold), Timeouts(idle_s=LIMIT_S))
    assert type(error) is StreamStalled
    assert error.ids == kind.ids
    assert error.partial is not None
    assert error.partial.text == "Hel"
    assert in_time(took)


def test_one_ping_then_silence(any_side: Side, kind: Kind, serve: Serve) -> None:
    """Dify 1.13 to 1.14.2 after a refusal: the message names the likely causes."""
    error, took = ended(any_side, kind, serve, (head(), chunk(PING), hold), Timeouts(idle_s=LIMIT_S))
    assert type(error) is StreamStalled
    assert in_time(took)
    for cause in ("inputs", "conversation_id", "proxy", "worker"):
        assert cause in error.message


def test_dripping_bytes_are_no_life(any_side: Side, kind: Kind, serve: Serve) -> None:
    """One byte now and then keeps every socket alive, but completes nothing."""
    script = (head(), chunk(kind.began), chunk(b"data: "), *drip(b"x", 0.03))
    error, took = ended(any_side, kind, serve, script, Timeouts(idle_s=LIMIT_S))
    assert type(error) is StreamStalled
    assert in_time(took)


def test_bytes_shortly_before_the_limit_do_not_double_it(any_side: Side, kind: Kind, serve: Serve) -> None:
    """A part of an event late in the idle time gives no second idle time."""
    script = (head(), chunk(PING), LATE_S, chunk(b"data: x"), hold)
    error, took = ended(any_side, kind, serve, script, Timeouts(idle_s=LONGER_S))
    assert type(error) is StreamStalled
    assert in_time(took, LONGER_S)
    assert took < LATE_S + LONGER_S


def test_pings_are_life(side: Side, kind: Kind, serve: Serve) -> None:
    """A run longer than the idle clock lives as long as pings come."""
    pings = [act for _ in range(8) for act in (chunk(PING), LIMIT_S / 3)]
    server = serve((head(), *pings, chunk(kind.whole), LAST))
    assert side.run(lambda dify: kind.start(dify).finish(), server.url, timeout=Timeouts(idle_s=LIMIT_S)).text == "Hello"


def test_comments_are_life(side: Side, kind: Kind, serve: Serve) -> None:
    """So do comments, which some proxies send."""
    pings = [act for _ in range(8) for act in (chunk(b": still here\n"), LIMIT_S / 3)]
    server = serve((head(), *pings, chunk(b"\n", kind.whole), LAST))
    assert side.run(lambda dify: kind.start(dify).finish(), server.url, timeout=Timeouts(idle_s=LIMIT_S)).text == "Hello"


def test_pings_for_ever(any_side: Side, kind: Kind, serve: Serve) -> None:
    """`data_idle_s` gives up a run of which only pings come, and says so."""
    script = (head(), chunk(kind.began), repeat(chunk(PING), 0.02))
    error, took = ended(any_side, kind, serve, script, Timeouts(idle_s=5.0, data_idle_s=LIMIT_S))
    assert type(error) is StreamStalled
    assert in_time(took)
    assert "0.1 s" in error.message
    assert "data_idle_s" in error.message


def test_deadline_during_text(any_side: Side, kind: Kind, serve: Serve) -> None:
    """A run that goes on and on ends at its deadline, with its text, and is asked to stop."""
    server = serve((head(), chunk(kind.began), repeat(chunk(kind.more), 0.02)))
    began = time.monotonic()
    error = any_side.error(lambda dify: kind.start(dify).finish(), server.url, timeout=Timeouts(deadline_s=LIMIT_S))
    took = time.monotonic() - began
    assert type(error) is DeadlineExceeded
    assert error.partial is not None
    assert error.partial.text.startswith("Hello")
    assert in_time(took)
    assert server.wait_until(lambda: server.stops)
    assert server.stops[0].path == kind.stop_path


def test_deadline_during_silence(any_side: Side, kind: Kind, serve: Serve) -> None:
    """Text late before the deadline does not move it."""
    script = (head(), LATE_S, chunk(kind.began), hold)
    error, took = ended(any_side, kind, serve, script, Timeouts(deadline_s=LONGER_S))
    assert type(error) is DeadlineExceeded
    assert in_time(took, LONGER_S)
    assert took < LATE_S + LONGER_S


def test_a_deadline_that_is_kept(side: Side, kind: Kind, serve: Serve) -> None:
    """A run in time is none of the deadline's business."""
    server = serve((head(), chunk(kind.began), 0.02, chunk(kind.more, kind.ended), LAST))
    result = side.run(lambda dify: kind.start(dify).finish(), server.url, timeout=Timeouts(deadline_s=2.0))
    assert result.text == "Hello"


def test_clocks_switched_off(side: Side, kind: Kind, serve: Serve) -> None:
    """`timeout=None` waits."""
    server = serve((head(), 0.05, chunk(kind.whole), LAST))
    assert side.run(lambda dify: kind.start(dify).finish(), server.url, timeout=None).text == "Hello"


def test_grace_for_a_chatflow_of_unknown_version(any_side: Side, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy hides the version and keeps the connection: after `workflow_finished` only a short time is waited."""
    monkeypatch.setattr("dify_integrations.core.clocks.GRACE_S", LIMIT_S)
    server = serve((head(), chunk(FLOW_STARTED, CHAT.began, CHAT.more, FLOW_SUCCEEDED), hold))
    began = time.monotonic()
    result = any_side.run(lambda dify: CHAT.start(dify).finish(), server.url, timeout=Timeouts(idle_s=5.0))
    took = time.monotonic() - began
    assert (result.text, result.status) == ("Hello", "succeeded")
    assert in_time(took)
    assert server.stops == []


def test_grace_ends_with_the_connection(side: Side, serve: Serve) -> None:
    """Dify closes a second after the end; then nothing more is waited for, however it closes."""

    def broken(connection: Connection) -> None:
        connection.wait(0.01)

    server = serve((head(), chunk(FLOW_STARTED, CHAT.began, CHAT.more, FLOW_SUCCEEDED), broken))
    result = side.run(lambda dify: CHAT.start(dify).finish(), server.url)
    assert result.status == "succeeded"
    assert time.monotonic() - server.requests[0].at < 0.5


def test_grace_takes_the_late_event(side: Side, serve: Serve) -> None:
    """`message_end` after `workflow_finished`, as servers up to 1.12 send it, is part of the answer."""
    server = serve((head(), chunk(FLOW_STARTED, CHAT.began, FLOW_SUCCEEDED), 0.05, chunk(CHAT.ended), hold))
    result = side.run(lambda dify: CHAT.start(dify).finish(), server.url)
    assert result.status == "succeeded"
    assert time.monotonic() - server.requests[0].at < 1


def test_the_read_timeout_of_a_given_client(kind: Kind, serve: Serve) -> None:
    """A client of one's own keeps its clocks; the error names the one that ran out, which is none of ours."""
    server = serve((head(), chunk(kind.began), hold))

    async def body() -> StreamStalled:
        async with httpx.AsyncClient(timeout=LIMIT_S, trust_env=False) as client:
            dify = AsyncDify("app-x", base_url=server.url, user="ann", http_client=client)
            with pytest.raises(StreamStalled) as caught:
                await kind.start(dify).finish()
            return caught.value

    error = anyio.run(body)
    assert "http_client" in error.message
    assert "60" not in error.message


def test_a_given_sync_client_needs_no_second_thread(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reads are ended by its own time-out, which is known."""
    monkeypatch.setattr("threading.Timer", None)
    server = serve((head(), chunk(CHAT.whole), LAST))
    with httpx.Client(trust_env=False) as client:
        dify = Dify("app-x", base_url=server.url, user="ann", http_client=client)
        assert dify.chat.send("hi").text == "Hello"
