"""Bytes to items by the package's pure parts: decoder, parser, fold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dify_integrations.core.sse import SSEDecoder
from dify_integrations.events.parse import parse_event
from dify_integrations.runs.fold import Fold
from dify_integrations.runs.items import Item
from dify_integrations.runs.terminal import Shape, server_version
from tests.wire.recordings import Recording

SHAPES = {"message": Shape.MESSAGE, "workflow": Shape.WORKFLOW, "events": Shape.EVENTS}


@dataclass
class Folded:
    """A fold that was fed, and the items it gave."""

    fold: Fold
    items: list[Item]


def fold_for(recording: Recording, *, version: bool = True) -> Fold:
    """A fold that knows what the answer's head would have told it."""
    known = server_version(recording.version) if version else None
    return Fold(SHAPES[recording.kind], version=known, pause_ends=recording.pause_ends, snapshot=recording.snapshot)


def feed(fold: Fold, chunks: Iterable[bytes]) -> Folded:
    """Feed chunks as they are cut, and end the stream."""
    decoder = SSEDecoder()
    items: list[Item] = []
    for chunk in chunks:
        for frame in decoder.feed(chunk):
            items += fold.feed(parse_event(frame))
    items += fold.end()
    return Folded(fold, items)
