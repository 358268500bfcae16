"""Chat apps as tools, and several apps as one toolkit."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import ToolException

from dify_integrations import AsyncDify, AuthenticationError, ConversationNotFound, Dify, InvalidArgument
from dify_integrations.local import App, Fail, Gate, Node, Pause, Say, Text, Turn
from langchain_dify import DifyChatTool, DifyToolkit, DifyWorkflowTool
from langchain_dify._base import Connection
from tests.langchain.conftest import Recorder, Serve, Served, saying

THREAD: RunnableConfig = {"configurable": {"thread_id": "t1"}}


def chat_tool(served: Served, app: str | None = None, **fields: Any) -> DifyChatTool:
    return served.keep(DifyChatTool.from_app(**{**served.connection(app), "description": "Answers.", **fields}))


def text_field(variable: str, *, required: bool = False) -> dict[str, Any]:
    return {"text-input": {"variable": variable, "label": variable, "required": required}}


def echo(turn: Turn) -> tuple[Say, ...]:
    return (Text(f"{turn.query}!"),)


def continued(served: Served) -> list[str]:
    """The conversation each call went on with."""
    return [body.get("conversation_id", "") for body in served.bodies()]


# -- a chat app as a tool


def test_query_and_form_are_the_arguments(serve: Serve) -> None:
    served = serve(App("helper", "chat", echo, [text_field("city", required=True), text_field("config")]))
    tool = chat_tool(served)
    assert list(tool.args)[:2] == ["query", "city"] and len(tool.args) == 3
    odd = list(tool.args)[2]
    call = {"type": "tool_call", "id": "c1", "name": tool.name, "args": {"query": "Hi", "city": "Rome", odd: "x"}}
    message = tool.invoke(call)
    assert message.content == "Hi!"
    assert message.artifact["conversation_id"] and message.artifact["status"] == "succeeded"
    (body,) = served.bodies()
    assert body["query"] == "Hi" and {"city": "Rome", "config": "x"}.items() <= body["inputs"].items()
    assert "conversation_id" not in body and body["auto_generate_name"] is False


@pytest.mark.anyio
async def test_async_chat_tool(serve: Serve) -> None:
    served = serve(App("helper", "chat", echo, description="Answers."))
    tool = served.keep(await DifyChatTool.afrom_app(**served.connection()))
    assert await tool.ainvoke({"query": "Hi"}) == "Hi!"


@pytest.mark.parametrize("mode", ["chat", "agent-chat", "advanced-chat"])
def test_every_kind_of_chat_app(serve: Serve, mode: str) -> None:
    assert chat_tool(serve(App("helper", mode, echo))).invoke({"query": "Hi"}) == "Hi!"


def test_without_form(serve: Serve) -> None:
    served = serve(App("helper", "chat", echo, [text_field("city")]))
    tool = served.keep(DifyChatTool(name="ask", description="Answers.", **served.connection()))
    assert tool.invoke({"query": "Hi", "inputs": {"city": "Rome"}}) == "Hi!"
    assert served.bodies()[0]["inputs"]["city"] == "Rome"
    assert tool.run({"query": "Hi"}) == "Hi!"


def test_calls_of_a_thread_are_one_conversation(serve: Serve) -> None:
    """Check 11 for tools: threads, users and calls without a thread have conversations of their own."""
    served = serve(App("helper", "chat", echo))
    tool = chat_tool(served)
    configs: list[RunnableConfig] = [
        THREAD,
        THREAD,
        {"configurable": {"thread_id": "t2"}},
        {"configurable": {"thread_id": "t1", "dify_user": "bob"}},
        {},
    ]
    for config in configs:
        tool.invoke({"query": "Hi"}, config)
    assert [bool(conversation) for conversation in continued(served)] == [False, True, False, False, False]
    fresh = chat_tool(served, conversation="new")
    fresh.invoke({"query": "Hi"}, THREAD)
    fresh.invoke({"query": "Hi"}, THREAD)
    assert continued(served)[-2:] == ["", ""]


def test_two_calls_at_once_never_share_a_conversation(serve: Serve) -> None:
    gate, begun = threading.Event(), threading.Event()

    def answer(turn: Turn) -> tuple[Say, ...]:
        if turn.query == "slow":
            begun.set()
            return (Gate(gate), Text("late"))
        return (Text("soon"),)

    served = serve(App("helper", "chat", answer))
    tool = chat_tool(served)
    tool.invoke({"query": "first"}, THREAD)
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(tool.invoke, {"query": "slow"}, THREAD)
        assert begun.wait(5)
        assert tool.invoke({"query": "quick"}, THREAD) == "soon"
        gate.set()
        assert slow.result(5) == "late"
    first, second, third = continued(served)
    assert (first, third) == ("", "") and second != ""


def test_conversation_that_was_deleted_is_forgotten(serve: Serve) -> None:
    served = serve(App("helper", "chat", echo))
    tool = chat_tool(served)
    tool.invoke({"query": "Hi"}, THREAD)
    (conversation,) = tool.clients.sync.conversations.list(user="ann").data
    tool.clients.sync.conversations.delete(conversation.id, user="ann")
    with pytest.raises(ConversationNotFound):
        tool.invoke({"query": "Hi"}, THREAD)
    assert tool.invoke({"query": "Hi"}, THREAD) == "Hi!"


def test_failure_can_be_told_and_the_conversation_goes_on(serve: Serve, recorder: Recorder) -> None:
    served = serve(App("helper", "chat", lambda turn: (Fail("the model refused"),) if turn.query == "bad" else echo(turn)))
    tool = chat_tool(served)
    tool.invoke({"query": "Hi"}, THREAD)
    with pytest.raises(ToolException, match="the model refused"):
        tool.invoke({"query": "bad"}, {**THREAD, "callbacks": [recorder]})
    assert recorder.open == []
    tool.invoke({"query": "Hi"}, THREAD)
    first, second, third = continued(served)
    assert (first, second) == ("", third) and third


def test_wrong_key_is_raised(serve: Serve) -> None:
    served = serve(App("helper", "chat", echo))
    fields = {**served.connection(), "api_key": "app-wrong"}
    tool = served.keep(DifyChatTool(name="ask", description="Answers.", handle_tool_error=True, **fields))
    with pytest.raises(AuthenticationError):
        tool.invoke({"query": "Hi"})


def test_chatflow_that_waits_for_a_person(serve: Serve) -> None:
    tool = chat_tool(serve(saying(Pause("Do you agree?", title="Ask"), mode="advanced-chat")))
    assert "waits for a person" in tool.invoke({"query": "Hi"})


def test_nodes_are_child_runs(serve: Serve, recorder: Recorder) -> None:
    """Check 16 and 18 for chat tools."""
    served = serve(saying(Node("llm", "LLM", inside=[Text("x")]), mode="advanced-chat"))
    chat_tool(served, name="ask").invoke({"query": "Hi"}, {"callbacks": [recorder]})
    assert recorder.tree()[:2] == ["tool ask", "tool ask > chain dify:workflow"]
    assert recorder.open == []


OTHERS: list[tuple[Any, str]] = [(DifyChatTool, "workflow"), (DifyChatTool, "completion"), (DifyWorkflowTool, "chat")]


@pytest.mark.parametrize(("kind", "app"), OTHERS)
def test_app_of_another_kind_is_refused(serve: Serve, kind: Any, app: str) -> None:
    served = serve()
    with pytest.raises(InvalidArgument, match="does not run"):
        kind.from_app(**served.connection(app))


# -- toolkits


def three(serve: Serve) -> Served:
    return serve(
        App("Write it!", "workflow", lambda turn: (Text("written"),), [text_field(name) for name in ("config", "self", "_x")]),
        App("Write it?", "chat", echo, description="Answers."),
        App("写" * 80, "advanced-chat", echo, description="答える"),
    )


def keys(served: Served) -> list[str]:
    return [app.api_key for app in served.server.apps]


def settings(served: Served) -> dict[str, Any]:
    return {"base_url": served.server.base_url, "user": "ann"}


def check(served: Served, toolkit: DifyToolkit) -> None:
    tools = toolkit.get_tools()
    assert [type(tool).__name__ for tool in tools] == ["DifyWorkflowTool", "DifyChatTool", "DifyChatTool"]
    names = [tool.name for tool in tools]
    assert names[:2] == ["Write_it", "Write_it_2"] and len(set(names)) == 3
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in names)
    assert all(tool.description for tool in tools)
    for tool in tools:
        served.keep(cast("Connection", tool))
    assert not any(key in repr(toolkit) + str(toolkit.model_dump()) for key in keys(served))


def test_toolkit_of_three_apps(serve: Serve) -> None:
    """Check 25: valid, distinct, described tools; variables called `config`, `self`, `_x` reach Dify."""
    served = three(serve)
    toolkit = DifyToolkit.from_apps(keys(served), **settings(served))
    check(served, toolkit)
    write, ask, _ = toolkit.get_tools()
    assert write.invoke(dict(zip(write.args, "abc", strict=True))) == "written"
    assert served.bodies("/workflows/run")[0]["inputs"] == {"config": "a", "self": "b", "_x": "c"}
    assert ask.invoke({"query": "Hi"}) == "Hi!"


@pytest.mark.anyio
async def test_async_toolkit(serve: Serve) -> None:
    """Check 25."""
    served = three(serve)
    toolkit = await DifyToolkit.afrom_apps(keys(served), **settings(served))
    check(served, toolkit)
    assert await toolkit.get_tools()[1].ainvoke({"query": "Hi"}) == "Hi!"


def test_fields_of_one_app_and_shared_ones(serve: Serve) -> None:
    served = serve()
    key = served.server.app("workflow").api_key
    apps: list[dict[str, Any]] = [
        {"api_key": key, "name": "formal one", "description": "Formal.", "inputs": {"tone": "formal"}},
        {"api_key": key, "name": "plain"},
    ]
    formal, plain = DifyToolkit.from_apps(apps, **settings(served), handle_tool_error=True).get_tools()
    assert (formal.name, formal.description, plain.name) == ("formal_one", "Formal.", "plain")
    assert "tone" not in formal.args and "tone" in plain.args
    assert formal.handle_tool_error is plain.handle_tool_error is True
    for tool in (formal, plain):
        served.keep(cast("Connection", tool))
    assert "formal" in formal.invoke({"topic": "cats"})


def test_clients_in_a_toolkit(serve: Serve) -> None:
    served = serve()
    with Dify(**served.connection("workflow")) as client:
        (tool,) = DifyToolkit.from_apps([client]).get_tools()
        assert "cats" in tool.invoke({"topic": "cats"})


@pytest.mark.anyio
async def test_async_clients_in_a_toolkit(serve: Serve) -> None:
    served = serve()
    async with AsyncDify(**served.connection("chat")) as client:
        (tool,) = (await DifyToolkit.afrom_apps([client])).get_tools()
        assert await tool.ainvoke({"query": "Hi"})


def test_old_servers_do_not_tell_the_kind(serve: Serve) -> None:
    served = serve(version="0.15.3")
    connection = served.connection("workflow")
    with pytest.raises(InvalidArgument, match="mode"):
        DifyToolkit.from_apps([connection])
    (tool,) = DifyToolkit.from_apps([{**connection, "mode": "workflow"}]).get_tools()
    assert isinstance(tool, DifyWorkflowTool)
    served.keep(tool)


def test_completion_apps_are_no_tools(serve: Serve) -> None:
    served = serve()
    with pytest.raises(InvalidArgument, match="completion"):
        DifyToolkit.from_apps([served.connection("completion")])


def test_a_text_alone_is_the_question(serve: Serve) -> None:
    """Also without a schema of the app's form."""
    served = serve(mode="chat")
    connection = served.connection(next(app.name for app in served.server.apps if app.mode == "chat"))
    tool = served.keep(DifyChatTool(**connection, name="ask", description="Answers."))
    tool.invoke("Hello there")
    assert served.bodies()[-1]["query"] == "Hello there"
