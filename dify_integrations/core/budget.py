"""A token bucket that stops retry storms.

When a server is down, every call of every thread would multiply its load by the number of attempts. The bucket lets
retries through while failures are the exception and stops them when they are the rule. The amounts are botocore's.
"""

from __future__ import annotations

from threading import Lock


class RetryBudget:
    """Tokens for retries, shared by all calls of a client and safe between threads. First attempts cost nothing."""

    __slots__ = ("_capacity", "_cost", "_lock", "_refund", "_timeout_cost", "_tokens")

    def __init__(self, capacity: int = 500, cost: int = 5, timeout_cost: int = 10, refund: int = 1) -> None:
        """Start with a full bucket.

        Args:
            capacity: Most tokens it holds; 0 allows no retry.
            cost: Tokens for one retry: a full bucket pays for 100 of them.
            timeout_cost: Tokens for a retry after a timeout, which has already cost the server more.
            refund: Tokens that a call without any failure brings back.
        """
        self._capacity = capacity
        self._cost = cost
        self._timeout_cost = timeout_cost
        self._refund = refund
        self._tokens = capacity
        self._lock = Lock()

    @property
    def tokens(self) -> int:
        """Tokens left, between 0 and the capacity."""
        with self._lock:
            return self._tokens

    def take(self, timeout: bool = False) -> bool:
        """Pay for one retry; `False`, and nothing taken, when the bucket does not hold enough.

        Args:
            timeout: The retry follows a timeout.
        """
        cost = self._timeout_cost if timeout else self._cost
        with self._lock:
            if cost > self._tokens:
                return False
            self._tokens -= cost
            return True

    def give_back(self) -> None:
        """Refund a little. Call it once for a call that succeeded at its first attempt."""
        with self._lock:
            self._tokens = min(self._capacity, self._tokens + self._refund)
