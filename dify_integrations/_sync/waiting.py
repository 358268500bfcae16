"""The few things sync and async code really do differently; written by hand on both sides.

Everything else in this folder is generated from `_async` by `.ci/twin.py`.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterator, MutableMapping
from typing import Any, TypeVar

from .._line import Line

T = TypeVar("T")


class _Here(threading.local):
    """The line this thread waits for in `during`."""

    line: Line | None = None


_here = _Here()


def sleep(seconds: float) -> None:
    """Let time pass; inside `during` at most until the line is cut.

    Raises:
        LineCut: The line was cut.
    """
    line = _here.line
    if line is None:
        time.sleep(seconds)
        return
    cut = threading.Event()
    line.wake_by(cut.set)
    cut.wait(seconds)
    line.wake_by(None)
    line.check()


def during(line: Line, work: Callable[[], T]) -> T:
    """`work()`, left as soon as somebody cuts the line; while a connection is being made, as soon as that is decided.

    Raises:
        LineCut: The line was cut.
    """
    line.check()
    outer, _here.line = _here.line, line
    try:
        return work()
    except Exception as error:
        line.check_after(error)
        raise
    finally:
        _here.line = outer


def watched() -> dict[str, Any]:
    """Extensions for an httpx request that tell on which connection this thread waits for an answer."""
    return {"trace": _trace}


def _trace(step: str, info: dict[str, Any]) -> None:
    """Called by httpcore at every step of a request."""
    line = _here.line
    stream = info.get("return_value")
    if hasattr(stream, "get_extra_info") and hasattr(stream, "__dict__"):
        _tell_who_writes(stream)
    if line is None:
        return
    if step.endswith("response_closed.started"):
        line.release()  # from here on the connection may serve another thread
    elif step.endswith("send_request_headers.started"):
        line.check()  # cut while it was being connected: nothing is sent


def _tell_who_writes(stream: Any) -> None:
    """Let a new connection name itself to the line of every thread that sends a request over it.

    Which one a request gets, is the pool's secret until the answer's head has come; this is how a silent one is found.
    """
    kind, ref = type(stream), weakref.ref(stream)

    def write(buffer: bytes, timeout: float | None = None) -> Any:
        if _here.line is not None:
            _here.line.hold(ref())
        return kind.write(ref(), buffer, timeout)

    stream.write = write


def here() -> Any:
    """What connections belong to and must not leave: the process (a fork must not share its parent's sockets)."""
    return os.getpid()


def by_place() -> MutableMapping[Any, Any]:
    """A map keyed by `here()`."""
    return {}


def forget_closed(places: MutableMapping[Any, Any]) -> list[Any]:
    """Nothing: a process does not outlive itself."""
    del places
    return []


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
