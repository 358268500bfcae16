# Generated from dify_integrations/_async/transport.py by .ci/twin.py; edit that file and run `make twin`.
"""The driver: sends what `exchange` says, and opens and reads bodies.

What to send, when to give up and what bytes mean is decided elsewhere. httpx is known to this file, to `connections.py`
and to `_faults.py`, and to nobody else.
"""

from __future__ import annotations

import logging
import random
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import httpx

from .._faults import transport_error
from .._line import can_be_shut_down
from .._reading import Reading
from .._uploaded import Uploads
from .._version import __version__
from ..core.addresses import origin_of
from ..core.budget import RetryBudget
from ..core.exchange import Send, Wait, exchange
from ..core.operation import Answer, Operation
from ..core.request import body_bytes
from ..core.unpacking import ENCODINGS, Unpacker
from ..errors import BodyTooLarge, ConnectionDropped, InvalidArgument, ProtocolError, TransportError, UnexpectedContent
from .connections import Connections, httpx_timeout, shortened
from .waiting import settle, shut, sleep, watched, within

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..core.exchange import Outcome
    from ..core.request import FilePart, Request
    from ..settings import Settings

T = TypeVar("T")
log = logging.getLogger("dify_integrations")
# A source of its own: whoever seeds Python's shared one, wants its numbers for himself; and forks must not wait in step.
_DICE = random.SystemRandom()


class Transport:
    """Sends operations.

    Args:
        settings: Address, keys, clocks, limits.
        http_client: Use this httpx client, with its own settings, instead of making one; it is not closed.
    """

    def __init__(self, settings: Settings, *, http_client: httpx.Client | None = None) -> None:
        self.settings = settings
        self._given = http_client
        self._pool = Connections(settings)
        self._budget = RetryBudget()
        self.uploads = Uploads()

    def with_settings(self, settings: Settings) -> Transport:
        """A transport with other settings that shares connections, retry budget and the memory of uploads."""
        other = Transport(settings, http_client=self._given)
        other._pool, other._budget, other.uploads = self._pool, self._budget, self.uploads
        return other

    @property
    def owns_client(self) -> bool:
        """Whether connections are this transport's own, not a given client's."""
        return self._given is None

    @property
    def socket_limit(self) -> float | None:
        """Seconds after which a read of a stream gives up by itself; `None` when it does not."""
        return (httpx_timeout(self.settings, streams=True) if self._given is None else self._given.timeout).read

    def send(self, operation: Operation[T], deadline_s: float | None = None) -> T:
        """Send an operation and read its answer, within `deadline_s`."""
        return operation.read(self._drive(operation, deadline_s))

    def open(self, operation: Operation[Any], deadline_s: float | None = None) -> Answer:
        """Send a streaming operation or a download, within `deadline_s`.

        Returns:
            The answer; its `stream` is an open `Body`, for the caller to close.
        """
        return self._drive(operation, deadline_s)

    def close(self) -> None:
        """Close the connections of this process; a given client stays open."""
        self._pool.close()

    def _drive(self, operation: Operation[Any], deadline_s: float | None = None) -> Answer:
        """Obey `exchange`."""
        policy = self.settings.retry
        ends = None if deadline_s is None else time.monotonic() + deadline_s
        steps = exchange(
            operation,
            policy=policy if deadline_s is None else replace(policy, total_s=min(policy.total_s, deadline_s)),
            budget=self._budget,
            clock=time.monotonic,
            wall_clock=time.time,
            roll=_DICE.random,
        )
        outcome: Outcome = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as end:
                answer: Answer = end.value
                return answer
            if isinstance(step, Wait):
                log.info("%s failed (%s), again in %.1f s", operation.id, type(step.error).__name__, step.seconds)
                sleep(step.seconds)
                outcome = None
            else:
                outcome = self._attempt(step, operation, None if ends is None else ends - time.monotonic())

    def _attempt(self, step: Send, operation: Operation[Any], limit_s: float | None) -> Outcome:
        try:
            client = self._given or self._pool.current()
            with ExitStack() as opened:
                request = self._build(client, step.request, opened, operation)
                request.extensions.update(watched())
                if limit_s is not None:
                    request.extensions["timeout"] = shortened(request.extensions["timeout"], limit_s)
                response = client.send(request, stream=True, follow_redirects=False, auth=None)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            return transport_error(error, self.settings, self._address(step.request.path))
        except UnicodeEncodeError as error:
            raise InvalidArgument("an argument holds half a character (a lone surrogate) and cannot be sent") from error
        body = _body_of(response, self.settings)
        headers = {name.lower(): value for name, value in response.headers.items()}
        answer = Answer(response.status_code, headers, stream=body)
        if answer.status == 200 and (operation.downloads or (operation.streams and answer.content_type == "text/event-stream")):
            return answer
        try:
            content = body.whole()
        except TransportError as error:
            return error
        return Answer(answer.status, headers, content)

    def _build(self, client: httpx.Client, request: Request, opened: ExitStack, operation: Operation[Any]) -> httpx.Request:
        """The request for httpx; files it opens are closed with `opened`."""
        settings, streams = self.settings, operation.streams
        timeout = httpx_timeout(settings, streams=streams)
        # A compressing proxy would hold events back, and a file in plain bytes has a length that can be checked. httpx would
        # ask for br and zstd where it finds a library.
        wanted = {
            "Accept": "text/event-stream" if streams else "*/*",
            "Accept-Encoding": "identity" if streams or operation.downloads else "gzip, deflate",
        }
        headers = {"User-Agent": f"dify-integrations/{__version__}"}
        address = self._address(request.path)
        if not self._is_own(request.path):
            # Another origin gets nothing that was meant for the configured one: no key, no headers, no cookies.
            return httpx.Request(request.method, address, headers=headers | wanted, extensions={"timeout": timeout.as_dict()})
        headers |= {**settings.headers, **request.headers, **wanted}
        if request.key is not None:
            headers["Authorization"] = f"Bearer {settings.key_for(request.key)}"
        options: dict[str, Any] = {"headers": headers, "params": list(request.query) or None}
        if request.files or request.form:
            # Text fields as parts of their own: without a file, `data=` would not be sent as multipart.
            fields = [(name, (None, text)) for name, text in request.form.items()]
            files = [(part.name, (part.filename, _content(part, opened), part.mime_type)) for part in request.files]
            options["files"] = [*fields, *files]
        elif request.json is not None:
            options["content"] = body_bytes(request.json)
            headers["Content-Type"] = "application/json"
        if self._given is None:
            options["timeout"] = timeout
        return client.build_request(request.method, address, **options)

    def _address(self, path: str) -> str:
        return path if "://" in path else self.settings.base_url + path

    def _is_own(self, path: str) -> bool:
        """Whether a request stays with the configured origin: scheme, host and port."""
        return "://" not in path or (origin_of(path) or "") == origin_of(self.settings.base_url)


