"""Local files on their way into a run: uploaded once, as the run's user, before it starts."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from dify_integrations import AsyncDify, FileInput, InvalidArgument, PayloadTooLarge
from dify_integrations.local import App, LocalDify, Node, Outputs, Pause, Text, Turn
from tests.faults.sides import Side


@pytest.fixture(params=["sync", "asyncio", "trio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients, the async one under both loops."""
    return Side(request.param)


def script(_: Turn) -> Any:
    return (Text("ok"),)


def paths(server: LocalDify) -> list[str]:
    return [request.path.removeprefix("/v1") for request in server.requests]


@pytest.mark.parametrize("mode", ["streaming", "blocking"])
def test_each_file_is_uploaded_once(side: Side, tmp_path: Path, mode: Any) -> None:
    """Bytes, a path and an open file; the same file in two places is one upload."""
    (tmp_path / "b.md").write_text("two")
    image = FileInput.from_bytes(b"\x89PNG", "a.png")
    page = FileInput.from_path(tmp_path / "b.md")
    table = FileInput.from_file(io.BytesIO(b"1,2"), "c.csv")
    app = App("tested", mode="workflow", script=script)

    async def body(dify: AsyncDify) -> None:
        inputs = {"picture": image, "pages": [page, table, image], "word": "x"}
        await dify.workflows.run(inputs, user="bob", files=[image], response_mode=mode)

    with LocalDify([app]) as server:
        side.run(body, server.base_url, api_key=app.api_key)
        assert paths(server) == ["/files/upload"] * 3 + ["/workflows/run"]
        assert [request.user for request in server.requests] == ["bob"] * 4
        sent: Any = server.requests[-1].json
        ids = [entry["upload_file_id"] for entry in [sent["inputs"]["picture"], *sent["inputs"]["pages"], *sent["files"]]]
        assert ids[0] == ids[3] == ids[4]
        assert len(set(ids)) == 3
        assert [entry["type"] for entry in sent["inputs"]["pages"]] == ["document", "document", "image"]


def test_chat_and_completion(side: Side) -> None:
    """Files of a turn; an uploaded and a remote one go as they are."""
    chat, completion = App("chat", script=script), App("text", mode="completion", script=script)

    async def body(dify: AsyncDify) -> None:
        note = FileInput.from_bytes(b"n", "n.txt")
        known = (await dify.files.upload(note)).as_input()
        await dify.chat.send("hi", files=[known, note, FileInput.from_url("https://example.org/a.png")])
        await dify.with_options(api_key=completion.api_key).completion.send({"query": "x"}, files=[note])

    with LocalDify([chat, completion]) as server:
        side.run(body, server.base_url, api_key=chat.api_key)
        uploads = ["/files/upload"]
        assert paths(server) == [*uploads, *uploads, "/chat-messages", *uploads, "/completion-messages"]
        sent: Any = server.requests[2].json
        assert [entry["transfer_method"] for entry in sent["files"]] == ["local_file", "local_file", "remote_url"]


def test_nothing_is_uploaded_for_a_run_that_cannot_be_sent(side: Side) -> None:
    """Arguments are refused when the call is made, not behind the uploads."""
    note = FileInput.from_bytes(b"n", "n.txt")

    async def body(dify: AsyncDify) -> None:
        with pytest.raises(InvalidArgument):
            dify.chat.stream("", conversation_id="x")
        with pytest.raises(InvalidArgument):
            dify.workflows.stream({"file": note}, workflow_id="..")

    with LocalDify() as server:
        side.run(body, server.base_url, api_key="app-x")
        assert server.requests == []


def test_a_refused_upload_ends_the_run_before_it_starts(side: Side) -> None:
    app = App("tested", script=script)
    large = FileInput.from_bytes(b"x" * (15 * 1024 * 1024 + 1), "large.txt")

    async def body(dify: AsyncDify) -> None:
        with pytest.raises(PayloadTooLarge):
            await dify.chat.send("hi", files=[large])

    with LocalDify([app]) as server:
        side.run(body, server.base_url, api_key=app.api_key)
        assert paths(server) == ["/files/upload"]


def test_a_form_takes_files_too(side: Side) -> None:
    """Uploaded as whoever answers it."""
    inputs = [{"type": "file", "output_variable_name": "scan"}]
    app = App("tested", mode="workflow", script=lambda _: (Node("start", "Start"), Pause(inputs=inputs), Outputs({"a": 1})))

    async def body(dify: AsyncDify) -> None:
        waiting = await dify.workflows.run({})
        assert waiting.pause is not None
        scan = FileInput.from_bytes(b"s", "scan.png")
        await dify.forms.submit(waiting.pause.forms[0].form_token, action="approve", inputs={"scan": scan}, user="carol")

    with LocalDify([app]) as server:
        side.run(body, server.base_url, api_key=app.api_key)
        upload, submission = server.requests[-2:]
        assert (upload.path, upload.user, submission.user) == ("/v1/files/upload", "carol", "carol")
        sent: Any = submission.json
        assert sent["inputs"]["scan"]["transfer_method"] == "local_file"


def test_a_pipe_goes_once() -> None:
    """It is not asked for what it cannot give: a length, or its beginning again."""

    class Pipe(io.RawIOBase):
        left = b"abc"

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            piece, self.left = self.left[: len(buffer)], self.left[len(buffer) :]
            buffer[: len(piece)] = piece
            return len(piece)

    app = App("tested", script=script)
    file = FileInput.from_file(io.BufferedReader(Pipe()), "a.txt")
    with LocalDify([app]) as server:
        Side("sync").run(lambda dify: dify.chat.send("hi", files=[file]), server.base_url, api_key=app.api_key)
        assert paths(server) == ["/files/upload", "/chat-messages"]
