"""Cancelling: it passes through at once, nothing is left open, and the run is asked to stop."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from dify_integrations import AsyncDify, RetryPolicy
from tests.faults.conftest import Serve
from tests.faults.server import FaultServer, Script, hold, repeat
from tests.faults.sides import CLOCKS, KEY, QUICK
from tests.faults.wire import LAST, Kind, answer, chunk, head, ok

AT_ONCE_S = 0.5
Canceller = Callable[[Awaitable[Any]], Awaitable[None]]


def options(server: FaultServer) -> dict[str, Any]:
    return {"api_key": KEY, "base_url": server.url, "user": "ann", "retry": QUICK, "timeout": CLOCKS, "trust_env": False}


async def cancelled(work: Callable[[], Awaitable[Any]], when: Callable[[], bool]) -> None:
    """Start `work`, cancel its task as soon as `when` holds, and insist that the cancellation comes out of it."""
    task = asyncio.ensure_future(work())
    while not when():
        assert not task.done(), task
        await asyncio.sleep(0.002)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < AT_ONCE_S


def only_this_task() -> bool:
    """Whether no task was left behind."""
    return len(asyncio.all_tasks()) == 1


def test_before_the_head(kind: Kind, serve: Serve) -> None:
    """Cancelled while waiting for the answer: the server sees us leave; there is nothing to stop yet."""
    server = serve((hold,))

    async def body() -> None:
        async with AsyncDify(**options(server)) as dify:
            await cancelled(lambda: kind.start(dify).finish(), lambda: bool(server.requests))
            assert server.wait_until(lambda: server.left, AT_ONCE_S)
            assert only_this_task()

    asyncio.run(body())
    assert server.stops == []


def test_mid_stream(kind: Kind, serve: Serve) -> None:
    """Cancelled between events: connection released, one stop call, and the pool is usable."""
    server = serve((head(), chunk(kind.began), hold), (head(), chunk(kind.whole), LAST))

    async def body() -> None:
        async with AsyncDify(**options(server), max_connections=1) as dify:
            seen: list[str] = []

            async def work() -> None:
                async for text in kind.start(dify).text():
                    seen.append(text)

            await cancelled(work, lambda: bool(seen))
            assert server.wait_until(lambda: server.left and server.stops, AT_ONCE_S)
            assert (await kind.start(dify).finish()).text == "Hello"
            assert only_this_task()

    asyncio.run(body())
    assert [stop.path for stop in server.stops] == [kind.stop_path]


def test_in_back_off(kind: Kind, serve: Serve) -> None:
    """Cancelled while waiting to send again."""
    server = serve((answer(429, b"", Retry_After="30"),))

    async def body() -> None:
        async with AsyncDify(**options(server)) as dify:
            await cancelled(lambda: kind.start(dify).finish(), lambda: bool(server.requests))
            assert only_this_task()

    asyncio.run(body())
    assert len(server.requests) == 1


def test_while_closing(kind: Kind, serve: Serve) -> None:
    """Cancelled twice, the second time during the clean-up: the connection is released all the same."""
    server = serve((head(), chunk(kind.began), hold))

    async def body() -> None:
        async with AsyncDify(**options(server)) as dify:
            seen: list[str] = []

            async def work() -> None:
                async for text in kind.start(dify).text():
                    seen.append(text)

            task = asyncio.ensure_future(work())
            while not seen:
                await asyncio.sleep(0.002)
            task.cancel()
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert server.wait_until(lambda: server.left and server.stops, AT_ONCE_S)

    asyncio.run(body())
    assert len(server.stops) == 1


def test_after_the_last_event(kind: Kind, serve: Serve) -> None:
    """Cancelled while the end of the body is awaited: released, and no stop for a run that is over."""
    server = serve((head(), chunk(kind.whole), hold))

    async def body() -> None:
        async with AsyncDify(**options(server)) as dify:
            ended = False

            async def work() -> None:
                nonlocal ended
                async with kind.start(dify) as run:
                    async for _ in run.items():
                        ended = run.result.status == "succeeded"

            task = asyncio.ensure_future(work())
            while not ended:
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert server.wait_until(lambda: server.left, AT_ONCE_S)

    asyncio.run(body())
    assert server.stops == []


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout is newer")
def test_asyncio_timeout(kind: Kind, serve: Serve) -> None:
    """A time-out of the caller's is the caller's: it comes out as TimeoutError, not as one of our errors."""
    server = serve((head(), chunk(kind.began), repeat(chunk(kind.more), 0.02)))

    async def body() -> None:
        async with AsyncDify(**options(server)) as dify:
            with pytest.raises(TimeoutError) as caught:
                async with getattr(asyncio, "timeout")(0.08):  # noqa: B009  # Python 3.10 has none, for the type checkers
                    await kind.start(dify).finish()
            assert type(caught.value) is TimeoutError
            assert server.wait_until(lambda: server.left and server.stops, AT_ONCE_S)

    asyncio.run(body())
    assert len(server.stops) == 1


def test_wait_for(kind: Kind, serve: Serve) -> None:
    """So is `asyncio.wait_for`, while our own clocks run too."""
    server = serve((head(), chunk(kind.began), hold))

    async def body() -> None:
        async with AsyncDify(**options(server)) as dify:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(kind.start(dify).finish(), 0.08)
            assert server.wait_until(lambda: server.left and server.stops, AT_ONCE_S)

    asyncio.run(body())


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("when", ["before the head", "mid-stream"])
def test_cancel_scope(backend: str, when: str, kind: Kind, serve: Serve) -> None:
    """An anyio scope cancels under both loops, and the time-out is nobody's error."""
    script: Script = (hold,) if when == "before the head" else (head(), chunk(kind.began), hold)
    server = serve(script, ok())

    async def body() -> None:
        async with AsyncDify(**options(server)) as dify:
            with anyio.move_on_after(0.05) as scope:
                await kind.start(dify).finish()
            assert scope.cancelled_caught
            assert server.wait_until(lambda: server.left, AT_ONCE_S)
            assert (await dify.app.info()).name == "app"

    anyio.run(body, backend=backend)
    assert server.wait_until(lambda: len(server.stops) == (when == "mid-stream"))


