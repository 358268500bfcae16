"""Short words for events."""

from __future__ import annotations

from typing import Any

from dify_integrations.events import EVENT_CLASSES, Event
from dify_integrations.runs.fold import Fold
from dify_integrations.runs.items import Item
from dify_integrations.runs.terminal import Shape, server_version

_CLASSES = {cls.name: cls for cls in EVENT_CLASSES}
IDS = {"task_id": "t", "message_id": "m", "conversation_id": "c", "created_at": 5}


def ev(name: str, data: dict[str, Any] | None = None, **fields: Any) -> Event:
    """An event with the common ids; `data` becomes its data object."""
    raw: dict[str, Any] = {"event": name, **IDS, **fields}
    if data is not None:
        raw |= {"workflow_run_id": "r", "data": data}
    return _CLASSES[name](raw)


def message(text: str) -> Event:
    return ev("message", answer=text)


def end(**metadata: Any) -> Event:
    return ev("message_end", metadata=metadata)


def started() -> Event:
    return ev("workflow_started", {"id": "r", "workflow_id": "w", "inputs": {"a": 1}})


def finished(status: str = "succeeded", **data: Any) -> Event:
    return ev("workflow_finished", {"id": "r", "workflow_id": "w", "status": status, "outputs": {"answer": "x"}, **data})


def node(what: str, id: str, **data: Any) -> Event:
    return ev(what, {"id": id, "node_id": f"n-{id}", "node_type": "llm", "title": id, **data})


def fold(shape: Shape = Shape.MESSAGE, *, version: str | None = "1.14.2", **options: Any) -> Fold:
    return Fold(shape, version=server_version(version), **options)


def feed(target: Fold, *events: Event) -> list[Item]:
    return [item for event in events for item in target.feed(event)]
