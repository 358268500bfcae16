"""A workflow as a step of a chain: variables in, outputs out, the same by every way."""

from __future__ import annotations

import threading
from operator import itemgetter
from typing import Any, cast

import pytest
from langchain_core.load import dumps
from langchain_core.runnables import RunnablePassthrough

from dify_integrations import AsyncDify, Dify, InvalidArgument, RunFailed
from dify_integrations.local import App, Drop, Fail, Gate, Node, Outputs, Pause, Text, tokens
from langchain_dify import DifyWorkflow
from langchain_dify._outputs import OutputsChunk
from tests.langchain.conftest import Recorder, Serve, Served, saying

TRAPS = ["config", "run_manager", "self", "schema", "_x", "json", "args"]
RUN = "chain app > chain dify:workflow"


def workflow(served: Served, app: str | None = None, **fields: Any) -> DifyWorkflow:
    return served.keep(DifyWorkflow.from_app(**{**served.connection(app), **fields}))


def typed() -> App:
    """Speaks, and ends with outputs of several types."""
    inside = [Text("one "), Text("two")]
    return App("app", "workflow", lambda turn: (Node("llm", "LLM", inside=inside), Outputs({"answer": "one two", "score": 7})))


def field(variable: str, *, required: bool = False) -> dict[str, Any]:
    return {"text-input": {"variable": variable, "label": variable, "required": required}}


def test_outputs_are_a_dictionary(serve: Serve) -> None:
    served = serve(typed())
    assert workflow(served).invoke({}) == {"answer": "one two", "score": 7}
    assert workflow(served).batch([{}, {}]) == [{"answer": "one two", "score": 7}] * 2


def test_stream_tells_text_then_outputs_and_adds_up_to_them(serve: Serve) -> None:
    """Check 3 for workflows: the pieces of the stream, added, are what `invoke` returns."""
    flow = workflow(serve(typed()))
    pieces = list(flow.stream({}))
    assert pieces == [{"text": "one "}, {"text": "two"}, {"answer": "one two", "score": 7}]
    assert added(pieces) == flow.invoke({})


@pytest.mark.anyio
async def test_async_ways(serve: Serve) -> None:
    served = serve(typed())
    flow = await DifyWorkflow.afrom_app(**served.connection())
    outputs = {"answer": "one two", "score": 7}
    assert await flow.ainvoke({}) == outputs
    assert await flow.abatch([{}]) == [outputs]
    pieces = [piece async for piece in flow.astream({})]
    assert pieces == [{"text": "one "}, {"text": "two"}, outputs]
    served.keep(flow)


def added(pieces: list[Any]) -> Any:
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = whole + piece
    return whole


def test_pieces_add_up_in_any_grouping() -> None:
    one, two, last = OutputsChunk(text="a"), OutputsChunk(text="b"), OutputsChunk(n=1)
    last.is_last = True
    assert (one + two) + last == one + (two + last) == {"n": 1}
    assert one + two == {"text": "ab"}
    assert {"text": "a"} + last == {"n": 1}  # type: ignore[operator]


def test_text_alone_is_the_output(serve: Serve) -> None:
    assert workflow(serve(saying(Text("hello"), mode="workflow"))).invoke({}) == {"text": "hello"}


def test_pieces_arrive_one_by_one(serve: Serve) -> None:
    gate = threading.Event()
    flow = workflow(serve(App("app", "workflow", lambda turn: (Text("first"), Gate(gate), Text("second")))))
    pieces = flow.stream({})
    assert next(pieces) == {"text": "first"}
    gate.set()
    assert next(pieces) == {"text": "second"}
    assert len(list(pieces)) == 1


# -- schema


def test_input_schema_is_the_form(serve: Serve) -> None:
    served = serve()
    schema = workflow(served, "workflow").get_input_jsonschema()
    assert list(schema["properties"]) == ["topic", "tone", "sentences"] and schema["required"] == ["topic"]
    assert workflow(served, "workflow", inputs={"tone": "formal"}).get_input_jsonschema()["properties"].keys() == {
        "topic",
        "sentences",
    }
    assert DifyWorkflow(**served.connection("workflow")).get_output_jsonschema()["type"] == "object"


def test_inputs_are_checked_before_anything_is_sent(serve: Serve) -> None:
    served = serve()
    flow = workflow(served, "workflow")
    for bad in ({}, {"topic": "x", "tone": "rude"}, {"topic": "x", "tpoic": "y"}, "x"):
        with pytest.raises(InvalidArgument):
            flow.invoke(bad)  # type: ignore[arg-type]
        with pytest.raises(InvalidArgument):
            list(flow.stream(bad))  # type: ignore[arg-type]
    assert served.bodies("/workflows/run") == []


