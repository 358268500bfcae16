"""The few things sync and async code really do differently; written by hand on both sides.

Everything else in this folder is turned into `_sync` by `.ci/twin.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import anyio
from anyio.lowlevel import current_token

from .._line import Line, LineCut

T = TypeVar("T")

sleep = anyio.sleep


async def during(line: Line, work: Callable[[], Awaitable[T]]) -> T:
    """`work()`, left as soon as somebody cuts the line.

    Raises:
        LineCut: The line was cut.
    """
    with anyio.CancelScope() as scope:
        line.wake_by(_in_this_loop(scope.cancel))
        try:
            return await work()
        except Exception as error:
            line.check_after(error)
            raise
        finally:
            line.wake_by(None)
    raise LineCut  # nobody else cancels this scope


def _in_this_loop(call: Callable[[], object]) -> Callable[[], object]:
    """`call`, for other threads to have it called here."""
    loop: Any = here()
    soon = loop.call_soon_threadsafe if _on_asyncio() else loop.run_sync_soon

    def ask() -> None:
        with suppress(RuntimeError):  # the loop is closed, and nobody waits in it
            soon(call)

    return ask


def watched() -> dict[str, Any]:
    """Extensions for an httpx request that blocking code needs to leave it; a task is left by its scope."""
    return {}


def here() -> Any:
    """What connections belong to and must not leave: the running event loop."""
    return current_token().native_token


def by_place() -> MutableMapping[Any, Any]:
    """A map keyed by `here()`; entries vanish with their loop, or by `forget_closed`."""
    return WeakKeyDictionary()


def forget_closed(places: Any) -> list[Any]:
    """Drop the entries of loops that were closed without being shut down: entries keep their loop, and nothing else would end.

    LlamaIndex makes such a loop whenever its blocking code runs coroutines inside of a running loop.

    Args:
        places: From `by_place`; other threads may be adding to it.

    Returns:
        The entries.
    """
    closed = [
        place for place in [ref() for ref in places.keyrefs()] if getattr(place, "is_closed", bool)()
    ]  # trio always shuts down
    return [entry for place in closed if (entry := places.pop(place, None)) is not None]


async def at_end_of_place(close: Callable[[], Awaitable[None]]) -> AsyncGenerator[None, None]:
    """Call `close` when the running loop shuts down, or when the returned guard is closed before.

    An event loop finishes its asynchronous generators before it closes, in time to close connections properly.
    """
    guard = _guard(close)
    await guard.__anext__()
    return guard


async def _guard(close: Callable[[], Awaitable[None]]) -> AsyncGenerator[None, None]:
    cut = False
    try:
        yield
    except asyncio.CancelledError:
        # A client was forgotten as its loop ends, and the loop cancels the task that is to close it before its first step.
        cut = True
        raise
    finally:
        # Otherwise here and now: an ending loop may have no turn left for a task of its own.
        await (settle(close) if cut else close())


async def within(seconds: float | None, read: Callable[[], Awaitable[T]], stream: object = None) -> T:
    """`read()`, given up with `TimeoutError` after `seconds`; `stream` matters only to blocking code."""
    del stream
    with anyio.fail_after(seconds):
        return await read()


async def shut(response: Any, chunks: AsyncIterator[bytes], *, at_end: bool) -> None:
    """Close an httpx response, and what it leaves open when its body was not read to the end."""
    await response.aclose()
    connection = response.extensions.get("network_stream")
    if at_end or connection is None or not response.http_version.startswith("HTTP/1"):
        return
    # httpcore cleans up in the reader's task, where asyncio's `task.cancel()` may have cut it short.
    await connection.aclose()
    # httpx nests five generators. Left half-way, trio warns of each and asyncio makes a task to close each; now they run
    # into the closed connection.
    with suppress(Exception):  # a read error is what they are to get; cancellation is none
        while True:
            await chunks.__anext__()


async def settle(close: Callable[[], Awaitable[None]], seconds: float = 2.0) -> None:
    """Run a clean-up to its end even when the task is being cancelled, for a bounded time."""

    async def bounded() -> None:
        with anyio.move_on_after(seconds, shield=True):
            await close()

    if not _on_asyncio():
        await bounded()
        return
    # asyncio's own `task.cancel()` goes through anyio's shields, and httpcore loses a connection whose closing is cut
    # short; a task of its own is out of reach.
    task = asyncio.ensure_future(bounded())
    with anyio.CancelScope(shield=True):
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task])
            raise


def _on_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:  # trio
        return False
    return True
