"""The retry decision: the table of shared/reliability.md part 3, row by row, without a clock."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dify_integrations import errors as e
from dify_integrations.core.retry import RetryPolicy, decide, is_timeout, parse_retry_after

DEFAULT = RetryPolicy()
GENERATIONS = RetryPolicy(retry_generations=True)
KNOWLEDGE_LIMIT = "Sorry, you have reached the knowledge base request rate limit of your subscription."


def wait(
    error: e.DifyError,
    *,
    repeatable: bool = True,
    attempt: int = 1,
    elapsed_s: float = 0.0,
    roll: float = 0.5,
    policy: RetryPolicy = DEFAULT,
) -> float | None:
    return decide(error, repeatable=repeatable, attempt=attempt, elapsed_s=elapsed_s, roll=roll, policy=policy)


def api(
    cls: type[e.APIError], status: int, code: str = "", *, retry_after_s: float | None = None, in_stream: bool = False
) -> e.APIError:
    return cls("text", status=status, code=code, retry_after_s=retry_after_s, in_stream=in_stream)


# ---------------------------------------------------------------- the three questions

SURELY_NOT_STARTED = {
    "refused, DNS, connect timeout, pool timeout": e.ConnectFailed("x", started=False),
    "proxy unreachable": e.ProxyFailed("x", started=False),
    "stale connection, nothing sent": e.ConnectionDropped("x", started=False),
    "write timeout before the first byte": e.ReadTimedOut("x", started=False),
    "plain transport error": e.TransportError("x", started=False),
    "429 too_many_requests": api(e.TooManyRequests, 429, "too_many_requests"),
    "429 of a proxy": api(e.TooManyRequests, 429),
    "its observed twin, 400 invalid_param": api(e.TooManyRequests, 400, "invalid_param"),
}
PERHAPS_STARTED = {
    "reset or close before headers": e.ConnectionDropped("x"),
    "timeout before headers": e.ReadTimedOut("x"),
    "proxy vanished": e.ProxyFailed("x"),
    "500": api(e.ServerError, 500, "internal_server_error"),
    "500 unknown": api(e.ServerError, 500, "unknown"),
    "502 HTML": api(e.ServerError, 502),
    "503 HTML": api(e.ServerError, 503),
    "504 HTML": api(e.ServerError, 504),
    "408": api(e.BadRequest, 408),
}
NEVER = {
    "refused argument": e.InvalidArgument("x"),
    "certificate": e.TLSFailed("x", started=False),
    "deadline": e.DeadlineExceeded("x"),
    "deadline before sending": e.DeadlineExceeded("x", started=False),
    "broken mid-stream": e.StreamInterrupted("x"),
    "stalled": e.StreamStalled("x"),
    "stream that never began": e.StreamInterrupted("x", started=False),
    "login page": e.UnexpectedContent("x"),
    "malformed event": e.MalformedEvent("x"),
    "too large": e.BodyTooLarge("x"),
    "consumed": e.StreamConsumed("x"),
    "failed run": e.RunFailed("x"),
    "stopped run": e.RunStopped("x"),
    "error event": api(e.ServerError, 500, in_stream=True),
    "rate limit in an error event": api(e.TooManyRequests, 429, "too_many_requests", in_stream=True),
    "workflow quota": api(e.QuotaExceeded, 429, "rate_limit_error"),
    "provider quota": api(e.QuotaExceeded, 400, "provider_quota_exceeded"),
    "quota as 500": api(e.QuotaExceeded, 500, "provider_quota_exceeded"),
    "no provider": api(e.ProviderError, 400, "provider_not_initialize"),
    "model not supported": api(e.ProviderError, 400, "model_currently_not_support"),
    "400": api(e.BadRequest, 400, "invalid_param"),
    "401": api(e.AuthenticationError, 401, "unauthorized"),
    "403": api(e.PermissionDenied, 403, "forbidden"),
    "404": api(e.NotFound, 404, "not_found"),
    "no such conversation": api(e.ConversationNotFound, 404, "not_found"),
    "405": api(e.BadRequest, 405, "method_not_allowed"),
    "409": api(e.Conflict, 409, "dataset_in_use"),
    "412": api(e.Conflict, 412, "human_input_form_expired"),
    "413": api(e.PayloadTooLarge, 413),
    "415": api(e.UnsupportedFileType, 415),
    "501": api(e.ServerError, 501),
    "529": api(e.ServerError, 529),
    "a limit of no known kind": api(e.RateLimited, 429),
}  # fmt: skip


@pytest.mark.parametrize("repeatable", [True, False], ids=["repeatable", "not repeatable"])
@pytest.mark.parametrize("error", SURELY_NOT_STARTED.values(), ids=SURELY_NOT_STARTED.keys())
def test_what_surely_did_not_start_is_sent_again(error: e.DifyError, repeatable: bool) -> None:
    """First question: no harm possible, even for a generation."""
    assert wait(error, repeatable=repeatable) == 0.25


@pytest.mark.parametrize("error", PERHAPS_STARTED.values(), ids=PERHAPS_STARTED.keys())
def test_what_may_have_started_is_sent_again_only_when_repeatable(error: e.DifyError) -> None:
    """Second question: a generation is raised, unless the caller accepts doing it twice."""
    assert wait(error, repeatable=True) == 0.25
    assert wait(error, repeatable=False) is None
    assert wait(error, repeatable=False, policy=GENERATIONS) == 0.25


@pytest.mark.parametrize(
    "error", [*NEVER.values(), api(e.ProviderError, 400, "completion_request_error")], ids=[*NEVER, "provider failed"]
)
@pytest.mark.parametrize("repeatable", [True, False], ids=["repeatable", "not repeatable"])
@pytest.mark.parametrize("policy", [DEFAULT, GENERATIONS], ids=["default", "retry_generations"])
def test_what_is_not_worth_it_is_never_sent_again(error: e.DifyError, repeatable: bool, policy: RetryPolicy) -> None:
    """Third question: the same request will fail the same way, or its text was already given out."""
    assert wait(error, repeatable=repeatable, policy=policy) is None


@pytest.mark.parametrize("error", NEVER.values(), ids=NEVER.keys())
def test_no_option_repeats_the_hopeless(error: e.DifyError) -> None:
    """All three options together change nothing for the rows that say never."""
    policy = RetryPolicy(max_retries=100, retry_generations=True, retry_provider_errors=True, retry_knowledge_limit=True)
    assert wait(error, policy=policy) is None


# ---------------------------------------------------------------- options


def test_provider_errors_are_repeated_on_request() -> None:
    """`completion_request_error` can hide a provider's 429; a generation needs both options, its tools may have run."""
    error = api(e.ProviderError, 400, "completion_request_error")
    only = RetryPolicy(retry_provider_errors=True)
    both = RetryPolicy(retry_provider_errors=True, retry_generations=True)
    assert wait(error, policy=only) == 0.25
    assert wait(error, repeatable=False, policy=only) is None
    assert wait(error, repeatable=False, policy=both) == 0.25


