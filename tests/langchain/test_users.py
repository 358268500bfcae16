"""Whose call it is: told by argument, config, function or field, and never mixed up."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda

from dify_integrations import FileInput, InvalidArgument
from dify_integrations.local import App, Text
from langchain_dify import DifyWorkflow
from tests.langchain.conftest import ONE, TWO, Serve, conversation_of, saying


def told(user: Any, name: str = "dify_user") -> Any:
    return {"configurable": {name: user}}


def tenant(config: Any) -> str:
    return str(config["configurable"]["tenant"])


async def the_sync_way(model: Any, words: str, config: Any, **kwargs: Any) -> None:
    model.invoke(words, config, **kwargs)
    list(model.stream(words, config, **kwargs))


async def the_async_way(model: Any, words: str, config: Any, **kwargs: Any) -> None:
    await model.ainvoke(words, config, **kwargs)
    _ = [chunk async for chunk in model.astream(words, config, **kwargs)]


ways = pytest.mark.parametrize("call", [the_sync_way, the_async_way])


@pytest.mark.anyio
@ways
@pytest.mark.parametrize("kind", ["chat", "llm"])
async def test_user_comes_from_the_call_the_config_then_the_model(serve: Serve, call: Any, kind: str) -> None:
    """Check 11."""
    served = serve(saying(Text("yes"), mode="chat" if kind == "chat" else "completion"))
    model: Any = served.chat() if kind == "chat" else served.llm(prompt_key="query")
    number = uuid.UUID(int=7)
    await call(model, "Hi", None)
    await call(model, "Hi", told("carol"))
    await call(model, "Hi", told("erin", "user_id"))
    await call(model, "Hi", {"configurable": {"user_id": "erin", "dify_user": "carol"}})
    await call(model, "Hi", told("carol"), user="dave")
    await call(model, "Hi", told(42, "user_id"))
    await call(model, "Hi", told(number, "user_id"))
    path = "/chat-messages" if kind == "chat" else "/completion-messages"
    users = [body["user"] for body in served.bodies(path)]
    assert users[::2] == users[1::2] == ["ann", "carol", "erin", "carol", "dave", "42", str(number)]


@pytest.mark.anyio
@ways
@pytest.mark.parametrize("kind", ["chat", "llm"])
async def test_a_function_tells_the_user_from_the_config(serve: Serve, call: Any, kind: str) -> None:
    """Check 11: what is more explicit wins; nobody is not the client's own user."""
    served = serve(saying(Text("yes"), mode="chat" if kind == "chat" else "completion"))
    model: Any = served.chat(user=tenant) if kind == "chat" else served.llm(user=tenant, prompt_key="query")
    await call(model, "Hi", told("bob", "tenant"))
    await call(model, "Hi", {"configurable": {"tenant": "bob", "dify_user": "carol"}})
    path = "/chat-messages" if kind == "chat" else "/completion-messages"
    assert [body["user"] for body in served.bodies(path)] == ["bob", "bob", "carol", "carol"]
    with pytest.raises(KeyError):
        await call(model, "Hi", None)
    with pytest.raises(InvalidArgument, match="a user is a text"):
        await call(model, "Hi", told("", "tenant"))
    assert len(served.bodies(path)) == 4


def test_the_config_reaches_a_model_inside_other_runnables(serve: Serve) -> None:
    """Check 11: without being handed on."""
    served = serve([Text("yes")])
    model = served.chat(user=tenant)

    def ask(text: str) -> Any:
        return model.invoke(text)

    def generate(text: str) -> Any:
        return model.generate([[HumanMessage(text)]])

    RunnableLambda(ask).invoke("Hi", told("bob", "tenant"))
    RunnableLambda(generate).invoke("Hi", told("carol", "tenant"))
    assert [body["user"] for body in served.bodies()] == ["bob", "carol"]


@pytest.mark.anyio
@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
async def test_version_3_of_the_events_knows_the_user(serve: Serve) -> None:
    """Check 11: it goes to the hooks past all the other ways in."""
    served = serve([Text("yes")])
    model = served.chat()
    stream: Any = model.stream_events("Hi", told("bob"), version="v3")
    assert list(stream.text) == ["yes"]
    later: Any = await model.astream_events("Hi", told("carol"), version="v3")
    assert [piece async for piece in later.text] == ["yes"]
    assert [body["user"] for body in served.bodies()] == ["bob", "carol"]


@pytest.mark.parametrize("wrong", [object(), ["bob"], {"id": "bob"}, "", True], ids=["object", "list", "mapping", "empty", "bool"])
def test_what_is_no_name_is_refused(serve: Serve, wrong: Any) -> None:
    """Check 11: its text form might be the same for two."""
    served = serve([Text("yes")])
    with pytest.raises(InvalidArgument, match="a user is a text"):
        served.chat().invoke("Hi", told(wrong))
    assert served.bodies() == []


def test_another_users_history_is_not_continued(serve: Serve) -> None:
    """Check 11: a conversation belongs to its user."""
    served = serve([Text("yes")])
    model = served.chat(verify_tip=False)
    first = model.invoke([ONE], told("bob"))
    model.invoke([ONE, first, TWO], told("eve"))
    assert not served.bodies()[-1].get("conversation_id")
    model.invoke([ONE, first, TWO], told("bob"))
    assert served.bodies()[-1]["conversation_id"] == conversation_of(first)


