"""The clocks of an open stream, told the time."""

from __future__ import annotations

import pytest

from dify_integrations import DeadlineExceeded, StreamStalled, Timeouts
from dify_integrations.core.clocks import GRACE_S, Clocks


def clocks(started: float = 0.0, opened: float = 0.0, **timeouts: float | None) -> Clocks:
    made = Clocks(Timeouts(**timeouts), started)
    made.opened(opened)
    return made


def test_idle_starts_with_the_head() -> None:
    """Waiting for the head is not idling."""
    assert clocks(opened=5.0, idle_s=60).next_read(10.0, 0, 0) == 55


def test_frames_start_idle_anew() -> None:
    """Pings count; the same count again does not."""
    clock = clocks(idle_s=60)
    assert clock.next_read(10.0, 1, 0) == 60
    assert clock.next_read(30.0, 1, 0) == 40
    assert clock.next_read(30.0, 2, 1) == 60
    assert clock.next_read(99.0, 2, 1) == 0


def test_only_events_start_data_idle_anew() -> None:
    """However many pings come."""
    clock = clocks(idle_s=60, data_idle_s=30)
    assert clock.next_read(10.0, 1, 0) == 20
    assert clock.next_read(20.0, 2, 0) == 10
    assert clock.next_read(25.0, 3, 1) == 30


def test_no_clock_no_limit() -> None:
    """Everything off."""
    assert clocks(idle_s=None).next_read(10.0, 0, 0) is None
    assert clocks(idle_s=None).next_read(10.0, 1, 1) is None


def test_the_deadline_stands() -> None:
    """From the beginning of the run, whatever comes."""
    clock = clocks(started=1.0, opened=5.0, deadline_s=20)
    assert clock.next_read(6.0, 1, 1) == 15
    assert not clock.deadline_passed(20.9)
    assert clock.deadline_passed(21.0)
    assert not clocks().deadline_passed(1e9)


def test_grace_is_given_once() -> None:
    """It is short, and asking again does not prolong it."""
    clock = clocks()
    before = clock.in_grace
    clock.grace(10.0)
    clock.grace(11.0)
    assert (before, clock.in_grace) == (False, True)
    assert clock.next_read(11.0, 1, 1) == GRACE_S - 1


def test_verdicts() -> None:
    """Which clock ran out, and what may be behind it."""
    assert isinstance(clocks(deadline_s=5).verdict(6.0), DeadlineExceeded)
    silent = clocks(idle_s=60).verdict(60.0)
    assert isinstance(silent, StreamStalled)
    assert "60 s (idle_s)" in silent.message
    pinged = clocks(idle_s=60)
    pinged.next_read(1.0, 1, 0)
    assert "inputs" in pinged.verdict(61.0).message
    spoke = clocks(idle_s=60)
    spoke.next_read(1.0, 1, 1)
    assert "may go on" in spoke.verdict(61.0).message


@pytest.mark.parametrize("idle_s", [60.0, None])
def test_verdict_on_pings_alone(idle_s: float | None) -> None:
    """The data clock is named, not the idle clock."""
    clock = clocks(idle_s=idle_s, data_idle_s=30)
    clock.next_read(29.0, 5, 0)
    assert "30 s (data_idle_s)" in clock.verdict(30.0).message


def test_idle_before_data_idle() -> None:
    """Silence right after an event is the shorter clock's business."""
    assert "20 s (idle_s)" in clocks(idle_s=20, data_idle_s=30).verdict(20.0).message


def test_verdict_on_a_clock_that_is_not_ours() -> None:
    """A given httpx client gave up before any clock of ours."""
    assert "http_client" in clocks(idle_s=60).verdict(5.0).message
