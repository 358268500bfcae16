"""Shows a caller inside this package the run that a call of an LLM makes: as an argument it would be told to every tracer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from dify_integrations import AsyncRun, Run

RunT = TypeVar("RunT", bound="Run | AsyncRun")
_current: ContextVar[Callable[[Run | AsyncRun], None] | None] = ContextVar("llamaindex_dify_watcher", default=None)


@contextmanager
def watching(see: Callable[[Run | AsyncRun], None]) -> Iterator[None]:
    """Have `see` called with the run of a call made inside, as soon as there is one, which may be after the call."""
    before = _current.set(see)
    try:
        yield
    finally:
        _current.reset(before)


def watcher() -> Callable[[RunT], RunT]:
    """For the call: shows its run to whoever watches, and gives it back."""
    see = _current.get()

    def shown(run: RunT) -> RunT:
        if see is not None:
            see(run)
        return run

    return shown