def test_the_loop_ends_at_once(kind: Kind, serve: Serve) -> None:
    """Breaking out and letting `asyncio.run` end: the stop call still arrives, and nothing warns."""
    server = serve((head(), chunk(kind.began), repeat(chunk(kind.more), 0.02)))

    async def body() -> None:
        dify = AsyncDify(**options(server))
        async with kind.start(dify) as run:
            async for _ in run:
                break

    asyncio.run(body())
    assert server.wait_until(lambda: server.left and server.stops, AT_ONCE_S)
    assert len(server.stops) == 1


def test_the_loop_ends_during_a_run(kind: Kind, serve: Serve) -> None:
    """A run still open in a background task when the loop ends is released and stopped."""
    server = serve((head(), chunk(kind.began), repeat(chunk(kind.more), 0.02)))

    async def body() -> None:
        dify = AsyncDify(**options(server))
        seen: list[object] = []

        async def work() -> None:
            async for event in kind.start(dify):
                seen.append(event)

        task = asyncio.ensure_future(work())
        while not seen:
            await asyncio.sleep(0.002)
        assert not task.done()

    asyncio.run(body())
    assert server.wait_until(lambda: server.left and server.stops, AT_ONCE_S)


def test_cancelling_one_leaves_the_others(kind: Kind, serve: Serve) -> None:
    """Twenty runs on one client, one of them cancelled."""
    slow: Script = (head(), chunk(kind.began), 0.05, chunk(kind.more, kind.ended), LAST)
    server = serve(slow)

    async def body() -> list[Any]:
        async with AsyncDify(**options(server)) as dify:
            tasks = [asyncio.ensure_future(kind.start(dify).finish()) for _ in range(20)]
            while len(server.requests) < 20:
                await asyncio.sleep(0.002)
            tasks[7].cancel()
            return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(body())
    assert isinstance(results.pop(7), asyncio.CancelledError)
    assert [result.text for result in results] == ["Hello"] * 19


def test_no_retry_is_hidden_in_a_cancellation(serve: Serve) -> None:
    """A cancelled repeatable call is not sent again."""
    server = serve((hold,))

    async def body() -> None:
        async with AsyncDify(**{**options(server), "retry": RetryPolicy(base_s=0.001)}) as dify:
            await cancelled(dify.app.info, lambda: bool(server.requests))
            await asyncio.sleep(0.02)

    asyncio.run(body())
    assert len(server.requests) == 1
