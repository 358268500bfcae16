"""Tools in the hands of agents of every kind: one run per call, arguments of every kind, and what is told meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.agent.workflow import CodeActAgent, FunctionAgent, ReActAgent, ToolCallResult
from llama_index.core.base.llms.types import AudioBlock, DocumentBlock, ImageBlock, TextBlock, VideoBlock
from llama_index.core.tools import ToolOutput
from llama_index.core.tools.calling import acall_tool, call_tool
from llama_index.core.workflow import Event

from dify_integrations import InvalidArgument
from dify_integrations.local import File, Node, Outputs, Reasoning, Text, Tool, Turn
from llamaindex_dify import DifyChatTool, DifyWorkflowTool
from llamaindex_dify.events import (
    DifyAgentThoughtStreamEvent,
    DifyNodeEvent,
    DifyReasoningEvent,
    DifyTextDeltaEvent,
    DifyWorkflowEvent,
)

Serve = Callable[..., Any]
TOPIC = [{"text-input": {"variable": "topic", "label": "Topic", "required": True}}]
# What LlamaIndex or pydantic would take for themselves, what Python keeps, and what is no name at all.
ODD = (
    *("ctx", "self", "args", "kwargs", "config", "schema", "json", "copy", "model_config", "model_dump", "validate", "input"),
    *("_x", "__init__", "class", "None", "query", "tool_name", "2nd", "a-b", "a b", "a_b", "城市", "Größe", "😀", "x" * 80),
)


def failing(_: Turn) -> list[Node]:
    return [Node("code", "Code", status="failed", error="boom")]


def done(_: Turn) -> list[Outputs]:
    return [Outputs({"text": "done"})]


def tool_of(served: Any, kind: type[Any] = DifyWorkflowTool, **options: Any) -> Any:
    known = {"api_key": served.app.api_key, "base_url": served.server.base_url, "user": "ada"}
    return kind.from_app(**{**known, **options})


async def results_of(agent: Any) -> list[ToolCallResult]:
    handler = agent.run(user_msg="go")
    results = [event async for event in handler.stream_events() if isinstance(event, ToolCallResult)]
    await handler
    return results


def later(turn: Turn) -> str:
    """What an agent's prompt holds behind the user's words."""
    return turn.query.rpartition("</system>")[2]


def function_brain(turn: Turn) -> list[Text]:
    call = '<tool_calls>\n{"name": "app", "arguments": {"topic": "cats"}}\n</tool_calls>'
    return [Text("Sorry." if "<tool_result" in later(turn) else call)]


def react_brain(turn: Turn) -> list[Text]:
    call = 'Thought: I need it.\nAction: app\nAction Input: {"topic": "cats"}'
    return [Text("Thought: enough\nAnswer: Sorry." if "Observation: Error" in turn.query else call)]


def by_call_tool(serve: Serve, tool: Any) -> ToolOutput:
    return call_tool(tool, {"topic": "cats"})


def by_acall_tool(serve: Serve, tool: Any) -> ToolOutput:
    return asyncio.run(acall_tool(tool, {"topic": "cats"}))


def by_function_agent(serve: Serve, tool: Any) -> ToolOutput:
    agent = FunctionAgent(tools=[tool], llm=serve(function_brain).llm(tool_calling="prompt"))
    (result,) = asyncio.run(results_of(agent))
    return result.tool_output


def by_react_agent(serve: Serve, tool: Any) -> ToolOutput:
    (result,) = asyncio.run(results_of(ReActAgent(tools=[tool], llm=serve(react_brain).llm())))
    return result.tool_output


@pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")
@pytest.mark.parametrize("way", [by_call_tool, by_acall_tool, by_function_agent, by_react_agent], ids=lambda way: way.__name__)
def test_a_failed_run_is_one_run(serve: Serve, way: Callable[..., ToolOutput]) -> None:
    """Check 16: a schema of one field, where core calls other tools twice; the output is an error."""
    served = serve(failing, "workflow", inputs_form=TOPIC)
    output = way(serve, tool_of(served))
    assert output.is_error
    assert "boom" in output.content
    assert [sent["inputs"] for sent in served.sent] == [{"topic": "cats"}]


def test_an_agent_that_writes_code(serve: Serve) -> None:
    """Check 16: CodeActAgent shows the signature and calls the function; each call is one run."""
    served = serve(done, "workflow", inputs_form=TOPIC, description="Writes.")
    tool, prompts = tool_of(served, name="write"), []

    def brain(turn: Turn) -> list[Text]:
        prompts.append(turn.query)
        return [Text("It is done." if len(prompts) > 1 else '<execute>\nprint(await write(topic="cats"))\n</execute>')]

    async def execute(code: str) -> str:
        assert 'await write(topic="cats")' in code
        return str(await tool.async_fn(topic="cats"))

    agent = CodeActAgent(code_execute_fn=execute, tools=[tool], llm=serve(brain).llm())
    (result,) = asyncio.run(results_of(agent))
    assert result.tool_output.content == "done"
    assert "write(*, topic:" in prompts[0]
    assert "Writes." in prompts[0]
    assert [sent["inputs"] for sent in served.sent] == [{"topic": "cats"}]


def test_the_output_can_be_the_agents_answer(serve: Serve) -> None:
    """Check 16: return_direct, and one output chosen."""
    served = serve(lambda _: [Outputs({"a": "1", "b": "2"})], "workflow", inputs_form=TOPIC)
    agent = FunctionAgent(
        tools=[tool_of(served, return_direct=True, output_key="b")], llm=serve(function_brain).llm(tool_calling="prompt")
    )

    async def said() -> str:
        return str(await agent.run(user_msg="go"))

    assert asyncio.run(said()) == "2"


# -- arguments


def field(kind: str, variable: str, **more: Any) -> dict[str, Any]:
    return {kind: {"variable": variable, "label": variable, "required": False, **more}}


@pytest.mark.parametrize(
    ("form", "given", "sent"),
    [
        (field("text-input", "x", max_length=20), 7, "7"),
        (field("paragraph", "x"), "Zwei\nZeilen, \u2028 字", "Zwei\nZeilen, \u2028 字"),
        (field("select", "x", options=["formal", "casual"]), "casual", "casual"),
        (field("number", "x"), "2.5", 2.5),
        (field("checkbox", "x"), True, True),
        (
            field("file", "x", allowed_file_types=["document"]),
            "https://example.org/a.pdf",
            {"type": "document", "transfer_method": "remote_url", "url": "https://example.org/a.pdf"},
        ),
        (
            field("file-list", "x", allowed_file_types=["image"], max_length=2),
            ["https://example.org/a.png"],
            [{"type": "image", "transfer_method": "remote_url", "url": "https://example.org/a.png"}],
        ),
        (field("json_object", "x"), '{"a": [1]}', {"a": [1]}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) and len(value) == 1 else "",
)
def test_every_form_control(serve: Serve, form: dict[str, Any], given: Any, sent: Any) -> None:
    """Check 16: as models send them, in the form the server takes."""
    served = serve(done, "workflow", inputs_form=[form])
    tool = tool_of(served)
    for output in (call_tool(tool, {"x": given}), asyncio.run(acall_tool(tool, {"x": given}))):
        assert output.content == "done"
    assert [request["inputs"]["x"] for request in served.sent] == [sent, sent]
    tool.metadata.to_openai_tool()


@pytest.mark.parametrize("mode", ["workflow", "advanced-chat"])
def test_odd_names(serve: Serve, mode: str) -> None:
    """Check 16: every variable reaches Dify under its own name, whatever the argument is called."""
    served = serve(
        done if mode == "workflow" else lambda _: [Text("done")], mode, inputs_form=[field("text-input", x) for x in ODD]
    )
    tool = tool_of(served, DifyWorkflowTool if mode == "workflow" else DifyChatTool)
    names = list(tool.metadata.get_parameters_dict()["properties"])
    output = call_tool(tool, {name: f"of {name}" for name in names})
    assert output.content == "done", output.content
    inputs = served.sent[0]["inputs"]
    assert set(inputs) == set(ODD)
    assert len(set(inputs.values())) == len(ODD)
    assert all(name.isidentifier() for name in names)


def test_pinned_and_hidden_variables(serve: Serve) -> None:
    """Check 16: models neither see nor change them."""
    form = [*TOPIC, field("text-input", "tone", required=True), field("text-input", "secret", hide=True, default="s")]
    served = serve(done, "workflow", inputs_form=form)
    tool = tool_of(served, partial_params={"tone": "dry"})
    assert list(tool.metadata.get_parameters_dict()["properties"]) == ["topic"]
    assert tool(topic="cats").content == "done"
    assert tool.call(topic="cats", tone="loud").content == "done"
    assert [sent["inputs"] for sent in served.sent] == [{"topic": "cats", "tone": "dry", "secret": "s"}] * 2


def test_pinned_values_are_checked_when_the_tool_is_made(serve: Serve) -> None:
    """Check 16: some servers fall silent over a value that they do not take; text fields take numbers as text."""
    form = [*TOPIC, field("select", "tone", options=["dry"])]
    served = serve(done, "workflow", inputs_form=form)
    assert tool_of(served, partial_params={"topic": 7, "tone": None})(tone="dry").content == "done"
    assert served.sent[0]["inputs"] == {"topic": "7", "tone": "dry"}
    for pinned, reason in (({"topic": None}, "valid string"), ({"tone": "wet"}, "should be 'dry'")):
        with pytest.raises(InvalidArgument, match=f"its variable '{next(iter(pinned))}': .*{reason}"):
            tool_of(served, partial_params=pinned)


def test_arguments_are_given_once(serve: Serve) -> None:
    """Check 16: neither pinned and offered, nor by place and by name."""
    served = serve(done, "workflow", inputs_form=TOPIC)
    schema, about = tool_of(served)._schema, {"api_key": served.app.api_key, "name": "app", "description": "Writes."}
    with pytest.raises(InvalidArgument, match="topic cannot be both pinned and an argument"):
        DifyWorkflowTool(schema=schema, partial_params={"topic": "cats"}, **about)
    output = tool_of(served).call("cats", topic="dogs")
    assert (output.is_error, output.content) == (True, "Error: app got topic twice")
    assert served.sent == []


def test_one_word_is_the_first_required_argument(serve: Serve) -> None:
    """Check 16: whatever stands before it in the form."""
    served = serve(done, "workflow", inputs_form=[field("number", "n"), *TOPIC])
    assert tool_of(served)("cats").content == "done"
    assert served.sent[0]["inputs"] == {"topic": "cats"}


# -- what is told


def test_callbacks_change_the_output(serve: Serve) -> None:
    """Check 16: core's rule: another content, another output, or nothing; sync ones serve both ways."""
    served = serve(done, "workflow")
    seen: list[Any] = []
    shout = tool_of(served, callback=lambda raw: raw["outputs"]["text"].upper())
    assert [shout().content, asyncio.run(shout.acall()).content] == ["DONE", "DONE"]
    other = ToolOutput(tool_name="x", content="other", raw_input={}, raw_output=None)
    assert tool_of(served, callback=lambda _: other)() is other
    assert tool_of(served, callback=seen.append)().content == "done"
    assert seen[0]["status"] == "succeeded"


