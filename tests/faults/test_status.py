"""Every status and error body: which class, which fields, what the message shows, how often it was sent."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from dify_integrations import errors as e
from tests.faults.conftest import Serve
from tests.faults.sides import KEY, Side
from tests.faults.wire import CHAT, LAST, Kind, answer, chunk, closing, head, ok

HTML = b"<html><head><title>502 Bad Gateway</title></head><body>" + b"nginx " * 1000 + b"</body></html>"
IN_AN_HOUR = format_datetime(datetime.now(timezone.utc) + timedelta(hours=1), usegmt=True)


def envelope(status: int, code: str, message: str, **more: object) -> bytes:
    return answer(status, {"code": code, "message": message, "status": status, **more})


@dataclass(frozen=True)
class Row:
    """An answer and what a generation makes of it."""

    data: bytes
    cls: type[e.APIError]
    status: int
    code: str = ""
    says: str = ""
    params: str | None = None
    attempts: int = 1


ROWS = {
    "400": Row(envelope(400, "app_unavailable", "App unavailable"), e.BadRequest, 400, "app_unavailable", "publish the app"),
    "400 params": Row(
        answer(400, {"code": "invalid_param", "message": "bad", "params": "limit"}),
        e.BadRequest,
        400,
        "invalid_param",
        "bad",
        "limit",
    ),
    "400 HTML": Row(answer(400, HTML, Content_Type="text/html"), e.BadRequest, 400, "", "Bad Gateway"),
    "400 error key": Row(answer(400, {"error": "Segments is required"}), e.BadRequest, 400, "", "Segments is required"),
    "400 provider": Row(
        envelope(400, "provider_not_initialize", "no"), e.ProviderError, 400, "provider_not_initialize", "model provider"
    ),
    "400 provider failed": Row(envelope(400, "completion_request_error", "no"), e.ProviderError, 400, "completion_request_error"),
    "400 quota": Row(envelope(400, "provider_quota_exceeded", "no"), e.QuotaExceeded, 400, "provider_quota_exceeded"),
    "400 twin of 429": Row(
        envelope(400, "invalid_param", "Too many requests. Please try again later."),
        e.TooManyRequests,
        400,
        "invalid_param",
        "concurrency",
        attempts=3,
    ),
    "401": Row(
        envelope(401, "unauthorized", "Access token is invalid"), e.AuthenticationError, 401, "unauthorized", "check the key"
    ),
    "401 empty": Row(answer(401), e.AuthenticationError, 401),
    "403": Row(envelope(403, "forbidden", "API is off"), e.PermissionDenied, 403, "forbidden", "API is off"),
    "404 conversation": Row(envelope(404, "not_found", "Conversation Not Exists."), e.ConversationNotFound, 404, "not_found"),
    "404 other": Row(envelope(404, "not_found", "Workflow not found"), e.NotFound, 404, "not_found", "Workflow not found"),
    "404 HTML": Row(answer(404, HTML, Content_Type="text/html"), e.EndpointNotAvailable, 404, "", "base_url"),
    "405": Row(envelope(405, "method_not_allowed", "no"), e.EndpointNotAvailable, 405, "method_not_allowed"),
    "409": Row(envelope(409, "dataset_in_use", "no"), e.Conflict, 409, "dataset_in_use"),
    "412": Row(envelope(412, "human_input_form_expired", "no"), e.Conflict, 412, "human_input_form_expired"),
    "413 empty": Row(answer(413), e.PayloadTooLarge, 413),
    "413 empty message": Row(envelope(413, "file_too_large", ""), e.PayloadTooLarge, 413, "file_too_large", "no reason"),
    "415": Row(envelope(415, "unsupported_file_type", "no"), e.UnsupportedFileType, 415, "unsupported_file_type"),
    "422": Row(envelope(422, "", "no"), e.BadRequest, 422),
    "429": Row(envelope(429, "too_many_requests", "slow down"), e.TooManyRequests, 429, "too_many_requests", attempts=3),
    "429 HTML": Row(answer(429, b"error code: 1015", Content_Type="text/html"), e.TooManyRequests, 429, attempts=3),
    "429 quota": Row(envelope(429, "rate_limit_error", "quota"), e.QuotaExceeded, 429, "rate_limit_error"),
    "500": Row(envelope(500, "internal_server_error", "oops"), e.ServerError, 500, "internal_server_error"),
    "500 empty": Row(answer(500), e.ServerError, 500, "", "no body"),
    "502 HTML": Row(answer(502, HTML, Content_Type="text/html"), e.ServerError, 502, "", "Bad Gateway"),
    "503 HTML": Row(answer(503, HTML, Content_Type="text/html"), e.ServerError, 503),
    "504 HTML": Row(answer(504, HTML, Content_Type="text/html"), e.ServerError, 504),
    "529": Row(answer(529), e.ServerError, 529),
    "599": Row(answer(599, b"\xff\xfe\x00"), e.ServerError, 599),
    "a list": Row(answer(500, b"[1, 2]", Content_Type="application/json"), e.ServerError, 500),
    "a deep bomb": Row(answer(400, b"[" * 100_000, Content_Type="application/json"), e.BadRequest, 400),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_answer_to_a_generation(side: Side, kind: Kind, row: Row, serve: Serve) -> None:
    """Class, status and code; a short message without the key; sent again only when it surely did not start."""
    server = serve((closing(row.data),))
    error = side.error(lambda dify: kind.start(dify).finish(), server.url)
    assert type(error) is row.cls
    assert isinstance(error, e.APIError)
    assert (error.status, error.code, error.params, error.in_stream) == (row.status, row.code, row.params, False)
    assert row.says in error.message
    assert len(str(error)) <= 1200
    assert "\n" not in error.message
    assert KEY not in str(error)
    assert len(server.requests) == row.attempts


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_passing_failures_of_repeatable_calls(side: Side, status: int, serve: Serve) -> None:
    """A read-only call outlives them."""
    server = serve((closing(answer(status, HTML)),), (closing(answer(status)),), ok())
    assert side.run(lambda dify: dify.app.info(), server.url).name == "app"
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 415, 422, 501, 529])
def test_lasting_failures_of_repeatable_calls(side: Side, status: int, serve: Serve) -> None:
    """Nothing is gained by repeating these."""
    server = serve((answer(status),))
    error = side.error(lambda dify: dify.app.info(), server.url)
    assert isinstance(error, e.APIError)
    assert error.status == status
    assert len(server.requests) == 1


def test_a_key_that_the_server_repeats_is_hidden(side: Side, serve: Serve) -> None:
    """Servers and gateways quote what they were sent."""
    server = serve((envelope(401, "unauthorized", f"bad token Bearer {KEY}"),), (answer(500, f"<p>{KEY}</p>".encode()),))
    for _ in range(2):
        error = side.error(lambda dify: dify.chat.send("hi"), server.url)
        assert KEY not in str(error)


RETRY_AFTER = {
    "seconds": ("3600", 3600.0),
    "decimal": ("3600.5", 3600.5),
    "huge": ("1000000000", 1e9),
    "NaN": ("NaN", None),
    "negative": ("-1", None),
    "words": ("soon", None),
    "none": (None, None),
}


@pytest.mark.parametrize(("header", "expected"), RETRY_AFTER.values(), ids=RETRY_AFTER.keys())
def test_retry_after_is_on_the_error(side: Side, header: str | None, expected: float | None, serve: Serve) -> None:
    """Too long a wait raises at once, with the value; nonsense counts as none."""
    headers = {} if header is None else {"Retry_After": header}
    server = serve((closing(answer(429, b"", **headers)),))
    error = side.error(lambda dify: dify.chat.send("hi"), server.url)
    assert isinstance(error, e.TooManyRequests)
    assert error.retry_after_s == expected
    assert len(server.requests) == (3 if expected is None else 1)


def test_retry_after_as_a_date(side: Side, serve: Serve) -> None:
    """A date an hour away is 3600 seconds."""
    server = serve((answer(429, b"", Retry_After=IN_AN_HOUR),))
    error = side.error(lambda dify: dify.chat.send("hi"), server.url)
    assert isinstance(error, e.TooManyRequests)
    assert error.retry_after_s is not None
    assert 3000 < error.retry_after_s <= 3600


def test_two_retry_after_headers(side: Side, serve: Serve) -> None:
    """The first counts."""
    server = serve((b"HTTP/1.1 429 X\r\nRetry-After: 3600\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",))
    error = side.error(lambda dify: dify.chat.send("hi"), server.url)
    assert isinstance(error, e.TooManyRequests)
    assert error.retry_after_s == 3600


def test_a_short_retry_after_is_obeyed(side: Side, serve: Serve) -> None:
    """The generation is sent again after the wait, and succeeds."""
    server = serve((closing(answer(429, b"", Retry_After="0.05")),), (head(), chunk(CHAT.whole), LAST))
    result = side.run(lambda dify: dify.chat.send("hi"), server.url)
    assert (result.text, result.attempts) == ("Hello", 2)
    assert server.requests[1].at - server.requests[0].at >= 0.05


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_never_followed(side: Side, kind: Kind, status: int, serve: Serve) -> None:
    """Neither the key nor the body reaches another address."""
    other = serve(ok())
    server = serve((answer(status, b"", Location=other.url + "/steal"),))
    error = side.error(lambda dify: kind.start(dify).finish(), server.url)
    assert isinstance(error, e.BadRequest)
    assert (error.status, "redirect" in error.message) == (status, True)
    assert side.error(lambda dify: dify.app.info(), server.url).message == error.message
    assert (other.accepted, len(server.requests)) == (0, 2)


def test_waiting_leaves_the_shared_random_numbers_alone(side: Side, serve: Serve) -> None:
    """A program that seeds `random` gets the same numbers, whatever this client had to repeat."""
    server = serve((closing(answer(503, b"")),), (answer(200, {"name": "x"}),))
    random.seed(5)
    side.run(lambda dify: dify.app.info(), server.url)
    assert len(server.requests) == 2
    assert random.random() == random.Random(5).random()
