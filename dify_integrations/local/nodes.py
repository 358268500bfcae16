"""The nodes of a running graph: which one is open, what it said, and its started, retry and finished frames."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import frames, words
from .run import Run
from .says import Log, Node

SendData = Callable[[str, Mapping[str, Any]], Awaitable[None]]

MODEL = {"model_provider": "local/scripted", "model_name": "local-dify"}


@dataclass(frozen=True)
class Lap:
    """One pass of a container: its kind (`iteration` or `loop`), its node id, and which pass it is."""

    kind: str
    id: str
    index: int


@dataclass(eq=False)
class OpenNode:
    """A node between its started and its finished frame."""

    node: Node
    node_id: str
    started: dict[str, Any]
    began: float
    implicit: bool
    lap: Lap | None
    inputs: dict[str, Any]
    outputs: dict[str, Any] | None
    # Its place in the run; a resumed run counts from 1 again. Live frames always say 1, snapshots say this.
    index: int = 1
    text: str = ""
    reasoning: str = ""
    retries: int = 0
    # The data of its `node_finished`, or of what a snapshot shows in its place while the run is paused.
    ended: dict[str, Any] | None = None


class NodeTracker:
    """Opens and closes nodes and adds up what they cost."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._open: list[OpenNode] = []
        self._index = 0
        self.seen: list[OpenNode] = []
        self.steps = 0
        self.exceptions = 0
        self.total_tokens = 0
        self.usage: dict[str, Any] | None = None
        self.last_type = ""

    @property
    def current(self) -> OpenNode | None:
        """The innermost open node."""
        return self._open[-1] if self._open else None

    async def start(self, node: Node, send: SendData, *, implicit: bool = False, lap: Lap | None = None) -> OpenNode:
        """Send `node_started`."""
        node_id = node.id or node.type.replace("-", "_")
        title = node.title or node.type.replace("-", " ").capitalize()
        created_at, execution_id = self._run.state.now(), self._run.state.new_id("node")
        inside = {kind: lap.id if lap and lap.kind == kind else None for kind in ("iteration", "loop")}
        started = frames.node_started(
            execution_id, node_id, node.type, title, created_at, iteration_id=inside["iteration"], loop_id=inside["loop"]
        )
        outputs = None if node.outputs is None else dict(node.outputs)
        opened = OpenNode(node, node_id, started, self._run.elapsed(), implicit, lap, dict(node.inputs or {}), outputs)
        self._open.append(opened)
        self.seen.append(opened)
        await self._begin(opened, send)
        return opened

    async def _begin(self, node: OpenNode, send: SendData) -> None:
        self.steps += 1
        self._index += 1
        node.index = self._index
        self.last_type = node.node.type
        await send("node_started", node.started)

    def suspend(self) -> None:
        """The open nodes pause with the run."""
        for node in self._open:
            node.ended = self._ended(node, "paused", None, {}, {})

    async def resume(self, send: SendData) -> None:
        """Send `node_started` for the paused nodes again, with their execution ids."""
        self._index = 0
        for node in self._open:
            node.ended, node.began = None, self._run.elapsed()
            node.started = {**node.started, "created_at": self._run.state.now()}
            await self._begin(node, send)

    async def retry(self, error: str, send: SendData) -> None:
        """Send `node_retry` for the open node."""
        node = self.current
        if node is None:
            raise TypeError("Retry can only be said inside a Node.")
        node.retries += 1
        await send("node_retry", {**self._ended(node, "retry", error, {}, {}), "retry_index": node.retries})

    async def log(self, line: Log, send: SendData) -> None:
        """Send `agent_log` for the open node."""
        node = self.current
        if node is None:
            raise TypeError("Log can only be said inside a Node.")
        shown = {
            "node_execution_id": node.started["id"],
            "id": line.id or self._run.state.new_id("log"),
            "label": line.label,
            "parent_id": line.parent_id,
            "error": line.error,
            "status": line.status,
            "data": dict(line.data),
            "metadata": {},
            "node_id": node.node_id,
        }
        await send("agent_log", shown)

    async def finish(self, send: SendData, node: OpenNode | None = None) -> None:
        """Send `node_finished` for the innermost open node, or for another one."""
        node = node or self._open[-1]
        self._open.remove(node)
        error = node.node.error
        if node.node.status == "exception":
            self.exceptions += 1
            error = error or "Unknown error"
        failed = node.node.status == "failed"
        process_data = {} if failed else self._process_data(node)
        outputs = {} if failed else dict(node.outputs or {})
        await self._finished(node, self._ended(node, node.node.status, error, process_data, outputs), send)

    async def fail_open(self, error: str, send: SendData) -> None:
        """Every open node fails, the innermost first."""
        while self._open:
            node = self._open.pop()
            await self._finished(node, self._ended(node, "failed", error, {}, {}), send)

    async def _finished(self, node: OpenNode, data: dict[str, Any], send: SendData) -> None:
        node.ended = data
        await send("node_finished", data)

    def _process_data(self, node: OpenNode) -> dict[str, Any]:
        kind = node.node.type
        if kind == "start":
            node.inputs = node.inputs or dict(self._run.inputs)
            node.outputs = dict(node.inputs) if node.outputs is None else node.outputs
        elif kind == "llm":
            return self._model_call(node)
        elif kind == "knowledge-retrieval":
            return {"usage": frames.no_usage()}
        return {}

    def _model_call(self, node: OpenNode) -> dict[str, Any]:
        prompt = str(node.inputs.pop("prompt", "")) or self._run.query or " ".join(map(str, self._run.inputs.values()))
        text = node.text or str((node.outputs or {}).get("text", ""))
        latency = round(self._run.elapsed() - node.began, 3)
        self.usage = frames.usage(words.count(prompt), words.count(text), latency=latency)
        self.total_tokens += self.usage["total_tokens"]
        node.inputs = {**MODEL, **node.inputs}
        if node.outputs is None:
            said = {"text": text, "reasoning_content": node.reasoning}
            node.outputs = {**said, "usage": self.usage, "finish_reason": "stop"}
        prompts = [{"role": "user", "text": prompt, "files": []}]
        return {"model_mode": "chat", "prompts": prompts, "usage": self.usage, "finish_reason": "stop", **MODEL}

    def _ended(
        self, node: OpenNode, status: str, error: str | None, process_data: dict[str, Any], outputs: dict[str, Any]
    ) -> dict[str, Any]:
        if node.node.type in {"start", "llm"} and status != "failed":
            outputs = dict(node.outputs or {})
        if node.node.type == "llm" and status == "failed":
            node.inputs = {**MODEL, **node.inputs}
        return frames.node_finished(
            node.started,
            inputs=node.inputs,
            outputs=outputs,
            process_data=process_data,
            status=status,
            error=error,
            elapsed_time=round(self._run.elapsed() - node.began, 6),
            execution_metadata=self._metadata(node, status),
            finished_at=self._run.state.now(),
        )

    def _metadata(self, node: OpenNode, status: str) -> dict[str, Any] | None:
        metadata: dict[str, Any] = {}
        if status == "exception":
            metadata["error_strategy"] = "default-value"
        elif status == "succeeded" and node.node.type == "llm" and self.usage:
            metadata = {key: self.usage[key] for key in ("total_tokens", "total_price", "currency")}
        elif status == "succeeded" and node.node.type == "knowledge-retrieval":
            metadata = {"total_tokens": 0, "total_price": "0.0", "currency": "USD"}
        if node.lap:
            metadata.update({f"{node.lap.kind}_id": node.lap.id, f"{node.lap.kind}_index": node.lap.index})
        return metadata or None