def test_files_are_blocks(serve: Serve) -> None:
    """Check 16: with return_files, by their addresses."""
    kinds = {"image": ImageBlock, "document": DocumentBlock, "audio": AudioBlock, "video": VideoBlock}
    files = [File(f"https://example.org/a.{kind}", kind, f"a.{kind}") for kind in kinds]
    served = serve(lambda _: [*files, Text("here")], "advanced-chat")
    assert [type(block) for block in tool_of(served, DifyChatTool)("Hi").blocks] == [TextBlock]
    output = tool_of(served, DifyChatTool, return_files=True)("Hi")
    assert [type(block) for block in output.blocks] == [TextBlock, *kinds.values()]
    assert output.content == "here"
    assert [str(getattr(block, "url", "")) for block in output.blocks[1:]] == [file["url"] for file in output.raw_output["files"]]


def talking(turn: Turn) -> list[Any]:
    return [Node("start", "Start"), Reasoning("hm"), Text("one two"), Node("end", "End")]


async def told(serve: Serve, tool: Any) -> list[Event]:
    call = '<tool_calls>\n{"name": "app", "arguments": {"query": "Hi"}}\n</tool_calls>'

    def brain(turn: Turn) -> list[Text]:
        return [Text("Ok." if "<tool_result" in later(turn) else call)]

    handler = FunctionAgent(tools=[tool], llm=serve(brain).llm(tool_calling="prompt")).run(user_msg="go")
    events = [event async for event in handler.stream_events()]
    await handler
    return [event for event in events if type(event).__name__.startswith("Dify") or isinstance(event, ToolCallResult)]


