"""A chatflow whose iteration runs two nodes at once, every way to call an LLM, and the tree of spans each must make."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from llama_index.core.llms import ChatMessage

from llamaindex_dify import DifyChatLLM
from tests.wire.played import Documented, clients_of

HELLO = [ChatMessage(role="user", content="Hello")]
USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12, "total_price": "0", "currency": "USD", "latency": 1.0}


def _node(event: str, node_id: str, type: str, title: str = "", **more: Any) -> dict[str, Any]:
    data = {"id": f"{node_id}-run", "node_id": node_id, "node_type": type, "title": title or node_id, "index": 1, **more}
    if event == "node_finished":
        data |= {"status": "succeeded", "inputs": {"in": node_id}, "outputs": {"out": node_id}, "elapsed_time": 0.1}
    return {"event": event, "workflow_run_id": "run", "data": data}


def _whole(node_id: str, type: str) -> list[dict[str, Any]]:
    return [_node("node_started", node_id, type), _node("node_finished", node_id, type)]


def _iteration(event: str, **more: Any) -> dict[str, Any]:
    data = {"id": "each", "node_id": "each", "node_type": "iteration", "title": "Each", **more}
    return {"event": event, "workflow_run_id": "run", "data": data}


def _run(event: str, **more: Any) -> dict[str, Any]:
    return {"event": event, "workflow_run_id": "run", "data": {"id": "run", "workflow_id": "flow", **more}}


PARALLEL = Documented(
    [
        _run("workflow_started", inputs={}),
        *_whole("start", "start"),
        _iteration("iteration_started", inputs={}),
        _iteration("iteration_next", index=0),
        _node("node_started", "left", "code", iteration_id="each"),
        _iteration("iteration_next", index=1),
        _node("node_started", "right", "code", iteration_id="each"),
        _node("node_finished", "left", "code", iteration_id="each"),
        _node("node_finished", "right", "code", iteration_id="each"),
        _iteration("iteration_completed", status="succeeded", outputs={"output": []}),
        _node("node_started", "llm", "llm"),
        {"event": "message", "answer": "hi"},
        {"event": "message", "answer": " there"},
        _node("node_finished", "llm", "llm"),
        *_whole("answer", "answer"),
        {"event": "message_end", "metadata": {"usage": USAGE}},
        _run("workflow_finished", status="succeeded", outputs={"answer": "hi there"}, total_tokens=12),
    ]
)


def parallel() -> DifyChatLLM:
    return DifyChatLLM(**clients_of(PARALLEL))


Tree = Counter[tuple[str, str]]


def tree_below(call: str, times: int = 1) -> Tree:
    """Names of parent and child, and how often they stand so."""
    pairs = [
        ("", call),
        (call, "DifyNode.Start"),
        (call, "DifyIteration.Iteration"),
        ("DifyIteration.Iteration", "DifyNode.Code"),
        ("DifyIteration.Iteration", "DifyNode.Code"),
        (call, "DifyNode.Llm"),
        (call, "DifyNode.Answer"),
    ]
    return Counter(pairs * times)


def tree_of(spans: Iterable[tuple[str, str | None, str]]) -> Tree:
    """The same of spans, each as its id, its parent's id and its name."""
    known = {span_id: (parent, name) for span_id, parent, name in spans}
    return Counter((known.get(parent or "", ("", parent or ""))[1], name) for parent, name in known.values())


async def drain(stream: Any) -> None:
    async for _ in await stream:
        pass


ASYNC: dict[str, Callable[[DifyChatLLM], Any]] = {
    "achat": lambda llm: llm.achat(HELLO),
    "astream_chat": lambda llm: drain(llm.astream_chat(HELLO)),
    "acomplete": lambda llm: llm.acomplete("Hello"),
    "astream_complete": lambda llm: drain(llm.astream_complete("Hello")),
}
SYNC: dict[str, Callable[[DifyChatLLM], Any]] = {
    "chat": lambda llm: llm.chat(HELLO),
    "stream_chat": lambda llm: list(llm.stream_chat(HELLO)),
    "complete": lambda llm: llm.complete("Hello"),
    "stream_complete": lambda llm: list(llm.stream_complete("Hello")),
}
METHODS = [*SYNC, *ASYNC]


def call(llm: DifyChatLLM, method: str) -> None:
    """The call of that name, to its end."""
    if method in SYNC:
        SYNC[method](llm)
    else:
        run(ASYNC[method](llm))


def run(awaitable: Any) -> Any:
    """In a loop of its own."""

    async def main() -> Any:
        return await awaitable

    return asyncio.run(main())


async def many(llm: DifyChatLLM, method: str, times: int = 10) -> None:
    """At the same time."""
    await asyncio.gather(*(ASYNC[method](llm) for _ in range(times)))


async def left_early(llm: DifyChatLLM) -> None:
    """One chunk, then `aclose`."""
    stream = await llm.astream_chat(HELLO)
    await stream.__anext__()
    await stream.aclose()


async def cancelled(llm: DifyChatLLM) -> None:
    """The task that reads is cancelled behind the first chunk."""
    arrived = asyncio.Event()

    async def read() -> None:
        async for _ in await llm.astream_chat(HELLO):
            arrived.set()

    task = asyncio.create_task(read())
    await arrived.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def left_in_sync(llm: DifyChatLLM) -> None:
    """The stream is closed behind its first chunk."""
    stream: Any = llm.stream_chat(HELLO)
    next(stream)
    stream.close()


LEAVING: dict[str, Callable[[DifyChatLLM], Any]] = {
    "close": left_in_sync,
    "aclose": lambda llm: run(left_early(llm)),
    "cancel": lambda llm: run(cancelled(llm)),
}
