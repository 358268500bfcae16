"""What happens inside Dify shows as child runs: with the right parents, closed on every path, the same everywhere."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest
from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tracers import LangChainTracer

from dify_integrations.local import App, Drop, Fail, Iteration, Node, Retry, Say, Text, Tool
from tests.langchain.conftest import Recorder, Serve, saying
from tests.langchain.test_streaming import graph_of

NODES: tuple[Say, ...] = (
    Node("knowledge-retrieval", "Search", {"query": "Hi"}, {"result": [{"content": "A.", "title": "a.txt"}]}),
    Iteration("Each", items=[[Node("code", "Double")]]),
    Node("llm", "LLM", inside=[Retry("again"), Text("yes")]),
)
RUN = "model model > chain dify:workflow"
TREE = [
    "model model",
    RUN,
    f"{RUN} > chain dify:Start",
    f"{RUN} > retriever dify:Search",
    f"{RUN} > chain dify:Each",
    f"{RUN} > chain dify:Each > tool dify:Double",
    f"{RUN} > chain dify:LLM",
    f"{RUN} > chain dify:Answer",
]


def flow() -> App:
    return saying(*NODES, mode="advanced-chat")


def of_the_model(recorder: Recorder) -> list[str]:
    """The tree from the model down, whatever stands around it."""
    return [path[path.index("model model") :] for path in recorder.tree() if "model model" in path]


WAYS = ["invoke", "stream", "batch", "chain", "graph"]


@pytest.mark.parametrize("way", WAYS)
def test_tree_is_the_same_by_every_way(serve: Serve, recorder: Recorder, way: str) -> None:
    model, config = serve(flow()).chat(), {"callbacks": [recorder]}
    chain = ChatPromptTemplate.from_template("{q}") | model | StrOutputParser()
    ways: dict[str, Any] = {
        "invoke": lambda: model.invoke("Hi", config=config),  # type: ignore[arg-type]
        "stream": lambda: list(model.stream("Hi", config=config)),  # type: ignore[arg-type]
        "batch": lambda: model.batch(["Hi"], config=config),  # type: ignore[arg-type]
        "chain": lambda: list(chain.stream({"q": "Hi"}, config=config)),  # type: ignore[arg-type]
        "graph": lambda: list(graph_of(model).stream({"messages": [("user", "Hi")]}, config=config, stream_mode="messages")),
    }
    ways[way]()
    assert of_the_model(recorder) == TREE
    assert recorder.open == recorder.failed == []
    assert [name for name, _ in recorder.events].count("dify.retry") == 1
    assert [document.page_content for document in recorder.documents[0]] == ["A."]


@pytest.mark.anyio
@pytest.mark.parametrize("way", WAYS)
async def test_tree_is_the_same_by_every_async_way(serve: Serve, recorder: Recorder, way: str) -> None:
    model, config = serve(flow()).chat(), {"callbacks": [recorder]}
    chain = ChatPromptTemplate.from_template("{q}") | model | StrOutputParser()
    if way == "invoke":
        await model.ainvoke("Hi", config=config)  # type: ignore[arg-type]
    elif way == "batch":
        await model.abatch(["Hi"], config=config)  # type: ignore[arg-type]
    else:
        streams: dict[str, Any] = {
            "stream": lambda: model.astream("Hi", config=config),  # type: ignore[arg-type]
            "chain": lambda: chain.astream({"q": "Hi"}, config=config),  # type: ignore[arg-type]
            "graph": lambda: graph_of(model, asynchronous=True).astream(
                {"messages": [("user", "Hi")]}, config=config, stream_mode="messages"
            ),
        }
        assert [chunk async for chunk in streams[way]()]
    assert of_the_model(recorder) == TREE
    assert recorder.open == recorder.failed == []


@pytest.mark.anyio
async def test_events_v2_name_the_parents(serve: Serve) -> None:
    events = [event async for event in serve(flow()).chat().astream_events("Hi", version="v2")]
    started = {event["name"]: event for event in events if event["event"].endswith("_start")}
    model = next(event for event in events if event["event"] == "on_chat_model_start")
    assert started["dify:workflow"]["parent_ids"] == [model["run_id"]]
    assert started["dify:Search"]["parent_ids"] == [model["run_id"], started["dify:workflow"]["run_id"]]
    assert started["dify:Search"]["event"] == "on_retriever_start"


def test_direct_generate_has_children_too(serve: Serve, recorder: Recorder) -> None:
    from langchain_core.messages import HumanMessage

    serve(flow()).chat().generate([[HumanMessage("Hi")]], callbacks=[recorder])
    assert recorder.tree() == TREE


def test_agent_tools_are_tool_runs(serve: Serve, recorder: Recorder) -> None:
    app = saying(Tool("clock", {"zone": "UTC"}, "12:00"), Text("Noon."), mode="agent-chat")
    serve(app).chat().invoke("Hi", config={"callbacks": [recorder]})
    assert any(path.endswith("tool dify:clock") for path in recorder.tree())
    assert recorder.open == []


@pytest.mark.parametrize("end", [Fail("broken"), Drop()], ids=["failure", "connection lost"])
def test_children_end_when_the_run_breaks(serve: Serve, recorder: Recorder, end: Say) -> None:
    model = serve(saying(Node("llm", "LLM", inside=[Text("one "), end]), mode="advanced-chat")).chat()
    with pytest.raises(Exception, match="broken|ended before"):
        list(model.stream("Hi", config={"callbacks": [recorder]}))
    assert recorder.open == [] and len(recorder.failed) == 3


def test_trace_nodes_can_be_switched_off(serve: Serve, recorder: Recorder) -> None:
    serve(flow()).chat(trace_nodes=False).invoke("Hi", config={"callbacks": [recorder]})
    assert recorder.tree() == ["model model"]


def test_local_callbacks_are_not_inherited(serve: Serve, recorder: Recorder) -> None:
    serve(flow()).chat(callbacks=[recorder]).invoke("Hi")
    assert recorder.tree() == ["model model"]


def test_langsmith_gets_one_tree_in_order(serve: Serve) -> None:
    client = MagicMock()
    tracer = LangChainTracer(client=client)
    list(serve(flow()).chat().stream("Hi", config={"callbacks": [tracer]}))
    created = [call.kwargs for call in client.create_run.call_args_list]
    depth = {run["name"]: run["dotted_order"].count(".") for run in created}
    assert depth["ChatDify"] == 0 and depth["dify:workflow"] == 1 and depth["dify:Double"] == 3
    assert len({run["trace_id"] for run in created}) == 1
    assert client.update_run.call_count == len(created)


def test_nobody_listening_costs_no_children(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    from langchain_dify import _tracing

    monkeypatch.setattr(_tracing.ChildRuns, "_follow", lambda *_: pytest.fail("told although nobody listens"))
    assert serve(flow()).chat().invoke("Hi").text == "yes"


def test_tool_has_children_below_its_own_run(serve: Serve, recorder: Recorder) -> None:
    served = serve(saying(Node("llm", "LLM", inside=[Text("x")]), mode="workflow"))
    tool = served.tool(name="write", description="Writes.")
    tool.invoke({}, config={"callbacks": [recorder]})
    path = "tool write > chain dify:workflow"
    assert recorder.tree()[:4] == ["tool write", path, f"{path} > chain dify:Start", f"{path} > chain dify:LLM"]
    assert recorder.open == []


def test_documents_keep_what_the_server_told() -> None:
    from langchain_dify._mapping import documents_of

    assert documents_of({"result": [{"content": "A", "title": "t"}, "?"]}) == [Document("A", metadata={"title": "t"})]
    assert documents_of(None) == []
