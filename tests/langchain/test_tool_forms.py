"""Forms of apps as arguments of tools, over real HTTP: every kind of field, and names that LangChain would lose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias, cast

import pytest
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage
from langchain_core.tools import BaseTool, InjectedToolCallId
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ValidationError

from dify_integrations.local import App, LocalDify, Outputs, Say, Text, Turn
from langchain_dify import DifyChatTool, DifyWorkflowTool
from tests.langchain.conftest import Served

pytestmark = pytest.mark.anyio
AnyTool: TypeAlias = DifyWorkflowTool | DifyChatTool

# What LangChain injects, what pydantic has, what Python keeps for itself, and what is no name at all.
ODD = (
    *("config", "run_manager", "self", "cls", "args", "kwargs", "callbacks", "tool_call_id", "runtime", "state", "store"),
    *("schema", "json", "copy", "dict", "model_config", "model_dump", "validate", "name", "description", "tool_input"),
    *("_x", "__init__", "class", "None", "query", "inputs", "2nd", "a-b", "a b", "a_b", "城市", "Größe", "größe", "😀", "x" * 80),
)


def field(kind: str, variable: str, **more: Any) -> dict[str, Any]:
    return {kind: {"variable": variable, "label": variable, "required": False, **more}}


DOCUMENT: dict[str, Any] = {"allowed_file_types": ["document"], "allowed_file_upload_methods": ["remote_url", "local_file"]}
EVERY_KIND = [
    field("text-input", "name", required=True, max_length=20),
    field("paragraph", "notes"),
    field("select", "tone", options=["formal", "casual"], default="casual"),
    field("number", "count"),
    field("checkbox", "brief"),
    field("file", "doc", **DOCUMENT),
    field("file-list", "pics", allowed_file_types=["image"], max_length=2),
    field("json_object", "meta", json_schema={"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}),
    field("hologram", "odd"),
]
GIVEN: dict[str, Any] = {
    "name": "Ann",
    "notes": "Zwei\nZeilen, \u2028 und 字.",
    "tone": "formal",
    "count": 2.5,
    "brief": True,
    "doc": "https://example.org/a.pdf",
    "pics": ["https://example.org/a.png", {"url": "https://example.org/b", "type": "image"}],
    "meta": {"a": 1, "deep": {"b": [None, "c"]}},
    "odd": {"any": ["thing", 1]},
}
SENT = {
    **GIVEN,
    "doc": {"type": "document", "transfer_method": "remote_url", "url": "https://example.org/a.pdf"},
    "pics": [
        {"type": "image", "transfer_method": "remote_url", "url": "https://example.org/a.png"},
        {"type": "image", "transfer_method": "remote_url", "url": "https://example.org/b"},
    ],
}


def done(turn: Turn) -> tuple[Say, ...]:
    return (Text("done"),) if turn.query else (Outputs({"text": "done"}),)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    odd = [field("text-input", name) for name in ODD]
    apps = [
        App("odd workflow", "workflow", done, odd),
        App("odd chat", "advanced-chat", done, odd, description="Answers."),
        App("workflow", "workflow", done, EVERY_KIND, description="Takes everything."),
        App("chat", "chat", done, EVERY_KIND, description="Takes everything."),
    ]
    with LocalDify(apps) as server:
        served = Served(server)
        yield served
        served.close()


def tool_of(served: Served, app: str, **fields: Any) -> AnyTool:
    kind = DifyChatTool if "chat" in app else DifyWorkflowTool
    given = {"description": "Does it.", **served.connection(app), **fields}
    return served.keep(kind.from_app(**given))


async def asked(tool: BaseTool, way: str, args: dict[str, Any]) -> ToolMessage:
    call = {"type": "tool_call", "id": "c1", "name": tool.name, "args": args}
    return cast("ToolMessage", tool.invoke(call) if way == "invoke" else await tool.ainvoke(call))


def sent(served: Served, app: str) -> Any:
    """The variables of the last run."""
    body = served.bodies("/chat-messages" if "chat" in app else "/workflows/run")[-1]
    return {name: value for name, value in body["inputs"].items() if "chat" not in app or name != "query"}


@pytest.mark.parametrize("app", ["odd workflow", "odd chat"])
@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
async def test_variables_of_any_name_reach_dify_intact(served: Served, app: str, way: str) -> None:
    """Check 25: variables called `config`, `run_manager`, `self`, `schema`, `_x` reach Dify intact, sync and async."""
    tool = tool_of(served, app)
    names = [name for name in tool.args if not ("chat" in app and name == "query")]
    variables = [name for name in ODD if not ("chat" in app and name == "query")]
    values = {name: f"value of {variable}" for name, variable in zip(names, variables, strict=True)}
    message = await asked(tool, way, {**values, **({"query": "Hi"} if "chat" in app else {})})
    assert message.text == "done" and message.tool_call_id == "c1"
    assert sent(served, app) == {variable: f"value of {variable}" for variable in variables}


@pytest.mark.parametrize("app", ["odd workflow", "odd chat"])
def test_models_see_names_that_every_provider_takes_and_the_variable_behind_them(served: Served, app: str) -> None:
    """Check 25: the schema. A variable that had to be renamed is named in its description."""
    function = convert_to_openai_tool(tool_of(served, app))["function"]
    shown = function["parameters"]["properties"]
    assert len(shown) == len(ODD)  # of a chat app the variable `query` is the question itself
    assert all(name.isascii() and name.isidentifier() and len(name) <= 64 and not name.startswith("_") for name in shown)
    for variable in ODD:
        described = [name for name, told in shown.items() if f'(variable "{variable}")' in told.get("description", "")]
        assert len(described) == (0 if variable in shown else 1), variable


@pytest.mark.parametrize("app", ["workflow", "chat"])
@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
async def test_every_kind_of_field_makes_the_way_to_dify(served: Served, app: str, way: str) -> None:
    """Check 25: the schema round-trips every form type, sync and async."""
    tool = tool_of(served, app)
    query = {"query": "Hi"} if "chat" in app else {}
    await asked(tool, way, {**query, **GIVEN})
    assert sent(served, app) == SENT
    await asked(tool, way, {**query, "name": "Ann"})
    assert sent(served, app) == {"name": "Ann", "tone": "casual"}
    # As models write them: numbers as texts, one file alone, an object as text, and blanks for what they leave open.
    sloppy = {
        "name": 7,
        "count": "3",
        "brief": "true",
        "pics": "https://example.org/a.png",
        "meta": '{"a": 1}',
        "doc": "",
        "tone": "",
    }
    await asked(tool, way, {**query, **sloppy})
    told = {"name": "7", "tone": "casual", "count": 3, "brief": True, "pics": SENT["pics"][:1], "meta": {"a": 1}}
    assert sent(served, app) == told


def test_the_schema_of_every_kind_of_field(served: Served) -> None:
    """Check 25: what a model is shown of each form type."""
    parameters = convert_to_openai_tool(tool_of(served, "workflow"))["function"]["parameters"]
    shown = parameters["properties"]
    assert parameters["required"] == ["name"]
    assert {name: told.get("type") for name, told in shown.items()} == {
        "name": "string",
        "notes": "string",
        "tone": "string",
        "count": "number",
        "brief": "boolean",
        "doc": None,
        "pics": "array",
        "meta": "object",
        "odd": None,
    }
    assert shown["name"]["maxLength"] == 20
    assert (shown["tone"]["enum"], shown["tone"]["default"]) == (["formal", "casual"], "casual")
    assert [list(shape.get("properties", {"address": ""})) for shape in shown["doc"]["anyOf"]] == [
        ["address"],
        ["url", "type"],
        ["upload_file_id", "type"],
    ]
    assert shown["pics"]["maxItems"] == 2
    assert shown["meta"]["required"] == ["a"]


REFUSED: list[dict[str, Any]] = [
    {},
    {"name": "x" * 21},
    {"name": "Ann", "tone": "rude"},
    {"name": "Ann", "count": "many"},
    {"name": "Ann", "brief": "perhaps"},
    {"name": "Ann", "doc": "/etc/passwd"},
    {"name": "Ann", "pics": ["https://example.org/a.pdf"]},
    {"name": "Ann", "pics": ["https://example.org/a.png"] * 3},
    {"name": "Ann", "meta": "{"},
    {"name": "Ann", "unknown": 1},
]


@pytest.mark.parametrize("args", REFUSED, ids=str)
async def test_what_dify_would_refuse_is_refused_before_anything_is_sent(served: Served, args: dict[str, Any]) -> None:
    tool = tool_of(served, "workflow")
    before = len(served.server.requests)
    for way in ("invoke", "ainvoke"):
        with pytest.raises(ValidationError):
            await asked(tool, way, args)
    assert len(served.server.requests) == before


def test_tool_call_ids_are_no_arguments(served: Served) -> None:
    """A variable of that name is the app's, not the injected id."""
    shown = tool_of(served, "odd workflow").args
    assert "tool_call_id" not in shown and "input_tool_call_id" in shown
    assert InjectedToolCallId.__name__ not in str(shown)


async def test_an_answer_can_be_returned_directly(served: Served) -> None:
    """`return_direct`: the agent ends with the app's words instead of its own."""

    class Scripted(FakeMessagesListChatModel):
        def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
            return self

    tool = tool_of(served, "workflow", return_direct=True)
    call = ToolCall(name=tool.name, args={"name": "Ann"}, id="c1")
    turns: list[BaseMessage] = [AIMessage("", tool_calls=[call]) for _ in range(2)]  # the model is asked once in each
    agent: Any = create_agent(Scripted(responses=turns), [tool])
    for state in (agent.invoke({"messages": [("user", "Go")]}), await agent.ainvoke({"messages": [("user", "Go")]})):
        assert [message.type for message in state["messages"]] == ["human", "ai", "tool"]
        assert state["messages"][-1].text == "done"
