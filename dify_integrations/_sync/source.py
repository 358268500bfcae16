# Generated from dify_integrations/_async/source.py by .ci/twin.py; edit that file and run `make twin`.
"""Where a run's frames come from: the body of an answer, and behind a break that of the run's events; with its clocks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING, Any

from .._line import Line, LineCut
from ..core.clocks import Clocks
from ..core.sse import SSEDecoder
from ..errors import BadRequest, ConnectionDropped, DeadlineExceeded, StreamConsumed, StreamInterrupted, TransportError
from ..runs.terminal import Verdict, server_version
from .uploads import complete, forgotten
from .waiting import during, within

if TYPE_CHECKING:
    from ..core.operation import Answer, Operation
    from ..core.sse import Frame
    from ..events.base import Event
    from ..operations.uploads import Draft
    from ..runs.fold import Fold
    from .resuming import Follower
    from .transport import Body, Transport

DRAIN_S = 0.02
"""How long to wait for the end of a body behind its last event; it usually comes in the same packet."""


class Source:
    """The open stream of a run.

    Args:
        transport: Sends and reads.
        draft: What to send.
        user: The end user.
        fold: What reads the frames; it knows when the run is over.
        follower: Follows the run when its stream breaks; `None` raises.
    """

    def __init__(self, transport: Transport, draft: Draft[Any], user: str, fold: Fold, follower: Follower | None) -> None:
        self._transport = transport
        self._draft = draft
        self._user = user
        self._fold = fold
        self._follower = follower
        self._operation: Operation[Any] | None = None
        self._body: Body | SharedBody | None = None
        self._closed = False
        self._line = Line()
        self._clocks = Clocks(transport.settings.timeouts, time.monotonic())
        self._decoder = self._new_decoder()
        self._events = 0
        # A read that may last at least as long as the socket itself waits needs no second clock; floats lose a little.
        self._socket_limit = (transport.socket_limit or inf) - 0.001

    @property
    def opened(self) -> bool:
        """Whether there is, or was, an answer."""
        return self._body is not None

    def open(self) -> None:
        """Upload what is local, send the request and read the head of the answer.

        Raises:
            LineCut: Somebody called `cut`, before or meanwhile.
        """
        self._clocks = Clocks(self._transport.settings.timeouts, time.monotonic())
        with self._by_deadline():
            answer = during(self._line, lambda: within(self._left(), self._send))
        self._take(answer.stream)
        self._fold.attempts = answer.attempts
        self._fold.version = server_version(answer.headers.get("x-version"))

    def _send(self) -> Answer:
        if self._operation is None:  # a second try uploads nothing again
            self._operation = complete(self._transport, self._draft, self._user)
        try:
            return self._transport.open(self._operation, self._left())
        except BadRequest as error:
            if not forgotten(self._transport, self._draft, error):
                raise
        self._operation = complete(self._transport, self._draft, self._user)
        return self._transport.open(self._operation, self._left())

    def frames(self) -> list[Frame] | None:
        """The frames of the next bytes, `[]` while they are none; `None` at the end.

        Raises:
            StreamInterrupted: The stream broke off.
            DeadlineExceeded: The whole-run clock ran out.
            LineCut: Somebody called `cut`.
        """
        clocks, body = self._clocks, self._body
        if body is None or self._closed:
            raise self._shut("it was read")
        now = time.monotonic()
        if self._fold.verdict is Verdict.GRACE:
            clocks.grace(now)
        limit = clocks.next_read(now, self._decoder.beats, self._events)
        try:
            if limit is None or limit >= self._socket_limit:
                chunk = body.read()
            elif limit <= 0:
                raise clocks.verdict(now)
            else:
                chunk = body.read(limit)
        except (TimeoutError, ConnectionDropped) as error:
            self._line.check_after(error)
            return None if clocks.in_grace else self._follow(self._break(error), error)
        if not chunk:
            self._line.check()
            # Without a follower the run itself says what its early end means.
            followed = self._follower is not None and not self._follower.over and not self._fold.ends_here
            return self._follow(self.interrupted("the connection was closed")) if followed else None
        frames = self._decoder.feed(chunk)
        self._events += len(frames)
        return frames

    def _break(self, error: TimeoutError | ConnectionDropped) -> TransportError:
        """What a read that failed means for the run."""
        if isinstance(error, (StreamInterrupted, DeadlineExceeded)):
            return error
        if isinstance(error, ConnectionDropped):
            return self.interrupted(error.message)
        return self._clocks.verdict(time.monotonic())

    def last_events(self) -> Sequence[Event]:
        """What a follower held back until the run was over; `()` without one."""
        if not self._fold.ended:
            self._line.check()
        return during(self._line, self._follower.conclude) if self._follower is not None else ()

    def must_be_over(self) -> None:
        """Refuse to end before the run did, or with a hole in its text.

        Raises:
            StreamInterrupted: The stream ended too early.
        """
        if not self._fold.ended:
            self._line.check()
            raise self.interrupted("the connection was closed")
        if self._follower is not None:
            self._follower.must_be_whole()

    def cut(self) -> None:
        """End whatever is waited for, from any thread; who reads is told `LineCut` and closes."""
        self._closed = True
        self._line.cut()

    def close(self, *, drain: bool) -> None:
        """Release the connection; `drain` waits a moment for the end of a body that has nothing more to say."""
        self._closed = True
        self._line.release()
        if self._body is None:
            return
        try:
            if drain:
                self._body.drain(DRAIN_S)
        finally:
            self._body.close()

    def interrupted(self, what: str) -> StreamInterrupted:
        """The error for a stream that ended early."""
        pending = self._decoder.pending
        half = f", {pending} bytes into an event" if pending else ""
        ids = self._fold.result().ids
        known = "; look the run up by its ids" if ids else ""
        return StreamInterrupted(f"the stream ended before the run did: {what}{half}{known}", ids=ids)

    def _follow(self, failure: TransportError, cause: Exception | None = None) -> list[Frame] | None:
        """Go on behind a break with the run's events; `None` when the run is over."""
        if not isinstance(failure, StreamInterrupted) or self._follower is None or self._body is None or self._closed:
            if failure is cause:
                raise failure
            raise failure from cause
        self._line.release()
        self._body.close()
        follower = self._follower
        with self._by_deadline():
            body = during(self._line, lambda: within(self._left(), lambda: follower.follow(failure, self._left)))
        self._fold.join()
        if body is None:
            return None
        self._decoder = self._new_decoder()
        self._take(body)
        return []

    def _take(self, body: Body) -> None:
        """Read on from here; a run that was closed meanwhile wants it no more."""
        self._body = body
        stream = body.network_stream
        if stream is None:
            self._body = SharedBody(body, self._line)
        if self._closed:
            self._line.release()
            body.close()
            raise self._shut("its answer was awaited")
        self._line.hold(stream)
        self._clocks.opened(time.monotonic())

    def _shut(self, when: str) -> Exception:
        """Why there is nothing to read any more."""
        return LineCut() if self._line.is_cut else StreamConsumed(f"this run was closed while {when}")

    @contextmanager
    def _by_deadline(self) -> Iterator[None]:
        """What takes longer than the whole-run limit.

        Raises:
            DeadlineExceeded: In the place of whatever was raised when the limit was over.
        """
        try:
            yield
        except (TimeoutError, StreamInterrupted) as error:
            if self._clocks.deadline_passed(time.monotonic()):
                raise self._clocks.verdict(time.monotonic()) from error
            raise

    def _left(self) -> float | None:
        return self._clocks.left(time.monotonic())

    def _new_decoder(self) -> SSEDecoder:
        return SSEDecoder(max_event_bytes=self._transport.settings.max_event_bytes)


class SharedBody:
    """A body on a connection that is not its own to shut down, or on none: a read is left in another way.

    Args:
        body: HTTP/2, or from a transport without sockets.
        line: The run's.
    """

    def __init__(self, body: Body, line: Line) -> None:
        self._body = body
        self._line = line
        self.drain = body.drain
        self.close = body.close

    def read(self, limit: float | None = None) -> bytes:
        """As the body's; left when the line is cut (by blocking code, not before the next piece).

        Raises:
            LineCut: The line was cut.
        """
        return during(self._line, lambda: self._body.read(limit))
