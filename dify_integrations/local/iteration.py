"""An iteration container: its own frames around the nodes of every item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .says import Iteration

if TYPE_CHECKING:
    from .flow import FlowWriter


async def iterate(flow: FlowWriter, say: Iteration) -> None:
    """Send the frames of an iteration container and of the nodes it runs for every item."""
    await flow.make_room("iteration")
    state, began, spent_before = flow.run.state, flow.run.elapsed(), flow.nodes.total_tokens
    base = {"id": say.id, "node_id": say.id, "node_type": "iteration", "title": say.title}
    when = {"created_at": state.now(), "extras": {}}
    inputs = dict(say.inputs or {"iterator_selector": [str(number) for number in range(len(say.items))]})
    shown = {"inputs": inputs, "inputs_truncated": False}
    flow.nodes.steps += 1
    await flow.send("iteration_started", {**base, **when, "metadata": {"iteration_length": len(say.items)}, **shown})
    collected: list[Any] = []
    for index, item in enumerate(say.items):
        await flow.send("iteration_next", {**base, "index": index, **when})
        last = None
        for node in item:
            last = await flow.node(node, iteration=(say.id, index))
        collected.append(next(iter((last.outputs or {}).values()), None) if last else None)
    spent = flow.nodes.total_tokens - spent_before
    outputs = dict(say.outputs if say.outputs is not None else {"output": collected})
    finished = {
        "status": "succeeded",
        "error": None,
        "elapsed_time": round(flow.run.elapsed() - began, 6),
        "total_tokens": spent,
        "execution_metadata": {"total_tokens": spent, "total_price": "0.0", "currency": "USD"},
        "finished_at": state.now(),
        "steps": len(say.items),
    }
    ended = {**base, "outputs": outputs, "outputs_truncated": False, **when, **shown, **finished}
    await flow.send("iteration_completed", ended)
