"""One tree of runs for every class and every way to call it, and nothing left open however a call ends.

Model, text model, both tools and the runnable run the same nodes; below their own run the tree must be the same.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from dify_integrations.local import App, Drop, Fail, Gate, Iteration, Node, Retry, Say, Text
from langchain_dify import ChatDify, DifyChatTool, DifyLLM, DifyWorkflow, DifyWorkflowTool
from tests.langchain.conftest import Recorder, Serve, Served, saying

NODES: tuple[Say, ...] = (
    Node("knowledge-retrieval", "Search", {"query": "Hi"}, {"result": [{"content": "A.", "title": "a.txt"}]}),
    Iteration("Each", items=[[Node("code", "Double")]]),
    Node("llm", "LLM", inside=[Retry("again"), Text("yes")]),
)
RUN = "chain dify:workflow"
BELOW = [
    RUN,
    f"{RUN} > chain dify:Start",
    f"{RUN} > retriever dify:Search",
    f"{RUN} > chain dify:Each",
    f"{RUN} > chain dify:Each > tool dify:Double",
    f"{RUN} > chain dify:LLM",
]
Make = Callable[[Served], tuple[Runnable[Any, Any], Any, str]]


def chat_model(served: Served) -> tuple[Runnable[Any, Any], Any, str]:
    return served.keep(ChatDify(**served.connection("flow"))), "Hi", "model model"


def text_model(served: Served) -> tuple[Runnable[Any, Any], Any, str]:
    return served.keep(DifyLLM(mode="chat", **served.connection("flow"))), "Hi", "model model"


def chat_tool(served: Served) -> tuple[Runnable[Any, Any], Any, str]:
    made = DifyChatTool(name="own", description="Asks.", **served.connection("flow"))
    return served.keep(made), {"query": "Hi"}, "tool own"


def workflow_tool(served: Served) -> tuple[Runnable[Any, Any], Any, str]:
    return served.keep(DifyWorkflowTool(name="own", description="Works.", **served.connection("work"))), {}, "tool own"


def runnable(served: Served) -> tuple[Runnable[Any, Any], Any, str]:
    return served.keep(DifyWorkflow(name="own", **served.connection("work"))), {}, "chain own"


KINDS = pytest.mark.parametrize("make", [chat_model, text_model, chat_tool, workflow_tool, runnable])


def apps(*says: Say) -> tuple[App, App]:
    return saying(*says, mode="advanced-chat", name="flow"), saying(*says, mode="workflow", name="work")


def below(recorder: Recorder, own: str) -> list[str]:
    """The tree below the class's own run, whatever stands around it; the last nodes differ between chatflow and workflow."""
    paths = [path[path.index(own) :].removeprefix(own).removeprefix(" > ") for path in recorder.tree() if own in path]
    return [path for path in paths if path and not path.endswith(("dify:Answer", "dify:End"))]


class State(TypedDict, total=False):
    out: Any


def graph_of(node: Any) -> Any:
    return StateGraph(State).add_node("node", node).add_edge(START, "node").compile()


def ways(run: Runnable[Any, Any], given: Any, config: RunnableConfig) -> dict[str, Callable[[], Any]]:
    chain: Runnable[Any, Any] = RunnableLambda(lambda _: given) | run
    nested: Runnable[Any, Any] = RunnableLambda(lambda _: run.invoke(given))

    def node(_: State) -> State:
        return {"out": run.invoke(given)}

    graph = graph_of(node)
    return {
        "invoke": lambda: run.invoke(given, config),
        "stream": lambda: list(run.stream(given, config)),
        "batch": lambda: run.batch([given], config),
        "chain": lambda: list(chain.stream(None, config)),
        "nested": lambda: nested.invoke(None, config),
        "graph": lambda: list(graph.stream({}, config, stream_mode="messages")),
    }


