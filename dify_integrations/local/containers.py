"""Containers of a graph: an iteration or a loop, its own frames around the nodes of every pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .nodes import Lap
from .says import Iteration, Loop, Node

if TYPE_CHECKING:
    from .flow import FlowWriter


async def iterate(flow: FlowWriter, say: Iteration) -> None:
    """Send the frames of an iteration and of the nodes it runs for every item."""
    inputs = dict(say.inputs or {"iterator_selector": [str(number) for number in range(len(say.items))]})
    container = _Container(flow, "iteration", say, inputs)
    await container.start(len(say.items))
    collected = []
    for index, item in enumerate(say.items):
        await container.next(index, {})
        collected.append(await container.run(index, item))
    outputs = say.outputs if say.outputs is not None else {"output": collected}
    await container.complete(outputs, len(say.items))


async def loop(flow: FlowWriter, say: Loop) -> None:
    """Send the frames of a loop and of the nodes it runs in every round; its first round is not announced."""
    container = _Container(flow, "loop", say, dict(say.inputs or {"loop_count": len(say.rounds)}))
    await container.start(len(say.rounds))
    for index, nodes in enumerate(say.rounds):
        if index:
            await container.next(index, {"pre_loop_output": {}})
        await container.run(index, nodes)
    outputs = say.outputs if say.outputs is not None else {"loop_round": len(say.rounds)}
    await container.complete(outputs, len(say.rounds))


class _Container:
    """The frames of one container."""

    def __init__(self, flow: FlowWriter, kind: str, say: Iteration | Loop, inputs: dict[str, Any]) -> None:
        self._flow = flow
        self._kind = kind
        self._id = say.id
        self._base = {"id": say.id, "node_id": say.id, "node_type": kind, "title": say.title}
        self._shown = {"inputs": inputs, "inputs_truncated": False}
        self._when: dict[str, Any] = {}
        self._began = 0.0
        self._spent_before = 0

    async def start(self, length: int) -> None:
        """`…_started`."""
        flow = self._flow
        await flow.make_room(self._kind)
        self._began, self._spent_before = flow.run.elapsed(), flow.nodes.total_tokens
        self._when = {"created_at": flow.run.state.now(), "extras": {}}
        flow.nodes.steps += 1
        metadata = {"metadata": {f"{self._kind}_length": length}}
        await flow.send(f"{self._kind}_started", {**self._base, **self._when, **metadata, **self._shown})

    async def next(self, index: int, more: Mapping[str, Any]) -> None:
        """`…_next`."""
        when = {"created_at": self._when["created_at"], **more, "extras": {}}
        await self._flow.send(f"{self._kind}_next", {**self._base, "index": index, **when})

    async def run(self, index: int, nodes: Sequence[Node]) -> Any:
        """The nodes of one pass; their result is the first output of the last one."""
        last = None
        for node in nodes:
            last = await self._flow.node(node, lap=Lap(self._kind, self._id, index))
        return next(iter((last.outputs or {}).values()), None) if last else None

    async def complete(self, outputs: Mapping[str, Any], steps: int) -> None:
        """`…_completed`."""
        flow = self._flow
        spent = flow.nodes.total_tokens - self._spent_before
        finished = {
            "status": "succeeded",
            "error": None,
            "elapsed_time": round(flow.run.elapsed() - self._began, 6),
            "total_tokens": spent,
            "execution_metadata": {"total_tokens": spent, "total_price": "0.0", "currency": "USD"},
            "finished_at": flow.run.state.now(),
            "steps": steps,
        }
        told = {"outputs": dict(outputs), "outputs_truncated": False}
        await flow.send(f"{self._kind}_completed", {**self._base, **told, **self._when, **self._shown, **finished})
