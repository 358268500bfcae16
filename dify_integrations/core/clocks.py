"""The clocks of an open stream: idle, data idle, deadline and grace, as arithmetic on times it is told.

Liveness is counted in complete frames, not bytes: a server that drips one byte a second is as dead as a silent one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import DeadlineExceeded, StreamInterrupted, StreamStalled

if TYPE_CHECKING:
    from ..errors import TransportError
    from ..settings import Timeouts

GRACE_S = 2.0
"""How long to wait for a last event that may not come; servers close about 1 s after the end of a run."""

_INEXACT_S = 0.05  # sockets may wake a little early


class Clocks:
    """Says how long the next read may take, and what to raise when it took longer.

    Args:
        timeouts: The limits.
        started: When the run began, monotonic seconds.
    """

    def __init__(self, timeouts: Timeouts, started: float) -> None:
        self._timeouts = timeouts
        self._deadline = None if timeouts.deadline_s is None else started + timeouts.deadline_s
        self._last_beat = started
        self._last_event = started
        self._grace_ends: float | None = None
        self._idle = timeouts.idle_s
        self._only_idle = timeouts.deadline_s is None and timeouts.data_idle_s is None
        self._beats = 0
        self._events = 0

    def opened(self, now: float) -> None:
        """The head of the answer arrived: the idle clocks start."""
        self._last_beat = self._last_event = now

    def next_read(self, now: float, beats: int, events: int) -> float | None:
        """How long the next read may take.

        Args:
            now: Monotonic seconds.
            beats: Complete frames so far, pings included, as the decoder counts them.
            events: Events among them.

        Returns:
            Seconds; `None` without a limit, 0 when a clock has run out.
        """
        if beats != self._beats:
            self._beats = beats
            self._last_beat = now
            if events != self._events:
                self._events = events
                self._last_event = now
            if self._only_idle:  # the usual case, once per token
                return self._idle
        limits = [end for end in self._ends() if end is not None]
        return max(0.0, min(limits) - now) if limits else None

    def grace(self, now: float) -> None:
        """From now on wait only for a last event that may not come."""
        if self._grace_ends is None:
            self._grace_ends = now + GRACE_S
            self._only_idle = False

    def left(self, now: float) -> float | None:
        """What is left of the whole-run limit, `None` without one."""
        return None if self._deadline is None else max(0.0, self._deadline - now)

    def deadline_passed(self, now: float) -> bool:
        return self._deadline is not None and now >= self._deadline

    @property
    def in_grace(self) -> bool:
        return self._grace_ends is not None

    def _ends(self) -> tuple[float | None, ...]:
        data_idle = self._timeouts.data_idle_s
        return (
            self._deadline,
            self._grace_ends,
            None if self._idle is None else self._last_beat + self._idle,
            None if data_idle is None else self._last_event + data_idle,
        )

    def verdict(self, now: float) -> TransportError:
        """What to raise for a read that ran out of time."""
        if self.deadline_passed(now):
            return DeadlineExceeded(f"the run took longer than its deadline of {self._timeouts.deadline_s:g} s")
        return stalled(self._silence(now), saw_event=self._events > 0, saw_ping=self._beats > 0)

    def _silence(self, now: float) -> str:
        """Which of the two idle clocks ran out: the one that ended first."""
        idle, data_idle = self._idle, self._timeouts.data_idle_s
        if all(end is None or now < end - _INEXACT_S for end in self._ends()):
            return "nothing arrived within the read timeout of the given http_client (pings come every 10 s)"
        if data_idle is not None and (idle is None or self._last_event + data_idle < self._last_beat + idle):
            return f"no event arrived for {data_idle:g} s (data_idle_s)"
        return f"nothing complete arrived for {idle or 0:g} s (idle_s)"


def stalled(silence: str, *, saw_event: bool, saw_ping: bool) -> StreamInterrupted:
    """The error for a stream on which nothing complete arrives any more."""
    if saw_event:
        return StreamStalled(f"{silence}; the run may go on without us: its worker died, or a proxy holds the stream back")
    if saw_ping:
        # Dify 1.13 to 1.14.2 after a refusal before the run: HTTP 200, one ping, then nothing.
        return StreamStalled(
            f"the run was accepted, then {silence}. Likely causes: Dify 1.13 to 1.14.2 falls silent when it refuses the inputs, the "
            "conversation_id or a file of a chatflow or workflow (check them against dify.app.parameters()); its worker is down; "
            "or a proxy buffers the stream"
        )
    return StreamStalled(f"{silence} on an open stream; a proxy in between may buffer it (switch its response buffering off)")
