"""Every error this package raises, drawn once.

    DifyError                                    .partial: what had arrived (a RunResult) or None
    ├─ InvalidArgument (ValueError)              refused before anything was sent
    ├─ TransportError                            .started: may the server have begun the work?
    │  ├─ ConnectFailed                          no connection: name, route, port, queue
    │  ├─ TLSFailed                              certificate or handshake
    │  ├─ ProxyFailed                            the proxy refused or vanished
    │  ├─ ConnectionDropped                      the connection broke before the answer was complete
    │  ├─ ReadTimedOut (TimeoutError)            no answer within the read clock
    │  ├─ DeadlineExceeded (TimeoutError)        the whole-run clock ran out
    │  └─ StreamInterrupted                      a stream ended without what it owes; .ids
    │     └─ StreamStalled (TimeoutError)        nothing complete arrived within the idle clock
    ├─ ProtocolError
    │  ├─ UnexpectedContent                      an answer of another kind than promised
    │  ├─ MalformedEvent                         a frame that is not a JSON object
    │  ├─ BodyTooLarge                           an event or body above the configured limit
    │  └─ StreamConsumed                         a run can be iterated once
    ├─ APIError                                  .status .code .params .retry_after_s
    │  ├─ BadRequest
    │  │  └─ ProviderError                       the app's model provider is missing, refused or failed
    │  ├─ AuthenticationError                    401
    │  ├─ PermissionDenied                       403: rights, plan limits, API switched off
    │  ├─ NotFound
    │  │  ├─ ConversationNotFound
    │  │  └─ EndpointNotAvailable                this server has no such route
    │  ├─ Conflict                               409, 412
    │  ├─ PayloadTooLarge                        413
    │  ├─ UnsupportedFileType                    415
    │  ├─ RateLimited
    │  │  ├─ TooManyRequests                     wait and repeat
    │  │  └─ QuotaExceeded                       repeating does not help
    │  └─ ServerError                            5xx
    ├─ RunError                                  .result: the whole run as far as it went
    │  ├─ RunFailed
    │  └─ RunStopped                             ended early by `cancel`, by somebody else's stop or a time limit
    └─ IndexingError                             .statuses: the documents of the batch as last seen
       ├─ IndexingFailed                         at least one document could not be indexed
       ├─ IndexingPaused                         none failed, but somebody or a plan limit holds one back
       └─ IndexingTimeout (TimeoutError)         some are still at it

No error holds a request, a header or a key, so every one can be logged and pickled. A run's pause is a result, not an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .models.indexing import IndexingStatus
    from .runs.result import RunResult


class DifyError(Exception):
    """Base of everything this package raises on purpose.

    Attributes:
        message: What happened and what to do about it, one line.
        partial: The run as far as it had arrived, or `None` when nothing had.
    """

    def __init__(self, message: str, *, partial: RunResult | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.partial = partial

    def __reduce__(self) -> tuple[Any, ...]:
        # Subclasses have keyword-only arguments; the default would call them with positional ones.
        return (_rebuild, (type(self), self.args, self.__dict__))


def _rebuild(cls: type[DifyError], args: tuple[Any, ...], state: dict[str, Any]) -> DifyError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class InvalidArgument(DifyError, ValueError):
    """An argument that cannot be sent. Nothing went over the network."""


class TransportError(DifyError):
    """The network or the connection failed.

    Attributes:
        started: `False` when the server surely did not begin the work, so that sending again is safe;
            `True` when it may have begun.
    """

    def __init__(self, message: str, *, started: bool = True, partial: RunResult | None = None) -> None:
        super().__init__(message, partial=partial)
        self.started = started


class ConnectFailed(TransportError):
    """No connection to the server: host name, route, refused port, or no free connection in the pool."""


class TLSFailed(TransportError):
    """The TLS handshake failed; trying again will not help."""


class ProxyFailed(TransportError):
    """The proxy could not be reached or refused the connection."""


class ConnectionDropped(TransportError):
    """The connection broke while the request was sent or before the whole answer had arrived."""


class ReadTimedOut(TransportError, TimeoutError):
    """The server did not answer within the read clock (or take the request within the write clock)."""


class DeadlineExceeded(TransportError, TimeoutError):
    """The whole-run deadline passed."""


class StreamInterrupted(TransportError):
    """A stream ended without the event it owes.

    Attributes:
        partial: Everything that had arrived.
        ids: `task_id`, `conversation_id`, `message_id`, `workflow_run_id` as far as known: with a
            `workflow_run_id` the run goes on and can be looked up, otherwise read the message history.
    """

    def __init__(
        self, message: str, *, ids: Mapping[str, str] | None = None, partial: RunResult | None = None, started: bool = True
    ) -> None:
        super().__init__(message, started=started, partial=partial)
        self.ids = dict(ids or {})


class StreamStalled(StreamInterrupted, TimeoutError):
    """No complete event, comment or ping arrived within the idle clock."""


class ProtocolError(DifyError):
    """The server's answer is not what the Service API promises."""


