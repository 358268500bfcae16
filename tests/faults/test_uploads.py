"""Uploads: what is sent, what is never sent twice, what is closed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from dify_integrations import AsyncDify, ConnectionDropped, FileInput, InvalidArgument, PayloadTooLarge, TooManyRequests
from dify_integrations.operations import files as operations
from tests.faults.conftest import Serve
from tests.faults.server import reset
from tests.faults.sides import Side
from tests.faults.wire import answer, closing

UPLOADED = {
    "id": "f-1",
    "name": "a.txt",
    "size": 3,
    "extension": "txt",
    "mime_type": "text/plain",
    "created_by": "u",
    "created_at": 1,
}
DONE = (answer(201, UPLOADED),)
NAMES = ["a.txt", "größe.txt", "文档.pdf", "with space.txt", 'quo"te.txt', "new\nline.txt", "no-extension"]


@pytest.mark.parametrize("name", NAMES)
def test_bytes(side: Side, name: str, serve: Serve) -> None:
    """Content, user and any name arrive in one well-formed form."""
    server = serve(DONE)
    uploaded = side.run(lambda dify: dify.files.upload(FileInput.from_bytes(b"abc", name)), server.url)
    assert uploaded.id == "f-1"
    [request] = server.requests
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    parts = request.body.split(b"--" + boundary)
    assert [part.partition(b"\r\n\r\n")[2] for part in parts[1:-1]] == [b"ann\r\n", b"abc\r\n"]
    for part in parts[1:-1]:
        assert part.partition(b"\r\n\r\n")[0].count(b"\r\n") <= 2


def test_path(side: Side, tmp_path: Path, serve: Serve) -> None:
    """A file is read while it is sent, with a length, and closed (an open one would warn)."""
    path = tmp_path / "größe.txt"
    path.write_bytes(b"x" * 200_000)
    server = serve(DONE)
    side.run(lambda dify: dify.files.upload(FileInput.from_path(path)), server.url)
    [request] = server.requests
    assert b"x" * 200_000 in request.body
    assert int(request.headers["content-length"]) == len(request.body)


@pytest.mark.parametrize("script", [(reset,), (closing(answer(429)),), (closing(answer(503)),)], ids=["reset", "429", "503"])
def test_an_open_file_is_never_sent_again(side: Side, tmp_path: Path, script: tuple[object, ...], serve: Serve) -> None:
    """It is half read, whatever the failure says; and it is closed all the same."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc")
    server = serve(script)
    side.error(lambda dify: dify.files.upload(FileInput.from_path(path)), server.url)
    assert len(server.requests) == 1


def test_bytes_are_sent_again_when_nothing_had_started(side: Side, serve: Serve) -> None:
    """A 429 did not start, and bytes can be sent again; a reset may have started."""
    file = FileInput.from_bytes(b"abc", "a.txt")
    server = serve((closing(answer(429)),), DONE)
    assert side.run(lambda dify: dify.files.upload(file), server.url).id == "f-1"
    broken = serve((reset,))
    assert isinstance(side.error(lambda dify: dify.files.upload(file), broken.url), ConnectionDropped)
    assert len(broken.requests) == 1


class Pipe(io.RawIOBase):
    """Readable once, without a length."""

    def __init__(self, content: bytes) -> None:
        self._rest = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._rest.readinto(buffer)


def test_a_stream_without_a_length(side: Side, serve: Serve) -> None:
    """A pipe is sent in chunks, and never again."""
    server = serve((closing(answer(429)),))

    def operation() -> object:
        pipe = cast("BinaryIO", io.BufferedReader(Pipe(b"abc")))
        return operations.upload(pipe, filename="a.txt", mime_type="text/plain", user="ann")

    async def body(dify: AsyncDify) -> None:
        with pytest.raises(TooManyRequests):
            await dify._transport.send(operation())  # type: ignore[arg-type]  # no public method takes a pipe yet

    side.run(body, server.url)
    [request] = server.requests
    assert b"abc" in request.body


def test_an_early_refusal_is_read(side: Side, serve: Serve) -> None:
    """A refusal is reported as what it is."""
    server = serve((answer(413),))
    file = FileInput.from_bytes(b"x" * 100_000, "a.bin")
    assert isinstance(side.error(lambda dify: dify.files.upload(file), server.url), PayloadTooLarge)


def test_nothing_local(side: Side, serve: Serve) -> None:
    """A remote address needs no upload."""
    server = serve(DONE)
    error = side.error(lambda dify: dify.files.upload(FileInput.from_url("https://x.test/a.png")), server.url)
    assert isinstance(error, InvalidArgument)
    assert server.accepted == 0


def test_empty_file(side: Side, tmp_path: Path, serve: Serve) -> None:
    """Nothing is something."""
    (tmp_path / "empty.txt").touch()
    server = serve(DONE)
    assert side.run(lambda dify: dify.files.upload(FileInput.from_path(tmp_path / "empty.txt")), server.url).id == "f-1"
