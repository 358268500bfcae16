"""The frames of the modes without a graph; what only agents do is in `agents`."""

from __future__ import annotations

from typing import Any

from . import frames, words
from .message_files import app_file_in_history, end_file, file_name, user_file
from .performing import mind
from .run import Run
from .says import Fail, File, Reasoning, Replace, Say, Sources, Text
from .speech import pieces
from .state import Message


class EasyWriter:
    """`message` frames, then `message_end`."""

    error_fields = ("code", "status", "message")

    def __init__(self, run: Run) -> None:
        if run.message is None:
            raise TypeError("A run without a message has no easy frames.")
        self.run = run
        self.message: Message = run.message
        self.failure: Fail | None = None
        self.metadata: dict[str, Any] = {}
        self._replaced = False
        self._thinking = False
        self._answer = ""
        self._files: list[dict[str, Any]] = []

    async def open(self) -> None:
        """Nothing is sent before the first token."""

    async def say(self, say: Say) -> None:
        """Send the frames of one saying."""
        await self.run.pause(0)
        if isinstance(say, Text):
            await self._end_thinking()
            await self._token(say.text)
        elif isinstance(say, Reasoning):
            await self._token(say.text if self._thinking else f"<think>\n{say.text}")
            self._thinking = True
        elif isinstance(say, Replace):
            self._replaced, self._answer = True, say.text
            await self.run.send("message_replace", {"answer": say.text, "reason": ""})
        elif isinstance(say, Sources):
            self.message.sources = sources(say, in_flow=False)
        elif isinstance(say, File):
            await self.file(say)
        elif not await mind(self.run, say):
            raise TypeError(f"{type(say).__name__} cannot be said by an app of mode {self.run.app.mode!r}.")

    async def _end_thinking(self) -> None:
        if self._thinking:
            self._thinking = False
            await self._token("\n</think>\n")

    async def _token(self, text: str) -> None:
        await self.run.pause(self.run.state.timing.pace_s)
        if not self._replaced:
            self._answer += text
            await self.send_token(text)

    async def send_token(self, text: str) -> None:
        """Send one piece of text."""
        version = self.run.state.version
        event = "message_file" if self.run.files and version.texts_as_files else "message"
        await self.run.send(event, {"id": self.message.id, "answer": text, "from_variable_selector": None})

    async def file(self, file: File) -> str:
        """Send a file of the app's own and return its id."""
        file_id = self.run.state.new_id("message-file")
        shown = {"id": file_id, "type": file.type, "belongs_to": "assistant", "url": file.url}
        await self.run.send("message_file", shown)
        self._files.append(end_file(file_id, file.type, "tool_file", file_name(file), file.url))
        self.message.files.append(app_file_in_history(self.run.state, file_id, file))
        return file_id

    async def close(self) -> None:
        """The last, empty token and `message_end`; then the voice of an app that reads its answers aloud."""
        await self._end_thinking()
        await self.finish_text()
        await self._end(stopped=False)
        await self._read_aloud()

    async def finish_text(self) -> None:
        """What follows the last token."""
        if not self._replaced:
            await self.send_token("")

    async def stop(self) -> None:
        """A stopped run ends as a good one does, with an empty usage."""
        await self._end(stopped=True)

    async def _end(self, *, stopped: bool) -> None:
        if self.run.channel.listened:
            # Dify stores nothing when the client has left: such a message keeps an empty answer.
            self.message.answer = self._answer.strip() if stopped else self._answer
        self.metadata = self.metadata_with(self.usage(stopped=stopped))
        fields = {"id": self.message.id, "metadata": self.metadata, "files": self.end_files()}
        await self.run.send("message_end", fields)

    def usage(self, *, stopped: bool) -> dict[str, Any]:
        """What the answer cost."""
        latency = self.run.elapsed()
        if stopped:
            return frames.usage(0, 0, latency=latency, first=None)
        prompt = words.count(self.run.query) + sum(words.count(q) + words.count(a) for q, a in self.run.turn.history)
        return frames.usage(prompt, words.count(self._answer), latency=latency)

    def metadata_with(self, usage: dict[str, Any]) -> dict[str, Any]:
        """The metadata of the answer."""
        return {"annotation_reply": None, "retriever_resources": self.message.sources, "usage": usage}

    async def _read_aloud(self) -> None:
        if self.run.app.speech == "auto":
            for piece in pieces(self._answer):
                await self.run.send("tts_message", {"audio": piece})
            await self.run.send("tts_message_end", {"audio": ""})

    def end_files(self) -> list[dict[str, Any]] | None:
        """The files of `message_end`: the app's own and the user's, where the server lists them."""
        state = self.run.state
        if not state.version.lists_files:
            return None
        return self._files + [user_file(state, dict(file)) for file in self.run.files] or None

    async def fail(self, fail: Fail) -> None:
        """An `error` frame is the last one; it has no task id."""
        self.failure = fail
        self.message.status, self.message.error = "error", fail.message
        head = {key: value for key, value in self.run.head.items() if key != "task_id"}
        fields = {name: getattr(fail, name) for name in self.error_fields}
        await self.run.channel.put(frames.data({"event": "error", **head, **fields}))


def sources(say: Sources, *, in_flow: bool) -> list[dict[str, Any]]:
    """The retriever resources of a saying, one per document as Dify merges them."""
    kept: dict[Any, dict[str, Any]] = {}
    for record in say.records:
        entry = frames.resource(record, len(kept) + 1, in_flow=in_flow)
        # Records without ids of their own are never merged.
        kept.setdefault((entry.get("dataset_id"), entry.get("document_id", len(kept))), entry)
    return list(kept.values())
