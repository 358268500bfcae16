"""Uploads: what is sent, what is never sent twice, what is closed, and how much memory it takes."""

from __future__ import annotations

import gzip
import io
import os
import socket
import tempfile
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from dify_integrations import (
    AsyncDify,
    ConnectionDropped,
    DifyError,
    FileInput,
    InvalidArgument,
    PayloadTooLarge,
    ServerError,
    TooManyRequests,
)
from tests.faults.conftest import Serve
from tests.faults.server import Connection, Left, keep, reset
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
NAMES = ["a.txt", "größe.txt", "文档.pdf", "emoji 🍵.txt", "with space.txt", 'quo"te.txt', "new\nline.txt", "no-extension"]
MB = 1024 * 1024


def content_of(body: bytes) -> bytes:
    """The bytes of the file part, which is the last one."""
    return body.rpartition(b"Content-Type: ")[2].partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]


def unchunked(body: bytes) -> bytes:
    """A chunked body without its framing."""
    data = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        data, body = data + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return data


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
    # As browsers do it, and as Dify's server undoes it: UTF-8 as it is, quotes and line breaks percent-encoded.
    sent = name.replace('"', "%22").replace("\n", "%0A")
    assert f'filename="{sent}"\r\n'.encode() in parts[2]


@pytest.mark.parametrize(
    ("name", "given", "sent"),
    [
        ("a.png", None, "image/png"),
        ("a.PDF", None, "application/pdf"),
        ("a.nothing-known", None, "application/octet-stream"),
        ("no-extension", None, "application/octet-stream"),
        ("a.png", "image/x-own", "image/x-own"),
    ],
)
def test_types(side: Side, name: str, given: str | None, sent: str, serve: Serve) -> None:
    """Guessed from the name, unless given; never left out, because Dify refuses a part without."""
    server = serve(DONE)
    side.run(lambda dify: dify.files.upload(FileInput.from_bytes(b"abc", name, mime_type=given)), server.url)
    assert f"Content-Type: {sent}\r\n\r\nabc".encode() in server.requests[0].body


def test_a_file_made_by_hand(side: Side, serve: Serve) -> None:
    """Without name and type it gets both: a part without them is no file to Dify."""
    server = serve(DONE)
    side.run(lambda dify: dify.files.upload(FileInput("custom", content=b"abc")), server.url)
    assert b'filename="file"\r\nContent-Type: application/octet-stream\r\n\r\nabc' in server.requests[0].body


def test_path(side: Side, tmp_path: Path, serve: Serve) -> None:
    """A file is read while it is sent, with a length, and closed (an open one would warn)."""
    path = tmp_path / "größe.txt"
    path.write_bytes(b"x" * 200_000)
    server = serve(DONE)
    side.run(lambda dify: dify.files.upload(FileInput.from_path(path)), server.url)
    [request] = server.requests
    assert content_of(request.body) == b"x" * 200_000
    assert int(request.headers["content-length"]) == len(request.body)


def sources(tmp_path: Path) -> dict[str, FileInput]:
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc" * 100_000)
    file = io.BytesIO(b"abc" * 100_000)
    file.seek(7)
    return {
        "bytes": FileInput.from_bytes(b"abc" * 100_000, "a.txt"),
        "path": FileInput.from_path(path),
        "file": FileInput.from_file(file, "a.txt"),
    }


@pytest.mark.parametrize("source", ["bytes", "path", "file"])
def test_sent_again_when_nothing_had_started(side: Side, source: str, tmp_path: Path, serve: Serve) -> None:
    """A 429 did not start: what can be read again is sent again, whole, from its beginning."""
    file = sources(tmp_path)[source]
    server = serve((closing(answer(429)),), DONE)
    assert side.run(lambda dify: dify.files.upload(file), server.url).id == "f-1"
    assert [content_of(request.body) for request in server.requests] == [b"abc" * 100_000] * 2


@pytest.mark.parametrize("source", ["bytes", "path", "file"])
@pytest.mark.parametrize(
    ("script", "expected"), [((reset,), ConnectionDropped), ((closing(answer(503)),), ServerError)], ids=["reset", "503"]
)
def test_not_sent_again_when_it_may_have_started(
    side: Side, source: str, script: Any, expected: type[DifyError], tmp_path: Path, serve: Serve
) -> None:
    """Two uploads of one file would be two files; and what was opened is closed all the same."""
    file = sources(tmp_path)[source]
    server = serve(script)
    assert type(side.error(lambda dify: dify.files.upload(file), server.url)) is expected
    assert len(server.requests) == 1


