"""The few things sync and async code really do differently; written by hand on both sides.

Everything else in this folder is generated from `_async` by `.ci/twin.py`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, MutableMapping
from typing import Any, TypeVar

T = TypeVar("T")

sleep = time.sleep


def here() -> Any:
    """What connections belong to and must not leave: the process (a fork must not share its parent's sockets)."""
    return os.getpid()


def by_place() -> MutableMapping[Any, Any]:
    """A map keyed by `here()`."""
    return {}


def at_end_of_place(close: Callable[[], None]) -> Generator[None, None, None]:
    """Call `close` when the returned guard is closed or forgotten."""
    guard = _guard(close)
    next(guard)
    return guard


def _guard(close: Callable[[], None]) -> Generator[None, None, None]:
    try:
        yield
    finally:
        close()


def within(seconds: float | None, read: Callable[[], T]) -> T:
    """`read()`; a blocking read cannot be given up, so the socket's own time-out is the limit."""
    return read()


def settle(close: Callable[[], None], seconds: float = 2.0) -> None:
    """Run a clean-up."""
    close()