def async_ways(run: Runnable[Any, Any], given: Any, config: RunnableConfig) -> dict[str, Callable[[], Any]]:
    chain: Runnable[Any, Any] = RunnableLambda(lambda _: given) | run

    async def nested(_: Any, config: RunnableConfig) -> Any:
        return await run.ainvoke(given, config)

    async def node(_: State, config: RunnableConfig) -> State:
        return {"out": await run.ainvoke(given, config)}

    async def drained(stream: Any) -> None:
        async for _ in stream:
            pass

    graph = graph_of(node)
    inner: Runnable[Any, Any] = RunnableLambda(nested)
    return {
        "invoke": lambda: run.ainvoke(given, config),
        "stream": lambda: drained(run.astream(given, config)),
        "batch": lambda: run.abatch([given], config),
        "chain": lambda: drained(chain.astream(None, config)),
        "nested": lambda: inner.ainvoke(None, config),
        "graph": lambda: drained(graph.astream({}, config, stream_mode="messages")),
    }


WAYS = pytest.mark.parametrize("way", ["invoke", "stream", "batch", "chain", "nested", "graph"])


@KINDS
@WAYS
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_one_tree(serve: Serve, recorder: Recorder, make: Make, way: str, asynchronous: bool) -> None:
    """Check 16: the tree is the same by every way, every run ends, and well; instants belong to the run they happen in."""
    run, given, own = make(serve(*apps(*NODES)))
    recorder.run_inline = make is text_model  # core tells nobody else of a text model's start where LangGraph listens inline
    config: RunnableConfig = {"callbacks": [recorder]}
    if asynchronous:
        asyncio.run(async_ways(run, given, config)[way]())
    else:
        ways(run, given, config)[way]()
    assert below(recorder, own) == BELOW
    assert recorder.open == recorder.failed == []
    assert [name for name, _ in recorder.events].count("dify.retry") == 1
    assert [document.page_content for documents in recorder.documents for document in documents] == ["A."]


@KINDS
@WAYS
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("end", [Fail("broken"), Drop()], ids=["failure", "lost"])
def test_nothing_is_open_after_an_error(
    serve: Serve, recorder: Recorder, make: Make, way: str, asynchronous: bool, end: Say
) -> None:
    """Check 16: after a failed node and after a connection that was lost, every run has ended, ours as failures."""
    run, given, own = make(serve(*apps(Node("llm", "LLM", inside=[Text("one "), end]))))
    recorder.run_inline = make is text_model
    config: RunnableConfig = {"callbacks": [recorder]}
    with pytest.raises(Exception, match="broken|ended before"):  # noqa: PT012  # one of two calls
        if asynchronous:
            asyncio.run(async_ways(run, given, config)[way]())
        else:
            ways(run, given, config)[way]()
    failed = [recorder.names[run_id] for run_id in recorder.failed]
    assert recorder.open == []
    assert {"dify:workflow", "dify:LLM"} <= set(failed)
    assert below(recorder, own) == [RUN, f"{RUN} > chain dify:Start", f"{RUN} > chain dify:LLM"]


@KINDS
@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_nothing_of_ours_is_open_after_cancelling(serve: Serve, recorder: Recorder, make: Make, way: str) -> None:
    """Check 16: children end when a task is cancelled. Core itself leaves a cancelled model's or tool's own run open."""
    gate = threading.Event()
    served = serve(*apps(Node("llm", "LLM", inside=[Text("one "), Gate(gate)])))
    run, given, own = make(served)
    config: RunnableConfig = {"callbacks": [recorder]}

    async def cancelled() -> None:
        task = asyncio.ensure_future(async_ways(run, given, config)[way]())
        while "dify:LLM" not in recorder.names.values() and not task.done():
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert [recorder.names[run_id] for run_id in recorder.open if recorder.names[run_id].startswith("dify:")] == []
    assert f"{RUN} > chain dify:LLM" in below(recorder, own)
    assert served.server.wait_until(lambda server: [stop.user for stop in server.stops] == ["ann"])
    gate.set()


