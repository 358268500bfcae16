"""What a client has uploaded lately is not uploaded again: the same content, name, user and app."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dify_integrations import AsyncDify, BadRequest, Dify, FileInput, ServerError, _uploaded
from dify_integrations._uploaded import KEPT_S, Uploads
from dify_integrations.core.retry import RetryPolicy
from dify_integrations.local import App, LocalDify, Text
from tests.faults.server import FaultServer, keep
from tests.faults.sides import KEY, Side
from tests.faults.wire import CHAT, answer, chunk, head

NOTE = FileInput.from_bytes(b"note", "a.txt")


@pytest.fixture(params=["sync", "asyncio", "trio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients, the async one under both loops."""
    return Side(request.param)


def served(*names: str) -> LocalDify:
    return LocalDify([App(name, script=lambda _: (Text("ok"),)) for name in names or ("app",)])


def uploads(server: LocalDify) -> list[str]:
    """The users of uploads, in their order."""
    return [request.user or "" for request in server.requests if request.path.endswith("/files/upload")]


def ids(server: LocalDify) -> list[str]:
    bodies: list[Any] = [request.json for request in server.requests if request.path.endswith("/chat-messages")]
    return [file["upload_file_id"] for body in bodies for file in body["files"]]


def test_the_same_content_is_uploaded_once(side: Side, tmp_path: Path) -> None:
    """Check 12: in later calls, too, and by copies of the client; wherever the content comes from."""
    (tmp_path / "a.txt").write_bytes(b"note")

    async def body(dify: AsyncDify) -> None:
        await dify.chat.send("hi", files=[NOTE])
        await dify.chat.send("hi", files=[FileInput.from_bytes(b"note", "a.txt", type="custom")])
        await dify.with_options(max_retries=0).chat.send("hi", files=[FileInput.from_path(tmp_path / "a.txt")])
        await dify.chat.send("hi", files=[NOTE], response_mode="blocking")

    with served() as server:
        side.run(body, server.base_url, api_key=server.apps[0].api_key)
        assert len(uploads(server)) == 1
        assert len(ids(server)) == 4 and len(set(ids(server))) == 1
        types = [request.json["files"][0]["type"] for request in server.requests[1:] if isinstance(request.json, dict)]
        assert types == ["document", "custom", "document", "document"]


def test_whatever_is_different_is_another_upload(side: Side) -> None:
    """Check 11: an upload belongs to one user of one app."""

    async def body(dify: AsyncDify) -> None:
        for file in (NOTE, FileInput.from_bytes(b"other", "a.txt"), FileInput.from_bytes(b"note", "b.txt")):
            await dify.chat.send("hi", files=[file])
        await dify.chat.send("hi", files=[FileInput.from_bytes(b"note", "a.txt", mime_type="text/x-note")])
        await dify.chat.send("hi", files=[NOTE], user="bob")
        await dify.with_options(api_key=server.apps[1].api_key).chat.send("hi", files=[NOTE])
        await dify.chat.send("hi", files=[NOTE], user="bob")
        await dify.chat.send("hi", files=[NOTE])

    with served("a", "b") as server:
        side.run(body, server.base_url, api_key=server.apps[0].api_key)
        assert uploads(server) == ["ann"] * 4 + ["bob", "ann"]
        assert len(set(ids(server))) == 6


def test_a_file_that_changed_is_uploaded_anew(side: Side, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"before")
    file = FileInput.from_path(path)

    async def body(dify: AsyncDify) -> None:
        await dify.chat.send("hi", files=[file])
        path.write_bytes(b"after")
        await dify.chat.send("hi", files=[file])

    with served() as server:
        side.run(body, server.base_url, api_key=server.apps[0].api_key)
        assert len(set(ids(server))) == 2


@pytest.mark.parametrize("kind", ["large", "open"])
def test_large_content_and_open_files_are_not_remembered(side: Side, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_uploaded, "LARGEST_BYTES", 4)
    content = b"large" if kind == "large" else b"abc"

    async def body(dify: AsyncDify) -> None:
        for _ in range(2):
            opened = FileInput.from_file(io.BytesIO(content), "a.txt")
            await dify.chat.send("hi", files=[opened if kind == "open" else FileInput.from_bytes(content, "a.txt")])

    with served() as server:
        side.run(body, server.base_url, api_key=server.apps[0].api_key)
        assert len(set(ids(server))) == 2


def test_an_upload_that_failed_is_not_remembered(side: Side) -> None:
    uploaded = answer(201, {"id": "up-1", "name": "a.txt", "size": 4, "extension": "txt"})

    async def body(dify: AsyncDify) -> None:
        with pytest.raises(ServerError):
            await dify.chat.send("hi", files=[NOTE])
        assert (await dify.chat.send("hi", files=[NOTE])).text == "Hello"

    with FaultServer((answer(500), keep), (uploaded, keep), (head(), chunk(CHAT.whole), keep)) as server:
        side.run(body, server.url, retry=RetryPolicy(max_retries=0))
        assert [request.path for request in server.requests] == ["/v1/files/upload"] * 2 + ["/v1/chat-messages"]


