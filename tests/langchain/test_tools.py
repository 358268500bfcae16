"""A workflow as a tool: its form as arguments, its output as content, its run as artifact, its failure as failure."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import ToolException
from pydantic import BaseModel, Field, ValidationError

from dify_integrations import AuthenticationError, Dify, InvalidArgument, RunFailed
from dify_integrations.local import App, Fail, Node, Outputs, Pause, Text
from langchain_dify import DifyWorkflowTool
from langchain_dify.errors import DifyToolError
from tests.langchain.conftest import Recorder, Serve, saying


def call(tool: DifyWorkflowTool, **args: Any) -> dict[str, Any]:
    return {"type": "tool_call", "id": "c1", "name": tool.name, "args": args}


def field(kind: str, variable: str, **more: Any) -> dict[str, Any]:
    return {kind: {"variable": variable, "label": variable, "required": False, **more}}


def test_form_becomes_the_arguments(serve: Serve) -> None:
    served = serve()
    tool = served.tool("workflow")
    assert (tool.name, tool.description) == ("workflow", "Writes about a topic")
    assert list(tool.args) == ["topic", "tone", "sentences"]
    assert tool.args["tone"]["enum"] == ["plain", "formal", "cheerful"]
    assert [request.path.rsplit("/", 1)[-1] for request in served.server.requests] == ["info", "parameters"]


def test_content_is_the_output_and_the_artifact_the_run(serve: Serve) -> None:
    tool = serve().tool("workflow")
    message = tool.invoke(call(tool, topic="cats"))
    assert isinstance(message, ToolMessage)
    assert "cats" in message.text and message.status == "success"
    record = json.loads(json.dumps(message.artifact))
    assert record["status"] == "succeeded" and record["outputs"] == {"text": message.text}
    assert [step["title"] for step in record["steps"]] == ["workflow", "Start", "Template", "LLM", "End"]


@pytest.mark.anyio
async def test_async_tool(serve: Serve) -> None:
    served = serve()
    tool = await DifyWorkflowTool.afrom_app(**served.connection("workflow"))
    message = await tool.ainvoke(call(tool, topic="cats", tone="formal"))
    assert "formal text about cats" in message.text


def test_plain_invocation_gives_the_text(serve: Serve) -> None:
    assert "cats" in serve().tool("workflow").invoke({"topic": "cats"})


def test_single_argument_may_come_alone(serve: Serve) -> None:
    app = App(
        "echo", "workflow", lambda turn: (Outputs({"said": turn.inputs["words"]}),), [field("paragraph", "words", required=True)]
    )
    tool = serve(app).tool(description="Echoes.")
    assert tool.run("hello") == "hello"


def test_missing_argument_is_refused_before_anything_is_sent(serve: Serve) -> None:
    served = serve()
    tool = served.tool("workflow")
    with pytest.raises(ValidationError, match="topic"):
        tool.invoke(call(tool, tone="plain"))
    assert served.bodies("/workflows/run") == []


TRAPS = ["config", "run_manager", "self", "schema", "_x", "json", "args"]


def test_variables_with_difficult_names_reach_dify(serve: Serve) -> None:
    served = serve(App("traps", "workflow", lambda turn: (Outputs({"ok": "yes"}),), [field("text-input", name) for name in TRAPS]))
    tool = served.tool(description="Full of traps.")
    assert len(tool.args) == len(TRAPS)
    tool.invoke(call(tool, **{argument: f"value of {number}" for number, argument in enumerate(tool.args)}))
    (body,) = served.bodies("/workflows/run")
    assert body["inputs"] == {name: f"value of {number}" for number, name in enumerate(TRAPS)}


def test_pinned_inputs_are_not_offered(serve: Serve) -> None:
    served = serve()
    tool = served.tool("workflow", inputs={"tone": "formal"})
    assert "tone" not in tool.args
    assert "formal" in tool.invoke({"topic": "cats"})


def test_explicit_schema_needs_no_server(serve: Serve) -> None:
    class Topic(BaseModel):
        topic: str = Field(description="What about.")

    served = serve()
    offline = DifyWorkflowTool(name="write", description="Writes.", args_schema=Topic, **served.connection("workflow"))
    assert served.server.requests == []
    assert "dogs" in served.keep(offline).invoke({"topic": "dogs"})


def test_without_schema_variables_come_in_one_argument(serve: Serve) -> None:
    served = serve()
    tool = served.keep(DifyWorkflowTool(name="write", description="Writes.", **served.connection("workflow")))
    assert "dogs" in tool.invoke({"inputs": {"topic": "dogs"}})


def test_shared_client(serve: Serve) -> None:
    served = serve()
    with Dify(**served.connection("workflow")) as client:
        assert "dogs" in DifyWorkflowTool.from_app(client).invoke({"topic": "dogs"})


def test_undescribed_app_is_refused(serve: Serve) -> None:
    with pytest.raises(InvalidArgument, match="no description"):
        serve(saying(mode="workflow")).tool()


def test_failure_is_raised_and_can_be_told_to_the_model(serve: Serve, recorder: Recorder) -> None:
    app = saying(Node("code", "Compute", status="failed", error="division by zero"), mode="workflow", description="Computes.")
    served = serve(app)
    tool = served.tool()
    with pytest.raises(ToolException, match="division by zero") as failure:
        tool.invoke({}, config={"callbacks": [recorder]})
    assert isinstance(failure.value, DifyToolError) and isinstance(failure.value, RunFailed)
    assert failure.value.result is not None and recorder.open == []
    told = served.tool(handle_tool_error=True)
    message = told.invoke(call(told))
    assert message.status == "error" and "division by zero" in message.text


def test_wrong_key_is_never_told_to_the_model(serve: Serve) -> None:
    served = serve()
    tool = DifyWorkflowTool(
        name="write", description="Writes.", handle_tool_error=True, **{**served.connection("workflow"), "api_key": "app-wrong"}
    )
    with pytest.raises(AuthenticationError):
        served.keep(tool).invoke({"inputs": {}})


def test_waiting_for_a_person_is_no_error(serve: Serve) -> None:
    app = saying(Pause("Do you agree?", title="Ask"), mode="workflow", description="Asks.")
    tool = serve(app).tool()
    message = tool.invoke(call(tool))
    assert "waits for a person" in message.text and "Do you agree?" in message.text
    assert message.artifact["pause"]["forms"][0]["node_title"] == "Ask"


def test_user_of_the_config(serve: Serve) -> None:
    served = serve()
    served.tool("workflow").invoke({"topic": "x"}, config={"configurable": {"dify_user": "carol"}})
    assert served.bodies("/workflows/run")[0]["user"] == "carol"


def test_retries_inside_are_custom_events(serve: Serve, recorder: Recorder) -> None:
    from dify_integrations.local import Retry

    app = saying(Node("llm", "LLM", inside=[Retry("busy"), Text("x")]), mode="workflow", description="Tries.")
    serve(app).tool().invoke({}, config={"callbacks": [recorder]})
    assert [(name, data["error"]) for name, data in recorder.events] == [("dify.retry", "busy")]


def test_failing_stream_is_a_tool_failure(serve: Serve) -> None:
    app = saying(Fail("the model refused"), mode="workflow", description="Fails.")
    with pytest.raises(ToolException, match="the model refused"):
        serve(app).tool().invoke({})
