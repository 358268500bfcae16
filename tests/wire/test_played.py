"""What the adapters play is all there."""

from __future__ import annotations

from tests.wire.played import CHATS, MESSAGES
from tests.wire.recordings import COLLECTION


def test_there_are_recordings() -> None:
    """A path that moved must not turn the adapters' tests of every recording into none."""
    assert len(CHATS) > 130 and len(MESSAGES) > len(CHATS)
    assert not COLLECTION.is_dir() or len(MESSAGES) >= 275
