# Generated from dify_integrations/_async/stream.py by .ci/twin.py; edit that file and run `make twin`.
"""An open run: iterate it for events, items or text, leave it early, stop it, ask for its result.

Joins the straight line bytes → frames → events → items and adds only time and order: which clock ran out, what is
released when, what is raised at the end.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from .._line import LineCut
from .._stop import SENDER
from ..errors import DifyError, InvalidArgument, ProtocolError, StreamConsumed, StreamInterrupted, TransportError
from ..events.parse import parse_event
from ..runs.items import TextDelta
from .source import Source
from .waiting import settle

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from ..core.operation import Operation
    from ..events.base import Event
    from ..operations.uploads import Draft
    from ..runs.fold import Fold
    from ..runs.items import Item
    from ..runs.result import RunResult
    from .resuming import Follower
    from .transport import Transport

T = TypeVar("T")


class Run:
    """A run while it happens.

    Opened by the first of: entering it with `with`, iterating it, opening it. It can be iterated once, as
    events (`for event in run`), as neutral `items()` or as `text()`; `finish()` reads it to its end. Leaving it
    early releases the connection at once and asks Dify to stop the run, unless `stop_on_close` is off.

    Errors of the run are raised at the end of the iteration, after everything that had arrived, with the partial
    result attached.
    """

    def __init__(
        self,
        transport: Transport,
        draft: Draft[Any],
        fold: Fold,
        stop: Callable[[str], Operation[None]] | None,
        *,
        user: str,
        follower: Follower | None = None,
        stops_on_close: bool = True,
    ) -> None:
        """Made by the client's methods.

        Args:
            transport: Sends and reads.
            draft: What to send.
            fold: The meaning of what comes.
            stop: The stop call for a task id; `None` for runs that nobody can stop.
            user: The end user.
            follower: Follows the run when its stream breaks; `None` raises.
            stops_on_close: Whether leaving early stops the run, where the client's settings want that.
        """
        self._transport = transport
        self._fold = fold
        self._stop = stop
        self._follower = follower
        self._stops_on_close = stops_on_close and transport.settings.stop_on_close
        self._source = Source(transport, draft, user, fold, follower)
        self._claimed = False
        self._closed = False
        self._gave_up = False
        self._cancelled = False
        self._stop_sent = False
        self._lock = threading.Lock()

    # -- opening and closing

    def open(self) -> Self:
        """Send the request and read the head of the answer; nothing when it is open already.

        Raises:
            APIError: Dify refused the request.
            TransportError: No answer came.
            RunStopped: `cancel` was called, before or meanwhile.
            StreamConsumed: It was closed before.
        """
        if self._closed:
            if self._cancelled:
                self._raise_failure()
            raise StreamConsumed("this run is closed; start a new one")
        try:
            if not self._source.opened:
                self._source.open()
        except LineCut:
            self._fold.cancel()
            self.close()
        if self._cancelled:
            self._raise_failure()
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
        try:
            self._source.close(drain=self._fold.body_ends and not self._gave_up)
        finally:
            if self._source.opened and (self._gave_up or not self._fold.ended or self._cancelled):
                self._send_stop()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True) and self._source.opened:
            warnings.warn(
                f"unclosed {self!r}; use it in a with statement or call close", ResourceWarning, stacklevel=2, source=self
            )

    def stop(self) -> None:
        """Ask Dify to stop this run, and read on: it ends within about a second with what it has.

        Raises:
            InvalidArgument: No event has arrived yet, so the run's `task_id` is unknown, or the API has no call to stop it.
        """
        task_id = self._fold.task_id
        if self._stop is None:
            raise InvalidArgument("the Service API has no call to stop this kind of run")
        if not task_id:
            raise InvalidArgument("the run cannot be stopped before its first event, which names its task_id")
        self._fold.stop_asked = True
        try:
            self._transport.send(self._stop(task_id))
        except DifyError:
            self._fold.stop_asked = False  # nobody stopped it: leaving early shall try again
            raise

    def cancel(self) -> None:
        """End this run now: whoever reads it is told `RunStopped`, and Dify is asked to stop it, once.

        May be called from any thread or task, also while another one waits for the next event, and never waits itself.
        Before the run was opened, nothing is sent at all. Before its first event, which names its `task_id`, Dify cannot be
        told: there the run goes on. Behind its end, nothing happens. Stops also where leaving early would not.

        The `result` of a cancelled run has `status` `stopped` and what had been read. Blocking code that is just connecting
        is told when that is decided; over HTTP/2 and over mock transports, at the next bytes. With an `http_client` of yours
        it is whoever reads or closes the run that sends the stop.
        """
        if self._closed or self._fold.ended:
            return
        self._cancelled = True
        self._fold.cut()
        self._source.cut()
        if self._transport.owns_client and (stop := self._stop_call()) is not None:
            SENDER.submit(self._transport.settings, stop)

    def _send_stop(self) -> None:
        if not (self._stops_on_close or self._cancelled) or (stop := self._stop_call()) is None:
            return
        if self._transport.owns_client:
            SENDER.submit(self._transport.settings, stop)
            return
        # A given client may be a mock or have a proxy of its own: nobody else may speak for it.
        with suppress(DifyError):
            settle(lambda: self._transport.send(stop))

    def _stop_call(self) -> Operation[None] | None:
        """The stop call, for whoever asks first; `None` when there is none to send."""
        task_id = self._fold.task_id
        with self._lock:
            if not task_id or self._stop is None or self._fold.stop_asked or self._stop_sent:
                return None
            self._stop_sent = True
        return self._stop(task_id)

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
            RunStopped: `cancel` was called, or somebody else stopped it.
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
        fold, follower = self._fold, self._follower
        take = pick if follower is None else follower.taking(pick)
        try:
            self.open()
            try:
                while (frames := self._source.frames()) is not None:
                    for frame in frames:
                        for out in take(parse_event(frame)):
                            yield out
                        if fold.over:
                            break
                    if fold.over or (follower is not None and follower.over):
                        break
                for event in self._source.last_events():
                    for out in pick(event):
                        yield out
                for out in last(fold.end()):
                    yield out
                self._source.must_be_over()
            except (LineCut, TransportError, ProtocolError) as error:
                for out in last(self._broken(error)):
                    yield out
                raise (self._fold.failure() if isinstance(error, LineCut) else None) or error from error.__cause__
            self._raise_failure()
        finally:
            self.close()

    def _raise_failure(self) -> None:
        failure = self._fold.failure()
        if failure is not None:
            raise failure

    def _broken(self, error: LineCut | TransportError | ProtocolError) -> Sequence[Item]:
        """The last items of a run that cannot be read on; tells the error how far it came."""
        if isinstance(error, LineCut):
            return self._fold.cancel()
        self._gave_up = not isinstance(error, StreamInterrupted)
        items = self._fold.abort(error)
        error.partial = self._fold.result()
        if isinstance(error, StreamInterrupted):
            error.ids = dict(error.partial.ids)
        return items


def _all(items: Sequence[Item]) -> Sequence[Item]:
    return items


def _texts(items: Sequence[Item]) -> Sequence[str]:
    return [item.text for item in items if isinstance(item, TextDelta)]


def _nothing(_: Sequence[Item]) -> Sequence[Any]:
    return ()
