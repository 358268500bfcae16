"""Events of workflow and chatflow runs: the run, its nodes, iterations, loops and text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import fields
from .base import Event

if TYPE_CHECKING:
    from ..core.jsonio import JsonObject


class WorkflowStartedEvent(Event):
    """The run began, or began again after a pause.

    Attributes:
        id: The run id.
        workflow_id: The published version that runs.
        inputs: The user's inputs plus `sys.*` keys and files with signed addresses; do not send them back.
        reason: `initial` or `resumption` (≥ 1.13), otherwise `""`.
    """

    __slots__ = ()
    name = "workflow_started"
    id = fields.text(inside="data")
    workflow_id = fields.text(inside="data")
    inputs = fields.json_object(inside="data")
    reason = fields.text(inside="data")


class WorkflowFinishedEvent(Event):
    """The run ended. A failed node gives status `failed` here and, in workflow apps, no `error` event.

    Attributes:
        id: The run id.
        workflow_id: The version that ran.
        status: `succeeded`, `failed`, `stopped`, `partial-succeeded`.
        outputs: The end node's values; `None` when null.
        error: Why it failed, or `None`.
        elapsed_time: Seconds, a server estimate that restarts after a pause.
        total_tokens: Of all nodes.
        total_steps: Nodes that ran.
        files: Files among the outputs.
        created_by: Whose run it was: an end user's `id` and `user`, or an account's `id`, `name` and `email`.
    """

    __slots__ = ()
    name = "workflow_finished"
    id = fields.text(inside="data")
    workflow_id = fields.text(inside="data")
    status = fields.text(inside="data")
    outputs = fields.optional_object(inside="data")
    error = fields.optional_text(inside="data")
    elapsed_time = fields.number(inside="data")
    total_tokens = fields.integer(inside="data")
    total_steps = fields.integer(inside="data")
    exceptions_count = fields.integer(inside="data")
    finished_at = fields.integer(inside="data")
    files = fields.objects(inside="data")
    created_by = fields.json_object(inside="data")


class StepEvent(Event):
    """What node, iteration and loop events share; the class is never sent itself.

    Attributes:
        id: The execution's id; for iterations and loops it equals `node_id`.
        node_id: The node in the graph.
        node_type: Such as `llm`; an open set.
        title: The node's title.
        inputs: What went in; `None` when null, withheld or truncated.
        outputs: What came out.
        inputs_truncated, outputs_truncated, process_data_truncated: Whether a large value was cut (≥ 1.9).
        predecessor_node_id: The node before it; `None` from 1.9 on.
        status: `succeeded`, `failed`, `exception`, `stopped`, `paused`, `retry`; `""` on start events.
        error: Why it failed, or `None`.
        elapsed_time: Seconds.
        execution_metadata: Tokens, price (a string), currency, tool and agent details.
        iteration_id: Node id of the iteration this ran in, or `None`.
        loop_id: Node id of the loop this ran in, or `None`.
        extras: What else the server tells, such as a tool's `icon`.
    """

    __slots__ = ()
    id = fields.text(inside="data")
    node_id = fields.text(inside="data")
    node_type = fields.text(inside="data")
    title = fields.text(inside="data")
    index = fields.integer(inside="data")
    inputs = fields.optional_object(inside="data")
    outputs = fields.optional_object(inside="data")
    process_data = fields.optional_object(inside="data")
    inputs_truncated = fields.flag(inside="data")
    outputs_truncated = fields.flag(inside="data")
    process_data_truncated = fields.flag(inside="data")
    predecessor_node_id = fields.optional_text(inside="data")
    status = fields.text(inside="data")
    error = fields.optional_text(inside="data")
    elapsed_time = fields.number(inside="data")
    execution_metadata = fields.json_object(inside="data")
    metadata = fields.json_object(inside="data")
    iteration_id = fields.optional_text(inside="data")
    loop_id = fields.optional_text(inside="data")
    started_at = fields.integer("created_at", inside="data")
    finished_at = fields.integer(inside="data")
    files = fields.objects(inside="data")
    extras = fields.json_object(inside="data")


class NodeStartedEvent(StepEvent):
    """A node began. Not sent for iteration and loop containers."""

    __slots__ = ()
    name = "node_started"
    agent_strategy = fields.optional_object(inside="data")


class NodeFinishedEvent(StepEvent):
    """A node ended; status `exception` is a failure the workflow was told to survive."""

    __slots__ = ()
    name = "node_finished"


class NodeRetryEvent(StepEvent):
    """A node failed and is tried again (≥ 0.14.2).

    Attributes:
        retry_index: 1-based number of this retry.
    """

    __slots__ = ()
    name = "node_retry"
    retry_index = fields.integer(inside="data")


class IterationStartedEvent(StepEvent):
    """An iteration over a list began."""

    __slots__ = ()
    name = "iteration_started"


class IterationNextEvent(StepEvent):
    """The next item begins (`index`, 0-based); 0.15 sends one more after the last item."""

    __slots__ = ()
    name = "iteration_next"


class IterationCompletedEvent(StepEvent):
    """An iteration ended; `error` is null even when it failed, see `status`.

    Attributes:
        steps: Rounds that ran.
        total_tokens: Of all rounds.
    """

    __slots__ = ()
    name = "iteration_completed"
    steps = fields.integer(inside="data")
    total_tokens = fields.integer(inside="data")


class LoopStartedEvent(StepEvent):
    """A loop began (≥ 1.0.1)."""

    __slots__ = ()
    name = "loop_started"


class LoopNextEvent(StepEvent):
    """The next round of a loop begins.

    Attributes:
        pre_loop_output: What the round before put out; known servers (≤ 1.14.2) send `{}`.
    """

    __slots__ = ()
    name = "loop_next"
    pre_loop_output = fields.anything(inside="data")


class LoopCompletedEvent(StepEvent):
    """A loop ended.

    Attributes:
        steps: Rounds that ran.
        total_tokens: Of all rounds.
    """

    __slots__ = ()
    name = "loop_completed"
    steps = fields.integer(inside="data")
    total_tokens = fields.integer(inside="data")


class ParallelBranchStartedEvent(Event):
    """A parallel branch began (0.8 to 1.8 only; not in the public documentation)."""

    __slots__ = ()
    name = "parallel_branch_started"
    parallel_id = fields.text(inside="data")
    parallel_branch_id = fields.text(inside="data")


class ParallelBranchFinishedEvent(Event):
    """A parallel branch ended (0.8 to 1.8 only)."""

    __slots__ = ()
    name = "parallel_branch_finished"
    parallel_id = fields.text(inside="data")
    parallel_branch_id = fields.text(inside="data")
    status = fields.text(inside="data")
    error = fields.optional_text(inside="data")


class TextChunkEvent(Event):
    """A text delta of a workflow app, from an LLM node wired to the end node.

    Attributes:
        text: The new text.
        from_variable_selector: `[node id, variable]`.
    """

    __slots__ = ("text",)
    name = "text_chunk"
    from_variable_selector = fields.texts(inside="data")

    def __init__(self, raw: JsonObject) -> None:
        self.raw = raw
        data = raw.get("data")
        # Read at once, like the answer of a message: the hot event of workflow streams.
        text = data.get("text") if isinstance(data, dict) else None
        self.text: str = text if isinstance(text, str) else fields.as_text(text)


class TextReplaceEvent(Event):
    """The workflow text so far is withdrawn (moderation, 0.15 era)."""

    __slots__ = ()
    name = "text_replace"
    text = fields.text(inside="data")
