"""Steps of a run in LangGraph's custom stream, and nowhere without a graph."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver

from dify_integrations.local import App, Fail, Iteration, LocalDify, Node, Outputs, Say
from langchain_dify import DifyWorkflow
from tests.langchain.conftest import Serve, saying
from tests.langchain.test_pausing import BOTH, agent, node_graph, review, yes

STEPS: tuple[Say, ...] = (Iteration("Each", items=[[Node("code", "Double")]]), Outputs({"text": "x"}))
CONFIG: RunnableConfig = {"configurable": {"thread_id": "1"}}


def customs(graph: Any, given: Any, asynchronous: bool) -> list[Any]:
    async def collected() -> list[Any]:
        return [chunk async for chunk in graph.astream(given, CONFIG, stream_mode="custom")]

    return asyncio.run(collected()) if asynchronous else list(graph.stream(given, CONFIG, stream_mode="custom"))


def told(chunks: list[Any]) -> list[str]:
    return [f"{chunk['type'].removeprefix('dify.step_')} {chunk['name']}" for chunk in chunks]


TOLD = [
    "started workflow",
    "started Start",
    "finished Start",
    "started Each",
    "started Double",
    "finished Double",
    "finished Each",
    "started End",
    "finished End",
    "finished workflow",
]


@BOTH
@pytest.mark.parametrize("trace_nodes", [True, False])
@pytest.mark.parametrize("on_pause", ["return", "interrupt"])
def test_a_tool_tells_its_steps(serve: Serve, asynchronous: bool, trace_nodes: bool, on_pause: str) -> None:
    """Check 18: tool progress appears in LangGraph's custom mode, whether or not anybody traces."""
    served = serve(saying(*STEPS, mode="workflow"))
    tool = served.tool(name="write", description="Writes.", trace_nodes=trace_nodes, on_pause=on_pause)
    chunks = customs(agent(tool, InMemorySaver()), {"messages": [("user", "go")]}, asynchronous)
    assert told(chunks) == TOLD
    assert {(chunk["tool"], chunk["tool_call_id"]) for chunk in chunks} == {("write", "call-1")}
    ended = next(chunk for chunk in chunks if told([chunk]) == ["finished Double"])
    assert (ended["kind"], ended["node_type"], ended["status"]) == ("node", "code", "succeeded")
    assert ended["elapsed_s"] >= 0
    assert json.loads(json.dumps(chunks)) == chunks
    ids = {chunk["id"] for chunk in chunks}
    assert {chunk["parent_id"] for chunk in chunks} <= ids | {None}


@BOTH
@pytest.mark.parametrize("mode", ["custom", ["custom", "messages"]])
def test_a_node_tells_its_steps(serve: Serve, asynchronous: bool, mode: Any) -> None:
    """Check 18: the same for `DifyWorkflow`, also where LangGraph streams the node."""
    workflow = serve(saying(*STEPS, mode="workflow"))
    graph = node_graph(workflow.keep(DifyWorkflow(**workflow.connection(), name="writer")), None)

    async def collected() -> list[Any]:
        return [chunk async for chunk in graph.astream({"topic": "x"}, stream_mode=mode)]

    chunks = asyncio.run(collected()) if asynchronous else list(graph.stream({"topic": "x"}, stream_mode=mode))
    if mode != "custom":
        chunks = [chunk for kind, chunk in chunks if kind == "custom"]
    assert told(chunks) == TOLD
    assert {chunk["workflow"] for chunk in chunks} == {"writer"}


@BOTH
def test_a_pause_and_what_follows(serve: Serve, asynchronous: bool) -> None:
    """The stream of the resumed graph begins with the state of the run."""
    served = serve(review())
    graph = node_graph(served.keep(DifyWorkflow(**served.connection(), on_pause="interrupt")), InMemorySaver())
    before = customs(graph, {"topic": "x"}, asynchronous)
    paused = next(chunk for chunk in before if chunk["type"] == "dify.paused")
    assert paused["nodes"] == ["Review"]
    assert "finished End" in told([chunk for chunk in customs(graph, yes(), asynchronous) if "name" in chunk])


def test_a_failed_step_says_why(serve: Serve) -> None:
    served = serve(saying(Node("code", "Double", inside=[Fail("no number")]), mode="workflow"))
    tool = served.tool(name="write", description="Writes.", handle_tool_error=True)
    chunks = customs(agent(tool, InMemorySaver()), {"messages": [("user", "go")]}, asynchronous=False)
    failed = [(chunk["name"], chunk["status"]) for chunk in chunks if "no number" in chunk.get("error", "")]
    assert ("Double", "failed") in failed


@BOTH
def test_silent_outside_a_graph(serve: Serve, asynchronous: bool) -> None:
    """Check 18: nothing is told and nothing raised, alone and in a chain, with LangGraph imported."""
    served = serve(saying(*STEPS, mode="workflow"))
    tool = served.tool(name="write", description="Writes.")
    chain: Any = RunnableLambda(lambda _: {}) | tool
    answers = [asyncio.run(run.ainvoke({})) if asynchronous else run.invoke({}) for run in (tool, chain)]
    assert answers == ["x", "x"]


def test_nothing_is_imported_for_it() -> None:
    """A process without LangGraph stays one."""
    code = (
        "import sys; from langchain_dify import DifyWorkflow\n"
        "DifyWorkflow(api_key=sys.argv[1], base_url=sys.argv[2], user='ann').invoke({})\n"
        "print([name for name in sys.modules if name.startswith('langgraph')])"
    )
    with LocalDify([app := App("plain", "workflow", lambda turn: STEPS)]) as server:
        command = [sys.executable, "-c", code, app.api_key, server.base_url]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
