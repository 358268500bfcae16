"""Workflows as tools: one call is one run, and a failure is an output."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent, ToolCallResult
from llama_index.core.tools import FunctionTool, ToolOutput
from llama_index.core.tools.calling import acall_tool, call_tool
from llama_index.core.workflow import Event

from dify_integrations import AsyncDify, AuthenticationError, Dify, InvalidArgument, RunFailed
from dify_integrations.bridge.tool_schema import argument_schema, form_of
from dify_integrations.local import Gate, LocalDify, Node, Outputs, Pause, Say, Text, Turn
from dify_integrations.models.apps import AppParameters
from llamaindex_dify import DifyChatLLM, DifyWorkflowTool
from llamaindex_dify.events import DifyNodeEvent

Serve = Callable[..., Any]
TOPIC = [{"text-input": {"variable": "topic", "label": "Topic", "required": True}}]


def outputs(**values: Any) -> Callable[[Turn], Iterable[Say]]:
    return lambda _: [Node("start", "Start"), Outputs(values), Node("end", "End")]


def failing(_: Turn) -> Iterable[Say]:
    return [Node("code", "Code", status="failed", error="boom")]


def tool_of(served: Any, **options: Any) -> DifyWorkflowTool:
    known = {"api_key": served.app.api_key, "base_url": served.server.base_url, "user": "ada"}
    return DifyWorkflowTool.from_app(**{**known, **options})


def both(tool: DifyWorkflowTool, *args: Any, **kwargs: Any) -> list[ToolOutput]:
    return [tool(*args, **kwargs), asyncio.run(tool.acall(*args, **kwargs))]


def test_the_apps_own_form_makes_the_tool(serve: Serve) -> None:
    tool = tool_of(serve(outputs(text="done"), "workflow", inputs_form=TOPIC, description="Writes."))
    assert isinstance(tool, FunctionTool)
    assert (tool.metadata.name, tool.metadata.description) == ("app", "Writes.")
    assert tool.metadata.get_parameters_dict()["required"] == ["topic"]


def test_names_and_descriptions_fit_every_provider(serve: Serve) -> None:
    """Check 16: name and description limits."""
    tool = tool_of(serve(outputs(), "workflow"), name="Größe & mehr!", description="x" * 2_000)
    assert tool.metadata.name is not None
    assert set(tool.metadata.name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
    assert len(tool.metadata.description) == 1_024
    assert tool.metadata.to_openai_tool()["function"]["name"] == tool.metadata.name


def test_afrom_app_makes_the_same(serve: Serve) -> None:
    served = serve(outputs(text="done"), "workflow", inputs_form=TOPIC)

    async def made() -> tuple[DifyWorkflowTool, ToolOutput]:
        async with AsyncDify(served.app.api_key, base_url=served.server.base_url, user="ada") as client:
            tool = await DifyWorkflowTool.afrom_app(client)
            return tool, await tool.acall(topic="cats")

    tool, output = asyncio.run(made())
    assert tool.metadata.get_parameters_dict() == tool_of(served).metadata.get_parameters_dict()
    assert output.content == "done"


def test_a_schema_of_ones_own_sends_nothing(serve: Serve) -> None:
    served = serve(outputs(text="done"), "workflow", inputs_form=TOPIC)
    schema = argument_schema("write", form_of(AppParameters(user_input_form=TOPIC)))
    with Dify(served.app.api_key, base_url=served.server.base_url, user="ada") as dify:
        tool = DifyWorkflowTool(dify, name="write", description="Writes.", schema=schema)
        assert served.server.requests == []
        assert tool.call(topic="cats").content == "done"


def test_apps_of_another_kind_are_refused(serve: Serve) -> None:
    with pytest.raises(InvalidArgument, match="workflow apps"):
        tool_of(serve())


def test_a_wrong_key_is_told_when_the_tool_is_made(serve: Serve) -> None:
    with pytest.raises(AuthenticationError):
        tool_of(serve(outputs(), "workflow"), api_key="app-wrong")


@pytest.mark.parametrize(
    ("values", "content"),
    [({"text": "done"}, "done"), ({"a": "ü", "b": [1]}, '{"a": "ü", "b": [1]}'), ({"n": 3}, "3")],
    ids=["text", "several", "number"],
)
def test_content_is_the_text_or_json(serve: Serve, values: dict[str, Any], content: str) -> None:
    """Check 16: models read JSON; Python's repr is for nobody."""
    served = serve(outputs(**values), "workflow", inputs_form=TOPIC)
    for output in both(tool_of(served), topic="cats"):
        assert output.content == content
        assert output.raw_output["outputs"] == values
        assert output.raw_output["status"] == "succeeded"
        assert output.raw_output["workflow_run_id"]
        assert output.raw_input == {"kwargs": {"topic": "cats"}}
        assert not output.is_error
        json.dumps(output.raw_output)
    assert [sent["inputs"] for sent in served.sent] == [{"topic": "cats"}] * 2


