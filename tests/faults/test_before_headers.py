"""The connection fails after the request was sent and before an answer came: the work may have started."""

from __future__ import annotations

import time

import pytest

from dify_integrations import (
    AsyncDify,
    ConnectionDropped,
    InvalidArgument,
    ProtocolError,
    ReadTimedOut,
    ServerError,
    Timeouts,
    TransportError,
)
from tests.faults.conftest import Serve
from tests.faults.server import Script, hold, reset
from tests.faults.sides import CLOCKS, Side
from tests.faults.wire import LAST, Kind, answer, chunk, head, ok

STALL_S = 0.09
FAULTS: dict[str, Script] = {
    "reset": (reset,),
    "close": (b"",),
    "half a status line": (b"HTTP/1.1 20",),
    "half a head": (b"HTTP/1.1 200 OK\r\nContent-Type: text/ev",),
    "half a head, reset": (b"HTTP/1.1 200 OK\r\nContent-Type: text/ev", reset),
    "garbage": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n",),
    "a header of a megabyte": (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000,),
    "informational, then close": (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",),
}


@pytest.mark.parametrize("script", FAULTS.values(), ids=FAULTS.keys())
def test_a_generation_is_sent_once(any_side: Side, kind: Kind, script: Script, serve: Serve) -> None:
    """It may have begun, so it is not sent again, and the error says so at once."""
    server = serve(script)
    began = time.monotonic()
    error = any_side.error(lambda dify: kind.start(dify).finish(), server.url)
    assert time.monotonic() - began < 1
    assert isinstance(error, ConnectionDropped)
    assert error.started is True
    assert len(server.requests) == 1


@pytest.mark.parametrize("script", FAULTS.values(), ids=FAULTS.keys())
def test_a_repeatable_call_is_sent_again(side: Side, script: Script, serve: Serve) -> None:
    """A read-only call succeeds on the second connection."""
    server = serve(script, ok())
    info = side.run(lambda dify: dify.app.info(), server.url)
    assert info.name == "app"
    assert (len(server.requests), server.accepted) == (2, 2)


def test_a_blocking_generation_is_sent_once(side: Side, serve: Serve) -> None:
    """Asking for one JSON answer makes a generation no safer to repeat."""
    server = serve((reset,))
    error = side.error(lambda dify: dify.chat.send("hi", response_mode="blocking"), server.url)
    assert isinstance(error, ConnectionDropped)
    assert len(server.requests) == 1


def test_retries_are_used_up(side: Side, serve: Serve) -> None:
    """A call that fails every time is sent three times and raises the last failure."""
    server = serve((reset,))
    assert isinstance(side.error(lambda dify: dify.app.info(), server.url), ConnectionDropped)
    assert len(server.requests) == 3


def test_stalled_stream_head(any_side: Side, kind: Kind, serve: Serve) -> None:
    """A generation that gets no head raises on its clock, with `started`, once."""
    server = serve((hold,))
    began = time.monotonic()
    error = any_side.error(lambda dify: kind.start(dify).finish(), server.url, timeout=Timeouts(idle_s=STALL_S))
    took = time.monotonic() - began
    assert isinstance(error, ReadTimedOut)
    assert isinstance(error, TimeoutError)
    assert error.started is True
    assert STALL_S * 0.8 < took < STALL_S * 1.2 + 0.3
    assert len(server.requests) == 1


def test_stalled_json_head(side: Side, serve: Serve) -> None:
    """A read-only call whose first answer stalls succeeds at the second try."""
    server = serve((hold,), ok())
    assert side.run(lambda dify: dify.app.info(), server.url, timeout=Timeouts(read_s=STALL_S)).name == "app"
    assert len(server.requests) == 2


def test_stalled_json_body(side: Side, serve: Serve) -> None:
    """Half a JSON body and then silence is the read clock's business too."""
    server = serve((b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", hold), ok())
    assert side.run(lambda dify: dify.app.info(), server.url, timeout=Timeouts(read_s=STALL_S)).name == "app"


def test_deadline_before_the_head(any_side: Side, kind: Kind, serve: Serve) -> None:
    """The whole-run clock also covers the way to the head, and its error names it."""
    server = serve((hold,))
    error = any_side.error(lambda dify: kind.start(dify).finish(), server.url, timeout=Timeouts(deadline_s=STALL_S))
    assert "deadline" in error.message
    assert isinstance(error, TimeoutError)


def test_deadline_ends_retries(side: Side, serve: Serve) -> None:
    """Waiting to send again never outlasts the deadline."""
    server = serve((answer(429, b"", Retry_After="3"),))
    began = time.monotonic()
    side.error(lambda dify: dify.chat.stream("hi").finish(), server.url, timeout=Timeouts(deadline_s=STALL_S))
    assert time.monotonic() - began < 1
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [100, 102, 103])
def test_informational_answers_are_skipped(side: Side, kind: Kind, status: int, serve: Serve) -> None:
    """1xx answers are no answer."""
    server = serve((b"HTTP/1.1 %d Wait\r\n\r\n" % status, head(), chunk(kind.whole), LAST))
    assert side.run(lambda dify: kind.start(dify).finish(), server.url).text == "Hello"


def test_body_cut_short_is_repeated(side: Side, serve: Serve) -> None:
    """A JSON body shorter than announced is a broken connection, not half a value."""
    server = serve((b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}",), ok())
    assert side.run(lambda dify: dify.app.info(), server.url).name == "app"


def test_an_error_status_whose_body_breaks(side: Side, serve: Serve) -> None:
    """A generation answered with half an error page raises once, whichever of the two it reports."""
    server = serve((b"HTTP/1.1 502 Bad\r\nContent-Length: 99\r\n\r\n<html>",))
    error = side.error(lambda dify: dify.chat.send("hi"), server.url)
    assert isinstance(error, (TransportError, ServerError))
    assert len(server.requests) == 1


def test_nothing_is_sent_for_a_refused_argument(side: Side, kind: Kind, serve: Serve) -> None:
    """No user, no request."""
    server = serve(ok())

    async def body(dify: AsyncDify) -> None:
        with pytest.raises(InvalidArgument, match="user"):
            await kind.start(dify).finish()

    side.run(body, server.url, user=None)
    assert server.accepted == 0


def test_an_undecodable_address_is_typed(side: Side) -> None:
    """An address that httpx refuses when sending gives one of our errors."""
    error = side.error(lambda dify: dify.app.info(), "http://127.0.0.1:1/v1", timeout=CLOCKS, headers={"X-Y": ""})
    assert isinstance(error, (TransportError, ProtocolError))