class UnexpectedContent(ProtocolError):
    """Another content type or shape than asked for: a login page, a proxy's error page, the wrong base URL."""


class MalformedEvent(ProtocolError):
    """A stream frame whose data is not a JSON object."""


class BodyTooLarge(ProtocolError):
    """An event or body is larger than the configured limit."""


class StreamConsumed(ProtocolError):
    """The run was already iterated or closed; open a new one."""


class APIError(DifyError):
    """Dify answered with an error, as an HTTP status or as an `error` event in a stream.

    Attributes:
        status: HTTP status, or the status inside the `error` event (the HTTP status is 200 then).
        code: Dify's code such as `invalid_param`, or `""` when the answer had none.
        params: The field a parameter error names (servers ≤ 0.15), or `None`.
        retry_after_s: Seconds the server asked to wait, or `None`.
        in_stream: Whether the error came as an event of an already started stream.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str = "",
        params: str | None = None,
        retry_after_s: float | None = None,
        in_stream: bool = False,
        partial: RunResult | None = None,
    ) -> None:
        super().__init__(message, partial=partial)
        self.status = status
        self.code = code
        self.params = params
        self.retry_after_s = retry_after_s
        self.in_stream = in_stream

    def __str__(self) -> str:
        where = f"{self.status} {self.code}".rstrip()
        return f"{self.message} [{where}]"


class BadRequest(APIError):
    """400, 405, 422 and other refusals of the request as it stands."""


class ProviderError(BadRequest):
    """The model provider behind the app is not set up, refused, or failed.

    Codes: `provider_not_initialize`, `model_currently_not_support`, `completion_request_error`.
    """


class AuthenticationError(APIError):
    """401: missing or wrong key, or an app key where a knowledge key belongs (and the reverse)."""


class PermissionDenied(APIError):
    """403: missing rights, a plan limit, or the app's API is switched off."""


class NotFound(APIError):
    """404."""


class ConversationNotFound(NotFound):
    """The conversation does not exist, or belongs to another `user` or app."""


class EndpointNotAvailable(NotFound):
    """This server has no such route: it is older than the operation, or the base URL is wrong."""


class Conflict(APIError):
    """409 and 412: the thing exists, is in use, or was already submitted."""


class PayloadTooLarge(APIError):
    """413."""


class UnsupportedFileType(APIError):
    """415."""


class RateLimited(APIError):
    """A limit was hit."""


class TooManyRequests(RateLimited):
    """Too many at once or per minute; the request did not start and may be sent again later.

    Dify sends the documented 429 `too_many_requests` as 400 `invalid_param` "Too many requests…" (seen 0.15.3 to 1.14.2).
    """


class QuotaExceeded(RateLimited):
    """A plan's or provider's quota is used up: `rate_limit_error`, `provider_quota_exceeded`."""


class ServerError(APIError):
    """5xx."""


class RunError(DifyError):
    """A run ended badly after it had started.

    Attributes:
        result: The run as far as it went, steps and text included.
    """

    def __init__(self, message: str, *, result: RunResult | None = None) -> None:
        super().__init__(message, partial=result)

    @property
    def result(self) -> RunResult | None:
        return self.partial


class RunFailed(RunError):
    """The workflow or app reported failure."""


class RunStopped(RunError):
    """The run was stopped before its end: by `cancel`, by somebody else or by the server's time limit."""


class IndexingError(DifyError):
    """Waiting for documents to be indexed did not end well; the documents are in the knowledge base all the same.

    Attributes:
        statuses: Every document of the batch as it was seen last, with `indexing_status` and `error`.
    """

    def __init__(self, message: str, *, statuses: Sequence[IndexingStatus] = ()) -> None:
        super().__init__(message)
        self.statuses = tuple(statuses)


class IndexingFailed(IndexingError):
    """A document could not be indexed; its `error` says why. The others of the batch are done."""


class IndexingPaused(IndexingError):
    """Somebody or a plan limit paused a document, and only they can let it go on. The others of the batch are done."""


class IndexingTimeout(IndexingError, TimeoutError):
    """Some documents were not done in time; the server goes on with them."""
