"""The public client on streams that break off: always `StreamInterrupted` with what there is, never a short answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from random import Random
from typing import Any

import anyio
import httpx
import pytest

from dify_integrations import AsyncDify, Dify
from dify_integrations.errors import StreamInterrupted
from tests.wire.expected import Meaning, meaning_of
from tests.wire.recordings import Recording, boundaries, frames, recordings

CASES = [pytest.param(recording, id=recording.id) for recording in recordings()]
OPTIONS: dict[str, Any] = {"api_key": "app-test", "base_url": "http://127.0.0.1:9/v1", "user": "me", "max_retries": 0}


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body in two pieces that ends, or whose connection breaks."""

    def __init__(self, content: bytes, *, breaks: bool) -> None:
        self.pieces = [content[: len(content) // 2], content[len(content) // 2 :]]
        self.breaks = breaks

    def __iter__(self) -> Iterator[bytes]:
        yield from filter(None, self.pieces)
        if self.breaks:
            raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


class Server:
    """Answers a run with part of its recording, and counts the requests."""

    def __init__(self, recording: Recording, until: int, *, breaks: bool) -> None:
        self.requests: list[str] = []
        self._recording = recording
        self._body = Body(recording.body[:until], breaks=breaks)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request.url.path)
        headers = {"content-type": "text/event-stream; charset=utf-8", "x-version": self._recording.version}
        return httpx.Response(200, headers=headers, stream=self._body)


def sync_run(server: Server, recording: Recording) -> None:
    with httpx.Client(transport=httpx.MockTransport(server)) as http:
        opened(Dify(**OPTIONS, http_client=http), recording).finish()


def async_run(server: Server, recording: Recording) -> None:
    async def main() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as http:
            await opened(AsyncDify(**OPTIONS, http_client=http), recording).finish()

    anyio.run(main)


def opened(dify: Any, recording: Recording) -> Any:
    """A run whose server sends the recording."""
    if recording.kind == "events":
        switches = {"include_state_snapshot": recording.snapshot, "continue_on_pause": not recording.pause_ends}
        return dify.workflows.resume("run-1", **switches)
    return dify.chat.stream("?") if recording.kind == "message" else dify.workflows.stream({})


def meaning(recording: Recording, body: bytes) -> Meaning:
    return meaning_of(frames(body), recording.kind, recording.version, pause_ends=recording.pause_ends, snapshot=recording.snapshot)


def cuts(recording: Recording) -> list[int]:
    """Nothing at all, somewhere inside, before the frame that ends the run, and one byte before that frame's end."""
    body, random = recording.body, Random(recording.id)
    ends_at = meaning(recording, body).ends_at
    if ends_at is None:
        return [0, len(body)]
    blocks = [edge for edge in zip(boundaries(body), boundaries(body)[1:]) if body.startswith(b"data: ", edge[0])]
    start, end = blocks[ends_at]
    return [0, random.randrange(start + 1), start, end - 1]


@pytest.mark.parametrize("run", [sync_run, async_run], ids=["sync", "async"])
@pytest.mark.parametrize("recording", CASES)
def test_a_broken_stream_raises_with_what_had_arrived(recording: Recording, run: Callable[[Server, Recording], None]) -> None:
    for number, until in enumerate(cuts(recording)):
        server = Server(recording, until, breaks=number % 2 == 1)
        expected = meaning(recording, recording.body[:until])
        assert expected.ends_at is None
        with pytest.raises(StreamInterrupted) as raised:
            run(server, recording)
        partial = raised.value.partial
        assert partial is not None
        assert (partial.text, partial.status) == (expected.text, "interrupted")
        assert raised.value.ids == expected.ids
        assert len(partial.steps) == len(expected.steps)
        assert len(server.requests) == 1  # nothing is sent again, and a run that is over for us is not stopped
