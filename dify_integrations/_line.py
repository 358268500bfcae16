"""The line a run is read from, and how any thread cuts it: while it is dialled, while it is silent, while it talks.

Whoever waits for bytes is asleep in a system call or in an event loop and looks at no flag. What wakes it there is the end
of its connection: a socket that is shut down gives an end of file to the reader at once, blocking, asyncio and trio alike.
Waits without a socket are left by what `waiting` registers here as `wake`.
"""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class LineCut(Exception):
    """What was waited for will not come: somebody cut the line. Never leaves this package."""


class Line:
    """One per run. Safe for several threads.

    Attributes:
        is_cut: Whether somebody cut it; it stays so.
    """

    def __init__(self) -> None:
        self.is_cut = False
        self._lock = threading.Lock()
        self._stream: Any = None
        self._wake: Callable[[], object] | None = None

    def check(self) -> None:
        """Refuse to go on with a line that is cut.

        Raises:
            LineCut: It is.
        """
        if self.is_cut:
            raise LineCut

    def check_after(self, error: Exception) -> None:
        """As `check`, for an error that the cut may have caused."""
        if self.is_cut and not isinstance(error, LineCut):
            raise LineCut from None

    def cut(self) -> None:
        """End whatever is waited for, now and from now on."""
        with self._lock:
            self.is_cut = True
            if self._wake is not None:
                self._wake()
            if self._stream is not None:
                _shut_down(self._stream)

    def hold(self, stream: Any) -> None:
        """From now on the run waits for this network stream of httpx's; `None` for one that cannot be told."""
        with self._lock:
            self._stream = stream
            if self.is_cut and stream is not None:
                _shut_down(stream)

    def release(self) -> None:
        """The stream is about to be closed, or to serve somebody else: keep the hands off it."""
        with self._lock:
            self._stream = None

    def wake_by(self, wake: Callable[[], object] | None) -> None:
        """Also call this when the line is cut; `None` no longer.

        Raises:
            LineCut: It is already.
        """
        with self._lock:
            self._wake = wake
            if wake is not None:
                self.check()


def can_be_shut_down(stream: Any) -> bool:
    """Whether a network stream has a socket of its own to shut down; a mock has none."""
    return hasattr(stream, "get_extra_info") and stream.get_extra_info("socket") is not None


def _shut_down(stream: Any) -> None:
    """End both directions of a connection under whoever reads it; closing it stays the reader's."""
    sock = stream.get_extra_info("socket")
    try:
        if isinstance(sock, socket.socket):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)  # a TLS socket's own would take its session from under the reader
        elif sock is not None:
            with sock.dup() as same:  # an event loop's view of a socket; uvloop's cannot be shut down itself
                same.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is over already
