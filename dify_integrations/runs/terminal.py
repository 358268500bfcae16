"""When a run is over. The one place that knows the versions' different ends.

| server | a chatflow ends with |
|---|---|
| ≤ 1.12 | `workflow_finished`, then `message_end`; after a failure `error` instead |
| 1.13.0 | `workflow_finished` only |
| ≥ 1.13.1 | `message_end`, then `workflow_finished`; failed or stopped runs send only the latter |

The relay of ≥ 1.13 keeps the connection open after an `error`, and after a `message_end` without any workflow event
(annotation and moderation answers), so the end is decided by meaning, never by the end of the body.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


class Shape(Enum):
    """Which stream is read; decides what its end looks like."""

    MESSAGE = "completion, chat, agent and chatflow apps"
    WORKFLOW = "workflow apps"
    EVENTS = "a run followed by its id, of either kind"


class Verdict(Enum):
    """What to do after an event."""

    READ_ON = "the run owes more"
    GRACE = "complete, but one more event may follow: wait a little"
    COMPLETE = "over, well"
    STOPPED = "over, stopped"
    PAUSED = "over for now: a person is asked"
    FAILED = "over, failed"


@dataclass(slots=True)
class Seen:
    """The facts the verdict rests on."""

    message_end: bool = False
    workflow_started: bool = False
    finished: str = ""
    paused: bool = False
    failed: bool = False
    audio_owed: bool = False


Version = tuple[int, ...]


def server_version(text: str | None) -> Version | None:
    """`"1.14.2"` (the `X-Version` header) as `(1, 14, 2)`; `None` when there is none to be read."""
    match = re.match(r"(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?", text or "")
    return tuple(int(part or 0) for part in match.groups()) if match else None


def judge(shape: Shape, seen: Seen, version: Version | None) -> Verdict:
    """What to do after the events seen so far.

    Args:
        shape: Which stream it is.
        seen: What has come.
        version: The server's version, `None` when a proxy hides it.
    """
    if seen.failed or seen.finished == "failed":
        return Verdict.FAILED
    if seen.paused:
        return Verdict.PAUSED
    over = Verdict.STOPPED if seen.finished == "stopped" else Verdict.COMPLETE
    if shape is not Shape.MESSAGE:
        return over if seen.finished else Verdict.READ_ON
    if seen.message_end:
        if seen.workflow_started and not seen.finished:
            return Verdict.READ_ON
        return Verdict.READ_ON if seen.audio_owed else over
    return _chatflow_without_message_end(over, seen.finished, version) if seen.finished else Verdict.READ_ON


def _chatflow_without_message_end(over: Verdict, status: str, version: Version | None) -> Verdict:
    if version is None:
        return Verdict.GRACE
    if version < (1, 13):
        return Verdict.READ_ON
    if version < (1, 13, 1) or status == "stopped":
        return over
    # A relay that may drop events (pub/sub) lost message_end: the text may have holes too.
    return Verdict.READ_ON


def ends_at_once(seen: Seen, version: Version | None) -> bool:
    """Whether the server ends the body right behind the last event of a run that is complete.

    The relay of ≥ 1.13, which carries workflow events, takes another second.
    """
    by_relay = bool(seen.workflow_started or seen.finished) and (version is None or version >= (1, 13))
    return not by_relay


def judge_end_of_body(verdict: Verdict, seen: Seen) -> Verdict | None:
    """What the end of the body means; `None` when the run owed more."""
    if verdict is Verdict.GRACE:
        return Verdict.STOPPED if seen.finished == "stopped" else Verdict.COMPLETE
    if verdict is Verdict.READ_ON and seen.audio_owed and seen.message_end and (seen.finished or not seen.workflow_started):
        # Only speech is missing; ≥ 1.13 never delivers its tail behind workflow_finished.
        return Verdict.COMPLETE
    return None if verdict is Verdict.READ_ON else verdict
