"""Whether and when a failed request is sent again: a pure function of failure, attempt, time and a random number.

Three questions, in this order: can the work have started, may it be done twice, is it worth it? Dify has no idempotency
key, so a generation is never sent again unless it surely did not start. Knows error classes, not HTTP, clocks or sleeping.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ..errors import (
    APIError,
    DeadlineExceeded,
    DifyError,
    PermissionDenied,
    ProviderError,
    RateLimited,
    StreamInterrupted,
    TLSFailed,
    TooManyRequests,
    TransportError,
)
from .dates import unix_seconds

# The server or a proxy failed; the same request may succeed later.
_PASSING_STATUSES: Final = frozenset({408, 500, 502, 503, 504})
# Knowledge requests are counted per minute on Dify Cloud.
_KNOWLEDGE_WINDOW_S: Final = 60.0
# Beyond 2**64 every sensible cap is reached; larger exponents overflow (openai, anthropic and stamina had that bug).
_MAX_EXPONENT: Final = 64
# Seconds, alone or before a second value. ASCII digits only: float() also takes "nan", "1_0", "1e9" and "-1".
_SECONDS: Final = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]*)?)\s*(?:,|\Z)")
_LONGEST_DATE: Final = 100


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient a client is.

    Attributes:
        max_retries: Attempts after the first; 0 never retries.
        total_s: Seconds from the first attempt within which the last one must begin; `math.inf` sets no limit.
        base_s: Longest wait before the first retry; it doubles with each.
        cap_s: Longest wait of our own choice.
        retry_after_cap_s: Longest `Retry-After` obeyed; a longer one raises at once, with the value on the error.
        retry_generations: Also send again what may have started although it must not be done twice: an answer may then be
            generated, billed and stored twice.
        retry_provider_errors: Also repeat after `completion_request_error`, behind which Dify hides the provider's 429 and
            5xx. Generations need `retry_generations` besides, because their tools may have run.
        retry_knowledge_limit: Also repeat after the 403 of the knowledge rate limit, 60 seconds later. These 60 seconds need
            not fit in `total_s`, which is as short by default, but the failure must come within it.
    """

    max_retries: int = 2
    total_s: float = 60.0
    base_s: float = 0.5
    cap_s: float = 8.0
    retry_after_cap_s: float = 60.0
    retry_generations: bool = False
    retry_provider_errors: bool = False
    retry_knowledge_limit: bool = False


def decide(error: DifyError, *, repeatable: bool, attempt: int, elapsed_s: float, roll: float, policy: RetryPolicy) -> float | None:
    """Return the seconds to wait before the next attempt, or `None` to raise the error.

    Args:
        error: What the last attempt gave.
        repeatable: Doing the operation twice does no harm.
        attempt: Attempts made so far, 1 after the first.
        elapsed_s: Seconds since the first attempt began.
        roll: Random number in [0, 1), for full jitter.
        policy: How patient to be.

    Returns:
        The server's `Retry-After` as it is, otherwise `roll * min(cap_s, base_s * 2 ** (attempt - 1))`.
    """
    if attempt > policy.max_retries:
        return None
    if policy.retry_knowledge_limit and _is_knowledge_limit(error):
        return _KNOWLEDGE_WINDOW_S if elapsed_s <= policy.total_s else None
    if not _may_repeat(error, repeatable or policy.retry_generations, policy):
        return None
    wait_s = _wait(error, attempt, roll, policy)
    return None if wait_s is None or elapsed_s + wait_s > policy.total_s else wait_s


def is_timeout(error: DifyError) -> bool:
    """Whether one of our clocks ran out; a retry then costs more of the budget."""
    return isinstance(error, TimeoutError)


def parse_retry_after(value: str | None, *, now: float) -> float | None:
    """Return the seconds a `Retry-After` header asks to wait.

    Args:
        value: The header: whole or decimal seconds, or an HTTP date in any of the three forms. Of several values joined by
            a comma the first counts.
        now: Unix time, for dates.

    Returns:
        Seconds, 0.0 for a date in the past; `None` for no header, negative, infinite and unreadable values. There is no
        upper limit here, see `RetryPolicy.retry_after_cap_s`.
    """
    if value is None or len(value) > _LONGEST_DATE:
        return None
    seconds = _SECONDS.match(value)
    if seconds is not None:
        return float(seconds[1])
    try:
        return max(0.0, unix_seconds(value) - now)
    except ValueError:
        return None


def _may_repeat(error: DifyError, again: bool, policy: RetryPolicy) -> bool:
    """Ask the three questions; `again` says that doing it twice is harmless or accepted."""
    if isinstance(error, TransportError):
        # A certificate does not get better, a deadline does not come back, and text already given out must not come again.
        hopeless = isinstance(error, (TLSFailed, DeadlineExceeded, StreamInterrupted))
        return not hopeless and (again or not error.started)
    if not isinstance(error, APIError) or error.in_stream:
        return False
    if isinstance(error, RateLimited):
        return isinstance(error, TooManyRequests)
    if isinstance(error, ProviderError):
        return again and policy.retry_provider_errors and error.code == "completion_request_error"
    return again and error.status in _PASSING_STATUSES


def _is_knowledge_limit(error: DifyError) -> bool:
    """403 also means missing rights and plan limits, with the same code; only the text tells (errors.md, part 3)."""
    return isinstance(error, PermissionDenied) and not error.in_stream and "request rate limit" in error.message.lower()


def _wait(error: DifyError, attempt: int, roll: float, policy: RetryPolicy) -> float | None:
    asked_s = error.retry_after_s if isinstance(error, APIError) else None
    # "0" and past dates mean any time: our own jitter then spreads the callers.
    if asked_s is not None and asked_s > 0:
        return asked_s if asked_s <= policy.retry_after_cap_s else None
    return roll * min(policy.cap_s, policy.base_s * 2.0 ** min(attempt - 1, _MAX_EXPONENT))
