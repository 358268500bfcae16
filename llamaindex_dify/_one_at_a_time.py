"""One turn at a time in a conversation: Dify appends turns, and two at once would answer past each other."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager

from dify_integrations.errors import InvalidArgument


class OneAtATime:
    """Whose turn it is. Whole turns wait for each other, in order, across threads and event loops.

    A stream neither waits nor is waited for: it ends when its reader has read it, and the reader may be the one who waits.
    For the same reason no event loop is ever blocked.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = False
        self._streamed = False
        self._waiting: deque[Future[None]] = deque()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A whole turn.

        Raises:
            InvalidArgument: A stream is open, or it is somebody's turn and this thread has an event loop to run.
        """
        mine = self._ask(waits=not _loop_runs())
        try:
            mine.result()
        except BaseException:
            self._withdraw(mine)
            raise
        try:
            yield
        finally:
            self.leave()

    @asynccontextmanager
    async def aturn(self) -> AsyncIterator[None]:
        """As `turn`, without blocking.

        Raises:
            InvalidArgument: A stream is open.
        """
        mine = self._ask(waits=True)
        try:
            await asyncio.wrap_future(mine)
        except BaseException:
            self._withdraw(mine)
            raise
        try:
            yield
        finally:
            self.leave()

    def begin_stream(self) -> None:
        """A turn that lasts until `leave`.

        Raises:
            InvalidArgument: It is somebody's turn.
        """
        self._ask(waits=False, streamed=True)

    def leave(self) -> None:
        """The turn is over; the next one begins."""
        with self._lock:
            self._streamed = False
            while self._waiting:
                following = self._waiting.popleft()
                if following.set_running_or_notify_cancel():
                    following.set_result(None)
                    return
            self._held = False

    def _ask(self, *, waits: bool, streamed: bool = False) -> Future[None]:
        mine: Future[None] = Future()
        with self._lock:
            if not self._held:
                self._held, self._streamed = True, streamed
                mine.set_result(None)
            elif waits and not self._streamed:
                self._waiting.append(mine)
            else:
                raise InvalidArgument(
                    "a turn is under way in this conversation: read its answer to the end or close it first, "
                    "or use one engine for each conversation"
                )
        return mine

    def _withdraw(self, mine: Future[None]) -> None:
        if not mine.cancel():  # it had just become this one's turn
            self.leave()


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
