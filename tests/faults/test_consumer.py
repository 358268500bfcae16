"""A consumer that leaves early, raises, comes twice or stops the run: what is released, and which stop calls go out."""

from __future__ import annotations

import json
import time

import anyio
import pytest

from dify_integrations import AsyncDify, AsyncRun, InvalidArgument, StreamConsumed
from tests.faults.conftest import Serve
from tests.faults.server import Connection, FaultServer, hold, repeat
from tests.faults.sides import Side
from tests.faults.wire import CHAT, LAST, WORKFLOW, Kind, chunk, head

RELEASED_S = 0.5


def endless(kind: Kind) -> FaultServer:
    """A server whose runs never end."""
    return FaultServer((head(), chunk(kind.began), repeat(chunk(kind.more), 0.02)))


def assert_left_and_stopped(server: FaultServer, kind: Kind, user: str = "ann") -> None:
    """The server sees the client leave at once, and gets one stop call of that very run."""
    left_at = time.monotonic()
    assert server.wait_until(lambda: server.left and server.stops)
    assert time.monotonic() - left_at < RELEASED_S
    [stop] = server.stops
    assert (stop.method, stop.path) == ("POST", kind.stop_path)
    assert json.loads(stop.body) == {"user": user}
    assert stop.headers["authorization"].startswith("Bearer app-")


def test_break_inside_with(any_side: Side, kind: Kind) -> None:
    """Leaving the block after one event releases the connection and stops the run, once."""

    async def body(dify: AsyncDify) -> None:
        async with kind.start(dify) as run:
            iterator = run.text()
            assert await iterator.__anext__() == "Hel"
            await close(iterator)
        assert_left_and_stopped(server, kind)

    with endless(kind) as server:
        any_side.run(body, server.url)
        assert len(server.stops) == 1


def test_break_without_with(side: Side, kind: Kind) -> None:
    """So does leaving a plain loop: the iterator is closed when it is forgotten."""

    async def body(dify: AsyncDify) -> None:
        async for _ in kind.start(dify):
            break
        with anyio.move_on_after(1):
            while not server.stops:
                await anyio.sleep(0.005)
        assert_left_and_stopped(server, kind)

    with endless(kind) as server:
        side.run(body, server.url)


def test_consumer_raises(side: Side, kind: Kind) -> None:
    """The consumer's own error passes through unchanged."""

    async def body(dify: AsyncDify) -> None:
        with pytest.raises(ZeroDivisionError):
            async with kind.start(dify) as run:
                async for _ in run:
                    raise ZeroDivisionError
        assert_left_and_stopped(server, kind)

    with endless(kind) as server:
        side.run(body, server.url)


def test_the_calls_own_user_stops(side: Side, kind: Kind) -> None:
    """A stop with another user than the run's is ignored by Dify, so it carries the call's, not the client's."""

    async def body(dify: AsyncDify) -> None:
        run = dify.chat.stream("hi", user="bob") if kind is CHAT else dify.workflows.stream({}, user="bob")
        async with run:
            async for _ in run:
                break
        assert_left_and_stopped(server, kind, user="bob")

    with endless(kind) as server:
        side.run(body, server.url)


def test_entered_but_never_read(side: Side, kind: Kind, serve: Serve) -> None:
    """Nothing was read, so the task is unknown: the connection is released, no stop can be sent."""
    server = serve((head(), hold))

    async def body(dify: AsyncDify) -> None:
        async with kind.start(dify):
            pass
        assert server.wait_until(lambda: server.left, RELEASED_S)

    side.run(body, server.url)
    assert server.stops == []


def test_never_entered(side: Side, kind: Kind, serve: Serve) -> None:
    """A run that nobody opens sends nothing."""
    server = serve((head(), hold))

    async def body(dify: AsyncDify) -> None:
        kind.start(dify)

    side.run(body, server.url)
    assert server.accepted == 0


def test_no_stop_after_a_normal_end(side: Side, kind: Kind, serve: Serve) -> None:
    """Neither at the end of the loop nor at the end of the block."""
    server = serve((head(), chunk(kind.whole), LAST))

    async def body(dify: AsyncDify) -> None:
        async with kind.start(dify) as run:
            async for _ in run:
                pass
            assert run.result.text == "Hello"

    side.run(body, server.url)
    time.sleep(0.02)
    assert server.stops == []


def test_stop_on_close_switched_off(side: Side, kind: Kind) -> None:
    """The connection is released at once, and the run goes on."""

    async def body(dify: AsyncDify) -> None:
        async with kind.start(dify) as run:
            async for _ in run:
                break
        assert server.wait_until(lambda: server.left, RELEASED_S)

    with endless(kind) as server:
        side.run(body, server.url, stop_on_close=False)
        time.sleep(0.02)
        assert server.stops == []


