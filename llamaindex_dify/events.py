"""Events of Dify runs: for LlamaIndex' instrumentation, and for the stream of a running workflow or agent."""

from __future__ import annotations

from typing import Any

from llama_index.core.bridge.pydantic import Field
from llama_index.core.workflow import Event, HumanResponseEvent, InputRequiredEvent
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
        inputs, outputs: Cut to 4096 characters, or as `trace_payloads` says.
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


class DifyMessageFileEvent(DifyInstrumentationEvent):
    """The run produced a file. Its address is signed and therefore not told.

    Attributes:
        file_id: Its id, `""` when the server gives none.
        type: `image`, `document`, `audio`, `video` or `custom`.
        filename, mime_type, size: As far as known; size in bytes.
    """

    file_id: str
    type: str
    filename: str = ""
    mime_type: str = ""
    size: int | None = None


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


class DifyEvent(Event):
    """Base of what the tools tell the stream of a running workflow or agent.

    Attributes:
        tool_name: The tool that runs the app.
        tool_id: The agent's call of it, if an agent calls.
        workflow_run_id: Which run, as soon as it is known; `""` for apps that are no workflow.
    """

    tool_name: str
    tool_id: str = ""
    workflow_run_id: str = ""


class DifyWorkflowEvent(DifyEvent):
    """A run began or ended.

    Attributes:
        status: `running`, or how it ended.
        outputs: What it came to.
        error: Why it failed.
    """

    status: str = "running"
    outputs: Any = None
    error: str | None = None


class DifyNodeEvent(DifyEvent):
    """A step of a run began or ended.

    Attributes:
        node_id, type, title: Which node.
        kind: `node`, `iteration`, `loop`, `tool` or `retrieval`.
        status: `running`, or how it ended.
        error: Why it failed.
    """

    node_id: str = ""
    kind: str = "node"
    type: str = ""
    title: str = ""
    status: str = "running"
    error: str | None = None


class DifyTextDeltaEvent(DifyEvent):
    """New text of the app's answer.

    Attributes:
        delta: The text.
    """

    delta: str


class DifyReasoningEvent(DifyEvent):
    """New reasoning of a model in the app.

    Attributes:
        delta: The text.
        node_id: Which node thinks.
    """

    delta: str
    node_id: str = ""


class DifyAgentThoughtStreamEvent(DifyEvent):
    """An agent in the app finished one step of thinking.

    Attributes:
        thought: What it thought.
        position: Which step.
    """

    thought: Any = None
    position: int | None = None


class DifyHumanInputRequest(InputRequiredEvent):
    """A run waits for a person. Answer with `handler.ctx.send_event(request.answer("approve", comment="…"))`.

    Attributes:
        prefix: What to show a person who answers by words alone.
        tool_name, tool_id: Whose run.
        workflow_run_id: Which run.
        form_token: Names this request; the answer has the same. It is the first form's, with a number when that is asked for again.
        forms: The forms, each with `node_id`, `node_title`, `content`, `inputs`, `actions`, `default_values`,
            `expiration_time` and `form_token`.
        error: Why the last answer was refused.
    """

    prefix: str = ""
    tool_name: str
    tool_id: str = ""
    workflow_run_id: str
    form_token: str
    forms: list[dict[str, Any]] = Field(default_factory=list)
    error: str | None = None

    def answer(self, action: str, /, **inputs: Any) -> DifyHumanInputResponse:
        """The answer to the only form.

        Args:
            action: Id of the button.
            **inputs: Values by `output_variable_name`; those left out get the form's default.
        """
        return DifyHumanInputResponse(form_token=self.form_token, response={"action": action, "inputs": inputs})


class DifyHumanInputResponse(HumanResponseEvent):
    """What a person answered.

    Attributes:
        form_token: That of the request.
        response: `{"action": …, "inputs": {…}}` for one form; for several a mapping of these by `node_id` or `form_token`,
            where those that are left out are asked for again; `{"submitted": True}` when they were answered elsewhere.
    """

    form_token: str
    response: Any
