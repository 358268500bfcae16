"""Waiting for documents to be indexed: when to look again, and what the end of it means. Knows no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..core.failure import server_text
from ..core.operation import Operation, reading
from ..errors import IndexingFailed, IndexingPaused, IndexingTimeout, InvalidArgument
from ..models.indexing import BatchStatus, IndexingStatus
from .catalogue import operation

LONGEST_WAIT_S = 10.0
"""Seconds between two looks at most, unless the caller asks for more."""

_GROWTH = 1.5


def indexing_status(dataset_id: str, batch: str) -> Operation[BatchStatus]:
    return operation(
        "getDocumentIndexingStatus", reading(BatchStatus.model_validate), path={"dataset_id": dataset_id, "batch": batch}
    )


class Watch:
    """Decides after every look at a batch.

    Args:
        poll_s: Seconds between the first two looks; each further wait is half as long again, up to 10 s.
        timeout_s: Seconds in all, `None` without a limit.
        started: When the waiting began, monotonic seconds.

    Raises:
        InvalidArgument: A time that is not positive.
    """

    def __init__(self, *, poll_s: float, timeout_s: float | None, started: float) -> None:
        if not poll_s > 0 or (timeout_s is not None and not timeout_s > 0):
            raise InvalidArgument("poll_s and timeout_s must be more than 0 seconds")
        self._wait = poll_s
        self._longest = max(poll_s, LONGEST_WAIT_S)
        self._timeout = timeout_s
        self._started = started

    def next_wait(self, seen: BatchStatus, now: float) -> float | None:
        """How long to wait before the next look.

        Args:
            seen: What the last look showed.
            now: Monotonic seconds.

        Returns:
            Seconds; `None` when every document is indexed.

        Raises:
            IndexingFailed: All are done, and one failed.
            IndexingPaused: All are done, none failed, and one is paused.
            IndexingTimeout: Some are not done, and the time is over.
        """
        if seen.is_done:
            _judge(seen.data)
            return None
        wait, self._wait = self._wait, min(self._wait * _GROWTH, self._longest)
        if self._timeout is None:
            return wait
        left = self._started + self._timeout - now
        if left <= 0:
            raise IndexingTimeout(_late(seen.data, self._timeout), statuses=seen.data)
        return min(wait, left)  # one last look when the time is over


def _judge(statuses: Sequence[IndexingStatus]) -> None:
    failed = [status for status in statuses if status.indexing_status == "error"]
    if failed:
        reason = server_text(failed[0].error or "") or "the server gave no reason"
        raise IndexingFailed(f"{len(failed)} of {len(statuses)} documents could not be indexed: {reason}", statuses=statuses)
    paused = sum(status.indexing_status == "paused" for status in statuses)
    if paused:
        raise IndexingPaused(
            f"{paused} of {len(statuses)} documents are paused, by a person or a plan limit; resume them in Dify", statuses=statuses
        )


def _late(statuses: Sequence[IndexingStatus], timeout_s: float) -> str:
    # Dify 1.12 leaves updated documents at `indexing` for ever (dify#31970, #33748).
    states = Counter(status.indexing_status for status in statuses if not status.is_done)
    told = ", ".join(f"{count} {state}" for state, count in states.items()) or "no document in the batch"
    return (
        f"not indexed within {timeout_s:g} s ({told}): the server may need longer, its worker may be down, and Dify 1.12 never "
        "finishes some updates (delete the document and create it anew)"
    )
