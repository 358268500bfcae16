"""Steps that a workflow runs again from their top: the calls each run of a step makes, and those that are under way.

A step that waits is run again for every answer that fits, at once if they come at once. So a call must be known again: by its
number among the equal ones of its step. What is over is handed out again, and what is under way is waited for.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from ._surroundings import step_worker

T = TypeVar("T")


class StepRun:
    """One time that a step is run.

    Attributes:
        over: How its calls ended, by key, as JSON values.
        waits: Whether one of its calls waits, so that the step will be run again.
    """

    def __init__(self) -> None:
        self.over: dict[str, dict[str, Any]] = {}
        self.waits = False
        self._numbers: Counter[str] = Counter()

    @classmethod
    def current(cls) -> StepRun:
        """The one that runs this code."""
        worker = step_worker()
        return cls() if worker is None else _beside(worker, _runs, cls)

    def numbered(self, key: str) -> str:
        """The key of another call like those that had this key before."""
        self._numbers[key] += 1
        return f"{key}.{self._numbers[key]}"


def calls_under_way(store: Any) -> dict[str, asyncio.Future[Any]]:
    """The calls of a workflow that are being made, by key; each tells how it ended, or `None` when it stopped to wait.

    Args:
        store: Of the workflow's `Context`.
    """
    return _beside(store, _under_way, dict)


_runs: dict[int, StepRun] = {}
_under_way: dict[int, dict[str, asyncio.Future[Any]]] = {}


def _beside(owner: Any, kept: dict[int, T], made: Callable[[], T]) -> T:
    """What is kept as long as an object of core's lives, which may be equal to others and not hashable."""
    if id(owner) not in kept:
        kept[id(owner)] = made()
        weakref.finalize(owner, kept.pop, id(owner), None).atexit = False
    return kept[id(owner)]
