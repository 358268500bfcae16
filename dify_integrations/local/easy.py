"""The frames of the modes without a graph: completion, chat and agent-chat."""

from __future__ import annotations

import json
from typing import Any

from . import frames, words
from .performing import mind
from .run import Run
from .says import Fail, File, Reasoning, Replace, Say, Sources, Text, Tool, Tools
from .state import Message


class EasyWriter:
    """`message` frames, then `message_end`."""

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
        name = file_name(file)
        self._files.append(_end_file(file_id, file.type, "tool_file", name, file.url))
        return file_id

    async def close(self) -> None:
        """The last, empty token and `message_end`."""
        await self._end_thinking()
        await self.finish_text()
        await self._end(stopped=False)

    async def finish_text(self) -> None:
        """What follows the last token."""
        if not self._replaced:
            await self.send_token("")

    async def stop(self) -> None:
        """A stopped run ends as a good one does, with an empty usage."""
        await self._end(stopped=True)

    async def _end(self, *, stopped: bool) -> None:
        latency = self.run.elapsed()
        prompt = words.count(self.run.query) + sum(words.count(q) + words.count(a) for q, a in self.run.turn.history)
        used = (
            frames.usage(0, 0, latency=latency, first=None)
            if stopped
            else frames.usage(prompt, words.count(self._answer), latency=latency)
        )
        if self.run.channel.listened:
            # Dify stores nothing when the client has left: such a message keeps an empty answer.
            self.message.answer = self._answer.strip() if stopped else self._answer
        self.metadata = {"annotation_reply": None, "retriever_resources": self.message.sources, "usage": used}
        files = self._files + self._user_files()
        fields = {"id": self.message.id, "metadata": self.metadata, "files": files or None}
        await self.run.send("message_end", fields)

    def _user_files(self) -> list[dict[str, Any]]:
        if not self.run.state.version.lists_user_files:
            return []
        return [_user_file(self.run, dict(file)) for file in self.run.files]

    async def fail(self, fail: Fail) -> None:
        """An `error` frame is the last one; it has no task id."""
        self.failure = fail
        self.message.status, self.message.error = "error", fail.message
        head = {key: value for key, value in self.run.head.items() if key != "task_id"}
        fields = {"code": fail.code, "status": fail.status, "message": fail.message}
        await self.run.channel.put(frames.data({"event": "error", **head, **fields}))


class AgentWriter(EasyWriter):
    """`agent_message` frames between `agent_thought` frames that are re-sent with the same id as they fill."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._thought: dict[str, Any] | None = None

    async def say(self, say: Say) -> None:
        """Send the frames of one saying; tools are an agent's own."""
        if isinstance(say, Tool):
            await self._tools((say,))
        elif isinstance(say, Tools):
            await self._tools(tuple(say.calls))
        else:
            await super().say(say)

    async def send_token(self, text: str) -> None:
        """Send a piece of the answer, which is also the step's thought."""
        thought = await self._open_thought()
        thought["thought"] += text
        await self.run.send("agent_message", {"id": self.message.id, "answer": text})

    async def finish_text(self) -> None:
        """The last thought is sent once more, whole."""
        await self._send_thought(await self._open_thought())

    async def _open_thought(self) -> dict[str, Any]:
        if self._thought is None:
            self._thought = {
                "id": self.run.state.new_id("thought"),
                "position": len(self.message.thoughts) + 1,
                "thought": "",
                "observation": "",
                "tool": "",
                "tool_labels": {},
                "tool_input": "",
                "message_files": [],
            }
            self.message.thoughts.append(self._thought)
            await self._send_thought(self._thought)
        return self._thought

    async def _send_thought(self, thought: dict[str, Any]) -> None:
        await self.run.send("agent_thought", thought)

    async def _tools(self, calls: tuple[Tool, ...]) -> None:
        await self.run.pause(0)
        thought = await self._open_thought()
        thought["tool"] = ";".join(call.name for call in calls)
        thought["tool_labels"] = {call.name: {"en_US": call.name, "zh_Hans": call.name} for call in calls}
        thought["tool_input"] = json.dumps({call.name: dict(call.input) for call in calls})
        await self._send_thought(thought)
        for file in [file for call in calls for file in call.files]:
            thought["message_files"] = [*thought["message_files"], await self.file(file)]
        thought["observation"] = json.dumps({call.name: call.observation for call in calls})
        await self._send_thought(thought)
        self._thought = None


def sources(say: Sources, *, in_flow: bool) -> list[dict[str, Any]]:
    """The retriever resources of a saying, one per document as Dify merges them."""
    kept: dict[Any, dict[str, Any]] = {}
    for record in say.records:
        entry = frames.resource(record, len(kept) + 1, in_flow=in_flow)
        # Records without ids of their own are never merged.
        kept.setdefault((entry.get("dataset_id"), entry.get("document_id", len(kept))), entry)
    return list(kept.values())


def file_name(file: File) -> str:
    """The name of a file, from its URL when it has none."""
    return file.filename or file.url.split("?")[0].rsplit("/", 1)[-1]


def suffix(name: str) -> str:
    """The extension of a file name, with its dot; empty when it has none."""
    return "." + name.rpartition(".")[2] if "." in name else ""


def _end_file(file_id: str, type: str, method: str, name: str, url: str) -> dict[str, Any]:
    extension = suffix(name)
    return {
        "related_id": file_id,
        "extension": extension,
        "filename": name,
        "size": 0,
        "mime_type": "application/octet-stream",
        "transfer_method": method,
        "type": type,
        "url": url,
        "upload_file_id": file_id,
    }


def _user_file(run: Run, file: dict[str, Any]) -> dict[str, Any]:
    method = str(file.get("transfer_method", ""))
    if method == "remote_url":
        url = str(file.get("url") or file.get("remote_url") or "")
        name = url.split("?", maxsplit=1)[0].rsplit("/", 1)[-1]
        shown = _end_file(run.state.new_id("file"), str(file.get("type")), method, name, url)
        return {**shown, "remote_url": url}
    upload = run.state.uploads[str(file["upload_file_id"])]
    return _end_file(upload.id, str(file.get("type")), method, upload.name, f"/files/{upload.id}/file-preview")
