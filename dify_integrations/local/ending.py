"""How a graph run ends: what it said in total, its terminal frames in the version's order, and its pause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import frames
from .nodes import NodeTracker, SendData
from .run import Run
from .says import Fail
from .state import RunDetail


@dataclass
class Said:
    """What a graph run has said so far."""

    answer: str = ""
    # The text before a pause, which one release says again instead of what follows.
    repeated: str = ""
    outputs: dict[str, Any] | None = None
    files: list[dict[str, Any]] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)


class Ending:
    """Settles a run and sends its last frames."""

    def __init__(self, run: Run, nodes: NodeTracker, said: Said, detail: RunDetail, send: SendData) -> None:
        self.metadata: dict[str, Any] = {}
        self.paused: dict[str, Any] | None = None
        self._run = run
        self._nodes = nodes
        self._said = said
        self._detail = detail
        self._send = send

    def outputs(self) -> dict[str, Any]:
        """The outputs of the run: those that were said, else the text."""
        if self._said.outputs is not None:
            return self._said.outputs
        if self._run.message:
            return {"answer": self._said.answer, "files": self._said.files}
        return {"text": self._said.answer}

    async def succeed(self) -> None:
        """`workflow_finished`, and `message_end` before or after it."""
        version = self._run.state.version
        self._settle("partial-succeeded" if self._nodes.exceptions else "succeeded", self.outputs(), None)
        if version.message_end_first:
            await self._message_end()
        await self._workflow_finished()
        if not version.relays:
            await self._message_end()

    async def stop(self) -> None:
        """`stopped`; before 1.13 a chatflow still sends its `message_end`. The run's detail never learns of it."""
        self._settle("stopped", {}, "Stopped by user.")
        await self._workflow_finished()
        if not self._run.resumed:
            self._detail.forget_end()
        if not self._run.state.version.relays:
            await self._message_end()

    async def fail(self, fail: Fail) -> None:
        """The open nodes fail, then the run; an `error` frame follows where the stream was not closed before it."""
        run, text = self._run, f"Run failed: {fail.message}"
        await self._nodes.fail_open(fail.message, self._send)
        self._settle("failed", {}, fail.message)
        await self._workflow_finished()
        if run.message is None:
            return
        run.message.status, run.message.error = "error", text
        if not run.state.version.relays:
            head = {key: value for key, value in run.head.items() if key != "task_id"}
            fields = {"code": "invalid_param", "status": 400, "message": text}
            await run.channel.put(frames.data({"event": "error", **head, **fields}))

    def _settle(self, status: str, outputs: dict[str, Any], error: str | None) -> None:
        detail, run = self._detail, self._run
        detail.status, detail.outputs, detail.error = status, outputs, error
        detail.total_steps, detail.total_tokens = self._nodes.steps, self._nodes.total_tokens
        detail.finished_at, detail.elapsed_time = run.state.now(), run.elapsed()
        detail.exceptions_count = self._nodes.exceptions + (1 if status == "failed" else 0)
        # Behind the relay the worker goes on and stores the answer without a listener; before, it was lost.
        stores = run.channel.listened or run.state.version.relays
        if run.message and stores and (run.publishes or status != "paused"):
            repeated = self._said.repeated
            run.message.answer = run.message.answer + repeated if repeated else self._said.answer

    async def _workflow_finished(self) -> None:
        await self._send("workflow_finished", self.finished(self._run.began_at))

    def finished(self, created_at: int) -> dict[str, Any]:
        """`data` of `workflow_finished`; live it counts from the last resumption, later from the beginning."""
        detail, run = self._detail, self._run
        return {
            "id": run.run_id,
            "workflow_id": run.app.workflow_id,
            "status": detail.status,
            "outputs": detail.outputs,
            "error": detail.error,
            "elapsed_time": detail.elapsed_time,
            "total_tokens": detail.total_tokens,
            "total_steps": detail.total_steps,
            "created_by": {"id": run.state.user_id(run.user), "user": run.user},
            "created_at": created_at,
            "finished_at": detail.finished_at,
            "exceptions_count": detail.exceptions_count,
            "files": self._said.files,
        }

    async def _message_end(self) -> None:
        message = self._run.message
        if message is None:
            return
        usage = self._nodes.usage or frames.no_usage()
        self.metadata = {"annotation_reply": None, "retriever_resources": self._said.sources, "usage": usage}
        fields = {"id": message.id, "metadata": self.metadata, "files": self._said.files}
        await self._run.send("message_end", fields)

    async def pause(self, forms: Sequence[Mapping[str, Any]]) -> None:
        """`workflow_paused`; what the client is told of the run's time is kept only for its end."""
        run, detail = self._run, self._detail
        self._settle("paused", {}, None)
        detail.finished_at = None
        self.paused = paused(run, detail, forms, elapsed_time=detail.elapsed_time)
        detail.elapsed_time = 0.0
        if run.message and run.publishes:
            run.message.status = "paused"
        await self._send("workflow_paused", self.paused)

    def resume(self) -> None:
        """The run goes on, and has cost nothing until it ends."""
        detail = self._detail
        self.paused = None
        detail.status, detail.total_steps, detail.total_tokens = "running", 0, 0
        if self._run.message:
            self._run.message.status = "normal"


def paused(
    run: Run,
    detail: RunDetail,
    forms: Sequence[Mapping[str, Any]],
    *,
    outputs: Mapping[str, Any] | None = None,
    elapsed_time: float = 0.0,
) -> dict[str, Any]:
    """`data` of `workflow_paused`."""
    return {
        "workflow_run_id": run.run_id,
        "paused_nodes": [form["node_id"] for form in forms],
        "outputs": dict(outputs or {}),
        "reasons": [_reason(form) for form in forms],
        "status": "paused",
        "created_at": run.began_at,
        "elapsed_time": elapsed_time,
        "total_tokens": detail.total_tokens,
        "total_steps": detail.total_steps,
    }


def _reason(form: Mapping[str, Any]) -> dict[str, Any]:
    first = ("form_id", "form_content", "inputs", "actions", "node_id", "node_title")
    last = ("resolved_default_values", "form_token", "expiration_time")
    return {"TYPE": "human_input_required", **{key: form[key] for key in (*first, *last)}}