def test_one_output_can_be_chosen_and_inputs_fixed(serve: Serve) -> None:
    form = [*TOPIC, {"text-input": {"variable": "tone", "required": True}}]
    served = serve(outputs(a="1", b="2"), "workflow", inputs_form=form)
    tool = tool_of(served, output_key="b", partial_params={"tone": "dry"}, return_direct=True)
    assert set(tool.metadata.get_parameters_dict()["properties"]) == {"topic"}
    assert tool(topic="cats").content == "2"
    assert served.sent[0]["inputs"] == {"topic": "cats", "tone": "dry"}
    assert tool.metadata.return_direct


def test_a_positional_argument_is_the_first_field(serve: Serve) -> None:
    served = serve(outputs(text="done"), "workflow", inputs_form=TOPIC)
    assert [output.content for output in both(tool_of(served), "cats")] == ["done", "done"]
    assert both(tool_of(served), "cats", "dogs")[0].is_error


def test_a_failed_run_is_one_run_and_an_output(serve: Serve) -> None:
    """Core calls other tools with one argument a second time when they raise; a workflow may have sent a mail."""
    served = serve(failing, "workflow", inputs_form=TOPIC)
    tool = tool_of(served)
    results = [call_tool(tool, {"topic": "cats"}), asyncio.run(acall_tool(tool, {"topic": "cats"}))]
    for output in results:
        assert output.is_error
        assert isinstance(output.exception, RunFailed)
        assert "boom" in output.content
        assert output.raw_output["status"] == "failed"
    assert len(served.sent) == 2


def test_arguments_that_do_not_fit_are_an_output_without_a_run(serve: Serve) -> None:
    """So that the model can mend them."""
    served = serve(outputs(text="done"), "workflow", inputs_form=TOPIC)
    for output in [*both(tool_of(served)), *both(tool_of(served), topic="x", colour="red")]:
        assert output.is_error
        assert isinstance(output.exception, InvalidArgument)
    assert served.sent == []


def test_a_waiting_run_says_so(serve: Serve) -> None:
    output = tool_of(serve(lambda _: [Pause("Agree?")], "workflow")).call()
    assert "waits for a person" in output.content
    assert output.raw_output["pause"]["forms"][0]["content"] == "Agree?"
    assert not output.is_error


def test_a_partly_failed_run_is_marked(serve: Serve) -> None:
    script = [Node("code", "Code", status="exception", error="x"), Outputs({"text": "half"})]
    output = tool_of(serve(lambda _: script, "workflow")).call()
    assert output.content.startswith("half\n(")
    assert not output.is_error