class Pipe(io.RawIOBase):
    """Readable once, without a length."""

    def __init__(self, content: bytes) -> None:
        self._rest = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._rest.readinto(buffer)


def os_pipe() -> BinaryIO:
    """A pipe of the system, whose descriptor claims a length of 0."""
    reading, writing = os.pipe()
    os.write(writing, b"abc")
    os.close(writing)
    return os.fdopen(reading, "rb")


PIPES: dict[str, Callable[[], BinaryIO]] = {"python": lambda: cast("BinaryIO", io.BufferedReader(Pipe(b"abc"))), "system": os_pipe}


@pytest.mark.parametrize("kind", PIPES)
def test_a_stream_without_a_length(side: Side, kind: str, serve: Serve) -> None:
    """A pipe is sent in chunks, and never again."""
    server = serve((closing(answer(429)),))
    with PIPES[kind]() as pipe:
        error = side.error(lambda dify: dify.files.upload(FileInput.from_file(pipe, "a.txt")), server.url)
        assert isinstance(error, TooManyRequests)
        assert not pipe.closed
    [request] = server.requests
    assert content_of(unchunked(request.body)) == b"abc"


def packed(temporary: Any) -> BinaryIO:
    """A compressed file that is read unpacked; its descriptor is that of the packed one."""
    with gzip.GzipFile(fileobj=temporary, mode="wb") as packing:
        packing.write(b"abc" * 100_000)
    temporary.seek(0)
    return cast("BinaryIO", gzip.GzipFile(fileobj=temporary))


def spooled(temporary: Any) -> BinaryIO:
    """What web frameworks hand out; on Python 3.10 it does not say that it can be rewound."""
    del temporary
    file = tempfile.SpooledTemporaryFile(max_size=10)
    file.write(b"abc" * 100_000)
    return cast("BinaryIO", file)


@pytest.mark.parametrize("make", [packed, spooled])
def test_files_that_are_not_quite_files(side: Side, make: Callable[[Any], BinaryIO], serve: Serve) -> None:
    """What is read counts, not what a descriptor says."""
    server = serve(DONE)
    with tempfile.TemporaryFile() as temporary, make(temporary) as file:
        side.run(lambda dify: dify.files.upload(FileInput.from_file(file, "a.txt")), server.url)
    [request] = server.requests
    assert content_of(request.body) == b"abc" * 100_000
    assert int(request.headers["content-length"]) == len(request.body)


class Growing(io.BytesIO):
    """A log that is written to while it is sent."""

    def read(self, size: int | None = -1, /) -> bytes:
        here = self.tell()
        self.seek(0, io.SEEK_END)
        self.write(b"more")
        self.seek(here)
        return super().read(size)


def test_a_file_that_grows(side: Side, serve: Serve) -> None:
    """Sent as it was when it began; the announced length stays true."""
    server = serve(DONE)
    side.run(lambda dify: dify.files.upload(FileInput.from_file(Growing(b"abc" * 50_000), "a.log")), server.url)
    assert content_of(server.requests[0].body) == b"abc" * 50_000


