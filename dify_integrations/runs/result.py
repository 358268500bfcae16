"""What a run gave, as one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .items import Citation, FileOut, Paused, RunStatus, Step, ToolCall, ToolResult, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..core.jsonio import JsonObject


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run, finished or as far as it went.

    Attributes:
        text: The whole answer: every text delta in order, or what replaced them. For a workflow the streamed text;
            its values are in `outputs`.
        status: `succeeded`, `partial-succeeded`, `failed`, `stopped`, `paused`, or `interrupted` when the stream
            broke off. Chat apps do not say that they were stopped.
        error: Why it did not succeed.
        reasoning: Reasoning text, apart from the answer.
        outputs: A workflow's or chatflow's end values; `{}` otherwise.
        tool_calls, tool_results: What the Dify agent did on the server.
        citations: Passages the answer rests on.
        files: Files the run produced.
        audio: Speech, MP3; `b""` without auto-play.
        usage: Tokens and prices, `None` when the server sent none (workflow apps: see `total_tokens`).
        pause: The forms a paused run waits for.
        steps: The tree of what ran, in order of start, latest state each; see `Step.parent_id`.
        conversation_id, message_id, task_id, workflow_run_id, workflow_id: `""` where they do not apply.
        created_at: Unix seconds.
        elapsed_s: Seconds by the server's clock; workflows and chatflows only.
        total_tokens: Over all nodes; workflows and chatflows only, otherwise the usage's.
        total_steps: Nodes that ran.
        text_replaced: Whether moderation replaced the text.
        attempts: How often the request was sent, 1 without a retry.
    """

    text: str = ""
    status: RunStatus = "running"
    error: str | None = None
    reasoning: str = ""
    outputs: JsonObject = field(default_factory=dict)
    tool_calls: tuple[ToolCall, ...] = ()
    tool_results: tuple[ToolResult, ...] = ()
    citations: tuple[Citation, ...] = ()
    files: tuple[FileOut, ...] = ()
    audio: bytes = field(default=b"", repr=False)
    usage: Usage | None = None
    pause: Paused | None = None
    steps: tuple[Step, ...] = field(default=(), repr=False)
    conversation_id: str = ""
    message_id: str = ""
    task_id: str = ""
    workflow_run_id: str = ""
    workflow_id: str = ""
    created_at: int | None = None
    elapsed_s: float | None = None
    total_tokens: int | None = None
    total_steps: int | None = None
    text_replaced: bool = False
    attempts: int = 1

    @property
    def ids(self) -> Mapping[str, str]:
        """The ids that are known, by name."""
        names = ("task_id", "conversation_id", "message_id", "workflow_run_id")
        return {name: value for name in names if (value := getattr(self, name))}
