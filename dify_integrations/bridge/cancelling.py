"""One handle to end many runs at once, whoever reads them: those that are open, and those that would begin later."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import InvalidArgument

if TYPE_CHECKING:
    from typing_extensions import Self

    from .._async.stream import AsyncRun
    from .._sync.stream import Run

RunT = TypeVar("RunT", bound="Run | AsyncRun")


class CancelToken:
    """Ends the Dify runs it is given to, from any thread or task, also while somebody waits for their next event.

    One token may serve several calls at once, such as those of a chain or of one user's request. Once cancelled it stays so:
    calls that get it later end before they send anything. It holds no run alive.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._runs: weakref.WeakSet[Run | AsyncRun] = weakref.WeakSet()

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled

    def cancel(self) -> None:
        """End every run of this token, now and from now on, and have Dify stop them; returns at once."""
        with self._lock:
            self._cancelled = True
            runs = [*self._runs]
        for run in runs:
            run.cancel()

    def watch(self, run: RunT) -> RunT:
        """The run, which ends with this token from now on."""
        with self._lock:
            self._runs.add(run)
        if self._cancelled:
            run.cancel()
        return run

    def __copy__(self) -> Self:
        return self  # frameworks copy the settings of a call; a copy would cancel nothing

    def __deepcopy__(self, _: dict[int, Any]) -> Self:
        return self


def token_in(value: Any) -> CancelToken | None:
    """What a call was given to be cancelled by.

    Raises:
        InvalidArgument: It is something else.
    """
    if value is None or isinstance(value, CancelToken):
        return value
    raise InvalidArgument(f"a call is cancelled by a cancel token, not by a {type(value).__name__}")
