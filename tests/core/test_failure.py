"""Error bodies and error events to exceptions, row by row."""

from __future__ import annotations

import json

import pytest

from dify_integrations import errors as e
from dify_integrations.core.failure import api_error, error_object, stream_error
from dify_integrations.core.operation import Answer

HTML = {"content-type": "text/html"}


def answer(status: int, body: object = b"", headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, headers or {}, body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.mark.parametrize(
    ("given", "cls", "code"),
    [
        (answer(400, {"code": "invalid_param", "message": "x"}), e.BadRequest, "invalid_param"),
        (answer(400, {"code": "invalid_param", "message": "Too many requests. Wait."}), e.TooManyRequests, "invalid_param"),
        (answer(404, {"code": "not_found", "message": "Conversation Not Exists."}), e.ConversationNotFound, "not_found"),
        (answer(404, {"code": "not_found", "message": "x"}), e.NotFound, "not_found"),
        (answer(429, {"code": "rate_limit_error", "message": "x"}), e.QuotaExceeded, "rate_limit_error"),
        (answer(400, {"error": "x"}), e.BadRequest, ""),
        (answer(400, {"code": 7}), e.BadRequest, "7"),
        (answer(500, {"message": "x"}), e.ServerError, ""),
        (answer(500, {"other": "x"}), e.ServerError, ""),
        (answer(500, [1]), e.ServerError, ""),
        (answer(502, b"<html>", HTML), e.ServerError, ""),
        (answer(404, b"<html>", HTML), e.EndpointNotAvailable, ""),
        (answer(404), e.NotFound, ""),
        (answer(307), e.BadRequest, ""),
        (answer(418), e.BadRequest, ""),
    ],
)
def test_class_and_code(given: Answer, cls: type[e.APIError], code: str) -> None:
    """By code first, then by the few texts Dify gives no code for, then by status."""
    error = api_error(given)
    assert (type(error), error.code, error.status) == (cls, code, given.status)


def test_params_and_retry_after() -> None:
    """Both are kept."""
    error = api_error(answer(400, {"code": "invalid_param", "message": "x", "params": "limit"}), retry_after_s=3.0)
    assert (error.params, error.retry_after_s) == ("limit", 3.0)
    assert api_error(answer(503), retry_after_s=4.0).retry_after_s == 4.0


def test_messages_are_one_short_line_without_secrets() -> None:
    """Provider texts hold keys and are long."""
    error = api_error(answer(400, {"code": "x", "message": "a\nb Bearer sk-123 " + "x" * 5000}))
    assert error.message.startswith("a b Bearer ***")
    assert len(error.message) <= 1000


@pytest.mark.parametrize("code", ["app_unavailable", "not_chat_app", "not_workflow_app"])
def test_hints_by_code(code: str) -> None:
    """Codes that say nothing to a newcomer are explained."""
    assert "(" in api_error(answer(400, {"code": code, "message": "x"})).message


def test_no_reason() -> None:
    """An empty message is replaced by the status."""
    assert "413" in api_error(answer(413, {"code": "file_too_large", "message": ""})).message


@pytest.mark.parametrize(
    ("code", "status", "cls", "known"),
    [
        ("completion_request_error", 400, e.ProviderError, 400),
        ("", None, e.ServerError, 500),
        ("invalid_param", 400, e.BadRequest, 400),
    ],
)
def test_error_events(code: str, status: int | None, cls: type[e.APIError], known: int) -> None:
    """An event without a status counts as 500."""
    error = stream_error(code, "x", status)
    assert (type(error), error.status, error.in_stream) == (cls, known, True)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"code": "unauthorized", "message": "x", "status": 401}, 401),
        ({"code": "not_chat_app", "message": "x"}, 200),
        ({"code": "not_chat_app", "message": "x", "status": "odd"}, 200),
        ({"code": "not_chat_app", "message": "x", "status": 200}, 200),
    ],
)
def test_error_object_with_200(body: dict[str, object], status: int) -> None:
    """Its own status counts, when it is one of an error."""
    error = error_object(answer(200, body))
    assert error is not None
    assert error.status == status


@pytest.mark.parametrize("body", [b"<p>", [1], {"code": 1, "message": "x"}, {"code": "x"}, {"answer": "x"}])
def test_no_error_object(body: object) -> None:
    """Results are not mistaken for errors."""
    assert error_object(answer(200, body)) is None
