"""The frames of a graph: workflows and chatflows.

A script need not describe a graph: a start node, an LLM node around loose text and an answer or end node are added when
it does not say them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from . import frames
from .easy import sources
from .nodes import NodeTracker, OpenNode
from .run import Ended, Failed, Run, mind
from .channel import Signal
from .says import Fail, File, Iteration, Node, Outputs, Pause, Reasoning, Replace, Retry, Say, Sources, Text, Tool, Tools
from .state import RunDetail


class FlowWriter:
    """`workflow_started`, node frames with text between them, and the terminal frames in the version's order."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.failure: Fail | None = None
        self.metadata: dict[str, Any] = {}
        self.paused: dict[str, Any] | None = None
        self.detail = RunDetail(run.run_id, run.app, self._shown_inputs(), run.created_at)
        self.answer = ""
        self.nodes = NodeTracker(run)
        self._outputs: dict[str, Any] | None = None
        self._files: list[dict[str, Any]] = []
        self._sources: list[dict[str, Any]] = []
        self._thinking = False

    @property
    def _chatflow(self) -> bool:
        return self.run.message is not None

    def _shown_inputs(self) -> dict[str, Any]:
        run = self.run
        query = {"sys.query": run.query} if self._chatflow else {}
        turns = {"sys.dialogue_count": len(run.turn.history) + 1} if self._chatflow else {}
        return {
            **run.inputs,
            **query,
            "sys.files": run.files,
            "sys.user_id": run.user,
            **turns,
            "sys.app_id": run.app.id,
            "sys.workflow_id": run.app.workflow_id,
            "sys.workflow_run_id": run.run_id,
        }

    async def send(self, event: str, data: Mapping[str, Any]) -> None:
        """Send a frame whose content is under `data`; the head of chatflow frames gets the run id added."""
        run_id = {} if not self._chatflow else {"workflow_run_id": self.run.run_id}
        await self.run.send(event, {**run_id, "data": data})

    async def open(self) -> None:
        """`workflow_started`."""
        run = self.run
        run.state.runs[run.run_id] = self.detail
        if run.state.version.relays:
            await run.channel.put(frames.PING)
        started = {"id": run.run_id, "workflow_id": run.app.workflow_id, "inputs": self.detail.inputs}
        reason = {"reason": "initial"} if run.state.version.relays else {}
        await self.send("workflow_started", {**started, "created_at": run.created_at, **reason})

    async def say(self, say: Say) -> None:
        """Send the frames of one saying."""
        await self.run.pause(0)
        if isinstance(say, Text):
            await self._text(say.text)
        elif isinstance(say, Reasoning):
            await self._reasoning(say.text)
        elif isinstance(say, Node):
            await self._node(say)
        elif isinstance(say, Iteration):
            await self._iteration(say)
        elif isinstance(say, (Tool, Tools)):
            for call in (say,) if isinstance(say, Tool) else say.calls:
                await self._node(_tool_node(call))
        elif isinstance(say, Pause):
            await self._pause(say)
        elif not await self._note(say) and not await mind(self.run, say):
            raise TypeError(f"{type(say).__name__} cannot be said by an app of mode {self.run.app.mode!r}.")

    async def _note(self, say: Say) -> bool:
        if isinstance(say, Sources):
            self._sources = sources(say, in_flow=True)
            if self.run.message:
                self.run.message.sources = self._sources
        elif isinstance(say, Outputs):
            self._outputs = dict(say.values)
        elif isinstance(say, File):
            self._files.append(_file(say, self.run.state.new_id("file")))
        elif isinstance(say, Replace):
            self.answer = say.text
            if self._chatflow:
                await self.run.send("message_replace", {"answer": say.text, "reason": say.reason})
        elif isinstance(say, Retry):
            await self.nodes.retry(say.error, self.send)
        else:
            return False
        return True

    # --- text -------------------------------------------------------------------------------------------------------

    async def _text(self, text: str) -> None:
        node = await self._speaking_node()
        if self._thinking:
            self._thinking = False
            await self._reasoning_frame("", node, final=True)
        await self.run.pause(self.run.state.timing.pace_s)
        node.text += text
        self.answer += text
        selector = [node.node_id, "text"]
        if self.run.message:
            fields = {"id": self.run.message.id, "answer": text, "from_variable_selector": selector}
            await self.run.send("message", fields)
        else:
            await self.send("text_chunk", {"text": text, "from_variable_selector": selector})

    async def _reasoning(self, text: str) -> None:
        node = await self._speaking_node()
        self._thinking = True
        node.reasoning += text
        await self._reasoning_frame(text, node, final=False)

    async def _reasoning_frame(self, text: str, node: OpenNode, *, final: bool) -> None:
        message_id = self.run.message.id if self.run.message else None
        chunk = {"message_id": message_id, "reasoning": text, "node_id": node.node_id, "is_final": final}
        await self.run.send("reasoning_chunk", {"data": chunk})

    async def _speaking_node(self) -> OpenNode:
        if self.nodes.current is None:
            await self._start_node()
            return await self.nodes.start(Node("llm", "LLM"), self.send, implicit=True)
        return self.nodes.current

    # --- nodes ------------------------------------------------------------------------------------------------------

    async def _start_node(self) -> None:
        if not self.nodes.steps:
            await self.nodes.start(Node("start", "Start"), self.send)
            await self.nodes.finish(self.send)

    async def _close_implicit(self) -> None:
        if self.nodes.current and self.nodes.current.implicit:
            await self.nodes.finish(self.send)

    async def _node(self, node: Node, *, iteration: tuple[str, int] | None = None) -> OpenNode:
        await self._close_implicit()
        if node.type != "start":
            await self._start_node()
        opened = await self.nodes.start(node, self.send, iteration=iteration)
        for say in node.inside:
            await self.say(say)
        await self.run.pause(node.duration_s)
        await self._default_values(opened)
        await self.nodes.finish(self.send)
        if node.status == "failed":
            raise Failed(Fail(node.error or "The node failed.", "invalid_param", 400))
        return opened

    async def _default_values(self, opened: OpenNode) -> None:
        if opened.node.type == "answer" and opened.outputs is None:
            opened.outputs = {"answer": self.answer, "files": self._files}
        elif opened.node.type == "end" and opened.outputs is None:
            opened.inputs = opened.outputs = self._final_outputs()

    async def _iteration(self, say: Iteration) -> None:
        await self._close_implicit()
        await self._start_node()
        inputs = dict(say.inputs or {"iterator_selector": [str(number) for number in range(len(say.items))]})
        base = {"id": say.id, "node_id": say.id, "node_type": "iteration", "title": say.title}
        started_at, tokens_before = self.run.state.now(), self.nodes.total_tokens
        began = self.run.elapsed()
        head = {**base, "created_at": started_at, "extras": {}}
        shown = {"inputs": inputs, "inputs_truncated": False}
        await self.send("iteration_started", {**head, "metadata": {"iteration_length": len(say.items)}, **shown})
        collected = []
        for index, item in enumerate(say.items):
            await self.send("iteration_next", {**base, "index": index, "created_at": started_at, "extras": {}})
            for node in item:
                opened = await self._node(node, iteration=(say.id, index))
                last: Any = next(iter((opened.outputs or {}).values()), None)
            collected.append(last if item else None)
        spent = self.nodes.total_tokens - tokens_before
        outputs = dict(say.outputs if say.outputs is not None else {"output": collected})
        await self.send(
            "iteration_completed",
            {
                **base,
                "outputs": outputs,
                "outputs_truncated": False,
                "created_at": started_at,
                "extras": {},
                **shown,
                "status": "succeeded",
                "error": None,
                "elapsed_time": round(self.run.elapsed() - began, 6),
                "total_tokens": spent,
                "execution_metadata": {"total_tokens": spent, "total_price": "0.0", "currency": "USD"},
                "finished_at": self.run.state.now(),
                "steps": len(say.items),
            },
        )
        self.nodes.steps += 1

    # --- endings ----------------------------------------------------------------------------------------------------

    def _final_outputs(self) -> dict[str, Any]:
        if self._outputs is not None:
            return self._outputs
        return {"answer": self.answer, "files": self._files} if self._chatflow else {"text": self.answer}

    async def close(self) -> None:
        """The last node when it was not said, then the terminal frames."""
        await self._start_node()
        await self._close_implicit()
        if self.nodes.last_type not in {"answer", "end"}:
            await self._node(Node("answer", "Answer") if self._chatflow else Node("end", "End"))
        status = "partial-succeeded" if self.nodes.exceptions else "succeeded"
        self._settle(status, self._final_outputs(), None)
        version = self.run.state.version
        if self._chatflow and version.message_end_first:
            await self._message_end()
        await self._workflow_finished()
        if self._chatflow and not version.relays:
            await self._message_end()

    async def stop(self) -> None:
        """`stopped`; before 1.13 a chatflow still sends its `message_end`."""
        self._settle("stopped", {}, "Stopped by user.")
        await self._workflow_finished()
        if self._chatflow and not self.run.state.version.relays:
            await self._message_end()

    async def fail(self, fail: Fail) -> None:
        """The open node fails, then the run; an `error` frame follows only where a chatflow's stream is not closed before."""
        self.failure = fail
        await self.nodes.fail_open(fail.message, self.send)
        self._settle("failed", {}, fail.message)
        if self.run.message:
            self.run.message.status, self.run.message.error = "error", f"Run failed: {fail.message}"
        await self._workflow_finished()
        if self._chatflow and not self.run.state.version.relays:
            head = {key: value for key, value in self.run.head.items() if key != "task_id"}
            fields = {"code": "invalid_param", "status": 400, "message": f"Run failed: {fail.message}"}
            await self.run.channel.put(frames.data({"event": "error", **head, **fields}))

    def _settle(self, status: str, outputs: dict[str, Any], error: str | None) -> None:
        detail, run = self.detail, self.run
        detail.status, detail.outputs, detail.error = status, outputs, error
        detail.total_steps, detail.total_tokens = self.nodes.steps, self.nodes.total_tokens
        detail.finished_at, detail.elapsed_time = run.state.now(), run.elapsed()
        # Behind the relay the worker goes on and stores the answer without a listener; before, it was lost.
        if run.message and (run.channel.listened or run.state.version.relays):
            run.message.answer = self.answer

    async def _workflow_finished(self) -> None:
        detail, run = self.detail, self.run
        await self.send(
            "workflow_finished",
            {
                "id": run.run_id,
                "workflow_id": run.app.workflow_id,
                "status": detail.status,
                "outputs": detail.outputs,
                "error": detail.error,
                "elapsed_time": detail.elapsed_time,
                "total_tokens": detail.total_tokens,
                "total_steps": detail.total_steps,
                "created_by": {"id": run.state.user_id(run.user), "user": run.user},
                "created_at": detail.created_at,
                "finished_at": detail.finished_at,
                "exceptions_count": self.nodes.exceptions + (1 if detail.status == "failed" else 0),
                "files": self._files,
            },
        )

    async def _message_end(self) -> None:
        if self.run.message is None:
            return
        usage = self.nodes.usage or frames.no_usage()
        self.metadata = {"annotation_reply": None, "retriever_resources": self._sources, "usage": usage}
        await self.run.send(
            "message_end", {"id": self.run.message.id, "metadata": self.metadata, "files": self._files}
        )

    async def _pause(self, say: Pause) -> None:
        await self._close_implicit()
        await self._start_node()
        opened = await self.nodes.start(Node("human-input", say.title, id=say.id), self.send)
        form = self._form(say, opened)
        await self.send("human_input_required", form)
        self._settle("paused", {}, None)
        self.detail.finished_at = None
        reason_keys = ("form_id", "form_content", "inputs", "actions", "node_id", "node_title")
        late_keys = ("resolved_default_values", "form_token", "expiration_time")
        reason = {"TYPE": "human_input_required", **{key: form[key] for key in (*reason_keys, *late_keys)}}
        self.paused = {
            "workflow_run_id": self.run.run_id,
            "paused_nodes": [opened.node_id],
            "outputs": {},
            "reasons": [reason],
            "status": "paused",
            "created_at": self.run.created_at,
            "elapsed_time": self.run.elapsed(),
            "total_tokens": self.nodes.total_tokens,
            "total_steps": self.nodes.steps,
        }
        await self.send("workflow_paused", self.paused)
        raise Ended(Signal.END)

    def _form(self, say: Pause, opened: OpenNode) -> dict[str, Any]:
        return {
            "form_id": self.run.state.new_id("form"),
            "node_id": opened.node_id,
            "node_title": say.title,
            "form_content": say.form_content,
            "inputs": [dict(item) for item in say.inputs],
            "actions": [dict(action) for action in say.actions],
            "display_in_ui": True,
            "form_token": self.run.state.new_id("form-token").replace("-", "")[:22],
            "resolved_default_values": dict(say.defaults),
            "expiration_time": self.run.state.now() + say.expires_s,
        }


