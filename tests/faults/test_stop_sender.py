"""Stop calls that meet a dead server: bounded, whatever happens."""

from __future__ import annotations

import threading
import time

import pytest

from dify_integrations import _stop
from dify_integrations.operations import chat as operations
from dify_integrations.settings import Settings, read
from tests.faults.conftest import Serve
from tests.faults.server import Connection, FaultServer, hold, reset
from tests.faults.sides import KEY
from tests.faults.wire import ok

STOP = operations.stop("t-1", user="ann")


def settings(server: FaultServer) -> Settings:
    return read(api_key=KEY, base_url=server.url, trust_env=False)


def silent(connection: Connection) -> None:
    """Accept, and say nothing."""
    hold(connection)


def test_a_stop_call_takes_no_longer_than_its_limit(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never answers is not asked again and again."""
    monkeypatch.setattr(_stop, "LIMIT_S", 0.08)
    server = serve(ok(), on_accept=[(silent,)] * 10)
    sender = _stop.StopSender()
    began = time.monotonic()
    sender.submit(settings(server), STOP)
    sender.flush(3)
    assert time.monotonic() - began < 0.5
    assert server.accepted == 1


def test_a_stop_call_that_fails_at_once_is_repeated(serve: Serve) -> None:
    """A broken connection is no reason to let a run go on."""
    server = serve(ok(), on_accept=[(reset,)])
    sender = _stop.StopSender()
    sender.submit(settings(server), STOP)
    sender.flush(3)
    assert len(server.stops) == 1


def test_waiting_at_the_end_is_bounded_for_all_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many stop calls hang, the interpreter's end is held up once."""
    monkeypatch.setattr(_stop, "LIMIT_S", 1.0)
    sender = _stop.StopSender()
    with FaultServer(ok(), on_accept=[(silent,)] * 10) as server:
        for _ in range(5):
            sender.submit(settings(server), STOP)
        assert server.wait_until(lambda: server.accepted == 5)
        began = time.monotonic()
        sender.flush(0.08)
        assert time.monotonic() - began < 0.25
    sender.flush(3)


def test_a_thousand_streams_left_at_once_take_a_few_threads(serve: Serve) -> None:
    """Every stop call goes out, eight at a time."""
    server = serve(*[ok()] * 100)
    sender = _stop.StopSender()
    most = 0
    for _ in range(100):
        sender.submit(settings(server), STOP)
        most = max(most, sum(thread.name == "dify-stop" for thread in threading.enumerate()))
    sender.flush(10)
    assert len(server.stops) == 100
    assert most <= 8 + 1  # one may be of a test before


def test_no_thread_at_the_end_of_the_interpreter(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """When no thread can be started nothing is raised, and the call goes out with the next that can."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    server = serve(ok(), ok())
    sender = _stop.StopSender()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        sender.submit(settings(server), STOP)
        sender.flush(0.01)
    assert server.stops == []
    sender.submit(settings(server), STOP)
    sender.flush(3)
    assert len(server.stops) == 2
