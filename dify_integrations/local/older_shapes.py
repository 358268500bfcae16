"""The shapes of 0.15: frames by event, and bodies by route."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from .stamps import rfc822

JsonObject = dict[str, Any]

_NODE = "id node_id node_type title index predecessor_node_id"
_BRANCH = "parallel_id parallel_start_node_id"
_BRANCHES = f"{_BRANCH} parent_parallel_id parent_parallel_start_node_id iteration_id"
_ITERATION = "id node_id node_type title"
# The fields of `data`, in order; what is not known today is null.
_DATA = {
    "workflow_started": "id workflow_id sequence_number inputs created_at",
    "workflow_finished": "id workflow_id sequence_number status outputs error elapsed_time total_tokens total_steps "
    "created_by created_at finished_at exceptions_count files",
    "node_started": f"{_NODE} inputs created_at extras {_BRANCHES} parallel_run_id",
    "node_finished": f"{_NODE} inputs process_data outputs status error elapsed_time execution_metadata created_at "
    f"finished_at files {_BRANCHES}",
    "iteration_started": f"{_ITERATION} created_at extras metadata inputs {_BRANCH}",
    "iteration_next": f"{_ITERATION} index created_at pre_iteration_output extras {_BRANCH} parallel_mode_run_id duration",
    "iteration_completed": f"{_ITERATION} outputs created_at extras inputs status error elapsed_time total_tokens "
    f"execution_metadata finished_at steps {_BRANCH}",
}
_DATA["node_retry"] = f"{_DATA['node_finished']} retry_index"
_UNKNOWN_EVENTS = ("reasoning_chunk", "agent_log", "loop_started", "loop_next", "loop_completed")
_USAGE = (
    "prompt_tokens prompt_unit_price prompt_price_unit prompt_price completion_tokens completion_unit_price "
    "completion_price_unit completion_price total_tokens total_price currency latency"
)
_RESOURCE = "dataset_id dataset_name document_id document_name data_source_type segment_id retriever_from score content position"
_FILE = "id filename type url mime_type size transfer_method belongs_to"


def _only(value: JsonObject, names: str | Iterable[str]) -> JsonObject:
    chosen = names.split() if isinstance(names, str) else names
    return {name: value.get(name) for name in chosen}


def _without(value: JsonObject, *names: str) -> JsonObject:
    return {name: item for name, item in value.items() if name not in names}


def metadata(value: JsonObject) -> JsonObject:
    """The metadata of an answer: no key for what is not there."""
    usage = _only(value["usage"], _USAGE)
    sources = [_source(source) for source in value.get("retriever_resources") or []]
    annotation = {"annotation_reply": value["annotation_reply"]} if value.get("annotation_reply") else {}
    return {**annotation, **({"retriever_resources": sources} if sources else {}), "usage": usage}


def _source(source: JsonObject) -> JsonObject:
    if source.get("retriever_from") != "workflow":
        return _only(source, _RESOURCE)
    return _without(source, "doc_metadata", "title", "files", "summary")


class OldFrames:
    """The frames of one stream, which number their nodes."""

    def __init__(self, sequence_number: int) -> None:
        self._sequence_number = sequence_number
        self._nodes: dict[str, tuple[int, str | None]] = {}
        self._last: str | None = None

    def written(self, chunk: bytes) -> bytes:
        """What is sent in the place of a chunk, which is a frame, a ping or bytes a script put there."""
        if not (chunk.startswith(b"data: {") and chunk.endswith(b"}\n\n")):
            return chunk
        try:
            frame = json.loads(chunk[len(b"data: ") :])
        except ValueError:
            return chunk
        if frame.get("event") in _UNKNOWN_EVENTS:
            return b""
        return b"data: " + json.dumps(self._frame(frame)).encode() + b"\n\n"

    def _frame(self, frame: JsonObject) -> JsonObject:
        event = frame.get("event", "")
        if event == "message_end":
            return {**frame, "metadata": metadata(frame["metadata"])}
        if event == "message_replace":
            return _without(frame, "reason")
        if event not in _DATA:
            return frame
        data = {**frame["data"], "sequence_number": self._sequence_number}
        if event == "iteration_started":
            data["metadata"] = {"iterator_length": data["metadata"]["iteration_length"]}
        if event.startswith("node_"):
            data = self._node(data, started=event == "node_started")
        return {**frame, "data": _only(data, _DATA[event])}

    def _node(self, data: JsonObject, *, started: bool) -> JsonObject:
        if started:
            self._nodes[data["id"]] = (len(self._nodes) + 1, self._last)
            self._last = data["node_id"]
        index, before = self._nodes.get(data["id"], (1, None))
        return {**data, "index": index, "predecessor_node_id": before, "process_data": data.get("process_data") or None}


def _answered(body: JsonObject) -> JsonObject:
    return {**body, "metadata": metadata(body["metadata"])}


def _ran(body: JsonObject) -> JsonObject:
    return {**body, "data": {**body["data"], "outputs": body["data"]["outputs"] or None}}


def _detail(body: JsonObject) -> JsonObject:
    times = {name: rfc822(body[name]) for name in ("created_at", "finished_at") if body[name] is not None}
    return {**body, "total_steps": body["total_steps"] or 0, "total_tokens": body["total_tokens"] or 0, **times}


def _logs(body: JsonObject) -> JsonObject:
    entries = [_without(entry, "details") for entry in body["data"]]
    return {**body, "data": [{**entry, "workflow_run": _without(entry["workflow_run"], "triggered_from")} for entry in entries]}


def _messages(body: JsonObject) -> JsonObject:
    return {**body, "data": [_message(message) for message in body["data"]]}


def _message(message: JsonObject) -> JsonObject:
    return {
        **_without(message, "extra_contents"),
        "message_files": [_only(file, _FILE) for file in message["message_files"]],
        "retriever_resources": [_kept_source(message, source) for source in message["retriever_resources"]],
        "agent_thoughts": [_thought(thought) for thought in message["agent_thoughts"]],
    }


def _kept_source(message: JsonObject, source: JsonObject) -> JsonObject:
    counts = {name: source[name] or 0 for name in ("hit_count", "word_count", "segment_position")}
    return {**_without(source, "summary"), **counts, "created_at": message["created_at"]}


def _thought(thought: JsonObject) -> JsonObject:
    # The files of a thought are shown as files, of which the names alone are known: nothing is filled in.
    empty = {**dict.fromkeys(_FILE.split()), "size": 0, "belongs_to": "user"}
    return {**_without(thought, "files"), "message_files": [empty for _ in thought["files"]]}


def _parameters(body: JsonObject) -> JsonObject:
    upload = _without(body["file_upload"], "max_length")
    if "type" in body["sensitive_word_avoidance"]:
        # Apps without a graph have an image setting, also when it is off, and no limits here.
        off = {"enabled": False, "number_limits": 3, "detail": "high", "transfer_methods": ["remote_url", "local_file"]}
        upload = {"image": off, **_without(upload, "fileUploadConfig")}
    return {**body, "opening_statement": body["opening_statement"] or "", "file_upload": upload}


BODIES: dict[str, Callable[[JsonObject], JsonObject]] = {
    "POST /(chat|completion)-messages": _answered,
    "POST /workflows/run": _ran,
    "GET /workflows/run/[^/]+": _detail,
    "GET /workflows/logs": _logs,
    "GET /messages": _messages,
    "GET /info": lambda body: _only(body, "name description tags"),
    "GET /parameters": _parameters,
    "POST /files/upload": lambda body: _only(body, "id name size extension mime_type created_by created_at"),
}
