"""An operation: a request together with how to read its answer and what may be done with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..errors import UnexpectedContent
from .jsonio import parse_json
from .redact import excerpt

if TYPE_CHECKING:
    from .request import Request

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, body included unless it is an open stream.

    Attributes:
        status: HTTP status.
        headers: Names in lower case.
        body: Decoded body; `b""` while `stream` is open.
        stream: The driver's open body when the answer is an event stream or a download, otherwise `None`.
        attempts: How often the request was sent, 1 without a retry.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    stream: Any = None
    attempts: int = 1

    @property
    def content_type(self) -> str:
        """Media type in lower case, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Operation(Generic[T_co]):
    """One call of the Service API.

    Attributes:
        id: Dify's operationId.
        request: What to send.
        read: Answer to result.
        repeatable: Whether sending it twice does no more than sending it once.
        streams: Whether the answer is an event stream.
        since: First server version with this route, when it is younger than 0.15.
        downloads: Whether the body of a successful answer stays open, for a file of any size.
        older: The same operation as servers know it that lack `request`; tried in this order.
    """

    id: str
    request: Request
    read: Callable[[Answer], T_co]
    repeatable: bool = False
    streams: bool = False
    since: str = ""
    downloads: bool = False
    older: tuple[Request, ...] = ()


def reading(parse: Callable[[Any], T]) -> Callable[[Answer], T]:
    """A reader for JSON answers: parse the body, then hand it to `parse` (usually a model's `model_validate`)."""

    def read(answer: Answer) -> T:
        try:
            value = parse_json(answer.body)
        except ValueError as error:
            raise UnexpectedContent(
                f"expected JSON, got {answer.content_type or 'no content type'}: {excerpt(answer.body)}; is base_url right?"
            ) from error
        try:
            return parse(value)
        except ValueError as error:
            raise UnexpectedContent(f"the answer has another shape than expected: {excerpt(str(error), 400)}") from error

    return read


def nothing(_: Answer) -> None:
    """A reader for calls that only succeed: stop answers, `204`, and the integer `204` some servers send as JSON."""
    return
