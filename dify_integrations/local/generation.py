"""Starting a run: which writer, which script, and the streamed, blocking or refused response of it."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response

from . import frames
from .agents import AgentAppWriter, AgentWriter
from .annotations import Annotation
from .apps import Script
from .channel import Channel, EventStream, Signal
from .easy import EasyWriter
from .flow import FlowWriter
from .performing import perform
from .prepared import PreparedWriter
from .replies import ApiError, Blocking, generated, invalid
from .run import Run
from .scripts import default_script
from .state import State

Reply = EventStream | Blocking


def respond(run: Run, *, streaming: bool, annotation: Annotation | None = None) -> Reply:
    """The response that performs a run, or lets an annotation answer instead."""
    script = run.app.script or default_script(run.app)
    run.publishes = streaming
    if annotation is not None:
        prepared = PreparedWriter(run, annotation)
        return _easily(run, prepared, prepared.script(), streaming=streaming)
    if run.app.is_flow:
        flow = FlowWriter(run)
        blocking = (lambda: _chatflow_body(run, flow)) if run.message else (lambda: _workflow_body(run, flow))
        if not streaming:
            return Blocking(run.state, run.channel, lambda: perform(run, flow, script), blocking, run.task_id)
        return EventStream(run.state, run.channel, lambda: perform(run, flow, script), task_id=run.task_id, outlives_client=True)
    writer = {"agent-chat": AgentWriter, "agent": AgentAppWriter}.get(run.app.mode, EasyWriter)
    return _easily(run, writer(run), script, streaming=streaming)


def _easily(run: Run, writer: EasyWriter, script: Script, *, streaming: bool) -> Reply:
    if streaming:
        return EventStream(run.state, run.channel, lambda: perform(run, writer, script), task_id=run.task_id)
    return Blocking(run.state, run.channel, lambda: perform(run, writer, script), lambda: _easy_body(run, writer), run.task_id)


def refused(state: State, error: ApiError) -> EventStream:
    """A stream of the relay whose run could not begin: a ping, perhaps a bare error frame, then silence."""
    channel = Channel()

    async def silent() -> None:
        await channel.put(frames.PING)
        if state.version.names_preflight_errors:
            await channel.put(frames.data({"event": "error", "message": error.message, "status": 500}))
        await channel.put(Signal.HUSH)
        await asyncio.sleep(state.timing.silence_s)
        await channel.put(Signal.END)

    return EventStream(state, channel, silent, task_id="")


def _message_body(run: Run, answer: str, metadata: dict[str, Any]) -> dict[str, Any]:
    if run.message is None:
        raise TypeError("A workflow run has no message.")
    thread = {"conversation_id": run.message.conversation_id} if run.conversation else {}
    return {
        "event": "message",
        "task_id": run.task_id,
        "id": run.message.id,
        "message_id": run.message.id,
        **thread,
        "mode": run.app.mode,
        "answer": answer,
        "metadata": metadata,
        "created_at": run.created_at,
    }


def _easy_body(run: Run, writer: EasyWriter) -> Response:
    if writer.failure:
        return ApiError(writer.failure.status, writer.failure.code, writer.failure.message).response()
    return generated(_message_body(run, writer.message.answer, writer.metadata))


def _chatflow_body(run: Run, writer: FlowWriter) -> Response:
    if writer.failure:
        return invalid(f"Run failed: {writer.failure.message}").response()
    metadata = writer.ending.metadata or {
        "annotation_reply": None,
        "retriever_resources": [],
        "usage": frames.no_usage(),
    }
    body = _message_body(run, writer.said.answer, metadata)
    if writer.ending.paused:
        body["metadata"] = {**metadata, "usage": None}
        paused = {key: value for key, value in writer.ending.paused.items() if key != "outputs"}
        data = {"id": body["id"], **{key: body[key] for key in list(body) if key not in {"event", "id", "task_id"}}}
        body = {**body, "event": "workflow_paused", "workflow_run_id": run.run_id, "data": {**data, **paused}}
    return generated(body)


def _workflow_body(run: Run, writer: FlowWriter) -> Response:
    detail = writer.detail
    data: dict[str, Any] = {
        "id": run.run_id,
        "workflow_id": run.app.workflow_id,
        "status": detail.status,
        "outputs": detail.outputs,
        "error": detail.error,
        "elapsed_time": detail.elapsed_time,
        "total_tokens": detail.total_tokens,
        "total_steps": detail.total_steps,
        "created_at": detail.created_at,
        "finished_at": detail.finished_at,
    }
    if writer.ending.paused:
        data.update({key: writer.ending.paused[key] for key in ("elapsed_time", "paused_nodes", "reasons")})
    return generated({"task_id": run.task_id, "workflow_run_id": run.run_id, "data": data})
