"""Dify's errors as LangChain's: every class here is both, so that code catching either kind goes on working.

    ours (dify_integrations)                        LangChain's                        is_retryable
    AuthenticationError                             ModelAuthenticationError           no
    PermissionDenied                                ModelPermissionDeniedError         no
    BadRequest ProviderError Conflict
    PayloadTooLarge UnsupportedFileType             ModelInvalidRequestError           no
    ProviderError about the context's length        ContextOverflowError               no
    NotFound ConversationNotFound
    EndpointNotAvailable                            ModelNotFoundError                 no
    TooManyRequests                                 ModelRateLimitError                yes
    QuotaExceeded                                   ModelRateLimitError                no
    QuotaExceeded of the app's provider             ModelInvalidRequestError           no
    ServerError                                     ModelAPIError                      before content only
    ConnectFailed ConnectionDropped ProxyFailed
    TLSFailed StreamInterrupted                     ModelConnectionError               before content only, TLS never
    ReadTimedOut DeadlineExceeded StreamStalled     ModelTimeoutError                  before content only
    RunFailed UnexpectedContent MalformedEvent
    BodyTooLarge                                    ModelError                         no
    RunError (`DifyRefusalError`)                   ModelRefusalError (core 1.7.5)     no

`InvalidArgument` stays what it is: no model was asked. Retrievers raise Dify's errors as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from langchain_core import exceptions as langchain
from langchain_core.tools import ToolException

import dify_integrations as dify

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

_Refusal: type[langchain.ModelError] = getattr(langchain, "ModelRefusalError", langchain.ModelError)


class DifyAuthenticationError(dify.AuthenticationError, langchain.ModelAuthenticationError):
    """The key is wrong."""


class DifyPermissionError(dify.PermissionDenied, langchain.ModelPermissionDeniedError):
    """Rights, a plan limit, or the app's API is switched off."""


class DifyInvalidRequestError(dify.BadRequest, langchain.ModelInvalidRequestError):
    """Dify refused the request as it stands."""


class DifyProviderError(dify.ProviderError, langchain.ModelInvalidRequestError):
    """The model provider behind the app is missing, refused or failed; look at the app in Dify."""


class DifyContextOverflowError(dify.ProviderError, langchain.ContextOverflowError):
    """The request is longer than the app's model takes."""


class DifyConflictError(dify.Conflict, langchain.ModelInvalidRequestError):
    """The thing exists, is in use, or was already submitted."""


class DifyPayloadTooLargeError(dify.PayloadTooLarge, langchain.ModelInvalidRequestError):
    """413."""


class DifyUnsupportedFileTypeError(dify.UnsupportedFileType, langchain.ModelInvalidRequestError):
    """415."""


class DifyNotFoundError(dify.NotFound, langchain.ModelNotFoundError):
    """404."""


class DifyConversationNotFoundError(dify.ConversationNotFound, langchain.ModelNotFoundError):
    """The conversation does not exist, or belongs to another user or app."""


class DifyEndpointNotAvailableError(dify.EndpointNotAvailable, langchain.ModelNotFoundError):
    """This server has no such route."""


class DifyRateLimitError(dify.TooManyRequests, langchain.ModelRateLimitError):
    """Too many requests at once; wait and repeat."""


class DifyQuotaError(dify.QuotaExceeded, langchain.ModelRateLimitError):
    """A quota is used up; repeating does not help."""

    is_retryable = False


class DifyProviderQuotaError(dify.QuotaExceeded, langchain.ModelInvalidRequestError):
    """The hosted quota of the app's model is used up; give the app a provider of its own in Dify."""


class DifyServerError(dify.ServerError, langchain.ModelAPIError):
    """5xx."""


class DifyConnectError(dify.ConnectFailed, langchain.ModelConnectionError):
    """No connection to the server."""


class DifyTLSError(dify.TLSFailed, langchain.ModelConnectionError):
    """Certificate or handshake."""

    is_retryable = False


class DifyProxyError(dify.ProxyFailed, langchain.ModelConnectionError):
    """The proxy refused or vanished."""


class DifyConnectionDroppedError(dify.ConnectionDropped, langchain.ModelConnectionError):
    """The connection broke before the answer was complete."""


class DifyStreamInterruptedError(dify.StreamInterrupted, langchain.ModelConnectionError):
    """The answer ended without its end; `partial` holds what had arrived."""


class DifyStreamStalledError(dify.StreamStalled, langchain.ModelTimeoutError):
    """Nothing arrived within the idle clock; `partial` holds what had."""


class DifyReadTimeoutError(dify.ReadTimedOut, langchain.ModelTimeoutError):
    """No answer within the read clock."""


class DifyDeadlineError(dify.DeadlineExceeded, langchain.ModelTimeoutError):
    """The whole-run clock ran out."""


class DifyUnexpectedContentError(dify.UnexpectedContent, langchain.ModelError):
    """An answer of another kind than promised; look at the address and at proxies in between."""


class DifyMalformedEventError(dify.MalformedEvent, langchain.ModelError):
    """A frame of the answer that is no event; the run may go on in Dify."""


