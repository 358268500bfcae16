"""LangChain re-sends the history, Dify keeps it: what goes over the wire, and never onto a wrong branch."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableLambda

from dify_integrations import FileInput, InvalidArgument
from dify_integrations.local import Fail, Text
from tests.langchain.conftest import Serve, answering, saying


def test_second_turn_continues_with_the_new_words_only(serve: Serve) -> None:
    served = serve([Text("yes")])
    model = served.chat()
    first = model.invoke("One?")
    model.invoke([HumanMessage("One?"), first, HumanMessage("Two?")])
    before, after = served.bodies()
    assert (before["query"], before.get("conversation_id") or "") == ("One?", "")
    assert (after["query"], after["conversation_id"]) == ("Two?", first.response_metadata["dify"]["conversation_id"])


@pytest.mark.parametrize(
    "history",
    [
        pytest.param(lambda first: [HumanMessage("One, edited?")], id="edited"),
        pytest.param(lambda first: [HumanMessage("One?"), first, HumanMessage("Two?")], id="repeated"),
        pytest.param(lambda first: [HumanMessage("One?"), AIMessage("foreign"), HumanMessage("Two?")], id="another provider's"),
    ],
)
def test_fork_starts_a_conversation_that_knows_the_history(serve: Serve, history: Any) -> None:
    served = serve([Text("yes")])
    model = served.chat()
    first = model.invoke("One?")
    model.invoke([HumanMessage("One?"), first, HumanMessage("Two?")])
    forked: list[BaseMessage] = history(first)
    model.invoke(forked)
    body = served.bodies()[-1]
    assert not body.get("conversation_id")
    assert all(str(message.content) in body["query"] for message in forked)


def test_turn_that_failed_has_moved_the_conversation(serve: Serve) -> None:
    app = answering(lambda turn: [Fail("no")] if "fail" in turn.query else [Text("yes")])
    served = serve(app)
    model = served.chat()
    first = model.invoke("One?")
    with pytest.raises(Exception, match="no"):
        model.invoke([HumanMessage("One?"), first, HumanMessage("fail")])
    model.invoke([HumanMessage("One?"), first, HumanMessage("Again")])
    assert not served.bodies()[-1].get("conversation_id")


def test_stateful_refuses_a_fork(serve: Serve) -> None:
    model = serve([Text("yes")]).chat(conversation="stateful")
    with pytest.raises(InvalidArgument, match="does not end where"):
        model.invoke([HumanMessage("One?"), AIMessage("foreign"), HumanMessage("Two?")])


def test_stateful_cannot_be_cached(serve: Serve) -> None:
    with pytest.raises(ValueError, match="cannot be cached"):
        serve([Text("yes")]).chat(conversation="stateful", cache=True)


def test_stateless_renders_the_history(serve: Serve) -> None:
    served = serve([Text("yes")])
    model = served.chat(conversation="stateless")
    first = model.invoke("One?")
    model.invoke([SystemMessage("Be brief."), HumanMessage("One?"), first, HumanMessage("Two?")])
    query = served.bodies()[-1]["query"]
    assert "<system>\nBe brief.\n</system>" in query and "<user>\nOne?\n</user>" in query and query.endswith("Two?")


def test_another_apps_history_is_not_continued(serve: Serve) -> None:
    served = serve(saying(Text("a"), name="a"), saying(Text("b"), name="b"))
    first = served.chat("a").invoke("One?")
    served.chat("b").invoke([HumanMessage("One?"), first, HumanMessage("Two?")])
    assert not served.bodies()[-1].get("conversation_id")


def test_another_users_history_is_not_continued(serve: Serve) -> None:
    served = serve([Text("yes")])
    model = served.chat()
    first = model.invoke("One?", user="bob")
    model.invoke([HumanMessage("One?"), first, HumanMessage("Two?")], user="eve")
    assert not served.bodies()[-1].get("conversation_id")


def test_explicit_conversation_rules(serve: Serve) -> None:
    served = serve([Text("yes")])
    model = served.chat()
    conversation = model.invoke("One?").response_metadata["dify"]["conversation_id"]
    model.invoke("Two?", conversation_id=conversation)
    model.invoke("Three?", config={"configurable": {"dify_conversation_id": conversation}})
    assert [body.get("conversation_id") for body in served.bodies()[1:]] == [conversation] * 2


def test_user_comes_from_the_call_the_config_then_the_model(serve: Serve) -> None:
    served = serve([Text("yes")])
    model = served.chat()
    config: Any = {"configurable": {"dify_user": "carol"}}
    model.invoke("Hi")
    model.invoke("Hi", config=config)
    list(model.stream("Hi", config=config))
    model.invoke("Hi", config=config, user="dave")

    def ask(text: str) -> Any:
        return model.invoke(text)

    RunnableLambda(ask).invoke("Hi", config=config)
    assert [body["user"] for body in served.bodies()] == ["ann", "carol", "carol", "dave", "carol"]


@pytest.mark.anyio
async def test_async_calls_of_different_users_do_not_mix(serve: Serve) -> None:
    served = serve([Text("yes")])
    model = served.chat()
    users = [f"user{number}" for number in range(8)]
    await model.abatch([f"I am {user}" for user in users], config=[{"configurable": {"dify_user": user}} for user in users])
    assert {(body["user"], body["query"]) for body in served.bodies()} == {(user, f"I am {user}") for user in users}


def test_inputs_and_files_of_a_call_are_sent(serve: Serve) -> None:
    served = serve([Text("yes")])
    content: Any = [{"type": "text", "text": "What is this?"}, {"type": "image", "url": "https://files.example/a.png"}]
    more = FileInput.from_url("https://files.example/b.pdf")
    served.chat(inputs={"tone": "dry", "lang": "en"}).invoke([HumanMessage(content)], inputs={"lang": "de"}, files=[more])
    (body,) = served.bodies()
    assert body["inputs"] == {"tone": "dry", "lang": "de"}
    assert [(file["type"], file["url"]) for file in body["files"]] == [
        ("image", "https://files.example/a.png"),
        ("document", "https://files.example/b.pdf"),
    ]
