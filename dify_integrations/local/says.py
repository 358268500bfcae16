"""What a script can say: small frozen values, one per thing a Dify run can do on the wire.

A script knows nothing of frames, sockets or modes; the writers (`easy`, `flow`) turn these values into the frames of the
app's mode.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .datasets import Hit
from .happenings import Cut, Drop, Gate, Raw, Silence, UntilFollowed, Wait
from .pauses import Pause, Pauses


@dataclass(frozen=True)
class Text:
    """One token of the answer; it becomes one `message`, `agent_message` or `text_chunk` frame."""

    text: str


@dataclass(frozen=True)
class Reasoning:
    """A piece of thinking: `reasoning_chunk` in chatflows and workflows, inline `<think>` text in the other modes."""

    text: str


@dataclass(frozen=True)
class File:
    """A file made by the app.

    Args:
        url: Where it can be fetched.
        type: `image`, `document`, `audio`, `video` or `custom`.
        filename: Taken from the URL when empty.
        mime_type: What the file says it is.
    """

    url: str
    type: str = "image"
    filename: str = ""
    mime_type: str = "application/octet-stream"


@dataclass(frozen=True)
class Tool:
    """One tool call of an agent, with what the tool answered; in a flow it is a tool node."""

    name: str
    input: Mapping[str, Any] = field(default_factory=dict)
    observation: str = ""
    files: Sequence[File] = ()


@dataclass(frozen=True)
class Tools:
    """Several tools called in one step of an agent (`tool` is then `first;second` on the wire)."""

    calls: Sequence[Tool]


@dataclass(frozen=True)
class Node:
    """One node of a flow: `node_started`, whatever `inside` says, `node_finished`.

    Args:
        type: Dify's node type, such as `llm`, `code` or `knowledge-retrieval`.
        title: The name people gave it.
        inputs: What the finished frame shows as inputs.
        outputs: What it shows as outputs; for an `llm` node computed from the text inside when left out.
        inside: What is said while the node runs (texts, waits, gates, retries).
        duration_s: Seconds between the started and the finished frame, `inside` not counted.
        status: `failed` ends the run as failed; `exception` lets it go on as partial-succeeded.
        error: The error text of a node that did not succeed.
        id: The node id; derived from the type when empty.
    """

    type: str
    title: str = ""
    inputs: Mapping[str, Any] | None = None
    outputs: Mapping[str, Any] | None = None
    inside: Iterable[Say] = ()
    duration_s: float = 0.0
    status: str = "succeeded"
    error: str | None = None
    id: str = ""


@dataclass(frozen=True)
class Retry:
    """A failed attempt of the node around it: a `node_retry` frame."""

    error: str = "The attempt failed."


@dataclass(frozen=True)
class Iteration:
    """An iteration container: every item is the list of nodes run for it."""

    title: str
    items: Sequence[Sequence[Node]] = ()
    inputs: Mapping[str, Any] | None = None
    outputs: Mapping[str, Any] | None = None
    id: str = "iteration"


@dataclass(frozen=True)
class Loop:
    """A loop container: every round is the list of nodes run in it."""

    title: str
    rounds: Sequence[Sequence[Node]] = ()
    inputs: Mapping[str, Any] | None = None
    outputs: Mapping[str, Any] | None = None
    id: str = "loop"


@dataclass(frozen=True)
class Log:
    """A line of the log of the agent node around it: an `agent_log` frame.

    Args:
        label: What is logged.
        data: What belongs to it.
        status: `start`, `success` or `error`.
        id: Said again with the same id it is the same line, in a new status; empty for a line of its own.
        parent_id: The line it belongs below.
        error: What went wrong.
    """

    label: str
    data: Mapping[str, Any] = field(default_factory=dict)
    status: str = "success"
    id: str = ""
    parent_id: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Replace:
    """Everything said so far is replaced (output moderation)."""

    text: str
    reason: str = "output_moderation"


@dataclass(frozen=True)
class Sources:
    """What the answer cites; it appears as `retriever_resources`."""

    records: Sequence[Hit | Mapping[str, Any]]


@dataclass(frozen=True)
class Outputs:
    """The outputs of a workflow (or chatflow) run."""

    values: Mapping[str, Any]


@dataclass(frozen=True)
class Fail:
    """The run fails here, in the way the app's mode fails on the emulated server."""

    message: str
    code: str = "completion_request_error"
    status: int = 400


Say = (
    Text
    | Reasoning
    | File
    | Tool
    | Tools
    | Node
    | Retry
    | Iteration
    | Loop
    | Log
    | Replace
    | Sources
    | Outputs
    | Fail
    | Pause
    | Pauses
    | Wait
    | Gate
    | UntilFollowed
    | Silence
    | Drop
    | Cut
    | Raw
)


def tokens(text: str) -> list[Text]:
    """The text as one `Text` per word, whitespace kept, so that streaming is visible."""
    return [Text(piece) for piece in re.findall(r"\S+\s*|\s+", text)]