class Slow(AsyncCallbackHandler):
    """Takes its time with the start of a node."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.started: list[UUID] = []
        self.failed: list[UUID] = []

    async def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: UUID, **kwargs: Any) -> None:
        self.started.append(run_id)
        if kwargs.get("name") == "dify:LLM":
            self.reached.set()
            await asyncio.Event().wait()

    async def on_chain_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        self.failed.append(run_id)


def test_a_run_whose_start_was_being_told_is_ended_too(serve: Serve) -> None:
    """Check 16: a handler that was interrupted in a start hears of the end."""
    run, given, _ = runnable(serve(*apps(Node("llm", "LLM", inside=[Text("one")]))))

    async def cancelled() -> Slow:
        slow = Slow()
        task = asyncio.ensure_future(run.ainvoke(given, {"callbacks": [slow]}))
        await slow.reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return slow

    slow = asyncio.run(cancelled())
    own, workflow, _, node = slow.started
    assert slow.failed == [node, workflow, own]


@pytest.mark.parametrize("make", [chat_model, text_model, runnable])
def test_nothing_is_open_after_leaving_a_stream(serve: Serve, recorder: Recorder, make: Make) -> None:
    """Check 16: leaving early ends every run at once, from the inside out."""
    gate = threading.Event()
    served = serve(*apps(Node("llm", "LLM", inside=[Text("one "), Gate(gate)])))
    run, given, _ = make(served)
    stream: Any = run.stream(given, {"callbacks": [recorder]})
    next(stream)
    stream.close()
    assert recorder.open == []
    assert len(recorder.failed) >= 2
    gate.set()


@pytest.mark.parametrize("make", [chat_model, text_model, runnable])
def test_nothing_is_open_after_leaving_an_async_stream(serve: Serve, recorder: Recorder, make: Make) -> None:
    """Check 16: the same without blocking."""
    gate = threading.Event()
    served = serve(*apps(Node("llm", "LLM", inside=[Text("one "), Gate(gate)])))
    run, given, _ = make(served)

    async def left() -> None:
        stream: Any = run.astream(given, {"callbacks": [recorder]})
        await anext(stream)
        await stream.aclose()

    asyncio.run(left())
    assert recorder.open == []
    assert len(recorder.failed) >= 2
    gate.set()


# -- streamed events


def events_of(run: Runnable[Any, Any], given: Any) -> list[Any]:
    async def collected() -> list[Any]:
        return [event async for event in run.astream_events(given, version="v2")]

    return asyncio.run(collected())


def around(run: Runnable[Any, Any], given: Any, place: str) -> tuple[Runnable[Any, Any], Any]:
    """The run alone, after a step, or called by a step, which knows nothing of events."""
    if place == "alone":
        return run, given
    if place == "in a chain":
        return RunnableLambda(lambda _: given) | run, None
    if place == "inside a sync step":
        return RunnableLambda(lambda _: run.invoke(given)), None

    async def node(_: State, config: RunnableConfig) -> State:
        return {"out": await run.ainvoke(given, config)}

    return graph_of(node), {}


@KINDS
@pytest.mark.parametrize("place", ["alone", "in a chain", "inside a sync step", "in a graph"])
def test_events_of_nodes_with_their_parents(serve: Serve, make: Make, place: str) -> None:
    """Check 18: every node's start and end, in pairs, each below the runs it happened in."""
    run, given, own = make(serve(*apps(*NODES)))
    events = events_of(*around(run, given, place))
    started = {event["run_id"]: event for event in events if event["event"].endswith("_start")}
    nodes = {event["name"]: event for event in started.values() if event["name"].startswith("dify:")}
    assert [(event["event"], name) for name, event in nodes.items()][:6] == [
        ("on_chain_start", "dify:workflow"),
        ("on_chain_start", "dify:Start"),
        ("on_retriever_start", "dify:Search"),
        ("on_chain_start", "dify:Each"),
        ("on_tool_start", "dify:Double"),
        ("on_chain_start", "dify:LLM"),
    ]
    for event in started.values():
        *above, parent = event["parent_ids"] or [None]
        assert parent is None or started[parent]["parent_ids"] == above
    mine = [nodes["dify:workflow"]["run_id"], nodes["dify:Each"]["run_id"]]
    assert nodes["dify:Double"]["parent_ids"][-2:] == mine
    above = started[nodes["dify:workflow"]["parent_ids"][-1]]
    assert above["event"].split("_")[1] == {"model": "chat" if make is chat_model else "llm"}.get(own.split()[0], own.split()[0])
    ended = [event["run_id"] for event in events if event["event"].endswith("_end")]
    assert sorted(ended) == sorted(started)
    (retried,) = [event for event in events if (event["event"], event["name"]) == ("on_custom_event", "dify.retry")]
    assert retried["run_id"] == nodes["dify:LLM"]["run_id"]
    assert retried["parent_ids"] == nodes["dify:LLM"]["parent_ids"]