@pytest.mark.parametrize("repeatable", [True, False])
def test_the_knowledge_limit_is_waited_for_on_request(repeatable: bool) -> None:
    """The request was refused before it began; the limit counts per minute."""
    error = e.PermissionDenied(KNOWLEDGE_LIMIT, status=403, code="forbidden")
    policy = RetryPolicy(retry_knowledge_limit=True)
    assert wait(error, repeatable=repeatable) is None
    assert wait(error, repeatable=repeatable, policy=policy) == 60.0
    assert wait(error, repeatable=repeatable, policy=policy, roll=0.0, attempt=2) == 60.0


def test_the_knowledge_wait_need_not_fit_in_the_total() -> None:
    """With the default total of 60 s the option would otherwise do nothing; it is waited for once."""
    error = e.PermissionDenied(KNOWLEDGE_LIMIT, status=403, code="forbidden")
    policy = RetryPolicy(retry_knowledge_limit=True)
    assert wait(error, policy=policy, elapsed_s=0.2) == 60.0
    assert wait(error, policy=policy, elapsed_s=60.4, attempt=2) is None
    assert wait(error, policy=policy, attempt=3) is None


@pytest.mark.parametrize(
    "error",
    [
        e.PermissionDenied("The capacity of the vector space has reached the limit of your subscription.", status=403),
        e.PermissionDenied(KNOWLEDGE_LIMIT, status=403, in_stream=True),
        e.BadRequest(KNOWLEDGE_LIMIT, status=400),
    ],
    ids=["plan limit", "in a stream", "not a 403"],
)
def test_other_refusals_are_no_knowledge_limit(error: e.DifyError) -> None:
    """403 is overloaded: plan limits do not pass with time."""
    assert wait(error, policy=RetryPolicy(retry_knowledge_limit=True)) is None


