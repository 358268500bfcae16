"""Delivers stop calls for streams that were left early, whatever happens to the caller's thread or event loop.

A stop must go out while a task is being cancelled, while its loop is closing, even from a finaliser. So it is not
awaited there: a small thread with its own connection sends it, within a bounded time, and a failure is only logged.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .core.operation import Operation
    from .settings import Settings

log = logging.getLogger("dify_integrations")
LIMIT_S = 5.0
"""No stop call takes longer than this."""
EXIT_LIMIT_S = 2.0
"""How long the interpreter waits at its end for stop calls under way."""


class StopSender:
    """Sends stop calls, one short-lived thread each; streams are left early too rarely to keep one waiting."""

    def __init__(self) -> None:
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()

    def submit(self, settings: Settings, operation: Operation[None]) -> threading.Thread | None:
        """Start sending; `None` when the interpreter is ending and no thread can be started."""
        thread = threading.Thread(target=self._send, args=(settings, operation), name="dify-stop", daemon=True)
        with self._lock:
            self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:
            self._forget(thread)
            return None
        return thread

    def flush(self, timeout_s: float = EXIT_LIMIT_S) -> None:
        """Wait for stop calls under way, at most `timeout_s` for all together."""
        with self._lock:
            waiting = list(self._threads)
        end = time.monotonic() + timeout_s
        for thread in waiting:
            thread.join(max(0.0, end - time.monotonic()))

    def _send(self, settings: Settings, operation: Operation[Any]) -> None:
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
            self._forget(threading.current_thread())

    def _forget(self, thread: threading.Thread) -> None:
        with self._lock:
            self._threads.discard(thread)


SENDER = StopSender()
atexit.register(SENDER.flush)
