"""Events that show what an agent does between its words."""

from __future__ import annotations

from . import fields
from .base import Event


class AgentThoughtEvent(Event):
    """One step of an agent, sent again under the same `id` as it fills up: created, tool chosen, observed.

    Attributes:
        id: The step's id; the last event with an id wins.
        position: 1-based.
        thought: The full text so far, not a delta. Usually the same words that came as `agent_message`.
        observation: What the tools answered; JSON text keyed by tool name when there were several.
        tool: Names joined by `;`, `""` when no tool is used.
        tool_input: JSON text of an object keyed by tool name.
        tool_labels: Tool name to labels by language.
        message_files: Ids of files the step produced.
    """

    __slots__ = ()
    name = "agent_thought"
    id = fields.text()
    position = fields.integer()
    thought = fields.text()
    observation = fields.text()
    tool = fields.text()
    tool_input = fields.text()
    tool_labels = fields.json_object()
    message_files = fields.texts()


class AgentLogEvent(Event):
    """A log line of an agent node in a workflow or chatflow, sent again under the same id when its status changes.

    Attributes:
        id: The log's id.
        parent_id: The log it belongs to, or `None`.
        node_execution_id: The agent node's execution.
        node_id: The agent node.
        label: What is being done.
        status: `start`, `success`, `error` and others.
        error: Why it failed, or `None`.
        data: Inputs and outputs of the step.
        metadata: Timing, provider, tokens.
    """

    __slots__ = ()
    name = "agent_log"
    id = fields.text(inside="data")
    parent_id = fields.optional_text(inside="data")
    node_execution_id = fields.text(inside="data")
    node_id = fields.text(inside="data")
    label = fields.text(inside="data")
    status = fields.text(inside="data")
    error = fields.optional_text(inside="data")
    data = fields.json_object("data", inside="data")
    metadata = fields.json_object(inside="data")
