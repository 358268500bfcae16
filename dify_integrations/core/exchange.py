"""The conversation with the server about one operation, without having it: a generator that says what to do next.

A driver obeys: it sends on `Send` and reports the `Answer` or the `TransportError`, it sleeps on `Wait`. All judgement
(is this an error, may it be sent again, how long to wait) is here, once, for sync and async alike.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ..errors import DifyError, EndpointNotAvailable, NotFound, RateLimited, TransportError, UnexpectedContent
from .budget import RetryBudget
from .failure import api_error, error_object
from .operation import Answer, Operation
from .redact import excerpt
from .request import Request
from .retry import RetryPolicy, decide, is_timeout, parse_retry_after


@dataclass(frozen=True, slots=True)
class Send:
    """Send this request and report the answer or the transport error."""

    request: Request


@dataclass(frozen=True, slots=True)
class Wait:
    """Sleep `seconds`, then go on; `error` is what makes it necessary."""

    seconds: float
    error: DifyError


Step: TypeAlias = Send | Wait
Outcome: TypeAlias = Answer | TransportError | None


def exchange(
    operation: Operation[Any],
    *,
    policy: RetryPolicy,
    budget: RetryBudget,
    clock: Callable[[], float],
    wall_clock: Callable[[], float],
    roll: Callable[[], float],
) -> Generator[Step, Outcome, Answer]:
    """Get an operation's successful answer.

    Args:
        operation: What to do.
        policy: When and how long to wait before sending again.
        budget: Shared guard against retry storms.
        clock: Monotonic seconds.
        wall_clock: Unix seconds, for `Retry-After` dates.
        roll: Random number in [0, 1).

    Returns:
        The answer, with a status below 300; or 404 for a deletion that an attempt without an answer has done.

    Raises:
        EndpointNotAvailable: The server has neither this address nor one of the operation's older ones.
        DifyError: What the last attempt gave, once it is not worth or not safe to go on.
    """
    began = clock()
    attempt = 0
    older = iter(operation.older)
    missing: EndpointNotAvailable | None = None
    may_be_done = False
    while True:
        outcome = yield Send(operation.request)
        attempt += 1
        error = _judge(operation, outcome, wall_clock)
        if isinstance(error, Answer):
            if attempt == 1:  # a success that needed a retry does not earn another one
                budget.give_back()
            return replace(error, attempts=attempt)
        if isinstance(error, EndpointNotAvailable) and operation.request.replayable:
            missing = missing or error  # the first one names the version that has the present address
            spelling = next(older, None)
            if spelling is None:
                raise missing
            operation, attempt = replace(operation, request=spelling), 0  # a question of its own, not a repetition
            continue
        if may_be_done and isinstance(outcome, Answer) and isinstance(error, NotFound) and operation.request.method == "DELETE":
            return replace(outcome, attempts=attempt)  # gone already: the attempt whose answer was lost did it
        repeatable = operation.repeatable and operation.request.replayable
        wait = decide(error, repeatable=repeatable, attempt=attempt, elapsed_s=clock() - began, roll=roll(), policy=policy)
        if wait is None or not operation.request.replayable or not budget.take(timeout=is_timeout(error)):
            raise error
        never_began = not error.started if isinstance(error, TransportError) else isinstance(error, RateLimited)
        may_be_done = may_be_done or not never_began
        yield Wait(wait, error)


def _judge(operation: Operation[Any], outcome: Outcome, wall_clock: Callable[[], float]) -> Answer | DifyError:
    """The answer when it is a success, otherwise what is wrong with it."""
    if outcome is None:
        raise TypeError("the driver must report an answer or an error after Send")
    if isinstance(outcome, TransportError):
        return outcome
    if outcome.status >= 300:
        retry_after = parse_retry_after(outcome.headers.get("retry-after"), now=wall_clock())
        return api_error(outcome, retry_after_s=retry_after, since=operation.since)
    if operation.streams and outcome.stream is None:
        return _no_stream(outcome)
    return outcome


def _no_stream(answer: Answer) -> DifyError:
    """A 200 that is no event stream: an error object all the same, a login page, or a server that answers blocking."""
    return error_object(answer) or UnexpectedContent(
        f"expected an event stream, got {answer.content_type or 'no content type'}: {excerpt(answer.body)}; "
        "is base_url right, and is no login page or proxy in between?"
    )
