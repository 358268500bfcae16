"""Streams that break off: always `StreamInterrupted` with what had arrived, never a silently short answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dify_integrations import AsyncDify, Ended, StreamInterrupted, TextDelta
from tests.faults.conftest import Serve
from tests.faults.server import Act, keep, reset
from tests.faults.sides import Side
from tests.faults.wire import LAST, PING, Kind, chunk, head

CLOSE = "Connection: close"


def cut(kind: Kind, how: str) -> tuple[Act, ...]:
    """A stream of `kind` whose text is "Hel" when it ends."""
    body = PING + kind.began
    half = kind.more[: len(kind.more) // 2]
    return {
        "mid-chunk": (head(), chunk(body), b"100\r\n" + half),
        "mid-event": (head(), chunk(body), chunk(half)),
        "mid-event, body complete": (head(), chunk(body), chunk(half), LAST),
        "between events": (head(), chunk(body)),
        "between events, body complete": (head(), chunk(body), LAST),
        "reset": (head(), chunk(body), 0.02, reset),
        "reset mid-event": (head(), chunk(body), chunk(half), 0.02, reset),
        "close-delimited": (head(CLOSE), body),
        "close-delimited, mid-event": (head(CLOSE), body + half),
        "content-length short": (head(f"Content-Length: {len(body) + 1000}"), body),
        "content-length exact": (head(f"Content-Length: {len(body)}"), body),
        "bad chunk size": (head(), chunk(body), b"xyz\r\n"),
        "negative chunk size": (head(), chunk(body), b"-5\r\n"),
        "the last blank line missing": (head(), chunk(body), chunk(kind.more.rstrip(b"\n")), LAST),
        "half of a character": (head(), chunk(body), chunk(b'data: {"event": "\xc3'), LAST),
    }[how]


HOWS = [
    *("mid-chunk", "mid-event", "mid-event, body complete", "between events", "between events, body complete", "reset"),
    *("reset mid-event", "close-delimited", "close-delimited, mid-event", "content-length short", "content-length exact"),
    *("bad chunk size", "negative chunk size", "the last blank line missing", "half of a character"),
]


@pytest.mark.parametrize("how", HOWS)
def test_interrupted(any_side: Side, kind: Kind, how: str, serve: Serve) -> None:
    """Text and ids are on the error, it may have started, it is sent once, and the run is not asked to stop."""
    server = serve(cut(kind, how))
    error = any_side.error(lambda dify: kind.start(dify).finish(), server.url)
    assert type(error) is StreamInterrupted
    assert error.started is True
    assert error.ids == kind.ids
    assert error.partial is not None
    assert (error.partial.text, error.partial.status) == ("Hel", "interrupted")
    assert len(server.requests) == 1
    assert server.stops == []


@pytest.mark.parametrize("how", ["mid-chunk", "close-delimited", "reset"])
def test_items_and_text_come_before_the_error(side: Side, kind: Kind, how: str, serve: Serve) -> None:
    """Everything that had arrived is given out first, and items end with `Ended`."""

    async def body(dify: AsyncDify) -> list[object]:
        seen: list[object] = []
        with pytest.raises(StreamInterrupted):
            async for item in kind.start(dify).items():
                seen.append(item)
        return seen

    items = side.run(body, serve(cut(kind, how)).url)
    assert TextDelta("Hel") in items
    assert isinstance(items[-1], Ended)
    assert items[-1].status == "interrupted"


def test_how_much_of_an_event_was_lost(side: Side, kind: Kind, serve: Serve) -> None:
    """The message says that an event was cut."""
    error = side.error(lambda dify: kind.start(dify).finish(), serve(cut(kind, "mid-event")).url)
    assert "bytes into an event" in error.message


def test_nothing_at_all(side: Side, kind: Kind, serve: Serve) -> None:
    """An empty stream names no ids, because none are known."""
    error = side.error(lambda dify: kind.start(dify).finish(), serve((head(), LAST)).url)
    assert type(error) is StreamInterrupted
    assert error.ids == {}


GOOD: dict[str, Callable[[Kind], tuple[Act, ...]]] = {
    "chunked": lambda kind: (head(), chunk(kind.whole), LAST),
    "chunked, before the last chunk": lambda kind: (head(), chunk(kind.whole)),
    "close-delimited": lambda kind: (head(CLOSE), kind.whole),
    "content-length": lambda kind: (head(f"Content-Length: {len(kind.whole)}"), kind.whole),
    "trailing data": lambda kind: (head(), chunk(kind.whole), LAST, b"garbage after the body"),
    "content-length too short for more": lambda kind: (head(f"Content-Length: {len(kind.whole)}"), kind.whole + b"data: {}"),
    "reset after the end": lambda kind: (head(), chunk(kind.whole), 0.02, reset),
    "CRLF": lambda kind: (head(), chunk(kind.whole.replace(b"\n", b"\r\n")), LAST),
    "one byte at a time": lambda kind: (head(), *(chunk(kind.whole[i : i + 1]) for i in range(len(kind.whole))), LAST),
    "byte order mark": lambda kind: (head(), chunk(b"\xef\xbb\xbf" + kind.whole), LAST),
    "everything at the end": lambda kind: (head(), 0.05, chunk(kind.whole), LAST),
    "HTTP/1.0": lambda kind: (head(CLOSE).replace(b"HTTP/1.1", b"HTTP/1.0"), kind.whole),
}


@pytest.mark.parametrize("how", GOOD)
def test_whole(side: Side, kind: Kind, how: str, serve: Serve) -> None:
    """A run that has said its end is whole, however its body ends or is cut."""
    server = serve(GOOD[how](kind))
    result = side.run(lambda dify: kind.start(dify).finish(), server.url)
    assert (result.text, result.status) == ("Hello", "succeeded")
    assert dict(result.ids) == kind.ids
    assert server.stops == []


def test_cuts_everywhere(side: Side, kind: Kind, serve: Serve) -> None:
    """Two pieces, cut at every seventh byte: always the same answer."""
    places = range(1, len(kind.whole), 7)
    scripts = [(head(), chunk(kind.whole[:at]), chunk(kind.whole[at:]), LAST, keep) for at in places]
    server = serve(*scripts)

    async def body(dify: AsyncDify) -> set[str]:
        return {(await kind.start(dify).finish()).text for _ in places}

    assert side.run(body, server.url) == {"Hello"}