def _tool_node(call: Tool) -> Node:
    outputs = {"text": call.observation, "files": [], "json": []}
    return Node("tool", call.name, inputs=dict(call.input), outputs=outputs, id=call.name)


def _file(file: File, file_id: str) -> dict[str, Any]:
    name = file.filename or file.url.split("?")[0].rsplit("/", 1)[-1]
    return {
        "dify_model_identity": "__dify__file__",
        "id": None,
        "type": file.type,
        "transfer_method": "tool_file",
        "remote_url": None,
        "related_id": file_id,
        "filename": name,
        "extension": "." + name.rsplit(".", 1)[1] if "." in name else "",
        "mime_type": file.mime_type,
        "size": -1,
        "url": file.url,
    }


def run_detail(detail: RunDetail, *, outputs_as_text: bool) -> dict[str, Any]:
    """The body of `GET /workflows/run/{id}`."""
    return {
        "id": detail.id,
        "workflow_id": detail.app.workflow_id,
        "status": detail.status,
        "inputs": json.dumps(detail.inputs),
        "outputs": json.dumps(detail.outputs) if outputs_as_text else detail.outputs,
        "error": detail.error,
        "total_steps": detail.total_steps,
        "total_tokens": detail.total_tokens,
        "created_at": detail.created_at,
        "finished_at": detail.finished_at,
        "elapsed_time": detail.elapsed_time,
    }