@pytest.mark.parametrize(
    ("chosen", "kinds"),
    [
        ((), set()),
        (("nodes",), {DifyNodeEvent}),
        (("workflow", "text"), {DifyWorkflowEvent, DifyTextDeltaEvent}),
        (("nodes", "reasoning"), {DifyNodeEvent, DifyReasoningEvent}),
    ],
    ids=["nothing", "nodes", "run and text", "reasoning"],
)
@pytest.mark.anyio
async def test_what_the_agent_is_told(serve: Serve, chosen: tuple[str, ...], kinds: set[type[Event]]) -> None:
    """Check 16: all of it before the result of the call, under one id."""
    *events, result = await told(serve, tool_of(serve(talking, "advanced-chat"), DifyChatTool, stream_events=chosen))
    assert isinstance(result, ToolCallResult)
    assert {type(event) for event in events} == kinds
    assert {event.tool_id for event in events} <= {result.tool_id}
    assert "".join(event.delta for event in events if isinstance(event, DifyTextDeltaEvent)) in ("", "one two")
    runs = [event.status for event in events if isinstance(event, DifyWorkflowEvent)]
    assert runs in ([], ["running", "succeeded"])


@pytest.mark.anyio
async def test_thoughts_of_an_agent_app(serve: Serve) -> None:
    """Check 16: what the app's own agent thought and did."""
    served = serve(lambda _: [Tool("search", {"q": 1}, "found"), Text("so")], "agent-chat")
    events = await told(serve, tool_of(served, DifyChatTool, stream_events=["thoughts", "nodes"]))
    assert any(isinstance(event, DifyAgentThoughtStreamEvent) for event in events)
    assert "search" in [event.type for event in events if isinstance(event, DifyNodeEvent)]


@pytest.mark.parametrize("wanted", ["nodes", ["knots"]])
def test_events_that_do_not_exist_are_refused(serve: Serve, wanted: Any) -> None:
    with pytest.raises(InvalidArgument, match="stream_events takes some of workflow, nodes"):
        tool_of(serve(done, "workflow"), stream_events=wanted)


def test_no_key_is_told(serve: Serve) -> None:
    """Check 16: neither by the tool nor by its output."""
    served = serve(failing, "workflow", inputs_form=TOPIC)
    tool = tool_of(served)
    output = tool("cats")
    told = [repr(tool), repr(vars(tool)), repr(output), str(output.raw_output), repr(output.exception), repr(tool.metadata)]
    assert not any(served.app.api_key in text for text in told)