def test_agents_that_write_code_see_a_plain_function(serve: Serve) -> None:
    """Name, signature and docstring; it returns the content and raises the failure."""
    form = [{"number": {"variable": "n", "required": False}}, *TOPIC]
    tool = tool_of(serve(outputs(text="done"), "workflow", inputs_form=form, description="Writes."))
    signature = inspect.signature(tool.real_fn)
    assert list(signature.parameters) == ["topic", "n"]
    assert all(one.kind is inspect.Parameter.KEYWORD_ONLY for one in signature.parameters.values())
    assert (tool.real_fn.__name__, tool.real_fn.__doc__) == ("app", "Writes.")
    assert tool.fn(topic="cats") == "done"

    async def awaited() -> Any:
        return await tool.async_fn(topic="cats")

    assert asyncio.run(awaited()) == "done"
    with pytest.raises(RunFailed):
        tool_of(serve(failing, "workflow")).fn()


def test_steps_of_a_tool_are_spans_below_it(serve: Serve, told: Any) -> None:
    tool_of(serve(outputs(text="done"), "workflow")).call()
    assert {("DifyWorkflowTool.call", "DifyNode.Start"), ("DifyWorkflowTool.call", "DifyNode.End")} <= told.tree()
    assert told.spans.open_spans == {}


# -- in agents


async def run_agent(tool: DifyWorkflowTool, llm: DifyChatLLM) -> list[Event]:
    handler = FunctionAgent(tools=[tool], llm=llm).run("Write about Paris.")
    events = [event async for event in handler.stream_events()]
    await handler
    return events


def test_an_agent_uses_the_workflow_and_shows_its_nodes() -> None:
    """LocalDify's own apps, without a script of ours."""
    with LocalDify() as server:
        llm = DifyChatLLM(api_key=server.app("chat").api_key, base_url=server.base_url, user="ada", tool_calling="prompt")
        tool = DifyWorkflowTool.from_app(api_key=server.app("workflow").api_key, base_url=server.base_url, user="ada")
        events = asyncio.run(run_agent(tool, llm))
        runs = [request for request in server.requests if request.path.endswith("/workflows/run")]
    (result,) = [event for event in events if isinstance(event, ToolCallResult)]
    nodes = [event for event in events if isinstance(event, DifyNodeEvent)]
    assert "about Paris" in result.tool_output.content
    assert [(node.title, node.status) for node in nodes][:2] == [("Start", "running"), ("Start", "succeeded")]
    assert {node.tool_name for node in nodes} == {"workflow"}
    assert {node.workflow_run_id for node in nodes} == {result.tool_output.raw_output["workflow_run_id"]}
    assert events.index(nodes[-1]) < events.index(result)
    assert "about Paris" in str(events[-1])
    assert len(runs) == 1


@pytest.mark.anyio
async def test_nodes_are_shown_while_the_workflow_runs(serve: Serve) -> None:
    """Check 16: live, while the call is under way."""
    gate = threading.Event()
    served = serve(lambda _: [Node("start", "Start"), Gate(gate), Outputs({"text": "done"})], "workflow")
    brain = serve(lambda turn: [Text("Done.") if "</tool_result>" in turn.query.split("</system>")[-1] else CALL])
    handler = FunctionAgent(tools=[tool_of(served)], llm=brain.llm(tool_calling="prompt")).run("Go.")
    async for event in handler.stream_events():
        if isinstance(event, DifyNodeEvent):
            gate.set()  # only now can the workflow end
    assert str(await handler) == "Done."


CALL = Text('<tool_calls>\n{"name": "app", "arguments": {}}\n</tool_calls>')


@pytest.mark.anyio
async def test_a_failed_tool_reaches_the_agent_as_an_error(serve: Serve) -> None:
    served = serve(failing, "workflow")
    brain = serve(lambda turn: [Text("Sorry.") if "</tool_result>" in turn.query.split("</system>")[-1] else CALL])
    handler = FunctionAgent(tools=[tool_of(served)], llm=brain.llm(tool_calling="prompt")).run("Go.")
    (result,) = [event async for event in handler.stream_events() if isinstance(event, ToolCallResult)]
    assert result.tool_output.is_error
    assert len(served.sent) == 1
    assert str(await handler) == "Sorry."
