"""A run of the draft of a knowledge pipeline, which makes no documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .. import frames
from ..datasets import NAMESPACE, Dataset
from ..state import State
from .pipeline import sources
from .shown import AUTHOR


@dataclass
class Trial:
    """A run of the draft: what its documents would be cut into."""

    state: State
    owner: Dataset
    body: Mapping[str, Any]

    def __post_init__(self) -> None:
        self.task_id = self.state.new_id("task")
        self.run_id = self.state.new_id("run")
        self.created_at = self.state.now()
        self._texts = [source.file.content.decode("utf-8", "replace") for source in sources(self.state, self.body)]
        self.outputs: dict[str, Any] = {
            "chunk_structure": "text_model",
            "preview": [{"content": text} for text in self._texts],
            "total_segments": len(self._texts),
        }

    def frames(self) -> Iterator[dict[str, Any]]:
        """The events of the run."""
        started = {"id": self.run_id, "workflow_id": self.owner.pipeline_id, "inputs": dict(self.body["inputs"])}
        yield self._frame("workflow_started", {**started, "created_at": self.created_at, "reason": "initial"})
        steps = (
            (str(self.body["start_node_id"]), "datasource", {"datasource_type": self.body["datasource_type"]}),
            ("knowledge_index", "knowledge-index", self.outputs),
        )
        for node_id, kind, outputs in steps:
            node = frames.node_started(self.state.new_id("node"), node_id, kind, kind, self.state.now())
            yield self._frame("node_started", node)
            yield self._frame("node_finished", self._finished(node, outputs))
        yield self._frame("workflow_finished", self._ending())

    def blocking(self) -> dict[str, Any]:
        """The run as one answer."""
        ending = self._ending()
        names = ("id", "workflow_id", "status", "outputs", "error", "elapsed_time", "total_tokens", "total_steps")
        data = {name: ending[name] for name in (*names, "created_at", "finished_at")}
        return {"task_id": self.task_id, "workflow_run_id": self.run_id, "data": data}

    def _frame(self, event: str, data: dict[str, Any]) -> dict[str, Any]:
        return {"event": event, "workflow_run_id": self.run_id, "task_id": self.task_id, "data": data}

    def _finished(self, node: dict[str, Any], outputs: dict[str, Any]) -> dict[str, Any]:
        return frames.node_finished(
            node,
            inputs={},
            outputs=outputs,
            process_data={},
            status="succeeded",
            error=None,
            elapsed_time=0.0,
            execution_metadata=None,
            finished_at=self.state.now(),
        )

    def _ending(self) -> dict[str, Any]:
        return {
            "id": self.run_id,
            "workflow_id": self.owner.pipeline_id,
            "status": "succeeded",
            "outputs": self.outputs,
            "error": None,
            "elapsed_time": 0.0,
            "total_tokens": 0,
            "total_steps": 2,
            "created_by": {"id": str(NAMESPACE), "name": AUTHOR, "email": "local@example.com"},
            "created_at": self.created_at,
            "finished_at": self.state.now(),
            "exceptions_count": 0,
            "files": [],
        }