GONE = answer(400, {"code": "invalid_param", "message": "Invalid upload file", "status": 400})


@pytest.mark.parametrize("mode", ["streaming", "blocking"])
def test_what_the_server_forgot_is_uploaded_again(side: Side, mode: Any) -> None:
    """A refused run has not begun: it is sent once more, and what is open is not read twice."""
    pipe = FileInput.from_file(io.BytesIO(b"open"), "b.txt")

    def up(number: int) -> tuple[Any, ...]:
        return (answer(201, {"id": f"up-{number}", "name": "a.txt", "size": 4, "extension": "txt"}), keep)

    done = answer(200, {"event": "message", "answer": "Hello", "mode": "chat", "message_id": "m", "conversation_id": "c"})
    run = (head(), chunk(CHAT.whole), keep) if mode == "streaming" else (done, keep)

    async def body(dify: AsyncDify) -> None:
        await dify.chat.send("hi", files=[NOTE], response_mode=mode)
        assert (await dify.chat.send("hi", files=[NOTE, pipe], response_mode=mode)).text == "Hello"
        await dify.chat.send("hi", files=[NOTE], response_mode=mode)

    with FaultServer(up(1), run, up(2), (GONE, keep), up(3), run, run) as server:
        side.run(body, server.url)
        sent = [request for request in server.requests if request.path == "/v1/chat-messages"]
        assert [[b'"up-%d"' % number in request.body for number in (1, 2, 3)] for request in sent] == [
            [True, False, False],
            [True, True, False],
            [False, True, True],
            [False, False, True],
        ]


def test_a_run_that_is_refused_twice_or_for_other_reasons_is_refused(side: Side) -> None:
    uploaded = (answer(201, {"id": "up-1", "name": "a.txt", "size": 4, "extension": "txt"}), keep)
    other = answer(400, {"code": "invalid_param", "message": "tone is required in input form", "status": 400})

    async def body(dify: AsyncDify) -> None:
        for _ in range(3):
            with pytest.raises(BadRequest):
                await dify.chat.send("hi", files=[NOTE])

    with FaultServer(uploaded, (GONE, keep), (other, keep), (GONE, keep), uploaded, (GONE, keep)) as server:
        side.run(body, server.url)
        paths = [request.path.rpartition("/")[2] for request in server.requests]
        assert paths == ["upload", "chat-messages", "chat-messages", "chat-messages", "upload", "chat-messages"]


def test_threads_share_what_is_known() -> None:
    """Check 11: many users at once, each upload its own user's."""
    users = [f"user{number}" for number in range(6)]
    with served() as server, Dify(server.apps[0].api_key, base_url=server.base_url) as dify:

        def turns(user: str) -> None:
            for _ in range(3):
                dify.chat.send("hi", files=[NOTE], user=user)

        threads = [threading.Thread(target=turns, args=(user,)) for user in users]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(uploads(server)) == users
        bodies: list[Any] = [request.json for request in server.requests if request.path.endswith("/chat-messages")]
        used = {(body["user"], body["files"][0]["upload_file_id"]) for body in bodies}
        assert len(bodies) == 18 and len(used) == 6


# -- the memory itself


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_is_known_is_forgotten_in_time_and_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_uploaded, "KEPT", 2)
    clock = Clock()
    known = Uploads(clock)
    known.keep("a", "1")
    known.keep("b", "2")
    assert known.find("a") == "1", "used, so it stays longer than b"
    known.keep("c", "3")
    assert [known.find(key) for key in "abc"] == ["1", "", "3"]
    clock.now = KEPT_S + 1
    assert [known.find(key) for key in "abc"] == ["", "", ""]


def test_what_the_server_does_not_know_is_forgotten() -> None:
    known = Uploads()
    for key, upload in (("a", "1"), ("b", "1"), ("c", "2")):
        known.keep(key, upload)
    known.forget(["1"])
    assert [known.find(key) for key in "abc"] == ["", "", "2"]


@pytest.mark.parametrize("make", [lambda key: Dify(key, user="ann"), lambda key: AsyncDify(key, user="ann")], ids=["sync", "async"])
def test_neither_key_nor_content_is_held(make: Callable[[str], Any]) -> None:
    client = make(KEY)
    key, _ = _uploaded.key_of(NOTE, user="ann", settings=client.settings)
    client._transport.uploads.keep(key, "up-1")
    held = repr(vars(client._transport.uploads))
    assert "up-1" in held
    assert KEY not in held and "note" not in held and "ann" not in held
