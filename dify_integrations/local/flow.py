"""The frames of a running graph: workflows and chatflows, from `workflow_started` to the last node.

A script need not describe a graph: a start node, an LLM node around loose text and an answer or end node are added when
it does not say them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import frames
from .containers import iterate, loop
from .details import shown_inputs, stored_inputs
from .easy import sources
from .ending import Ending, Said
from .message_files import file_name, suffix
from .nodes import Lap, NodeTracker, OpenNode
from .pauses import Filled, Pause, Pauses
from .pausing import Pausing
from .performing import mind
from .run import Failed, Run
from .says import (
    Fail,
    File,
    Iteration,
    Log,
    Loop,
    Node,
    Outputs,
    Reasoning,
    Replace,
    Retry,
    Say,
    Sources,
    Text,
    Tool,
    Tools,
)
from .speaking import Speech
from .state import RunDetail


class FlowWriter:
    """`workflow_started`, node frames with text between them, and an ending."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.failure: Fail | None = None
        self.said = Said()
        self.detail = RunDetail(run.run_id, run.app, stored_inputs(run), run.created_at)
        self.nodes = NodeTracker(run)
        self.ending = Ending(run, self.nodes, self.said, self.detail, self.send)
        self.pausing = Pausing(run, self.nodes, self.ending, self.send, self._restart)
        self._speech = Speech(run, self.said, self.send)

    async def send(self, event: str, data: Mapping[str, Any]) -> None:
        """Send a frame whose fields are in `data`."""
        # In chatflows the run id follows the common fields; in workflows it is one of them.
        run_id = {"workflow_run_id": self.run.run_id} if self.run.message else {}
        await self.run.send(event, {**run_id, "data": data})

    async def open(self) -> None:
        """The relay's first ping, then `workflow_started`."""
        run = self.run
        run.state.runs[run.run_id] = self.detail
        run.state.flows[run.run_id] = self
        if run.state.version.relays:
            await run.channel.put(frames.PING)
        await self._start("initial")

    async def _start(self, reason: str) -> None:
        run = self.run
        started = {"id": run.run_id, "workflow_id": run.app.workflow_id, "inputs": shown_inputs(run)}
        shown = {"reason": reason} if run.state.version.relays else {}
        await self.send("workflow_started", {**started, "created_at": run.began_at, **shown})

    async def _restart(self) -> None:
        await self._start("resumption")
        if self.run.state.version.repeats_text_after_pause:
            await self._speech.repeat()

    async def say(self, say: Say) -> None:
        """Send the frames of one saying."""
        await self.run.pause(0)
        if isinstance(say, Text):
            await self._speech.text(say.text, await self._speaking_node())
        elif isinstance(say, Reasoning):
            await self._speech.reasoning(say.text, await self._speaking_node())
        elif isinstance(say, Node):
            await self.node(say)
        elif isinstance(say, Iteration):
            await iterate(self, say)
        elif isinstance(say, Loop):
            await loop(self, say)
        elif isinstance(say, (Tool, Tools)):
            for call in (say,) if isinstance(say, Tool) else say.calls:
                await self.node(_tool_node(call))
        elif isinstance(say, Pause):
            (self.run.filled,) = await self._pause([say])
        elif isinstance(say, Pauses):
            self.run.filled = await self._pause(say.forms)
        elif not await self._note(say) and not await mind(self.run, say):
            raise TypeError(f"{type(say).__name__} cannot be said by an app of mode {self.run.app.mode!r}.")

    async def _note(self, say: Say) -> bool:
        if isinstance(say, Sources):
            self.said.sources = sources(say, in_flow=True)
            if self.run.message:
                self.run.message.sources = self.said.sources
        elif isinstance(say, Outputs):
            self.said.outputs = dict(say.values)
        elif isinstance(say, File):
            self.said.files.append(_file(say, self.run.state.new_id("file")))
        elif isinstance(say, Replace):
            self.said.answer = say.text
            if self.run.message:
                await self.run.send("message_replace", {"answer": say.text, "reason": say.reason})
        elif isinstance(say, Log):
            await self.nodes.log(say, self.send)
        elif isinstance(say, Retry):
            await self.nodes.retry(say.error, self.send)
        else:
            return False
        return True

    # --- nodes ------------------------------------------------------------------------------------------------------

    async def _speaking_node(self) -> OpenNode:
        if self.nodes.current is None:
            await self._start_node()
            return await self.nodes.start(Node("llm", "LLM"), self.send, implicit=True)
        return self.nodes.current

    async def _start_node(self) -> None:
        if not self.nodes.steps:
            await self.nodes.start(Node("start", "Start"), self.send)
            await self.nodes.finish(self.send)

    async def make_room(self, type: str) -> None:
        """Make room for a node: the text node that nobody asked for ends, a missing start node is run."""
        if self.nodes.current and self.nodes.current.implicit:
            await self.nodes.finish(self.send)
        if type != "start":
            await self._start_node()

    async def node(self, node: Node, *, lap: Lap | None = None) -> OpenNode:
        """Run a node from its first frame to its last."""
        await self.make_room(node.type)
        opened = await self.nodes.start(node, self.send, lap=lap)
        for say in node.inside:
            await self.say(say)
        await self.run.pause(node.duration_s)
        self._fill_last(opened)
        await self.nodes.finish(self.send)
        if node.status == "failed":
            raise Failed(Fail(node.error or "The node failed.", "invalid_param", 400))
        return opened

    def _fill_last(self, opened: OpenNode) -> None:
        """Answer and end nodes show what the run says, unless told otherwise."""
        if opened.node.type == "answer" and opened.outputs is None:
            opened.outputs = {"answer": self.said.answer, "files": self.said.files}
        elif opened.node.type == "end" and opened.outputs is None:
            opened.inputs = opened.outputs = self.ending.outputs()

    # --- endings ----------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """The last node when it was not said, then the terminal frames."""
        await self.make_room("end")
        if self.nodes.last_type not in {"answer", "end"}:
            await self.node(Node("answer", "Answer") if self.run.message else Node("end", "End"))
        await self.ending.succeed()

    async def stop(self) -> None:
        """The terminal frames of a stopped run."""
        await self.ending.stop()

    async def fail(self, fail: Fail) -> None:
        """The terminal frames of a failed run."""
        self.failure = fail
        await self.ending.fail(fail)

    async def _pause(self, pauses: Sequence[Pause]) -> tuple[Filled, ...]:
        await self.make_room("human-input")
        return await self.pausing.ask(pauses)


def _tool_node(call: Tool) -> Node:
    outputs = {"text": call.observation, "files": [], "json": []}
    return Node("tool", call.name, inputs=dict(call.input), outputs=outputs, id=call.name)


def _file(file: File, file_id: str) -> dict[str, Any]:
    name = file_name(file)
    return {
        "dify_model_identity": "__dify__file__",
        "id": None,
        "type": file.type,
        "transfer_method": "tool_file",
        "remote_url": None,
        "related_id": file_id,
        "filename": name,
        "extension": suffix(name),
        "mime_type": file.mime_type,
        "size": -1,
        "url": file.url,
    }