def test_variables_with_difficult_names_reach_dify(serve: Serve) -> None:
    """Check 25: under their own names, which the schema shows too."""
    served = serve(App("traps", "workflow", lambda turn: (Outputs({"ok": "yes"}),), [field(name) for name in TRAPS]))
    flow = workflow(served)
    values = {name: f"value of {name}" for name in TRAPS}
    flow.invoke(values)
    assert served.bodies("/workflows/run")[0]["inputs"] == values
    assert list(flow.get_input_jsonschema()["properties"]) == TRAPS
    assert cast("Any", flow.input_schema).model_validate(values)


@pytest.mark.filterwarnings("ignore:This API is in beta")
def test_as_tool_of_its_own_schema(serve: Serve) -> None:
    tool = workflow(serve(), "workflow").as_tool(name="write", description="Writes.")
    assert "cats" in tool.invoke({"topic": "cats"})["text"]


def test_without_form_everything_is_sent(serve: Serve) -> None:
    served = serve()
    flow = served.keep(DifyWorkflow(inputs={"tone": "formal"}, **served.connection("workflow")))
    assert "formal text about cats" in flow.invoke({"topic": "cats"})["text"]
    assert [request.path.rsplit("/", 1)[-1] for request in served.server.requests] == ["run"]


def test_app_of_another_kind_is_refused(serve: Serve) -> None:
    with pytest.raises(InvalidArgument, match="'chat'"):
        workflow(serve(), "chat")


# -- in chains


def test_in_a_chain(serve: Serve) -> None:
    about: dict[str, Any] = {"topic": itemgetter("about")}
    whole: Any = about | workflow(serve(), "workflow") | itemgetter("text")
    assert "cats" in whole.invoke({"about": "cats"})
    assert "cats" in "".join(whole.stream({"about": "cats"}))


def test_streams_through_a_chain(serve: Serve) -> None:
    """Pieces come through `|`, and pieces coming in are added up."""
    chain: Any = RunnablePassthrough() | workflow(serve(typed()))
    assert list(chain.stream({})) == [{"text": "one "}, {"text": "two"}, {"answer": "one two", "score": 7}]
    parts = iter([{"topic": "dogs"}, {"topic": "cats"}])  # snapshots, as a JSON parser gives them
    assert "cats" in list(workflow(serve(), "workflow").transform(parts))[-1]["text"]


def test_options_of_a_call(serve: Serve) -> None:
    """Check 11: the user of the config, or of the call."""
    served = serve()
    flow = workflow(served, "workflow")
    flow.invoke({"topic": "x"}, {"configurable": {"dify_user": "carol"}})
    flow.invoke({"topic": "x"}, user="dave")
    list(flow.stream({"topic": "x"}, user="erin"))
    flow.with_config(configurable={"dify_user": "fred"}).invoke({"topic": "x"})
    flow.bind(user="gwen").invoke({"topic": "x"})
    assert [body["user"] for body in served.bodies("/workflows/run")] == ["carol", "dave", "erin", "fred", "gwen"]


# -- traces


def flow_app() -> App:
    return saying(Node("llm", "LLM", inside=[Text("x")]), mode="workflow")


@pytest.mark.parametrize("way", ["invoke", "stream", "batch"])
def test_tree_is_the_same_by_every_way(serve: Serve, recorder: Recorder, way: str) -> None:
    """Check 16 for runnables."""
    flow, config = workflow(serve(flow_app())), {"callbacks": [recorder]}
    ways: dict[str, Any] = {
        "invoke": lambda: flow.invoke({}, config),  # type: ignore[arg-type]
        "stream": lambda: list(flow.stream({}, config)),  # type: ignore[arg-type]
        "batch": lambda: flow.batch([{}], config),  # type: ignore[arg-type]
    }
    ways[way]()
    assert recorder.tree()[:4] == ["chain app", RUN, f"{RUN} > chain dify:Start", f"{RUN} > chain dify:LLM"]
    assert recorder.open == recorder.failed == []


@pytest.mark.anyio
@pytest.mark.parametrize("way", ["invoke", "stream"])
async def test_tree_is_the_same_by_every_async_way(serve: Serve, recorder: Recorder, way: str) -> None:
    """Check 16 for runnables."""
    flow, config = workflow(serve(flow_app())), {"callbacks": [recorder]}
    if way == "invoke":
        await flow.ainvoke({}, config)  # type: ignore[arg-type]
    else:
        assert [piece async for piece in flow.astream({}, config)]  # type: ignore[arg-type]
    assert recorder.tree()[:4] == ["chain app", RUN, f"{RUN} > chain dify:Start", f"{RUN} > chain dify:LLM"]
    assert recorder.open == recorder.failed == []