def test_threads_of_different_users_do_not_mix(serve: Serve) -> None:
    """Check 11: two turns each, all at once, every user in a conversation of their own."""
    served = serve([Text("yes")])
    model = served.chat()
    users = [f"user{number}" for number in range(8)]
    firsts = model.batch([[ONE] for _ in users], [told(user) for user in users])
    model.batch([[ONE, first, TWO] for first in firsts], [told(user) for user in users])
    continued = {(body["user"], body["conversation_id"]) for body in served.bodies() if body.get("conversation_id")}
    assert continued == {(user, conversation_of(first)) for user, first in zip(users, firsts, strict=True)}


@pytest.mark.anyio
async def test_tasks_of_different_users_do_not_mix(serve: Serve) -> None:
    """Check 11."""
    served = serve([Text("yes")])
    model = served.chat(user=tenant)
    users = [f"user{number}" for number in range(8)]
    firsts = await model.abatch([[ONE] for _ in users], [told(user, "tenant") for user in users])
    await model.abatch([[ONE, first, TWO] for first in firsts], [told(user, "tenant") for user in users])
    continued = {(body["user"], body["conversation_id"]) for body in served.bodies() if body.get("conversation_id")}
    assert continued == {(user, conversation_of(first)) for user, first in zip(users, firsts, strict=True)}


@pytest.mark.anyio
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
async def test_workflows_and_tools_know_the_user_too(serve: Serve, asynchronous: bool) -> None:
    """Check 11."""
    served = serve(App("app", "workflow", lambda turn: [Text("done")], description="Does it."))
    tool = served.tool(user=tenant)
    workflow = served.keep(DifyWorkflow(**{**served.connection(), "user": tenant}))
    calls: list[tuple[Any, Any]] = [(tool, {"inputs": {}}), (workflow, {})]
    for called, given in calls:
        for config in (told("bob", "tenant"), told("erin", "user_id")):
            await called.ainvoke(given, config) if asynchronous else called.invoke(given, config)
    assert [body["user"] for body in served.bodies("/workflows/run")] == ["bob", "erin"] * 2


# -- inputs


def test_inputs_of_model_config_and_call_are_merged_in_that_order(serve: Serve) -> None:
    served = serve([Text("yes")])
    model = served.chat(inputs={"a": "model", "b": "model", "c": "model"})
    config: Any = {"configurable": {"dify_inputs": {"b": "config", "c": "config"}}}
    model.invoke("Hi", config, inputs={"c": "call"})
    list(model.stream("Hi", config))
    first, second = served.bodies()
    assert first["inputs"] == {"a": "model", "b": "config", "c": "call"}
    assert second["inputs"] == {"a": "model", "b": "config", "c": "config"}


def test_inputs_that_are_none_are_refused(serve: Serve) -> None:
    served = serve([Text("yes")])
    with pytest.raises(InvalidArgument, match="inputs are a mapping"):
        served.chat().invoke("Hi", {"configurable": {"dify_inputs": ["a"]}})
    assert served.bodies() == []


@pytest.mark.parametrize("kind", ["chat", "llm"])
def test_an_empty_user_of_a_call_is_not_taken_for_the_models(serve: Serve, kind: str) -> None:
    """Check 11: whoever forgot to log in must not read on in somebody's conversation."""
    served = serve([Text("yes")])
    model: Any = served.chat() if kind == "chat" else served.llm(mode="chat")
    with pytest.raises(InvalidArgument, match="a user is a text"):
        model.invoke("Hi", user="")
    with pytest.raises(InvalidArgument, match="a user is a text"):
        model.invoke("Hi", {"configurable": {"user_id": ""}})
    assert served.bodies() == []


@pytest.mark.parametrize("kind", ["chat", "llm"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"inputs": ["a"]},
        {"inputs": "ab"},
        {"files": "a.png"},
        {"files": 5},
        {"files": FileInput.from_bytes(b"x", "a.png")},
        {"stop": [5]},
    ],
    ids=str,
)
def test_arguments_of_a_wrong_type_are_refused(serve: Serve, kind: str, wrong: Any) -> None:
    served = serve([Text("yes")])
    model: Any = served.chat() if kind == "chat" else served.llm(mode="chat")
    with pytest.raises(InvalidArgument):
        model.invoke("Hi", **wrong)
    with pytest.raises(InvalidArgument):
        list(model.stream("Hi", **wrong))
    assert served.bodies() == []


@pytest.mark.parametrize("wrong", [{"conversation_id": 5}, {"conversation_id": ["a"]}, {"model": ["a"]}], ids=str)
def test_names_of_a_wrong_type_are_refused(serve: Serve, wrong: Any) -> None:
    served = serve([Text("yes")])
    with pytest.raises(InvalidArgument):
        served.chat().invoke("Hi", **wrong)
    assert served.bodies() == []


def test_one_stop_sequence_may_be_a_text(serve: Serve) -> None:
    """As with other providers; taken for a list, it would stop at each of its letters."""
    served = serve([Text("never END here")])
    assert served.chat().invoke("Hi", stop="END").text == "never "  # type: ignore[arg-type]
    assert "".join(served.llm(mode="chat").stream("Hi", stop="here")) == "never END "  # type: ignore[arg-type]
