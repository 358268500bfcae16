"""Downloads: into memory, an open file or a new one; what is refused, and what is left behind when they fail."""

from __future__ import annotations

import gzip
import io
import logging
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from dify_integrations import (
    AsyncDify,
    BodyTooLarge,
    ConnectionDropped,
    Dify,
    Download,
    InvalidArgument,
    UnexpectedContent,
)
from tests.faults.server import Act, FaultServer, hold, keep
from tests.faults.sides import Side
from tests.faults.wire import answer, chunk, head

CONTENT = bytes(range(256)) * 40
NAMED = {"Content_Disposition": "attachment; filename*=UTF-8''gr%C3%B6%C3%9Fe.png", "Content_Type": "image/png; q=1"}
FILE = (answer(200, CONTENT, **NAMED), keep)
CHUNKED = head(content_type="image/png")


@pytest.fixture(params=["sync", "asyncio", "trio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients, the async one under both loops."""
    return Side(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "downloads"
    path.mkdir()
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def fetch(side: Side, *acts: Act, **options: Any) -> Download:
    """A file's preview as a server sends it."""
    with FaultServer(acts) as server:
        return side.run(lambda dify: dify.files.preview("f-1", **options), server.url)


def failing(side: Side, *acts: Act, **options: Any) -> Exception:
    with FaultServer(acts) as server:
        return side.error(lambda dify: dify.files.preview("f-1", **options), server.url)


def test_into_memory(side: Side) -> None:
    """Bytes, size, type and name."""
    got = fetch(side, *FILE)
    assert got == Download(CONTENT, None, len(CONTENT), "image/png", "größe.png")
    assert "\\x00" not in repr(got)


def test_without_a_name_or_type(side: Side) -> None:
    """The id, and an extension where the type has one."""
    assert fetch(side, answer(200, b"x")).filename == "f-1"
    assert fetch(side, answer(200, b"x", Content_Type="image/png")).filename == "f-1.png"


@pytest.mark.parametrize(
    "acts",
    [
        FILE,
        (
            head(content_type="image/png", Content_Disposition=NAMED["Content_Disposition"]),
            *map(chunk, (CONTENT[:9], CONTENT[9:])),
            b"0\r\n\r\n",
        ),
    ],
    ids=["length", "chunked"],
)
def test_into_a_folder(side: Side, folder: Path, acts: tuple[Act, ...]) -> None:
    """Under the server's name, for the owner only, and nothing beside it."""
    got = fetch(side, *acts, to=folder)
    assert got == Download(None, folder / "größe.png", len(CONTENT), "image/png", "größe.png")
    assert (folder / "größe.png").read_bytes() == CONTENT
    assert names(folder) == ["größe.png"]
    if os.name == "posix":
        assert stat.S_IMODE((folder / "größe.png").stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["..%2F..%2Fevil.sh", "%2Fetc%2Fcron.d%2Fevil.sh", "C:%5Cevil.sh", ".evil.sh", "%00evil.sh"])
def test_a_server_does_not_choose_the_folder(side: Side, folder: Path, name: str) -> None:
    """Its name is a suggestion."""
    got = fetch(side, answer(200, b"x", Content_Disposition=f"attachment; filename*=UTF-8''{name}"), to=folder)
    assert got.path == folder / "evil.sh"
    assert names(folder.parent) == ["downloads"]


def test_to_a_path(side: Side, folder: Path) -> None:
    """Exactly there, whatever the server calls it."""
    got = fetch(side, *FILE, to=folder / ".own name")
    assert (got.path, got.filename) == (folder / ".own name", ".own name")
    assert (folder / ".own name").read_bytes() == CONTENT


def test_an_empty_file(side: Side, folder: Path) -> None:
    """Nothing is something."""
    assert fetch(side, answer(200, b"")).content == b""
    got = fetch(side, answer(200, b""), to=folder / "empty")
    assert (got.size, (folder / "empty").read_bytes()) == (0, b"")


def test_another_success_than_200(side: Side) -> None:
    """Read like any other."""
    assert fetch(side, answer(206, b"part")).content == b"part"


class Unbuffered(io.RawIOBase):
    """Takes a few bytes at a time, as pipes and sockets may."""

    def __init__(self, *, takes: int | None) -> None:
        self.got = b""
        self.takes = takes

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int | None:
        if self.takes is None:
            return None
        self.got += bytes(data[: self.takes])
        return min(self.takes, len(data))


class Uncounted:
    """No file, but something that can be written to."""

    def __init__(self) -> None:
        self.got = b""

    def write(self, data: bytes) -> None:
        self.got += data


def test_into_an_open_file(side: Side) -> None:
    """Where it stands, left open."""
    file = io.BytesIO(b"before-")
    file.seek(0, io.SEEK_END)
    got = fetch(side, *FILE, to=file)
    assert (got.content, got.path, got.size) == (None, None, len(CONTENT))
    assert file.getvalue() == b"before-" + CONTENT


def test_into_files_of_other_kinds(side: Side) -> None:
    """Unbuffered ones that take a part, and objects that do not count."""
    slow, odd = Unbuffered(takes=1000), Uncounted()
    fetch(side, *FILE, to=slow)
    fetch(side, *FILE, to=odd)
    assert slow.got == odd.got == CONTENT
    with pytest.raises(BlockingIOError):
        fetch(side, *FILE, to=Unbuffered(takes=None))


def targets(folder: Path) -> Iterator[tuple[str, Any]]:
    existing = folder / "existing"
    existing.write_bytes(b"mine")
    yield "an existing file", existing
    (folder / "dangling").symlink_to(folder / "nowhere")
    yield "a link to nothing", folder / "dangling"
    yield "a missing folder", folder / "no" / "file"
    yield "below a file", existing / "file"
    yield "text", str(folder / "text")
    yield "a number", 7
    closed = io.BytesIO()
    closed.close()
    yield "closed", closed
    yield "open for text", io.StringIO()
    yield "a temporary text file", tempfile.NamedTemporaryFile("w+")  # noqa: SIM115  # closed with its last reference
    yield "open for reading", existing.open("rb")


def test_targets_that_are_refused_before_anything_is_sent(side: Side, folder: Path) -> None:
    """What exists is never overwritten, not even through a link; and text is never taken for a path."""
    with FaultServer(FILE) as server:
        for what, to in targets(folder):
            error = side.error(lambda dify, to=to: dify.files.preview("f-1", to=to), server.url)  # type: ignore[misc]  # a default
            assert isinstance(error, InvalidArgument), what
            if hasattr(to, "close"):
                to.close()
        assert server.accepted == 0
    assert (folder / "existing").read_bytes() == b"mine"
    assert names(folder) == ["dangling", "existing"]


def test_a_name_that_is_taken(side: Side, folder: Path) -> None:
    """Known only when the server has said it; then refused as well, and nothing is left."""
    (folder / "größe.png").write_bytes(b"mine")
    assert isinstance(failing(side, *FILE, to=folder), InvalidArgument)
    assert (folder / "größe.png").read_bytes() == b"mine"
    assert names(folder) == ["größe.png"]


def test_a_name_that_is_taken_meanwhile(side: Side, folder: Path) -> None:
    """Whoever was first keeps the name."""

    def somebody_else(_: object) -> None:
        (folder / "x").write_bytes(b"mine")

    acts = (CHUNKED, chunk(b"abc"), somebody_else, b"0\r\n\r\n")
    assert isinstance(failing(side, *acts, to=folder / "x"), InvalidArgument)
    assert (folder / "x").read_bytes() == b"mine"
    assert names(folder) == ["x"]


BROKEN: list[tuple[str, tuple[Act, ...], type[Exception]]] = [
    ("length", (answer(200, CONTENT)[:-100],), ConnectionDropped),
    ("chunked", (CHUNKED, chunk(CONTENT)), ConnectionDropped),
    ("bad chunk", (CHUNKED, chunk(CONTENT), b"zz\r\n"), ConnectionDropped),
    ("cut compression", (answer(200, gzip.compress(CONTENT)[:-20], Content_Encoding="gzip"),), ConnectionDropped),
    ("encoding", (answer(200, CONTENT, Content_Encoding="br"),), UnexpectedContent),
    ("garbage", (answer(200, CONTENT, Content_Encoding="gzip"),), UnexpectedContent),
]


@pytest.mark.parametrize(("acts", "expected"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_broken_download_leaves_nothing(side: Side, folder: Path, acts: tuple[Act, ...], expected: type[Exception]) -> None:
    """Typed errors; no half file, no temporary one; an open file keeps what it got."""
    for to in (None, folder, folder / "x"):
        assert type(failing(side, *acts, to=to)) is expected
        assert names(folder) == []
    file = io.BytesIO()
    assert type(failing(side, *acts, to=file)) is expected
    assert CONTENT.startswith(file.getvalue())


def test_a_short_body_behind_any_transport(side: Side) -> None:
    """Also where httpx does not count."""

    def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-length": "10", "content-type": "text/plain"}, stream=httpx.ByteStream(b"abc"))

    client: Any = (httpx.Client if side.name == "sync" else httpx.AsyncClient)(transport=httpx.MockTransport(respond))
    error = side.error(lambda dify: dify.files.preview("f-1"), "https://dify.test/v1", http_client=client)
    assert isinstance(error, ConnectionDropped)
    assert "3 of 10 bytes" in str(error)


@pytest.mark.parametrize("framing", ["length", "chunked", "gzip"])
@pytest.mark.parametrize("kept", ["memory", "folder"])
def test_the_limit_counts_decoded_bytes(side: Side, folder: Path, framing: str, kept: str) -> None:
    """Announced or not, packed or not; the limit itself is allowed."""
    zeros = bytes(100_000)
    acts: tuple[Act, ...] = {
        "length": (answer(200, zeros),),
        "chunked": (CHUNKED, chunk(zeros), b"0\r\n\r\n"),
        "gzip": (answer(200, gzip.compress(zeros), Content_Encoding="gzip"),),
    }[framing]
    to = folder if kept == "folder" else None
    assert isinstance(failing(side, *acts, to=to, max_bytes=99_999), BodyTooLarge)
    assert names(folder) == []
    assert fetch(side, *acts, to=to, max_bytes=100_000).size == 100_000


def announcing(size: int) -> bytes:
    """The head of a file of this size."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size


def test_memory_has_a_limit_of_its_own(side: Side, folder: Path) -> None:
    """64 MB, unless `max_bytes` says otherwise; a file has none. A size that is announced is judged before anything is read."""
    assert isinstance(failing(side, announcing(64 * 1024 * 1024 + 1), hold), BodyTooLarge)
    for options in ({}, {"max_bytes": 10**12}, {"to": folder}):
        size = 64 * 1024 * 1024 + (1 if options else 0)
        assert isinstance(failing(side, announcing(size), b"x", **options), ConnectionDropped)


@pytest.mark.parametrize("max_bytes", [-1, 1.5, True, "1"])
def test_limits_that_are_none(side: Side, max_bytes: object) -> None:
    error = side.error(lambda dify: dify.files.preview("f-1", max_bytes=max_bytes), "http://127.0.0.1:1/v1")  # type: ignore[arg-type]
    assert isinstance(error, InvalidArgument)


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_a_cancelled_download_leaves_nothing(folder: Path, loop: str) -> None:
    """Neither a file nor a connection."""
    with FaultServer((CHUNKED, chunk(CONTENT), hold)) as server:

        async def main() -> None:
            async with AsyncDify("app-x", base_url=server.url, user="ann", trust_env=False) as dify:
                async with anyio.create_task_group() as group:
                    group.start_soon(lambda: dify.files.preview("f-1", to=folder))
                    with anyio.fail_after(2):
                        while not names(folder):
                            await anyio.sleep(0.001)
                    group.cancel_scope.cancel()
                assert names(folder) == []
                assert server.wait_until(lambda: server.left)

        anyio.run(main, backend=loop)


def test_a_full_disk(side: Side, folder: Path) -> None:
    """The system's own error; nothing is left."""

    class Full(io.BytesIO):
        def write(self, _: Any) -> int:
            raise OSError(28, "No space left on device")

    def full(descriptor: int, _: str) -> Full:
        os.close(descriptor)
        return Full()

    with FaultServer(FILE) as server, pytest.raises(OSError, match="No space left"):
        side.run(lambda dify: dify.files.preview("f-1", to=Full()), server.url)
    with pytest.MonkeyPatch.context() as patch, FaultServer(FILE) as server, pytest.raises(OSError, match="No space left"):
        patch.setattr(os, "fdopen", full)
        side.run(lambda dify: dify.files.preview("f-1", to=folder), server.url)
    assert names(folder) == []


def test_renaming_that_fails(side: Side, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The claimed name is given back."""

    def refuse(*_: object) -> None:
        raise PermissionError("no")

    monkeypatch.setattr(Path, "replace", refuse)
    with FaultServer(FILE) as server, pytest.raises(PermissionError):
        side.run(lambda dify: dify.files.preview("f-1", to=folder), server.url)
    assert names(folder) == []


def test_the_connection_is_used_again() -> None:
    """A download that was read to its end gives it back."""
    with FaultServer(FILE) as server, Dify("app-x", base_url=server.url, user="ann", trust_env=False) as dify:
        for _ in range(3):
            dify.files.preview("f-1")
        assert (server.accepted, len(server.requests)) == (1, 3)
        assert {request.headers["accept-encoding"] for request in server.requests} == {"identity"}


def test_a_download_is_repeated_before_it_began(side: Side, caplog: pytest.LogCaptureFixture) -> None:
    """A 503 is no file; the log tells of the repetition."""
    caplog.set_level(logging.INFO, logger="dify_integrations")
    with FaultServer((answer(503), keep), FILE) as server:
        assert side.run(lambda dify: dify.files.preview("f-1"), server.url).content == CONTENT
    assert any("previewChatFile" in record.getMessage() for record in caplog.records)