def _content(part: FilePart, opened: ExitStack) -> bytes | Reading:
    """What httpx reads while it sends, piece by piece; httpx rewinds an open file before it starts."""
    if isinstance(part.content, bytes):
        return part.content
    if not isinstance(part.content, Path):
        return Reading(part.content, part.filename)
    try:
        return Reading(opened.enter_context(part.content.open("rb")), part.filename)
    except OSError as error:
        raise InvalidArgument(f"the file {part.filename!r} cannot be read: {error.strerror}") from error


class Body:
    """An open answer. Reads come as they arrive; it must be closed."""

    def __init__(self, response: httpx.Response, settings: Settings) -> None:
        self._response = response
        self._settings = settings
        self._closed = self._at_end = False
        # The bytes as they come; httpx's own iterators cost 0.5 µs per piece.
        self._chunks = cast("Iterable[bytes]", response.stream).__iter__()

    @property
    def network_stream(self) -> Any:
        """What a read waits for, when shutting it down concerns nobody else; otherwise `None`."""
        stream = self._response.extensions.get("network_stream")
        return stream if self._response.http_version.startswith("HTTP/1") and can_be_shut_down(stream) else None

    def read(self, limit: float | None = None) -> bytes:
        """The next piece, `b""` at the end.

        Args:
            limit: Seconds it may take, when less than the socket's own time-out.

        Raises:
            TimeoutError: It took longer than `limit`.
            TransportError: The connection broke or fell silent.
        """
        try:
            if limit is not None:
                return within(limit, self._chunks.__next__, self._response.extensions.get("network_stream"))
            return self._chunks.__next__()
        except StopIteration:
            self._at_end = True
            return b""
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise transport_error(error, self._settings, str(self._response.url)) from error

    def drain(self, limit: float) -> None:
        """Read the end of a body that has nothing more to say, so that its connection can be used again."""
        with suppress(TimeoutError, TransportError, ProtocolError):
            self.read(limit)

    def whole(self) -> bytes:
        """All of it, then closed.

        Raises:
            BodyTooLarge: More than `max_body_bytes` after decoding.
        """
        pieces: list[bytes] = []
        size = 0
        try:
            while piece := self.read():
                size += len(piece)
                if size > self._settings.max_body_bytes:
                    raise BodyTooLarge(f"the answer is larger than max_body_bytes={self._settings.max_body_bytes}")
                pieces.append(piece)
        finally:
            self.close()
        return b"".join(pieces)

    def close(self) -> None:
        """Release the connection at once; when bytes are outstanding it is dropped, and the server notices."""
        if self._closed:
            return
        self._closed = True
        try:
            settle(lambda: shut(self._response, self._chunks, at_end=self._at_end))
        except (httpx.HTTPError, httpx.StreamError, RuntimeError, OSError) as error:
            log.debug("closing a connection failed: %s", type(error).__name__)


class PackedBody(Body):
    """An open answer whose content is compressed."""

    def __init__(self, response: httpx.Response, settings: Settings, encoding: str) -> None:
        super().__init__(response, settings)
        self._unpacker = Unpacker(encoding) if encoding in ENCODINGS else None
        self._unpacked: Iterator[bytes] = iter(())

    def read(self, limit: float | None = None) -> bytes:
        """The next piece, unpacked.

        Raises:
            TransportError: The connection broke or fell silent, or the content has no end.
            UnexpectedContent: An encoding this client cannot undo.
        """
        if self._unpacker is None:
            # httpx passes the raw bytes of an encoding it lacks the library for, without an error.
            raise UnexpectedContent("the answer has a content encoding that was not asked for; check the proxy in between")
        while not (piece := next(self._unpacked, b"")):
            chunk = super().read(limit)
            if not chunk:
                if self._unpacker.cut_short:
                    raise ConnectionDropped("the answer ended in the middle of its compressed content")
                return b""
            self._unpacked = self._unpacker.feed(chunk)
        return piece


def _body_of(response: httpx.Response, settings: Settings) -> Body:
    encoding = response.headers.get("content-encoding", "").strip().lower()
    return Body(response, settings) if encoding in ("", "identity") else PackedBody(response, settings, encoding)
