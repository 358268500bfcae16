"""What a follower of a run is told first: the run so far, rebuilt from what Dify has stored of it.

Stored is less than what was sent: node details are hidden, a chatflow's text is written down at a pause or at the end only,
and forms show their text as it was designed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from . import frames
from .ending import paused
from .flow import FlowWriter
from .nodes import OpenNode


def snapshot(flow: FlowWriter) -> Iterator[tuple[str, bytes]]:
    """The frames of a state snapshot, each with its event."""
    for event, fields in _events(flow):
        yield event, frames.data({"event": event, "task_id": _task_id(flow), **fields, **_message_fields(flow)})


def finished(flow: FlowWriter) -> bytes:
    """The only frame there is for a run that has ended; its JSON is spaced and ASCII, unlike that of the others."""
    run_id = flow.run.run_id
    data = flow.ending.finished(flow.detail.created_at)
    shown = {"event": "workflow_finished", "task_id": run_id, "workflow_run_id": run_id, "data": data}
    return b"data: " + json.dumps(shown).encode() + b"\n\n"


def _task_id(flow: FlowWriter) -> str:
    # Known from the stored pause, or from live frames; of a resumed run, or one whose worker died, only its own id is.
    run = flow.run
    known = run.paused or (not run.resumed and run.task_id in run.state.tasks)
    return run.task_id if known else run.run_id


def _message_fields(flow: FlowWriter) -> dict[str, Any]:
    message = flow.run.message
    if message is None:
        return {}
    return {"conversation_id": message.conversation_id, "message_id": message.id, "created_at": message.created_at}


def _events(flow: FlowWriter) -> Iterator[tuple[str, dict[str, Any]]]:
    run, detail = flow.run, flow.detail

    def of_run(data: Mapping[str, Any]) -> dict[str, Any]:
        return {"workflow_run_id": run.run_id, "data": data}

    started = {"id": run.run_id, "workflow_id": run.app.workflow_id, "inputs": detail.inputs}
    yield "workflow_started", of_run({**started, "created_at": detail.created_at, "reason": "initial"})
    if run.message:
        yield "message_replace", {"answer": run.message.answer, "reason": ""}
    for node in flow.nodes.seen:
        yield "node_started", of_run(_started(node))
        if node.ended:
            yield "node_finished", of_run(_finished(node, node.ended))
    if run.paused:
        forms = [form.designed for form in flow.pausing.forms]
        for form in forms:
            yield "human_input_required", of_run(form)
        yield "workflow_paused", of_run({**paused(run, detail, forms, outputs=_outputs(flow)), "created_at": detail.created_at})


def _outputs(flow: FlowWriter) -> dict[str, Any]:
    # The only place where Dify shows how it stores a list of files.
    if flow.run.message is None or not flow.run.message.answer:
        return {}
    return {"answer": flow.run.message.answer, "files": {"value_type": "array[file]", "value": []}}


def _started(node: OpenNode) -> dict[str, Any]:
    data = {**node.started, "index": node.index}
    return {key: value for key, value in data.items() if key not in {"inputs_truncated", "agent_strategy"}}


def _finished(node: OpenNode, ended: Mapping[str, Any]) -> dict[str, Any]:
    hidden = {"inputs": None, "process_data": None, "outputs": None, "error": None, "execution_metadata": None}
    data = {**ended, **hidden, "index": node.index}
    return {key: value for key, value in data.items() if not key.endswith("_truncated")}
