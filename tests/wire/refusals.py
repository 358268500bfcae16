"""What an error answer must become: the classes of the contract (errors.md §4), with code, status and message."""

from __future__ import annotations

import json
from typing import Any

from dify_integrations import errors
from dify_integrations.errors import APIError, DifyError

BY_CODE: dict[str, type[APIError]] = {
    "completion_request_error": errors.ProviderError,
    "model_currently_not_support": errors.ProviderError,
    "provider_not_initialize": errors.ProviderError,
    "provider_quota_exceeded": errors.QuotaExceeded,
    "rate_limit_error": errors.QuotaExceeded,
    "too_many_requests": errors.TooManyRequests,
}
BY_STATUS: dict[int, type[APIError]] = {
    400: errors.BadRequest,
    401: errors.AuthenticationError,
    403: errors.PermissionDenied,
    404: errors.NotFound,
    405: errors.EndpointNotAvailable,
    409: errors.Conflict,
    412: errors.Conflict,
    413: errors.PayloadTooLarge,
    415: errors.UnsupportedFileType,
    429: errors.TooManyRequests,
    500: errors.ServerError,
}


def check_refusal(status: int, content_type: str, body: bytes, error: DifyError | None) -> None:
    """Compare an error with the answer it was made from."""
    assert isinstance(error, APIError), error
    assert error.status == status
    assert not error.in_stream
    if "html" in content_type:
        assert type(error) is errors.EndpointNotAvailable
        return
    told: dict[str, Any] = json.loads(body)
    code, message = told.get("code", ""), str(told.get("message", told.get("error", "")))
    assert type(error) is class_of(code, status, message)
    assert (error.code, error.params) == (code, told.get("params"))
    assert one_line(message) in error.message


def class_of(code: str, status: int, message: str) -> type[APIError]:
    """The class for a code, a status and a text."""
    if message.startswith("Too many requests"):  # documented as 429, sent as 400
        return errors.TooManyRequests
    if status == 404 and message.startswith("Conversation Not Exists"):
        return errors.ConversationNotFound
    return BY_CODE.get(code, BY_STATUS[status])


def one_line(message: str) -> str:
    """A server's text as errors tell it: one line, 1000 characters at most."""
    return " ".join(message.split())[:1000]
