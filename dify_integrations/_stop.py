"""Delivers stop calls for streams that were left early, whatever happens to the caller's thread or event loop.

A stop must go out while a task is being cancelled, while its loop is closing, even from a finaliser. So it is not
awaited there: a small thread with its own connection sends it, within a bounded time, and a failure is only logged.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .core.operation import Operation
    from .settings import Settings

log = logging.getLogger("dify_integrations")
THREADS = 8
"""How many stop calls are under way at once."""
LIMIT_S = 5.0
"""No stop call takes longer than this."""
EXIT_LIMIT_S = 2.0
"""How long the interpreter waits at its end for stop calls under way."""


class StopSender:
    """Sends stop calls from a few short-lived threads; a thousand streams may be left at once."""

    def __init__(self) -> None:
        self._calls: deque[tuple[Settings, Operation[None]]] = deque()
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()

    def submit(self, settings: Settings, operation: Operation[None]) -> None:
        """Send as soon as one of the threads is free; nothing when the interpreter is ending and none can be started."""
        with self._lock:
            self._calls.append((settings, operation))
            if len(self._threads) >= THREADS:
                return
            thread = threading.Thread(target=self._work, name="dify-stop", daemon=True)
            self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:
            with self._lock:
                self._threads.discard(thread)

    def _work(self) -> None:
        while (call := self._next()) is not None:
            _send(*call)

    def _next(self) -> tuple[Settings, Operation[None]] | None:
        """The next call; without one, this thread is forgotten in the same moment."""
        with self._lock:
            if self._calls:
                return self._calls.popleft()
            self._threads.discard(threading.current_thread())
            return None

    def flush(self, timeout_s: float = EXIT_LIMIT_S) -> None:
        """Wait for stop calls under way, at most `timeout_s` for all together."""
        with self._lock:
            waiting = list(self._threads)
        end = time.monotonic() + timeout_s
        for thread in waiting:
            thread.join(max(0.0, end - time.monotonic()))


def _send(settings: Settings, operation: Operation[None]) -> None:
    from ._sync.transport import Transport  # the transport imports nothing of this; a cycle otherwise
    from .core.retry import RetryPolicy
    from .settings import Timeouts

    # Sent again after a failure that comes at once, never after a long silence.
    retry = RetryPolicy(max_retries=1, total_s=0.25 * LIMIT_S)
    clocks = Timeouts(connect_s=0.3 * LIMIT_S, write_s=0.3 * LIMIT_S, pool_s=None, read_s=0.45 * LIMIT_S, idle_s=None)
    transport = Transport(replace(settings, timeouts=clocks, retry=retry))
    try:
        transport.send(operation)
    except Exception as error:  # a stop is a courtesy; its failure must not surface anywhere else
        log.info("%s could not be delivered: %s", operation.id, type(error).__name__)
    finally:
        transport.close()


SENDER = StopSender()
atexit.register(SENDER.flush)
