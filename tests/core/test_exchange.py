"""The generator that decides, driven by hand: a fake clock, a fixed roll, no network."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest

from dify_integrations import errors as e
from dify_integrations.core.budget import RetryBudget
from dify_integrations.core.exchange import Outcome, Send, Step, Wait, exchange
from dify_integrations.core.operation import Answer, Operation, nothing
from dify_integrations.core.request import FilePart, Request
from dify_integrations.core.retry import RetryPolicy

GET: Operation[None] = Operation("get", Request("GET", "/x"), nothing, repeatable=True)
POST: Operation[None] = Operation("post", Request("POST", "/x"), nothing)
STREAM: Operation[None] = Operation("stream", Request("POST", "/x"), nothing, streams=True, since="1.7.2")
GOOD = Answer(200, {"content-type": "application/json"}, b"{}")
BUSY = Answer(503, {})
LIMITED = Answer(429, {"retry-after": "7"})
REFUSED = e.ConnectFailed("refused", started=False)
DROPPED = e.ConnectionDropped("dropped")


def drive(
    operation: Operation[Any], *outcomes: Outcome, policy: RetryPolicy = RetryPolicy(), budget: RetryBudget | None = None
) -> tuple[list[Step], Answer]:
    """The steps until the answer; time passes only while waiting."""
    now = 100.0
    steps = exchange(
        operation,
        policy=policy,
        budget=budget or RetryBudget(),
        clock=lambda: now,
        wall_clock=lambda: 0.0,
        roll=lambda: 0.5,
    )
    seen: list[Step] = [next(steps)]
    left = list(outcomes)
    while True:
        last = seen[-1]
        if isinstance(last, Wait):
            now += last.seconds
        try:
            seen.append(steps.send(None if isinstance(last, Wait) else left.pop(0)))
        except StopIteration as end:
            answer: Answer = end.value
            assert not left
            return seen, answer


def test_success_at_once() -> None:
    """One attempt, and the budget gets a token back."""
    budget = RetryBudget()
    budget.take()
    steps, answer = drive(POST, GOOD, budget=budget)
    assert steps == [Send(POST.request)]
    assert (answer.attempts, answer.body, budget.tokens) == (1, b"{}", 496)


def test_success_after_retries() -> None:
    """Waits grow with the attempts; a success that needed a retry earns nothing."""
    budget = RetryBudget()
    steps, answer = drive(GET, BUSY, DROPPED, GOOD, budget=budget)
    assert [type(step) for step in steps] == [Send, Wait, Send, Wait, Send]
    assert [step.seconds for step in steps if isinstance(step, Wait)] == [0.25, 0.5]
    assert isinstance(steps[1], Wait)
    assert isinstance(steps[1].error, e.ServerError)
    assert (answer.attempts, budget.tokens) == (3, 490)


def test_retries_are_used_up() -> None:
    """The last failure is raised."""
    with pytest.raises(e.ServerError):
        drive(GET, DROPPED, REFUSED, BUSY)


@pytest.mark.parametrize("outcome", [BUSY, DROPPED, e.ReadTimedOut("slow")], ids=["503", "dropped", "slow"])
def test_a_generation_is_not_repeated(outcome: Answer | e.TransportError) -> None:
    """It may have started."""
    with pytest.raises(e.DifyError):
        drive(POST, outcome)


@pytest.mark.parametrize("outcome", [REFUSED, Answer(429, {})], ids=["refused", "429"])
def test_a_generation_that_did_not_start_is_repeated(outcome: Answer | e.TransportError) -> None:
    """Nothing can happen twice."""
    assert drive(POST, outcome, GOOD)[1].attempts == 2


def test_retry_after_is_obeyed() -> None:
    """In seconds, by the server's word."""
    steps, _ = drive(POST, LIMITED, GOOD)
    assert isinstance(steps[1], Wait)
    assert steps[1].seconds == 7


def test_time_is_limited() -> None:
    """A wait that would end after `total_s` is not begun."""
    with pytest.raises(e.TooManyRequests):
        drive(POST, LIMITED, LIMITED, policy=RetryPolicy(max_retries=9, total_s=10))


def test_an_empty_budget_ends_retries() -> None:
    """A client whose calls all fail stops repeating them."""
    with pytest.raises(e.ConnectFailed):
        drive(GET, REFUSED, budget=RetryBudget(capacity=0))


