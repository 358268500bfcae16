"""What is asked of a server once and then known, however many want to know it at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from copy import copy
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import anyio
from anyio.lowlevel import current_token

from ..errors import DifyError
from .flows import Call, Flow

T = TypeVar("T")
THREADS = "threads"
"""Where blocking code is."""


def this_loop() -> Hashable:
    """Where the running task is."""
    return current_token()


@dataclass(slots=True)
class _Question:
    """One that is being asked: whether it is over, and what failed."""

    over: threading.Event | anyio.Event
    error: DifyError | None = None


class Known(Generic[T]):
    """Answers by name.

    Tasks of one event loop wait for the one that asks, and threads for the thread; not one for the other, because a thread
    may be what keeps the loop from going on. A failure is that of all who waited, and of nobody who comes later. When the
    one who asks is cancelled, another one asks.
    """

    def __init__(self) -> None:
        self._answers: dict[str, T] = {}
        self._questions: dict[tuple[Hashable, str], _Question] = {}
        self._lock = threading.Lock()

    def __contains__(self, name: str) -> bool:
        return name in self._answers

    def get(self, name: str) -> T | None:
        """The answer, as far as it is known."""
        return self._answers.get(name)

    def learning(self, name: str, ask: Callable[[], Flow[T]], here: Hashable) -> Flow[T]:
        """The answer, after asking if need be.

        Args:
            name: Of the answer.
            ask: How to get it.
            here: `THREADS`, or `this_loop()`.

        Raises:
            DifyError: It could not be asked.
        """
        while True:
            with self._lock:
                if name in self._answers:
                    return self._answers[name]
                asked = self._questions.get((here, name))
                question = asked or _Question(threading.Event() if here == THREADS else anyio.Event())
                self._questions[here, name] = question
            if asked is None:
                return (yield from self._asking(name, ask, here, question))
            yield _end(question)
            if question.error is not None:
                raise copy(question.error)  # each has a traceback of its own

    def _asking(self, name: str, ask: Callable[[], Flow[T]], here: Hashable, question: _Question) -> Flow[T]:
        try:
            answer = yield from ask()
            self._answers[name] = answer
        except DifyError as error:
            question.error = error
            raise
        else:
            return answer
        finally:  # also when cancelled
            with self._lock:
                del self._questions[here, name]
            question.over.set()

    def __deepcopy__(self, _: dict[int, Any]) -> Known[T]:
        known = Known[T]()
        known._answers = dict(self._answers)
        return known

    def __reduce__(self) -> tuple[type[Known[Any]], tuple[()]]:
        return (Known, ())  # the other process asks


def _end(question: _Question) -> Call:
    return lambda _: question.over.wait()
