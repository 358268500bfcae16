"""The few things sync and async code really do differently; written by hand on both sides.

Everything else in this folder is turned into `_sync` by `.ci/twin.py`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import anyio
from anyio.lowlevel import current_token

T = TypeVar("T")

sleep = anyio.sleep


def here() -> Any:
    """What connections belong to and must not leave: the running event loop."""
    return current_token().native_token


def by_place() -> MutableMapping[Any, Any]:
    """A map keyed by `here()`; entries vanish with their loop."""
    return WeakKeyDictionary()


async def at_end_of_place(close: Callable[[], Awaitable[None]]) -> AsyncGenerator[None, None]:
    """Call `close` when the running loop shuts down, or when the returned guard is closed before.

    An event loop finishes its asynchronous generators before it closes, in time to close connections properly.
    """
    guard = _guard(close)
    await guard.__anext__()
    return guard


async def _guard(close: Callable[[], Awaitable[None]]) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await close()


async def within(seconds: float | None, read: Callable[[], Awaitable[T]], stream: object = None) -> T:
    """`read()`, given up with `TimeoutError` after `seconds`; `stream` matters only to blocking code."""
    with anyio.fail_after(seconds):
        return await read()


async def settle(close: Callable[[], Awaitable[None]], seconds: float = 2.0) -> None:
    """Run a clean-up even when the task is being cancelled, for a bounded time."""
    with anyio.move_on_after(seconds, shield=True):
        await close()
