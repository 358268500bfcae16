"""From Dify's error answers to the right exception: HTTP status and envelope, or the `error` event of a stream.

The envelopes are those of every server since 0.15: `{code, message, status}`, without `status`, with `params`,
`{"error": text}`, `{"message": text}`, HTML pages and empty bodies. Texts are matched only where Dify gives no code.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import (
    APIError,
    AuthenticationError,
    BadRequest,
    Conflict,
    ConversationNotFound,
    EndpointNotAvailable,
    NotFound,
    PayloadTooLarge,
    PermissionDenied,
    ProviderError,
    QuotaExceeded,
    ServerError,
    TooManyRequests,
    UnsupportedFileType,
)
from .jsonio import parse_json
from .redact import excerpt, redact

if TYPE_CHECKING:
    from .operation import Answer

_BY_CODE: dict[str, type[APIError]] = {
    "provider_not_initialize": ProviderError,
    "model_currently_not_support": ProviderError,
    "completion_request_error": ProviderError,
    "provider_quota_exceeded": QuotaExceeded,
    "rate_limit_error": QuotaExceeded,
    "too_many_requests": TooManyRequests,
}
_BY_STATUS: dict[int, type[APIError]] = {
    401: AuthenticationError,
    403: PermissionDenied,
    404: NotFound,
    409: Conflict,
    412: Conflict,
    413: PayloadTooLarge,
    415: UnsupportedFileType,
    429: TooManyRequests,
}
_HINTS: dict[type[APIError], str] = {
    AuthenticationError: "check the key: app-… for apps, dataset-… for knowledge",
    TooManyRequests: "the app's concurrency limit was reached; wait and send again",
    ProviderError: "check the app's model provider in Dify",
}
_HINT_BY_CODE = {
    "provider_quota_exceeded": "give the app a model provider of its own in Dify",
    "app_unavailable": "publish the app, and use the method for its mode",
    "not_chat_app": "this key belongs to an app of another mode; use dify.completion or dify.workflows",
    "not_workflow_app": "this key belongs to an app of another mode; use dify.chat or dify.completion",
}
_TAGS_UNSENDABLE = ("DataSetTag", "binding_count")  # 1.12.1 and 1.14.2 fail at their own answer, after the work
_HINT_FOR_TAGS = (
    "the server did what was asked, but cannot say so: a tag that was to be made or renamed is; "
    "Dify after 1.14.2 answers, and datasets.tags.of_dataset reads the tags of one knowledge base everywhere"
)


def error_object(answer: Answer) -> APIError | None:
    """The exception for an error object that came with 200, as some gateways send it; `None` for anything else.

    Its own `status` says what the gateway hid. A code alone is none: an app's outputs may have one.
    """
    try:
        value = parse_json(answer.body)
    except ValueError:
        return None
    if not isinstance(value, dict) or not (isinstance(value.get("code"), str) and isinstance(value.get("message"), str)):
        return None
    status = value.get("status")
    hidden = status if isinstance(status, int) and status >= 300 else answer.status
    return api_error(replace(answer, status=hidden))


def api_error(answer: Answer, *, retry_after_s: float | None = None, since: str = "") -> APIError:
    """The exception for an answer with a status of 300 or more."""
    body = _envelope(answer.body)
    if body is None:
        return _without_envelope(answer, retry_after_s, since)
    code, message, params = body
    if answer.status == 405:
        # The path is known with other verbs only: what an older server says of a younger operation.
        return EndpointNotAvailable(f"{server_text(message)} {_no_address(since)}", status=405, code=code)
    cls = _classify(code, answer.status, message)
    return cls(
        _message(cls, code, message, answer.status), status=answer.status, code=code, params=params, retry_after_s=retry_after_s
    )


def stream_error(code: str, message: str, status: int | None) -> APIError:
    """The exception for an `error` event: classified by its code, else by the status inside it."""
    known = status if status is not None else 500
    cls = _classify(code, known, message)
    return cls(_message(cls, code, message, known), status=known, code=code, in_stream=True)


def _classify(code: str, status: int, message: str) -> type[APIError]:
    if code in _BY_CODE:
        return _BY_CODE[code]
    # The documented 429 comes as 400 invalid_param on every server seen (0.15.3 to 1.14.2).
    if status == 400 and message.startswith("Too many requests"):
        return TooManyRequests
    if status == 404 and message.startswith("Conversation Not Exists"):
        return ConversationNotFound
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return ServerError if status >= 500 else BadRequest


def _envelope(body: bytes) -> tuple[str, str, str | None] | None:
    """Code, message and field name, or `None` when the body is no error object."""
    try:
        value = parse_json(body)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    message = value.get("message", value.get("error"))
    if message is None and "code" not in value:
        return None
    params = value.get("params")
    return str(value.get("code") or ""), str(message or ""), str(params) if params else None


def _without_envelope(answer: Answer, retry_after_s: float | None, since: str) -> APIError:
    status = answer.status
    if 300 <= status < 400:
        where = "a redirect, which is never followed; is base_url the address of the API itself?"
        return BadRequest(where, status=status)
    if status == 404 and "html" in answer.content_type:
        # Unknown routes and ids that are not UUIDs give the same HTML page.
        return EndpointNotAvailable(_no_address(since), status=404)
    cls = _classify("", status, "")
    text = excerpt(answer.body) if answer.body else "no body"
    return cls(_message(cls, "", text, status), status=status, retry_after_s=retry_after_s)


def _no_address(since: str) -> str:
    age = f" (the route exists since Dify {since})" if since else ""
    return f"the server knows no such address{age}; the server is older, the id is not a UUID, or base_url lacks /v1"


def server_text(message: str) -> str:
    """The server's or a provider's words as one line without secrets, at most 1000 characters."""
    return " ".join(redact(message).split())[:1000]


def _message(cls: type[APIError], code: str, message: str, status: int) -> str:
    # 413 comes with an empty message and create-by-file's 400 too; provider texts can hold keys and signed addresses.
    text = server_text(message) or f"the server gave no reason for status {status}"
    hint = _HINT_BY_CODE.get(code) or _HINTS.get(cls)
    if all(word in message for word in _TAGS_UNSENDABLE):
        hint = _HINT_FOR_TAGS
    return f"{text} ({hint})" if hint else text
