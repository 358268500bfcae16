"""Local files on their way into a run: uploaded once, as the run's user, before it starts."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, cast

import pytest

from dify_integrations import AsyncDify, FileInput, InvalidArgument, PayloadTooLarge, TooManyRequests
from dify_integrations.core.retry import RetryPolicy
from dify_integrations.local import App, LocalDify, Node, Outputs, Pause, Text, Turn
from dify_integrations.models.files import UploadedFile
from tests.faults.server import FaultServer, keep
from tests.faults.sides import Side
from tests.faults.wire import CHAT, answer, chunk, head


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
        for files in ("photo.png", ["photo.png"], note, [None], [UploadedFile(id="up", name="a.png", size=1)]):
            with pytest.raises(InvalidArgument, match="files takes a list of FileInput"):
                dify.chat.stream("hi", files=cast("Any", files))

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


def test_a_file_inside_an_object(side: Side) -> None:
    """Wherever a file stands, its upload takes its place."""
    app = App("tested", mode="workflow", script=script)
    note = FileInput.from_bytes(b"n", "n.txt")

    async def body(dify: AsyncDify) -> None:
        await dify.workflows.run({"case": {"papers": [{"scan": note}], "pages": 2}})

    with LocalDify([app]) as server:
        side.run(body, server.base_url, api_key=app.api_key)
        sent: Any = server.requests[-1].json
        assert sent["inputs"]["case"]["papers"][0]["scan"]["transfer_method"] == "local_file"
        assert sent["inputs"]["case"]["pages"] == 2


def test_nothing_is_uploaded_with_what_json_cannot_say(side: Side) -> None:
    app = App("tested", mode="workflow", script=script)
    note = FileInput.from_bytes(b"n", "n.txt")

    async def body(dify: AsyncDify) -> None:
        with pytest.raises(InvalidArgument, match="JSON"):
            await dify.workflows.run({"file": note, "when": object()})

    with LocalDify([app]) as server:
        side.run(body, server.base_url, api_key=app.api_key)
        assert server.requests == []


def test_a_second_try_uploads_nothing_again(side: Side) -> None:
    """A run that could not be opened can be opened later; a pipe would be empty by then."""
    uploaded = answer(201, {"id": "up-1", "name": "n.txt", "size": 1, "extension": "txt"})
    stream = (head(), chunk(CHAT.whole), keep)

    async def body(dify: AsyncDify) -> None:
        run = dify.chat.stream("hi", files=[FileInput.from_bytes(b"n", "n.txt")])
        with pytest.raises(TooManyRequests):
            await run
        assert (await run.finish()).text == "Hello"

    with FaultServer((uploaded, keep), (answer(429), keep), stream) as server:
        side.run(body, server.url, retry=RetryPolicy(max_retries=0))
        assert [request.path for request in server.requests] == ["/v1/files/upload", "/v1/chat-messages", "/v1/chat-messages"]
