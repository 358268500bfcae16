"""However the bytes are cut the items are the same, and a stream that is cut short never passes for a short answer."""

from __future__ import annotations

from random import Random

import pytest

from dify_integrations.core.sse import SSEDecoder
from dify_integrations.errors import StreamInterrupted
from dify_integrations.events.parse import parse_event
from dify_integrations.runs.items import Ended
from dify_integrations.runs.terminal import Verdict
from tests.wire.expected import meaning_of
from tests.wire.folding import feed, fold_for
from tests.wire.recordings import Recording, boundaries, frames, recordings

EVERY = [pytest.param(recording, id=recording.id) for recording in recordings()]
SMALL = 3_000
LARGE = 60_000


def pieces(body: bytes, cuts: list[int]) -> list[bytes]:
    """The body, cut at these positions."""
    edges = [0, *sorted(cuts), len(body)]
    return [body[start:end] for start, end in zip(edges, edges[1:])]


def cuttings(recording: Recording) -> list[list[bytes]]:
    """Ways to cut a body: seeded by its name, from a few pieces to hundreds; small ones byte by byte as well."""
    body, random = recording.body, Random(recording.id)
    counts = [1, 7, len(body) // 100] if len(body) > LARGE else [1, 2, 5, len(body) // 100, len(body) // 12]
    ways = [pieces(body, [random.randrange(len(body) + 1) for _ in range(count)]) for count in counts]
    if len(body) <= SMALL:
        ways.append([body[at : at + 1] for at in range(len(body))])
    return ways


@pytest.mark.parametrize("recording", EVERY)
def test_any_cut_gives_the_same_items(recording: Recording) -> None:
    whole = feed(fold_for(recording), [recording.body])
    for chunks in cuttings(recording):
        cut = feed(fold_for(recording), chunks)
        assert cut.items == whole.items
        assert cut.fold.result() == whole.fold.result()


@pytest.mark.parametrize("recording", EVERY)
def test_every_prefix_owes_its_end(recording: Recording) -> None:
    """At every event's end, and at several positions inside it, the end of the body is no end of the run.

    One pass covers all prefixes: where a stream owes more, asking for its end changes nothing.
    """
    body, random = recording.body, Random(recording.id)
    meaning = meaning_of(
        frames(body), recording.kind, recording.version, pause_ends=recording.pause_ends, snapshot=recording.snapshot
    )
    fold, decoder = fold_for(recording), SSEDecoder()
    edges, seen = boundaries(body), -1
    sparse = max(1, len(edges) // 60)
    for number, (start, end) in enumerate(zip(edges, edges[1:])):
        assert not fold.end()
        assert not fold.over
        assert fold.verdict is Verdict.READ_ON
        if number % sparse == 0:
            told = [frame for frame in frames(body[:start])]
            so_far = meaning_of(
                told, recording.kind, recording.version, pause_ends=recording.pause_ends, snapshot=recording.snapshot
            )
            assert (fold.result().text, dict(fold.result().ids)) == (so_far.text, so_far.ids)
            assert fold.result().status == "running"
        inside = sorted(random.randrange(start, end) for _ in range(3))
        for piece in pieces(body[start : end - 1], [at - start for at in inside]):
            assert decoder.feed(piece) == []
        assert decoder.pending == end - 1 - start
        for frame in decoder.feed(body[end - 1 : end]):
            seen += 1
            fold.feed(parse_event(frame))
        if meaning.ends_at is not None and seen == meaning.ends_at:
            break
    assert fold.over == (meaning.ends_at is not None)


@pytest.mark.parametrize("recording", EVERY)
def test_what_breaks_off_ends_as_interrupted(recording: Recording) -> None:
    edges = boundaries(recording.body)
    folded = feed(fold_for(recording), [recording.body[: edges[len(edges) // 2]]])
    if folded.fold.over:  # an end in the first half: pings and a tail follow it
        assert meaning_of(frames(recording.body), recording.kind, recording.version).ends_at is not None
        return
    text = folded.fold.result().text
    items = folded.fold.abort(StreamInterrupted("cut"))
    assert items[-1] == Ended("interrupted", "cut")
    assert (folded.fold.result().status, folded.fold.result().text) == ("interrupted", text)
    assert all(step.status != "running" for step in folded.fold.result().steps)
