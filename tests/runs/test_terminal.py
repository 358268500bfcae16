"""The terminal table of contract/streaming.md §4, row by row."""

from __future__ import annotations

import itertools

import pytest

from dify_integrations.runs.terminal import Seen, Shape, Verdict, ends_at_once, judge, judge_end_of_body, server_version

M, W, E = Shape.MESSAGE, Shape.WORKFLOW, Shape.EVENTS
ROWS = [
    # shape, seen, version, verdict, at the end of the body
    ("nothing", M, Seen(), "1.14.2", Verdict.READ_ON, None),
    ("chat complete", M, Seen(message_end=True), "1.12.1", Verdict.COMPLETE, Verdict.COMPLETE),
    ("error", M, Seen(failed=True), None, Verdict.FAILED, Verdict.FAILED),
    ("error before all else", W, Seen(failed=True, finished="succeeded"), None, Verdict.FAILED, Verdict.FAILED),
    ("short cut of a chatflow", M, Seen(message_end=True), "1.14.2", Verdict.COMPLETE, Verdict.COMPLETE),
    ("1.12: finished, message_end owed", M, Seen(workflow_started=True, finished="succeeded"), "1.12.1", Verdict.READ_ON, None),
    ("0.15: finished, message_end owed", M, Seen(workflow_started=True, finished="succeeded"), "0.15.3", Verdict.READ_ON, None),
    ("1.12: stopped, message_end owed", M, Seen(workflow_started=True, finished="stopped"), "1.12.1", Verdict.READ_ON, None),
    (
        "1.12: both",
        M,
        Seen(message_end=True, workflow_started=True, finished="succeeded"),
        "1.12.1",
        Verdict.COMPLETE,
        Verdict.COMPLETE,
    ),
    (
        "1.13.0: finished is all there is",
        M,
        Seen(workflow_started=True, finished="succeeded"),
        "1.13.0",
        Verdict.COMPLETE,
        Verdict.COMPLETE,
    ),
    ("1.13.1: message_end first", M, Seen(message_end=True, workflow_started=True), "1.13.1", Verdict.READ_ON, None),
    (
        "1.14: both",
        M,
        Seen(message_end=True, workflow_started=True, finished="succeeded"),
        "1.14.2",
        Verdict.COMPLETE,
        Verdict.COMPLETE,
    ),
    ("1.14: message_end lost on the way", M, Seen(workflow_started=True, finished="succeeded"), "1.14.2", Verdict.READ_ON, None),
    ("1.14: stopped ends at once", M, Seen(workflow_started=True, finished="stopped"), "1.14.2", Verdict.STOPPED, Verdict.STOPPED),
    (
        "1.12: stopped with message_end",
        M,
        Seen(message_end=True, workflow_started=True, finished="stopped"),
        "1.12.1",
        Verdict.STOPPED,
        Verdict.STOPPED,
    ),
    ("unknown version: finished", M, Seen(workflow_started=True, finished="succeeded"), None, Verdict.GRACE, Verdict.COMPLETE),
    ("unknown version: stopped", M, Seen(workflow_started=True, finished="stopped"), None, Verdict.GRACE, Verdict.STOPPED),
    ("chatflow failed", M, Seen(workflow_started=True, finished="failed"), "1.12.1", Verdict.FAILED, Verdict.FAILED),
    ("paused", M, Seen(workflow_started=True, paused=True), "1.14.2", Verdict.PAUSED, Verdict.PAUSED),
    ("workflow runs", W, Seen(workflow_started=True), "1.14.2", Verdict.READ_ON, None),
    ("workflow finished", W, Seen(workflow_started=True, finished="succeeded"), None, Verdict.COMPLETE, Verdict.COMPLETE),
    ("workflow partial", W, Seen(finished="partial-succeeded"), None, Verdict.COMPLETE, Verdict.COMPLETE),
    ("workflow stopped", W, Seen(finished="stopped"), None, Verdict.STOPPED, Verdict.STOPPED),
    ("workflow paused", W, Seen(paused=True), None, Verdict.PAUSED, Verdict.PAUSED),
    ("followed run: one frame", E, Seen(finished="succeeded"), "1.14.2", Verdict.COMPLETE, Verdict.COMPLETE),
    ("followed chatflow: message_end is not the end", E, Seen(message_end=True), "1.14.2", Verdict.READ_ON, None),
    ("speech is wanted", M, Seen(message_end=True, audio_owed=True), "1.12.1", Verdict.READ_ON, Verdict.COMPLETE),
    (
        "speech behind a chatflow is lost",
        M,
        Seen(True, True, "succeeded", audio_owed=True),
        "1.14.2",
        Verdict.READ_ON,
        Verdict.COMPLETE,
    ),
    ("speech is wanted, answer is cut", M, Seen(audio_owed=True), "1.12.1", Verdict.READ_ON, None),
    (
        "speech is wanted, run is cut",
        M,
        Seen(message_end=True, workflow_started=True, audio_owed=True),
        "1.14.2",
        Verdict.READ_ON,
        None,
    ),
]


@pytest.mark.parametrize(("shape", "seen", "version", "verdict", "at_end"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_table(shape: Shape, seen: Seen, version: str | None, verdict: Verdict, at_end: Verdict | None) -> None:
    """The verdict after the events, and when the body ends there."""
    got = judge(shape, seen, server_version(version))
    assert got is verdict
    assert judge_end_of_body(got, seen) is at_end


@pytest.mark.parametrize("shape", Shape, ids=lambda shape: shape.name)
def test_an_error_is_terminal_whatever_else_was_seen(shape: Shape) -> None:
    """No combination of other facts outweighs an error event."""
    for message_end, workflow_started, paused in itertools.product((False, True), repeat=3):
        for status in ("", "succeeded", "failed", "stopped"):
            seen = Seen(message_end, workflow_started, status, paused, failed=True)
            assert judge(shape, seen, None) is Verdict.FAILED


@pytest.mark.parametrize(
    ("seen", "version", "at_once"),
    [
        (Seen(message_end=True), "1.14.2", True),
        (Seen(message_end=True, workflow_started=True, finished="succeeded"), "1.12.1", True),
        (Seen(message_end=True, workflow_started=True, finished="succeeded"), "1.14.2", False),
        (Seen(finished="succeeded"), None, False),
    ],
    ids=["chat", "chatflow by queue", "chatflow by relay", "unknown version"],
)
def test_whether_the_body_ends_at_once(seen: Seen, version: str | None, at_once: bool) -> None:
    """The relay keeps the connection for about a second after the last event."""
    assert ends_at_once(seen, server_version(version)) is at_once


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.14.2", (1, 14, 2)),
        ("1.13", (1, 13, 0)),
        ("0.15.3", (0, 15, 3)),
        ("1.14.2-rc1", (1, 14, 2)),
        ("", None),
        (None, None),
        ("main", None),
    ],
    ids=str,
)
def test_server_version(text: str | None, version: tuple[int, ...] | None) -> None:
    """The X-Version header as numbers."""
    assert server_version(text) == version
