"""Who listens to a graph run besides the client that started it: `GET /workflow/{run_id}/events`.

Events are published to whoever is subscribed at that moment and are not kept, as over Dify's Redis channel. A follower that
reads slowly never holds the run up.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

from .channel import Channel, Signal

# What ends the stream of a follower, by (with a snapshot, continuing on a pause). The empty set is Dify's own surprise.
_CLOSES_AT = {
    (False, False): frozenset({"workflow_finished", "workflow_paused"}),
    (True, False): frozenset({"workflow_finished", "workflow_paused"}),
    (True, True): frozenset({"workflow_finished"}),
    (False, True): frozenset[str](),
}


class Follower:
    """One subscription: what it was told before it began, then live frames until one that ends it."""

    def __init__(self, *, snapshot: bool, continues: bool) -> None:
        self.channel = Channel(room=0)
        self._closes_at = _CLOSES_AT[snapshot, continues]

    def end(self, frame: bytes) -> None:
        """Hand over the last frame."""
        self.channel.push(frame)
        self.channel.push(Signal.END)
        self.channel.closed = True

    def tell(self, event: str, frame: bytes) -> None:
        """Hand over one frame."""
        if event in self._closes_at:
            self.end(frame)
        else:
            self.channel.push(frame)

    def replay(self, frames: Iterable[tuple[str, bytes]]) -> None:
        """Hand over the frames of a snapshot, of which a pause ends the stream just as a live one does."""
        for event, frame in frames:
            self.tell(event, frame)


class Topic:
    """What a run publishes its events to."""

    def __init__(self) -> None:
        self._followers: list[Follower] = []
        self._arrived = asyncio.Event()

    def subscribe(self, follower: Follower) -> None:
        """Tell a follower of every event from now on."""
        self._followers.append(follower)
        self._arrived.set()

    @property
    def listeners(self) -> int:
        """How many would hear the next event."""
        return sum(follower.channel.open for follower in self._followers)

    async def until_followed(self, timeout_s: float) -> None:
        """Wait for somebody who would, for some seconds at most."""
        self._arrived.clear()
        if not self.listeners:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), timeout_s)

    def publish(self, event: str, frame: bytes) -> None:
        """Tell everybody."""
        self._followers = [follower for follower in self._followers if follower.channel.open]
        for follower in self._followers:
            follower.tell(event, frame)

    def cut(self) -> None:
        """Break off every connection; those who want more must come again."""
        for follower in self._followers:
            follower.channel.push(Signal.CUT)
        self._followers = []