def test_stop_and_read_on(side: Side, kind: Kind, serve: Serve) -> None:
    """`stop` leads to an ordinary end with a result, and to no second stop call."""

    def until_stopped(connection: Connection) -> None:
        assert connection.server.wait_until(lambda: connection.server.stops)

    ended = kind.ended.replace(b'"succeeded"', b'"stopped"')
    server = serve((head(), chunk(kind.began), until_stopped, chunk(ended), LAST))

    async def body(dify: AsyncDify) -> AsyncRun:
        async with kind.start(dify) as run:
            async for _ in run.text():
                await run.stop()
        return run

    result = side.run(body, server.url).result
    assert (result.text, result.status) == ("Hel", "stopped" if kind is WORKFLOW else "succeeded")
    assert len(server.stops) == 1


def test_stop_then_leave(side: Side, kind: Kind) -> None:
    """Leaving after `stop` sends no second one."""

    async def body(dify: AsyncDify) -> None:
        async with kind.start(dify) as run:
            async for _ in run.text():
                await run.stop()
                break
        assert server.wait_until(lambda: server.left, RELEASED_S)

    with endless(kind) as server:
        side.run(body, server.url)
        time.sleep(0.02)
        assert len(server.stops) == 1


def test_stop_before_the_first_event(side: Side, kind: Kind, serve: Serve) -> None:
    """The task is unknown: a clear refusal instead of a stop for nobody."""
    server = serve((head(), hold))

    async def body(dify: AsyncDify) -> None:
        async with kind.start(dify) as run:
            with pytest.raises(InvalidArgument, match="task_id"):
                await run.stop()

    side.run(body, server.url)
    assert server.stops == []


def test_iterated_twice(any_side: Side, kind: Kind, serve: Serve) -> None:
    """The second time raises, whichever way; the result stays."""
    server = serve((head(), chunk(kind.whole), LAST))

    async def body(dify: AsyncDify) -> None:
        async with kind.start(dify) as run:
            assert [text async for text in run.text()] == ["Hel", "lo"]
            for again in (run.text, run.items, run.__aiter__):
                with pytest.raises(StreamConsumed):
                    await again().__anext__()
            with pytest.raises(StreamConsumed):
                await run.finish()
            assert run.result.text == "Hello"

    any_side.run(body, server.url)
    assert len(server.requests) == 1


def test_a_second_reader_does_not_disturb_the_first(side: Side, kind: Kind, serve: Serve) -> None:
    """The refused iterator leaves the run as it is."""
    server = serve((head(), chunk(kind.began), 0.01, chunk(kind.more, kind.ended), LAST))

    async def body(dify: AsyncDify) -> str:
        text = ""
        async with kind.start(dify) as run:
            async for piece in run.text():
                text += piece
                with pytest.raises(StreamConsumed):
                    await run.items().__anext__()
        return text

    assert side.run(body, server.url) == "Hello"


def test_closed_twice(any_side: Side, kind: Kind) -> None:
    """Closing is idempotent: one stop call."""

    async def body(dify: AsyncDify) -> None:
        async with kind.start(dify) as run:
            iterator = run.text()
            await iterator.__anext__()
            await close(iterator)
            await run.aclose()
            await run.aclose()
        assert_left_and_stopped(server, kind)

    with endless(kind) as server:
        any_side.run(body, server.url)
        assert len(server.stops) == 1


def test_closed_while_iterated(side: Side, kind: Kind) -> None:
    """Reading on after `close` says so."""

    async def body(dify: AsyncDify) -> None:
        async with kind.start(dify) as run:
            with pytest.raises(StreamConsumed):
                async for _ in run:
                    await run.aclose()

    with endless(kind) as server:
        side.run(body, server.url)


def test_opened_after_close(side: Side, kind: Kind, serve: Serve) -> None:
    """A closed run is not opened again."""
    server = serve((head(), chunk(kind.whole), LAST))

    async def body(dify: AsyncDify) -> None:
        run = kind.start(dify)
        await run.finish()
        with pytest.raises(StreamConsumed):
            async with run:
                pass

    side.run(body, server.url)


def test_a_stop_that_fails_does_not_show(side: Side, kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    """Leaving early is fine although the server is gone by then."""

    async def body(dify: AsyncDify) -> None:
        run = kind.start(dify)
        async with run:
            iterator = run.text()
            await iterator.__anext__()
            server.__exit__(None, None, None)
            await close(iterator)

    server = endless(kind).__enter__()
    side.run(body, server.url)
    assert server.stops == []


async def close(iterator: object) -> None:
    """Close an async iterator; the veil's is one too."""
    await iterator.aclose()  # type: ignore[attr-defined]  # run.text() is a generator, and says only AsyncIterator