# ---------------------------------------------------------------- how long

FAILED = api(e.ServerError, 503)


@pytest.mark.parametrize(
    ("attempt", "roll", "seconds"),
    [
        (1, 0.0, 0.0), (1, 0.5, 0.25), (1, 0.75, 0.375), (2, 0.5, 0.5), (3, 0.5, 1.0), (4, 0.5, 2.0), (5, 0.5, 4.0),
        (6, 0.5, 4.0), (10**9, 0.5, 4.0),
    ],
)  # fmt: skip
def test_waits_double_up_to_the_cap_with_full_jitter(attempt: int, roll: float, seconds: float) -> None:
    """And the billionth attempt does not overflow."""
    assert wait(FAILED, attempt=attempt, roll=roll, policy=RetryPolicy(max_retries=10**10)) == seconds


@pytest.mark.parametrize(("max_retries", "attempts"), [(0, 1), (1, 2), (2, 3), (5, 6)])
def test_the_number_of_attempts_is_limited(max_retries: int, attempts: int) -> None:
    """Two retries are three attempts."""
    policy = RetryPolicy(max_retries=max_retries)
    made = 1
    while wait(FAILED, attempt=made, policy=policy) is not None:
        made += 1
    assert made == attempts


@pytest.mark.parametrize(("elapsed_s", "seconds"), [(0.0, 0.25), (59.75, 0.25), (59.76, None), (60.0, None), (1e9, None)])
def test_the_wait_must_fit_in_the_total(elapsed_s: float, seconds: float | None) -> None:
    """Whichever ends first, attempts or time."""
    assert wait(FAILED, elapsed_s=elapsed_s) == seconds


@pytest.mark.parametrize(
    ("asked_s", "seconds"),
    [
        (None, 0.25), (0.5, 0.5), (30.0, 30.0), (59.0, 59.0), (60.0, 60.0), (60.1, None), (1e9, None), (math.inf, None),
        (0.0, 0.25), (-1.0, 0.25), (math.nan, 0.25),
    ],
)  # fmt: skip
@pytest.mark.parametrize("error", [(e.TooManyRequests, 429), (e.ServerError, 503)], ids=["429", "503"])
def test_retry_after_is_obeyed_or_raised(error: tuple[type[e.APIError], int], asked_s: float | None, seconds: float | None) -> None:
    """Exactly as told up to the cap; nobody waits for an hour unasked. Zero and nonsense leave our own wait."""
    assert wait(api(*error, retry_after_s=asked_s)) == seconds


def test_retry_after_must_fit_in_the_total_too() -> None:
    """The server's wish does not lengthen the caller's patience."""
    error = api(e.TooManyRequests, 429, retry_after_s=30.0)
    assert wait(error, elapsed_s=30.0) == 30.0
    assert wait(error, elapsed_s=30.1) is None
    assert wait(error, elapsed_s=30.1, policy=RetryPolicy(total_s=math.inf)) == 30.0


def test_retry_after_does_not_make_a_generation_repeatable() -> None:
    """A 503 with Retry-After may still have started."""
    assert wait(api(e.ServerError, 503, retry_after_s=1.0), repeatable=False) is None


EVERY = [*SURELY_NOT_STARTED.values(), *PERHAPS_STARTED.values(), *NEVER.values()]