class Pipe(BytesIO):
    """What cannot be read from its beginning again."""

    def seekable(self) -> bool:
        return False


def test_a_pipe_is_never_sent_again() -> None:
    """It is read once, even when nothing had started."""
    part = FilePart("file", "a.txt", Pipe(b"x"))
    operation: Operation[None] = Operation("upload", Request("POST", "/x", files=(part,)), nothing, repeatable=True)
    with pytest.raises(e.ConnectFailed):
        drive(operation, REFUSED)


GONE = Answer(404, {"content-type": "text/html"}, b"<title>404 Not Found</title>")
ELDER = Operation(
    "update", Request("PATCH", "/new"), nothing, since="1.14.0", older=(Request("POST", "/old"), Request("POST", "/o_ld"))
)


@pytest.mark.parametrize("lacks", [GONE, Answer(405, {}, b'{"code":"method_not_allowed","message":"no","status":405}')])
def test_an_older_server_is_asked_in_its_own_words(lacks: Answer) -> None:
    """A server without the address gets the one it knows; each is tried once, in order."""
    steps, answer = drive(ELDER, lacks, lacks, Answer(200, {}, b"{}"))
    assert [(step.request.method, step.request.path) for step in steps if isinstance(step, Send)] == [
        ("PATCH", "/new"),
        ("POST", "/old"),
        ("POST", "/o_ld"),
    ]
    assert answer.attempts == 1


def test_an_older_spelling_has_retries_of_its_own() -> None:
    """Asking in other words is no repetition."""
    steps, answer = drive(replace(ELDER, repeatable=True), GONE, BUSY, BUSY, Answer(200, {}, b"{}"))
    assert (len([step for step in steps if isinstance(step, Send)]), answer.attempts) == (4, 3)


def test_a_server_that_has_none_of_the_addresses() -> None:
    """The error names the version that has the present one."""
    with pytest.raises(e.EndpointNotAvailable, match=r"since Dify 1\.14\.0"):
        drive(ELDER, GONE, GONE, GONE)


DELETE: Operation[None] = Operation("delete", Request("DELETE", "/x"), nothing, repeatable=True)
ABSENT = Answer(404, {"content-type": "application/json"}, b'{"code":"not_found","message":"no","status":404}')


@pytest.mark.parametrize("first", [DROPPED, BUSY])
def test_a_deletion_that_was_done_already(first: Outcome) -> None:
    """The answer of the first attempt was lost; that the thing is gone is what was asked for."""
    assert drive(DELETE, first, ABSENT)[1].attempts == 2


@pytest.mark.parametrize(
    ("operation", "outcomes"),
    [(DELETE, [ABSENT]), (DELETE, [LIMITED, ABSENT]), (DELETE, [REFUSED, ABSENT]), (GET, [DROPPED, ABSENT])],
)
def test_what_was_never_there(operation: Operation[None], outcomes: list[Outcome]) -> None:
    """Without an attempt that may have done it, 404 is an error."""
    with pytest.raises(e.NotFound):
        drive(operation, *outcomes)


def test_a_driver_must_report() -> None:
    """`None` after a `Send` is a mistake in the driver."""
    with pytest.raises(TypeError, match="driver"):
        drive(GET, None)


def test_a_stream_is_an_answer() -> None:
    """An open body is handed on as it is."""
    stream = object()
    assert drive(STREAM, Answer(200, {}, stream=stream))[1].stream is stream


def test_no_stream() -> None:
    """A page instead of a stream, with and without a content type."""
    with pytest.raises(e.UnexpectedContent, match="text/html"):
        drive(STREAM, Answer(200, {"content-type": "text/html"}, b"<p>"))
    with pytest.raises(e.UnexpectedContent, match="no content type"):
        drive(STREAM, Answer(200, {}))


def test_error_object_instead_of_a_stream() -> None:
    """A gateway that hides the status."""
    with pytest.raises(e.AuthenticationError):
        drive(STREAM, Answer(200, {}, b'{"code": "unauthorized", "message": "no", "status": 401}'))


def test_the_age_of_a_route_is_told() -> None:
    """An unknown route may be younger than the server."""
    with pytest.raises(e.EndpointNotAvailable, match=r"1\.7\.2"):
        drive(STREAM, Answer(404, {"content-type": "text/html"}, b"<p>"))
