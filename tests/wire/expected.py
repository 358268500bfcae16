"""What a recorded stream means, read from its raw JSON by the contract alone: shares no code with the package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass
class Meaning:
    """The expected result of a stream, up to the frame that ends it.

    Attributes:
        ends_at: Number of the frame that ends the run, `None` when none does.
        status: How it ended; `interrupted` without an end.
        error: The error frame, or a failed `workflow_finished`'s data.
        steps: Ids of the steps that must be told.
        states: How nodes and the run ended, by step id, as far as the stream says.
    """

    ends_at: int | None = None
    status: str = "interrupted"
    text: str = ""
    replaced: bool = False
    usage: Json | None = None
    citations: list[Json] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    outputs: Json | None = None
    error: Json | None = None
    total_tokens: int | None = None
    ids: dict[str, str] = field(default_factory=dict)
    steps: set[str] = field(default_factory=set)
    states: dict[str, str] = field(default_factory=dict)
    tools: set[str] = field(default_factory=set)
    forms: list[str] = field(default_factory=list)
    rounds: int = 0
    spoke: bool = False
    started: bool = False
    finished: str = ""
    message_end: bool = False
    paused: bool = False
    knowledge_node: bool = False
    snapshot: bool = False


def meaning_of(frames: list[Json], kind: str, version: str, *, pause_ends: bool = True, snapshot: bool = False) -> Meaning:
    """Read frames until one ends the run.

    Args:
        frames: JSON objects in order.
        kind: `message`, `workflow` or `events`.
        version: The server's, as in `X-Version`.
        pause_ends: Whether a pause ends the stream.
        snapshot: Whether the stream begins with the state of a run that was joined late.
    """
    meaning = Meaning(snapshot=snapshot)
    for number, frame in enumerate(frames):
        _learn_ids(meaning, frame)
        read = _READERS.get(frame["event"])
        if read is not None:
            read(meaning, frame)
        if frame["event"] == "workflow_finished" and kind == "events":
            _whole_answer(meaning)
        if frame["event"] == "workflow_paused" and not pause_ends:
            meaning.paused, meaning.forms = False, []
        status = _end(meaning, kind, tuple(int(part) for part in version.split(".")))
        if status:
            meaning.ends_at, meaning.status = number, status
            break
    return meaning


def _end(meaning: Meaning, kind: str, version: tuple[int, ...]) -> str:
    """streaming.md §4, "Terminal rule that works for every version"."""
    if meaning.error is not None:
        return "failed"
    if meaning.paused:
        return "paused"
    ended = meaning.finished or "succeeded"
    if kind != "message":
        return ended if meaning.finished else ""
    if meaning.message_end:
        return ended if meaning.finished or not meaning.started else ""
    # ≥ 1.13 sends no message_end after a stop; ≤ 1.12 sends it behind.
    return "stopped" if meaning.finished == "stopped" and version >= (1, 13) else ""


def _learn_ids(meaning: Meaning, frame: Json) -> None:
    for name in ("task_id", "conversation_id", "message_id", "workflow_run_id"):
        if frame.get(name):
            meaning.ids.setdefault(name, frame[name])


def _message(meaning: Meaning, frame: Json) -> None:
    # A New Agent app repeats its whole answer at the end: the repetition is the answer, once.
    meaning.text = frame["answer"] if meaning.spoke else meaning.text + frame["answer"]


def _agent_message(meaning: Meaning, frame: Json) -> None:
    meaning.spoke = True
    meaning.text += frame["answer"]


def _message_file(meaning: Meaning, frame: Json) -> None:
    if "answer" in frame and not frame.get("url"):
        meaning.text += frame["answer"]
    elif frame.get("belongs_to") != "user":
        meaning.files.append(frame["id"])


def _replace(meaning: Meaning, frame: Json) -> None:
    if meaning.snapshot and not frame.get("reason"):
        meaning.text, meaning.snapshot = meaning.text + frame["answer"], False
    else:
        meaning.text, meaning.replaced = frame["answer"], True


def _text_chunk(meaning: Meaning, frame: Json) -> None:
    meaning.text += frame["data"]["text"]


def _message_end(meaning: Meaning, frame: Json) -> None:
    meaning.message_end = True
    metadata = frame.get("metadata") or {}
    meaning.usage = metadata.get("usage")
    meaning.citations = metadata.get("retriever_resources") or []
    if meaning.citations and not meaning.knowledge_node:
        meaning.steps.add("retrieval")


def _error(meaning: Meaning, frame: Json) -> None:
    meaning.error = frame


def _workflow_started(meaning: Meaning, frame: Json) -> None:
    meaning.started = True
    meaning.steps.add(frame["data"]["id"])
    meaning.ids["workflow_run_id"] = frame["data"]["id"]


def _workflow_finished(meaning: Meaning, frame: Json) -> None:
    data = frame["data"]
    meaning.finished = data["status"]
    meaning.states[data["id"]] = data["status"]
    meaning.outputs = data.get("outputs") or {}
    meaning.total_tokens = data.get("total_tokens")
    meaning.ids["workflow_run_id"] = data["id"]
    if data["status"] == "failed":
        meaning.error = data


def _whole_answer(meaning: Meaning) -> None:
    """A followed chatflow's answer stands in its outputs; the stream holds what was sent since it was joined."""
    answer = (meaning.outputs or {}).get("answer")
    if isinstance(answer, str) and not meaning.replaced and ("message_id" in meaning.ids or not meaning.text):
        meaning.text = answer


def _paused(meaning: Meaning, frame: Json) -> None:
    meaning.paused = True


def _form(meaning: Meaning, frame: Json) -> None:
    meaning.forms.append(frame["data"]["form_id"])


def _node(meaning: Meaning, frame: Json) -> None:
    meaning.steps.add(frame["data"]["id"])
    meaning.states.pop(frame["data"]["id"], None)  # a node that waited for a person starts again
    meaning.knowledge_node |= frame["data"]["node_type"] == "knowledge-retrieval"


def _node_finished(meaning: Meaning, frame: Json) -> None:
    _node(meaning, frame)
    meaning.states[frame["data"]["id"]] = frame["data"]["status"]


def _container(meaning: Meaning, frame: Json) -> None:
    meaning.rounds += 1
    meaning.steps.add(f"{frame['data']['node_id']} round {meaning.rounds}")


def _thought(meaning: Meaning, frame: Json) -> None:
    meaning.steps.add(frame["id"])
    for name in filter(None, (frame.get("tool") or "").split(";")):
        meaning.steps.add(f"{frame['id']}:{name}")
        meaning.tools.add(f"{frame['id']}:{name}")


def _log(meaning: Meaning, frame: Json) -> None:
    meaning.steps.add(frame["data"]["id"])


_READERS: dict[str, Callable[[Meaning, Json], None]] = {
    "agent_log": _log,
    "agent_message": _agent_message,
    "agent_thought": _thought,
    "error": _error,
    "human_input_required": _form,
    "iteration_started": _container,
    "loop_started": _container,
    "message": _message,
    "message_end": _message_end,
    "message_file": _message_file,
    "message_replace": _replace,
    "node_finished": _node_finished,
    "node_started": _node,
    "text_chunk": _text_chunk,
    "workflow_finished": _workflow_finished,
    "workflow_paused": _paused,
    "workflow_started": _workflow_started,
}