@settings(max_examples=200)
@given(
    error=st.sampled_from(EVERY),
    repeatable=st.booleans(),
    attempt=st.integers(1, 10**12),
    elapsed_s=st.floats(0, 1e6),
    roll=st.floats(0, 1, exclude_max=True),
    policy=st.builds(
        RetryPolicy,
        max_retries=st.integers(0, 10**12),
        total_s=st.floats(0, 1e6),
        base_s=st.floats(0, 1e300),
        cap_s=st.floats(0, 1e3),
        retry_generations=st.booleans(),
        retry_provider_errors=st.booleans(),
    ),
)
def test_any_decision_keeps_within_the_policy(
    error: e.DifyError, repeatable: bool, attempt: int, elapsed_s: float, roll: float, policy: RetryPolicy
) -> None:
    """No exception, no negative or endless wait, nothing beyond the caps; and the same question has the same answer."""
    seconds = wait(error, repeatable=repeatable, attempt=attempt, elapsed_s=elapsed_s, roll=roll, policy=policy)
    assert seconds == wait(error, repeatable=repeatable, attempt=attempt, elapsed_s=elapsed_s, roll=roll, policy=policy)
    if seconds is not None:
        assert 0 <= seconds <= policy.cap_s
        assert attempt <= policy.max_retries
        assert elapsed_s + seconds <= policy.total_s


# ---------------------------------------------------------------- Retry-After

NOW = 1_445_412_480.0  # Wed, 21 Oct 2015 07:28:00 GMT


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("3.", 3.0),
        ("1000000000", 1e9),
        ("Wed, 21 Oct 2015 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2015 09:28:30 +0200", 30.0),
        ("Wednesday, 21-Oct-15 07:28:30 GMT", 30.0),
        ("Wed Oct 21 07:28:30 2015", 30.0),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0.0),
        ("Fri, 01 Jan 1904 00:00:00 GMT", 0.0),
        ("30, 60", 30.0),
        ("30,60", 30.0),
        ("120, Wed, 21 Oct 2015 07:28:30 GMT", 120.0),
        ("Wed, 21 Oct 2015 07:28:30 GMT, Wed, 21 Oct 2015 08:28:30 GMT", 30.0),
        (None, None),
        ("", None),
        (" ", None),
        (",", None),
        ("-1", None),
        ("-1, 5", None),
        ("+5", None),
        ("nan", None),
        ("NaN, 5", None),
        ("inf", None),
        ("Infinity", None),
        ("1e3", None),
        ("1_0", None),
        ("0x10", None),
        ("５", None),
        ("²", None),
        (".5", None),
        ("5 s", None),
        ("soon", None),
        ("9" * 16, None),
        ("9" * 5000, None),
        ("Wed, 21 Oct 2015 25:61:00 GMT", None),
        ("Wed, 21 Oct 99999999 07:28:00 GMT", None),
        ("99999999999 Jan 1 00:00:00", None),
        ("Wed, 21 Oct 2015 07:28:00 +999999", None),
        ("Wed, 21 Oct", None),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_retry_after_forms(value: str | None, seconds: float | None) -> None:
    """Seconds or a date; a past date is 0, of several values the first counts, everything else is no answer."""
    assert parse_retry_after(value, now=NOW) == seconds


@settings(max_examples=200)
@given(st.text(max_size=40) | st.text("0123456789.,:+- GMTWedOct", max_size=40))
@example("0, 0")
def test_any_header_gives_seconds_or_nothing(value: str) -> None:
    """Never an exception, never a negative or endless wait."""
    seconds = parse_retry_after(value, now=NOW)
    assert seconds is None or 0 <= seconds < math.inf


# ---------------------------------------------------------------- timeouts


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (e.ReadTimedOut("x"), True),
        (e.DeadlineExceeded("x"), True),
        (e.StreamStalled("x"), True),
        (e.ConnectFailed("x", started=False), False),
        (e.ConnectionDropped("x"), False),
        (e.StreamInterrupted("x"), False),
        (api(e.ServerError, 504), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, e.DifyError) else str(value),
)
def test_timeouts_are_our_own_clocks(error: e.DifyError, expected: bool) -> None:
    """What the server calls a timeout is its own affair."""
    assert is_timeout(error) is expected
