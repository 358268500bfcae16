"""The tree of steps: which events begin, carry on and end a step, and under which parent it stands."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .items import Step, StepFinished, StepKind, StepStarted, StepUpdated, ToolCall, ToolResult

if TYPE_CHECKING:
    from ..core.jsonio import JsonValue
    from ..events import AgentLogEvent, AgentThoughtEvent, StepEvent, WorkflowFinishedEvent, WorkflowStartedEvent
    from .items import Item

_LOG_ENDS = {"success": "succeeded", "succeeded": "succeeded", "error": "failed", "failed": "failed"}


class StepTree:
    """Builds the steps of one run."""

    def __init__(self) -> None:
        self._steps: dict[str, Step] = {}
        self._open: set[str] = set()
        self._containers: dict[str, str] = {}  # node id of an iteration or loop → id of its latest step
        self._run_id: str | None = None
        self.tool_calls: dict[str, ToolCall] = {}
        self.tool_results: dict[str, ToolResult] = {}

    def snapshot(self) -> tuple[Step, ...]:
        """All steps in order of start, latest state each."""
        return tuple(self._steps.values())

    @property
    def saw_retrieval(self) -> bool:
        """Whether a knowledge node already tells of the retrieval."""
        return any(step.type == "knowledge-retrieval" for step in self._steps.values())

    # -- the run

    def run_started(self, event: WorkflowStartedEvent) -> list[Item]:
        # After a pause the same run starts a second time; it is the same step.
        self._run_id = event.id or event.workflow_run_id
        return self._start(Step(self._run_id, None, "run", title="workflow", inputs=event.inputs))

    def run_finished(self, event: WorkflowFinishedEvent) -> list[Item]:
        run_id = event.id or event.workflow_run_id
        items = self.close("interrupted" if event.status != "stopped" else "stopped", keep=run_id)
        items += self._finish(run_id, status=event.status, outputs=event.outputs, error=event.error, elapsed_s=event.elapsed_time)
        return items

    # -- nodes, iterations, loops

    def node_started(self, event: StepEvent) -> list[Item]:
        return self._start(self._node(event, "node", event.id))

    def node_finished(self, event: StepEvent) -> list[Item]:
        # A stream that is joined late shows ends of steps whose start it missed.
        items = [] if event.id in self._open else self._start(self._node(event, "node", event.id))
        return items + self._finish_with(event.id, event)

    def node_retried(self, event: StepEvent, index: int | None) -> list[Item]:
        return self._update(event.id, "retry", index=index, error=event.error)

    def container_started(self, event: StepEvent, kind: StepKind) -> list[Item]:
        step_id, number = event.node_id, 1
        while step_id in self._steps:  # an iteration inside a loop starts once a round, always under its node id
            number += 1
            step_id = f"{event.node_id}#{number}"
        step = self._node(event, kind, step_id)
        self._containers[event.node_id] = step_id
        return self._start(replace(step, metadata=event.metadata))

    def container_next(self, event: StepEvent) -> list[Item]:
        return self._update(self._containers.get(event.node_id, ""), "next", index=event.index)

    def container_completed(self, event: StepEvent) -> list[Item]:
        return self._finish_with(self._containers.get(event.node_id, ""), event)

    def _node(self, event: StepEvent, kind: StepKind, step_id: str) -> Step:
        inside = event.loop_id or event.iteration_id
        parent = self._containers.get(inside, self._run_id) if inside else self._run_id
        return Step(
            step_id,
            parent,
            kind,
            type=event.node_type,
            title=event.title,
            inputs=event.inputs,
            index=event.index,
            node_id=event.node_id,
        )

    def _finish_with(self, step_id: str, event: StepEvent) -> list[Item]:
        known: dict[str, Any] = {"status": event.status or "succeeded", "error": event.error, "elapsed_s": event.elapsed_time}
        if event.inputs is not None:
            known["inputs"] = event.inputs
        known["outputs"] = event.outputs
        known["metadata"] = event.execution_metadata
        return self._finish(step_id, **known)

    # -- agents

    def log(self, event: AgentLogEvent) -> list[Item]:
        parent = event.parent_id or event.node_execution_id or self._run_id
        step = Step(event.id, parent, "log", title=event.label, inputs=event.data, node_id=event.node_id)
        items = self._start_once(step)
        end = _LOG_ENDS.get(event.status)
        if end is not None:
            return items + self._finish(event.id, status=end, error=event.error, outputs=event.data, metadata=event.metadata)
        return items or self._update(event.id, "log", inputs=event.data)

    def thought(self, event: AgentThoughtEvent) -> list[Item]:
        """One agent step and its tools; the event is sent again as it fills, so every part is reported once."""
        title = event.thought[:80]
        items = self._start_once(Step(event.id, self._run_id, "thought", title=title, index=event.position))
        names = [name for name in event.tool.split(";") if name]
        for name in names:
            items += self._tool(event, name, alone=len(names) == 1)
        self._steps[event.id] = replace(self._steps[event.id], title=title, outputs=event.thought)
        if names and event.observation:
            items += self._finish(event.id, status="succeeded")
        return items

    def _tool(self, event: AgentThoughtEvent, name: str, *, alone: bool) -> list[Item]:
        # Two calls of one tool in a step share its name and cannot be told apart; Dify keys both by name.
        step_id = f"{event.id}:{name}"
        items: list[Item] = []
        if step_id not in self._steps:
            arguments = part_of(event.tool_input, name, alone=alone)
            call = self.tool_calls[step_id] = ToolCall(step_id, name, arguments, event.thought)
            items = [call, *self._start(Step(step_id, event.id, "tool", type=name, title=name, inputs=arguments))]
        if event.observation and step_id in self._open:
            content = part_of(event.observation, name, alone=alone)
            result = self.tool_results[step_id] = ToolResult(step_id, name, content)
            items += [result, *self._finish(step_id, status="succeeded", outputs=content)]
        return items

    def retrieved(self, documents: list[JsonValue]) -> list[Item]:
        """A retrieval no node tells of, known only by its result."""
        parent = self._run_id
        items = self._start(Step("retrieval", parent, "retrieval", title="knowledge retrieval"))
        return items + self._finish("retrieval", status="succeeded", outputs=documents)

    # -- ends

    def close(self, status: str, error: str | None = None, keep: str | None = None) -> list[Item]:
        """End every open step, innermost first, except `keep`."""
        items: list[Item] = []
        for step_id in reversed([known for known in self._steps if known in self._open]):
            if step_id == keep:
                continue
            # A thought without a tool has no end of its own on the wire.
            plain = self._steps[step_id].kind == "thought" and error is None
            items += self._finish(step_id, status="succeeded" if plain else status, error=None if plain else error)
        return items

    def _start(self, step: Step) -> list[Item]:
        if step.id in self._open:
            return []
        self._open.add(step.id)
        known = self._steps.get(step.id)
        # A node that waited for a person starts again under the id it had.
        self._steps[step.id] = step if known is None else replace(known, status="running", error=None)
        return [StepStarted(self._steps[step.id])]

    def _start_once(self, step: Step) -> list[Item]:
        """For steps whose event is sent again under the same id, also after their end."""
        return [] if step.id in self._steps else self._start(step)

    def _update(self, step_id: str, what: str, **changes: Any) -> list[Item]:
        if step_id not in self._open:
            return []
        self._steps[step_id] = replace(self._steps[step_id], **changes)
        return [StepUpdated(self._steps[step_id], what)]

    def _finish(self, step_id: str, **changes: Any) -> list[Item]:
        if step_id not in self._open:
            return []
        self._open.remove(step_id)
        self._steps[step_id] = replace(self._steps[step_id], **changes)
        return [StepFinished(self._steps[step_id])]


def part_of(text: str, name: str, *, alone: bool) -> str:
    """One tool's part of a JSON text keyed by tool name; the whole text when it is not built like that."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, dict) and name in value and (not alone or len(value) == 1):
        part = value[name]
        return part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)
    return text
