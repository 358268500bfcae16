# Generated from dify_integrations/_async/stream.py by .ci/twin.py; edit that file and run `make twin`.
"""An open run: iterate it for events, items or text, leave it early, stop it, ask for its result.

Joins the straight line bytes → frames → events → items and adds only time and order: which clock ran out, what is
released when, what is raised at the end.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Callable, Sequence
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Any, TypeVar

from .._stop import SENDER
from ..core.clocks import Clocks
from ..core.sse import SSEDecoder
from ..errors import (
    ConnectionDropped,
    DeadlineExceeded,
    DifyError,
    InvalidArgument,
    ProtocolError,
    StreamConsumed,
    StreamInterrupted,
    TransportError,
)
from ..events.parse import parse_event
from ..runs.items import TextDelta
from ..runs.terminal import Verdict, server_version
from .waiting import settle, within

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from ..core.operation import Operation
    from ..events.base import Event
    from ..runs.fold import Fold
    from ..runs.items import Item
    from ..runs.result import RunResult
    from .transport import Body, Transport

T = TypeVar("T")
DRAIN_S = 0.02
"""How long to wait for the end of a body behind its last event; it usually comes in the same packet."""


class Run:
    """A run while it happens.

    Opened by the first of: entering it with `with`, iterating it, opening it. It can be iterated once, as
    events (`for event in run`), as neutral `items()` or as `text()`; `finish()` reads it to its end. Leaving it
    early releases the connection at once and asks Dify to stop the run, unless `stop_on_close` is off.

    Errors of the run are raised at the end of the iteration, after everything that had arrived, with the partial
    result attached.
    """

    def __init__(
        self, transport: Transport, operation: Operation[Any], fold: Fold, stop: Callable[[str], Operation[None]]
    ) -> None:
        self._transport = transport
        self._operation = operation
        self._fold = fold
        self._stop = stop
        self._body: Body | None = None
        self._clocks = Clocks(transport.settings.timeouts, time.monotonic())
        self._decoder = SSEDecoder(max_event_bytes=transport.settings.max_event_bytes)
        self._claimed = False
        self._closed = False
        self._gave_up = False
        self._events = 0
        # A read that may last at least as long as the socket itself waits needs no second clock; floats lose a little.
        self._socket_limit = (transport.socket_limit or inf) - 0.001

    # -- opening and closing

    def open(self) -> Self:
        """Send the request and read the head of the answer; nothing when it is open already.

        Raises:
            APIError: Dify refused the request.
            TransportError: No answer came.
            StreamConsumed: It was closed before.
        """
        if self._closed:
            raise StreamConsumed("this run is closed; start a new one")
        if self._body is None:
            self._clocks = clocks = Clocks(self._transport.settings.timeouts, time.monotonic())
            try:
                answer = within(clocks.deadline_s, lambda: self._transport.open(self._operation, clocks.deadline_s))
            except TimeoutError as error:
                if clocks.deadline_passed(time.monotonic()):
                    raise clocks.verdict(time.monotonic()) from error
                raise
            self._body = answer.stream
            clocks.opened(time.monotonic())
            self._fold.attempts = answer.attempts
            self._fold.version = server_version(answer.headers.get("x-version"))
        return self

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the connection; a run that is not over is asked to stop. May be called twice."""
        if self._closed:
            return
        self._closed = True
        if self._body is None:
            return
        try:
            if self._fold.body_ends and not self._gave_up:
                self._body.drain(DRAIN_S)
        finally:
            self._release(self._body)

    def _release(self, body: Body) -> None:
        try:
            body.close()
        finally:
            if self._gave_up or not self._fold.over:
                self._send_stop()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True) and self._body is not None:
            warnings.warn(
                f"unclosed {self!r}; use it in a with statement or call close", ResourceWarning, stacklevel=2, source=self
            )

    def stop(self) -> None:
        """Ask Dify to stop this run, and read on: it ends within about a second with what it has.

        Raises:
            InvalidArgument: No event has arrived yet, so the run's `task_id` is unknown.
        """
        task_id = self._fold.task_id
        if not task_id:
            raise InvalidArgument("the run cannot be stopped before its first event, which names its task_id")
        self._fold.stop_asked = True
        try:
            self._transport.send(self._stop(task_id))
        except DifyError:
            self._fold.stop_asked = False  # nobody stopped it: leaving early shall try again
            raise

    def _send_stop(self) -> None:
        task_id = self._fold.task_id
        settings = self._transport.settings
        if not task_id or not settings.stop_on_close or self._fold.stop_asked:
            return
        if self._transport.owns_client:
            SENDER.submit(settings, self._stop(task_id))
            return
        # A given client may be a mock or have a proxy of its own: nobody else may speak for it.
        with suppress(DifyError):
            settle(lambda: self._transport.send(self._stop(task_id)))

    # -- reading

    def __iter__(self) -> Iterator[Event]:
        return self._pump(self._event, _nothing)

    def items(self) -> Iterator[Item]:
        """What the events mean, as neutral items; the last one is `Ended`, also when the stream breaks off."""
        return self._pump(self._fold.feed, _all)

    def text(self) -> Iterator[str]:
        """The answer's text as it comes. What moderation replaces later cannot be unsaid here; see `items`."""
        return self._pump(self._text, _texts)

    def finish(self) -> RunResult:
        """Read to the end.

        Returns:
            The result of a run that succeeded, was paused, or was stopped by `stop`.

        Raises:
            RunFailed: The run failed; its `result` holds what there is.
            APIError: An `error` event, by its code.
            RunStopped: Somebody else stopped it.
            StreamInterrupted: The stream ended early; `partial` holds what had arrived.
        """
        for _ in self._pump(self._swallow, _nothing):
            pass
        return self.result

    @property
    def result(self) -> RunResult:
        """The run so far; after the end, the whole."""
        return self._fold.result()

    def _event(self, event: Event) -> Sequence[Event]:
        self._fold.feed(event)
        return (event,)

    def _text(self, event: Event) -> Sequence[str]:
        return _texts(self._fold.feed(event))

    def _swallow(self, event: Event) -> Sequence[None]:
        self._fold.feed(event)
        return ()

    def _pump(self, pick: Callable[[Event], Sequence[T]], last: Callable[[Sequence[Item]], Sequence[T]]) -> Iterator[T]:
        """Read, decode, parse, fold: the one generator behind every way to iterate.

        Args:
            pick: What to yield for an event; it must feed the fold.
            last: What to yield of the items the end of the stream adds.
        """
        if self._claimed:
            raise StreamConsumed("a run can be iterated once; its result stays available")
        self._claimed = True
        fold = self._fold
        feed = self._decoder.feed
        try:
            self.open()
            try:
                while chunk := self._read():
                    frames = feed(chunk)
                    self._events += len(frames)
                    for frame in frames:
                        for out in pick(parse_event(frame)):
                            yield out
                        if fold.over:
                            break
                    if fold.over:
                        break
                for out in last(fold.end()):
                    yield out
                self._must_be_over()
            except (TransportError, ProtocolError) as error:
                self._gave_up = not isinstance(error, StreamInterrupted)
                for out in last(fold.abort(error)):
                    yield out
                error.partial = fold.result()
                if isinstance(error, StreamInterrupted):
                    error.ids = dict(error.partial.ids)
                raise
            failure = fold.failure()
            if failure is not None:
                raise failure
        finally:
            self.close()

    def _read(self) -> bytes:
        """The next bytes within what the clocks allow; `b""` at the end of the body."""
        clocks, body = self._clocks, self._body
        if body is None or self._closed:
            raise StreamConsumed("this run was closed while it was read")
        now = time.monotonic()
        if self._fold.verdict is Verdict.GRACE:
            clocks.grace(now)
        limit = clocks.next_read(now, self._decoder.beats, self._events)
        try:
            if limit is None or limit >= self._socket_limit:
                return body.read()
            if limit <= 0:
                raise clocks.verdict(now)
            return body.read(limit)
        except TimeoutError as error:
            if clocks.in_grace:
                return b""
            if isinstance(error, (StreamInterrupted, DeadlineExceeded)):
                raise
            raise clocks.verdict(time.monotonic()) from error
        except ConnectionDropped as error:
            if clocks.in_grace:
                return b""
            raise self._interrupted(error.message) from error

    def _must_be_over(self) -> None:
        if not self._fold.over:
            raise self._interrupted("the connection was closed")

    def _interrupted(self, what: str) -> StreamInterrupted:
        pending = self._decoder.pending
        half = f", {pending} bytes into an event" if pending else ""
        ids = self._fold.result().ids
        known = "; look the run up by its ids" if ids else ""
        return StreamInterrupted(f"the stream ended before the run did: {what}{half}{known}", ids=ids)


def _all(items: Sequence[Item]) -> Sequence[Item]:
    return items


def _texts(items: Sequence[Item]) -> Sequence[str]:
    return [item.text for item in items if isinstance(item, TextDelta)]


def _nothing(_: Sequence[Item]) -> Sequence[Any]:
    return ()