@pytest.mark.anyio
async def test_events_v2_tell_pieces_and_parents(serve: Serve) -> None:
    """Check 18 for runnables."""
    events = [event async for event in workflow(serve(typed())).astream_events({}, version="v2")]
    own = next(event for event in events if event["event"] == "on_chain_start" and event["name"] == "app")
    node = next(event for event in events if event["event"] == "on_chain_start" and event["name"] == "dify:LLM")
    assert node["parent_ids"][0] == own["run_id"]
    told = [event["data"].get("chunk") for event in events if event["event"] == "on_chain_stream" and event["name"] == "app"]
    assert told == [{"text": "one "}, {"text": "two"}, {"answer": "one two", "score": 7}]
    end = events[-1]
    assert (end["event"], end["data"].get("output")) == ("on_chain_end", {"answer": "one two", "score": 7})


def test_trace_nodes_can_be_switched_off(serve: Serve, recorder: Recorder) -> None:
    workflow(serve(flow_app()), trace_nodes=False).invoke({}, {"callbacks": [recorder]})
    assert recorder.tree() == ["chain app"]


# -- ends


@pytest.mark.parametrize("end", [Fail("broken"), Drop()], ids=["failure", "connection lost"])
def test_bad_ends_are_raised_and_leave_no_run_open(serve: Serve, recorder: Recorder, end: Any) -> None:
    flow = workflow(serve(saying(Node("llm", "LLM", inside=[Text("one "), end]), mode="workflow")))
    for way in (lambda: flow.invoke({}, {"callbacks": [recorder]}), lambda: list(flow.stream({}, {"callbacks": [recorder]}))):
        with pytest.raises(Exception, match="broken|ended before"):
            way()
    assert recorder.open == [] and len(recorder.failed) == 6


def test_failure_has_the_result(serve: Serve) -> None:
    flow = workflow(serve(saying(Node("code", "Compute", status="failed", error="division by zero"), mode="workflow")))
    with pytest.raises(RunFailed, match="division by zero") as failure:
        flow.invoke({})
    assert failure.value.result is not None


def test_leaving_a_stream_stops_the_run_and_closes_from_the_inside(serve: Serve, recorder: Recorder) -> None:
    """Checks 16 and 19 for runnables."""
    served = serve(
        App("app", "workflow", lambda turn: (Node("llm", "LLM", inside=[*tokens("one two three "), Gate(threading.Event())]),))
    )
    pieces = workflow(served).stream({}, {"callbacks": [recorder]}, user="ann")
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert served.server.wait_until(lambda server: [stop.user for stop in server.stops] == ["ann"])
    assert recorder.open == []


@pytest.mark.anyio
async def test_leaving_an_async_stream_does_too(serve: Serve, recorder: Recorder) -> None:
    """Checks 16 and 19 for runnables."""
    served = serve(
        App("app", "workflow", lambda turn: (Node("llm", "LLM", inside=[*tokens("one two three "), Gate(threading.Event())]),))
    )
    pieces = workflow(served).astream({}, {"callbacks": [recorder]})
    await anext(pieces)
    await pieces.aclose()  # type: ignore[attr-defined]
    assert served.server.wait_until(lambda server: len(server.stops) == 1)
    assert recorder.open == []


def test_waiting_for_a_person_is_no_error(serve: Serve) -> None:
    outputs = workflow(serve(saying(Pause("Do you agree?", title="Ask"), mode="workflow"))).invoke({})
    assert outputs["pause"]["forms"][0]["node_title"] == "Ask" and outputs["pause"]["workflow_run_id"]


# -- secrets and clients


def test_secrets_are_never_shown(serve: Serve) -> None:
    served = serve()
    flow = workflow(served, "workflow")
    key = served.connection("workflow")["api_key"]
    assert key not in repr(flow) + str(flow) + dumps(flow)


@pytest.mark.anyio
async def test_shared_clients(serve: Serve) -> None:
    served = serve()
    with Dify(**served.connection("workflow")) as client:
        assert "dogs" in DifyWorkflow.from_app(client).invoke({"topic": "dogs"})["text"]
    async with AsyncDify(**served.connection("workflow")) as async_client:
        flow = await DifyWorkflow.afrom_app(async_client)
        assert "dogs" in (await flow.ainvoke({"topic": "dogs"}))["text"]