class DifyBodyTooLargeError(dify.BodyTooLarge, langchain.ModelError):
    """An answer above the configured limit."""


class DifyRunFailedError(dify.RunFailed, langchain.ModelError):
    """The app or workflow failed; `result` holds how far it went."""


class DifyRefusalError(dify.RunError, _Refusal):  # type: ignore[misc, valid-type]  # older cores have no class for it
    """Moderation withdrew the answer and put another text in its place; LangChain's `ModelRefusalError` where core has it.

    Raised where a replacement is no answer: with `on_replace="raise"`, and by structured output.

    Attributes:
        replacement: What the app says instead.
        raw: The message with everything known of the run. Its text is the replacement, except for a stream that had
            already said something else; then it is what was said.
        result: The run, `None` when only the message is known.
    """

    def __init__(
        self, message: str, *, replacement: str = "", raw: AIMessage | None = None, result: dify.RunResult | None = None
    ) -> None:
        super().__init__(message, result=result)
        self.replacement = replacement
        self.raw = raw


class DifyToolError(dify.RunFailed, ToolException):
    """The workflow behind a tool failed; with `handle_tool_error=True` the model gets to read why."""


class DifyToolProviderError(dify.ProviderError, ToolException):
    """The model inside the app behind a tool failed while it answered."""


class DifyToolStoppedError(dify.RunStopped, ToolException):
    """The workflow behind a tool was stopped before its end."""


_MODEL_ERRORS: dict[type[dify.DifyError], type[dify.DifyError]] = {
    dify.AuthenticationError: DifyAuthenticationError,
    dify.PermissionDenied: DifyPermissionError,
    dify.BadRequest: DifyInvalidRequestError,
    dify.ProviderError: DifyProviderError,
    dify.Conflict: DifyConflictError,
    dify.PayloadTooLarge: DifyPayloadTooLargeError,
    dify.UnsupportedFileType: DifyUnsupportedFileTypeError,
    dify.NotFound: DifyNotFoundError,
    dify.ConversationNotFound: DifyConversationNotFoundError,
    dify.EndpointNotAvailable: DifyEndpointNotAvailableError,
    dify.TooManyRequests: DifyRateLimitError,
    dify.QuotaExceeded: DifyQuotaError,
    dify.ServerError: DifyServerError,
    dify.ConnectFailed: DifyConnectError,
    dify.TLSFailed: DifyTLSError,
    dify.ProxyFailed: DifyProxyError,
    dify.ConnectionDropped: DifyConnectionDroppedError,
    dify.StreamInterrupted: DifyStreamInterruptedError,
    dify.StreamStalled: DifyStreamStalledError,
    dify.ReadTimedOut: DifyReadTimeoutError,
    dify.DeadlineExceeded: DifyDeadlineError,
    dify.UnexpectedContent: DifyUnexpectedContentError,
    dify.MalformedEvent: DifyMalformedEventError,
    dify.BodyTooLarge: DifyBodyTooLargeError,
    dify.RunFailed: DifyRunFailedError,
}
_TOOL_ERRORS: dict[type[dify.DifyError], type[dify.DifyError]] = {
    dify.RunFailed: DifyToolError,
    dify.ProviderError: DifyToolProviderError,
    dify.RunStopped: DifyToolStoppedError,
}
_OVERFLOW = re.compile(r"context.{0,20}(length|window)|maximum context|too many (input )?tokens|prompt is too long", re.IGNORECASE)


def as_model_error(error: dify.DifyError) -> dify.DifyError:
    """The same error as LangChain's kind too; itself where LangChain has none."""
    kind = _MODEL_ERRORS.get(type(error))
    if kind is None:
        return error
    if kind is DifyProviderError and _OVERFLOW.search(error.message):
        kind = DifyContextOverflowError
    if kind is DifyQuotaError and getattr(error, "code", "") == "provider_quota_exceeded":
        kind = DifyProviderQuotaError
    same = _again(error, kind)
    said = error.partial is not None and (error.partial.text or error.partial.reasoning)
    if isinstance(same, langchain.ModelError) and same.is_retryable and said:
        same.is_retryable = False  # the caller has seen words of it; a second try would say them again
    return same


def as_tool_error(error: dify.DifyError) -> dify.DifyError:
    """A bad end of a run as something a tool may tell the model."""
    kind = _TOOL_ERRORS.get(type(error))
    return error if kind is None else _again(error, kind)


@contextmanager
def model_errors() -> Iterator[None]:
    """Inside, Dify's errors leave as LangChain's; that somebody stopped the run is an answer, not an error."""
    try:
        yield
    except dify.RunStopped:
        return
    except dify.DifyError as error:
        raise as_model_error(error).with_traceback(error.__traceback__) from error.__cause__


def _again(error: dify.DifyError, kind: type[dify.DifyError]) -> dify.DifyError:
    same = kind.__new__(kind, *error.args)
    same.args = error.args
    same.__dict__.update(error.__dict__)
    return same
