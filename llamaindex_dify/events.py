"""Events of Dify runs: for LlamaIndex' instrumentation, and for the stream of a running workflow or agent."""

from __future__ import annotations

from typing import Any

from llama_index.core.bridge.pydantic import Field
from llama_index.core.workflow import Event
from llama_index_instrumentation.base import BaseEvent


class DifyInstrumentationEvent(BaseEvent):
    """Base of what Dify runs tell instrumentation handlers."""

    @classmethod
    def class_name(cls) -> str:
        """Stable id of the event."""
        return cls.__name__


class DifyStepEvent(DifyInstrumentationEvent):
    """Something about one step of a run.

    Attributes:
        step_id, parent_id: Its place in the tree of steps.
        kind: `run`, `node`, `iteration`, `loop`, `thought`, `tool`, `retrieval` or `log`.
        type: Dify's node type, or the tool's name.
        title: For people.
        status: `running`, or how it ended.
        index: Round of an iteration or loop, retry number, position of a thought.
        error: Why it failed.
        elapsed_s: Seconds by the server's clock.
        inputs, outputs: Cut to 4096 characters.
    """

    step_id: str
    parent_id: str | None = None
    kind: str
    type: str = ""
    title: str = ""
    status: str = "running"
    index: int | None = None
    error: str | None = None
    elapsed_s: float | None = None
    inputs: Any = None
    outputs: Any = None


class DifyWorkflowStartedEvent(DifyStepEvent):
    """A chatflow or workflow run began."""


class DifyWorkflowFinishedEvent(DifyStepEvent):
    """A chatflow or workflow run ended."""


class DifyNodeStartedEvent(DifyStepEvent):
    """A node, tool or retrieval began."""


class DifyNodeFinishedEvent(DifyStepEvent):
    """A node, tool or retrieval ended."""


class DifyNodeRetryEvent(DifyStepEvent):
    """A node failed and is tried again."""


class DifyIterationEvent(DifyStepEvent):
    """An iteration or loop began, came to its next round, or ended."""


class DifyAgentThoughtEvent(DifyStepEvent):
    """An agent finished one step of thinking; the thought is in `outputs`."""


class DifyAgentLogEvent(DifyStepEvent):
    """An agent node wrote its log."""


class DifyMessageReplacedEvent(DifyInstrumentationEvent):
    """Moderation withdrew the text so far.

    Attributes:
        text: What stands instead.
        reason: Such as `output_moderation`.
    """

    text: str
    reason: str = ""


class DifyRunPausedEvent(DifyInstrumentationEvent):
    """The run waits for a person.

    Attributes:
        workflow_run_id: Which run.
        nodes: Titles of the waiting forms.
    """

    workflow_run_id: str
    nodes: list[str] = Field(default_factory=list)


class DifyQueryTruncatedEvent(DifyInstrumentationEvent):
    """A retrieval query was cut to what Dify takes.

    Attributes:
        query: As asked.
        sent: As sent.
    """

    query: str
    sent: str


class DifyNodeEvent(Event):
    """In the stream of a running workflow or agent: a step of a Dify run began or ended.

    Attributes:
        tool_name: The tool that runs it.
        workflow_run_id: Which run.
        node_id, type, title: Which node.
        kind: `node`, `iteration`, `loop`, `tool` or `retrieval`.
        status: `running`, or how it ended.
        error: Why it failed.
    """

    tool_name: str
    workflow_run_id: str = ""
    node_id: str = ""
    kind: str = "node"
    type: str = ""
    title: str = ""
    status: str = "running"
    error: str | None = None
