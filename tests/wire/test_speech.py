"""Speech within streams: what recorded servers sent comes out whole, in order, as MP3."""

from __future__ import annotations

import base64
from functools import partial

import pytest

from dify_integrations import AsyncDify, AudioChunk, RunResult
from dify_integrations.runs.fold import Fold
from dify_integrations.runs.items import Ended
from dify_integrations.runs.terminal import server_version
from tests.faults.server import FaultServer
from tests.faults.sides import Side
from tests.faults.wire import LAST, chunk, head
from tests.wire.folding import SHAPES, feed
from tests.wire.recordings import Recording, frames, recordings

SPOKEN = [recording for recording in recordings() if b'"event":"tts_message"' in recording.body.replace(b": ", b":")]


def speech_of(recording: Recording) -> list[bytes]:
    """The pieces as the JSON has them."""
    told = [frame["audio"] for frame in frames(recording.body) if frame["event"] in ("tts_message", "tts_message_end")]
    return [base64.b64decode(piece) for piece in told if piece]


def test_there_are_recordings() -> None:
    assert len(SPOKEN) >= 2


@pytest.mark.parametrize("recording", SPOKEN, ids=lambda recording: recording.id)
def test_every_piece_comes_out(recording: Recording) -> None:
    """Items and result hold the same bytes; the end comes last, also where a server loses the tail of the speech."""
    fold = Fold(SHAPES[recording.kind], version=server_version(recording.version), want_audio=True)
    items = feed(fold, [recording.body]).items
    expected = speech_of(recording)
    assert [item.data for item in items if isinstance(item, AudioChunk)] == expected
    assert fold.result().audio == b"".join(expected)
    assert expected[0].startswith((b"ID3", b"\xff"))
    assert [type(item) for item in items].index(Ended) == len(items) - 1
    assert fold.result().status == "succeeded"


@pytest.mark.parametrize("side", [Side("sync"), Side("asyncio")], ids=str)
@pytest.mark.parametrize("recording", SPOKEN, ids=lambda recording: recording.id)
def test_the_client_waits_for_speech_only_when_asked(side: Side, recording: Recording) -> None:
    """`audio=True` reads on behind the answer; the text is the same both ways."""
    script = (head(X_Version=recording.version), chunk(recording.body), LAST)

    async def run(dify: AsyncDify, *, audio: bool) -> RunResult:
        stream = dify.chat.stream("hi", audio=audio)
        async with stream:
            async for _ in stream:
                pass
        return stream.result

    with FaultServer(script) as server:
        spoken = side.run(partial(run, audio=True), server.url)
        silent = side.run(partial(run, audio=False), server.url)
        assert server.stops == []
    assert spoken.audio == b"".join(speech_of(recording))
    assert spoken.audio.startswith(silent.audio)
    assert (spoken.text, spoken.status) == (silent.text, silent.status)