class Failing(io.BytesIO):
    """Breaks in the middle, in one way or another."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__(b"x" * 300_000)
        self.error = error

    def read(self, size: int | None = -1, /) -> Any:
        if self.tell() < 100_000:
            return super().read(size)
        if self.error is None:
            return "text"
        raise self.error


FAILURES = [OSError(5, "Input/output error"), ValueError("read of closed file"), EOFError("cut off"), RuntimeError("any"), None]


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
def test_a_file_that_fails_while_it_is_read(side: Side, failure: Exception | None, serve: Serve) -> None:
    """A typed error that says how, at once; the server sees the client leave, and the next call works."""

    def until_left(connection: Connection) -> None:
        while connection.sock.recv(65536):
            pass
        raise Left

    server = serve(DONE, on_accept=[(until_left,)])

    async def body(dify: AsyncDify) -> None:
        with pytest.raises(InvalidArgument, match=r"'a\.txt'") as caught:
            await dify.files.upload(FileInput.from_file(Failing(failure), "a.txt"))
        assert str(failure or "str") in str(caught.value)
        assert server.wait_until(lambda: server.left)
        await dify.files.upload(FileInput.from_bytes(b"abc", "a.txt"))

    side.run(body, server.url)


def test_a_file_that_is_closed_meanwhile(side: Side, serve: Serve) -> None:
    """Or vanished, or lost its rights: the argument is to blame."""
    server = serve(DONE)
    file = io.BytesIO(b"abc")
    source = FileInput.from_file(file, "a.txt")
    file.close()
    assert isinstance(side.error(lambda dify: dify.files.upload(source), server.url), InvalidArgument)


def test_a_path_that_vanished(side: Side, tmp_path: Path, serve: Serve) -> None:
    """It was there when the input was made; nothing is sent."""
    server = serve(DONE)
    for replace in (False, True):
        (tmp_path / "a.txt").touch()
        source = FileInput.from_path(tmp_path / "a.txt")
        (tmp_path / "a.txt").unlink()
        if replace:
            (tmp_path / "a.txt").mkdir()
        error = side.error(lambda dify, source=source: dify.files.upload(source), server.url)  # type: ignore[misc]
        assert isinstance(error, InvalidArgument)
        assert "a.txt" in str(error)
        assert str(tmp_path) not in str(error)
    assert server.requests == []


def test_half_characters(side: Side, serve: Serve) -> None:
    """A user that cannot be encoded is refused, typed, before anything is sent."""
    server = serve(DONE)
    error = side.error(lambda dify: dify.files.upload(FileInput.from_bytes(b"", "a.txt"), user="\ud800"), server.url)
    assert isinstance(error, InvalidArgument)
    assert server.requests == []


def test_an_early_refusal_is_read(side: Side, serve: Serve) -> None:
    """A refusal is reported as what it is."""
    server = serve((answer(413),))
    file = FileInput.from_bytes(b"x" * 100_000, "a.bin")
    assert isinstance(side.error(lambda dify: dify.files.upload(file), server.url), PayloadTooLarge)


def test_a_refusal_in_the_middle_is_read(side: Side, serve: Serve) -> None:
    """As proxies do it: they say no and read on only as long as they must."""
    done = threading.Event()

    def refuse(connection: Connection) -> None:
        connection.sock.recv(65536)
        connection.send(closing(answer(413)))
        connection.sock.shutdown(socket.SHUT_WR)
        while connection.sock.recv(65536):
            pass
        done.set()
        raise Left

    server = serve(DONE, on_accept=[(refuse,)])
    file = FileInput.from_bytes(bytes(8 * MB), "a.bin")
    assert isinstance(side.error(lambda dify: dify.files.upload(file), server.url), PayloadTooLarge)
    assert done.wait(2)
    assert server.requests == []


def test_nothing_local(side: Side, serve: Serve) -> None:
    """A remote address needs no upload."""
    server = serve(DONE)
    error = side.error(lambda dify: dify.files.upload(FileInput.from_url("https://x.test/a.png")), server.url)
    assert isinstance(error, InvalidArgument)
    assert server.accepted == 0


def test_empty_file(side: Side, tmp_path: Path, serve: Serve) -> None:
    """Nothing is something."""
    (tmp_path / "empty.txt").touch()
    server = serve((*DONE, keep))
    for file in (
        FileInput.from_path(tmp_path / "empty.txt"),
        FileInput.from_bytes(b"", "empty.txt"),
        FileInput.from_file(io.BytesIO(), "empty.txt"),
    ):
        assert side.run(lambda dify, file=file: dify.files.upload(file), server.url).id == "f-1"  # type: ignore[misc]
    assert [content_of(request.body) for request in server.requests] == [b""] * 3


class Counting:
    """As an act: takes a request of any size, counts its bytes and keeps none."""

    def __init__(self) -> None:
        self.body = 0
        self.announced = 0

    def __call__(self, connection: Connection) -> None:
        buffer = bytearray(65536)
        begun = b""
        while b"\r\n\r\n" not in begun:
            begun += connection.sock.recv(4096)
        headers, _, rest = begun.partition(b"\r\n\r\n")
        self.announced = int(headers.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        self.body = len(rest)
        while self.body < self.announced and (size := connection.sock.recv_into(buffer)):
            self.body += size
        connection.send(answer(201, UPLOADED))
        raise Left


@pytest.mark.parametrize("source", ["path", "file"])
def test_a_large_file_takes_no_memory(side: Side, source: str, tmp_path: Path, serve: Serve) -> None:
    """Whatever its size: a sparse file of 256 MB goes through with less than 4 MB held at any time."""
    size = 256 * MB
    with (tmp_path / "large.bin").open("wb") as file:
        file.truncate(size)
    counting = Counting()
    server = serve(DONE, on_accept=[(counting,)])
    tracemalloc.start()
    try:
        with (tmp_path / "large.bin").open("rb") as opened:
            made = FileInput.from_path(tmp_path / "large.bin") if source == "path" else FileInput.from_file(opened, "large.bin")
            before = tracemalloc.get_traced_memory()[0]
            assert side.run(lambda dify: dify.files.upload(made), server.url).id == "f-1"
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert size < counting.body == counting.announced < size + 1000
    assert peak < 4 * MB
