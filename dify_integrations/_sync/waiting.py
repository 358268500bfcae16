"""The few things sync and async code really do differently; written by hand on both sides.

Everything else in this folder is generated from `_async` by `.ci/twin.py`.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, MutableMapping
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


def within(seconds: float | None, read: Callable[[], T], stream: Any = None) -> T:
    """`read()`, given up with the library's own time-out error after `seconds`.

    httpcore fixes the read time-out of a body when it begins, and calls the `read` of the network stream (which httpx
    hands out) for every read: that is where a shorter one can be set. Without such a stream nothing is bounded but by
    the socket's own time-out.
    """
    plain = getattr(stream, "read", None)
    if seconds is None or plain is None or not hasattr(stream, "__dict__"):
        return read()
    owner = threading.get_ident()

    def bounded(max_bytes: int, timeout: float | None = None) -> Any:
        # At its end a body gives the connection back, so another thread may be the one that reads.
        shorter = timeout if threading.get_ident() != owner else seconds if timeout is None else min(seconds, timeout)
        return plain(max_bytes, shorter)

    stream.read = bounded
    try:
        return read()
    finally:
        if stream.__dict__.get("read") is bounded:
            del stream.read


def shut(response: Any, chunks: Iterator[bytes], *, at_end: bool) -> None:
    """Close an httpx response."""
    response.close()


def settle(close: Callable[[], None], seconds: float = 2.0) -> None:
    """Run a clean-up."""
    close()
