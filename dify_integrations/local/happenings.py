"""What a script lets happen besides what the app says: waits, silence, broken connections, bytes as they are."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Wait:
    """Nothing for some seconds; pings go on."""

    seconds: float


@dataclass(frozen=True)
class Gate:
    """Nothing until a test sets the event; pings go on. A paced server without any sleeping."""

    event: threading.Event


@dataclass(frozen=True)
class UntilFollowed:
    """The run waits here until somebody follows it with `GET /workflow/{run_id}/events`; pings go on.

    Frames are published, not kept: what a run says while nobody is subscribed is gone. Said after `Cut`, this makes a
    resumption deterministic, because the rest is said only when the client is back. Whoever followed before a `Cut` does not
    count, so each pair of them is one more interruption::

        yield Text("first ")
        yield Cut()
        yield UntilFollowed()
        yield Text("second")

    Args:
        timeout_s: Seconds after which the run goes on without a follower.
        by: How many followers it waits for.
    """

    timeout_s: float = 5.0
    by: int = 1


@dataclass(frozen=True)
class Silence:
    """The connection stays open and nothing at all is sent, not even pings, for `seconds` (default: the server's `silence_s`)."""

    seconds: float | None = None


@dataclass(frozen=True)
class Drop:
    """The run ends without a terminal event: the connection is broken off, or ended properly when `clean`.

    It is a worker that died: its run stays `running` for ever. `Cut` breaks the connection and lets the run go on.
    """

    clean: bool = False


@dataclass(frozen=True)
class Cut:
    """Every connection that listens to the run is broken off here, without the last chunk; a graph goes on.

    It is a proxy that gave up: chatflow and workflow runs are worked on, can be followed again (see `UntilFollowed`) and end
    as they would have. In the other modes nobody could listen any more, and the run ends as with `Drop`.
    """


@dataclass(frozen=True)
class Raw:
    """Bytes put on the wire as they are."""

    data: bytes
