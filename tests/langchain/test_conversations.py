"""LangChain re-sends the history, Dify keeps it: what goes over the wire, and never onto a wrong branch."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver

from dify_integrations import ConversationNotFound, FileInput, InvalidArgument
from dify_integrations.local import Fail, Text
from tests.langchain.checkpoints import talking
from tests.langchain.conftest import ONE, THREE, TWO, Ask, Serve, answering, conversation_of, every_way, saying


@pytest.mark.anyio
@every_way
async def test_second_turn_continues_with_the_new_words_only(serve: Serve, ask: Ask) -> None:
    """Check 7."""
    served = serve([Text("yes")])
    model = served.chat()
    first = await ask(model, [ONE])
    second = await ask(model, [ONE, first, TWO])
    await ask(model, [ONE, first, TWO, second, THREE])
    one, two, three = served.bodies()
    assert (one["query"], one.get("conversation_id") or "") == ("One?", "")
    assert [(body["query"], body["conversation_id"]) for body in (two, three)] == [
        ("Two?", conversation_of(first)),
        ("Three?", conversation_of(first)),
    ]
    assert len(served.server.requests) == 3, "this process knows the tip and asks nobody"


def test_second_turn_of_a_chain_continues(serve: Serve) -> None:
    """Check 7: a prompt, the model, and no memory around them."""
    served = serve([Text("yes")])
    chain = ChatPromptTemplate.from_messages([("system", "Be brief."), MessagesPlaceholder("messages")]) | served.chat()
    first = chain.invoke({"messages": [ONE]})
    chain.invoke({"messages": [ONE, first, TWO]})
    assert [body["query"] for body in served.bodies()] == ["<system>\nBe brief.\n</system>\n\nOne?", "Two?"]
    assert served.bodies()[1]["conversation_id"] == conversation_of(first)


FORKS = [
    pytest.param(lambda first, second: [ONE, first, HumanMessage("Two, edited?")], id="edited"),
    pytest.param(lambda first, second: [ONE, first, TWO], id="repeated"),
    pytest.param(lambda first, second: [ONE, first, TWO, first, THREE], id="an older answer in the place of the last"),
]


@pytest.mark.anyio
@every_way
@pytest.mark.parametrize("history", FORKS)
async def test_fork_starts_a_conversation_that_knows_the_history(
    serve: Serve, ask: Ask, history: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Check 8: and says so in the log."""
    served = serve([Text("yes")])
    model = served.chat()
    first = await ask(model, [ONE])
    second = await ask(model, [ONE, first, TWO])
    forked = history(first, second)
    with caplog.at_level("INFO", "langchain_dify"):
        branch = await ask(model, forked)
    body = served.bodies()[-1]
    assert not body.get("conversation_id")
    assert all(str(message.content) in body["query"] for message in forked)
    assert conversation_of(branch) != conversation_of(first)
    assert [record.levelname for record in caplog.records if conversation_of(first) in record.getMessage()] == ["INFO"]
    for tip, answers in ((second, [ONE, first, TWO, second]), (branch, [*forked, branch])):
        await ask(model, [*answers, HumanMessage("Next?")])
        assert served.bodies()[-1]["conversation_id"] == conversation_of(tip), "both branches go on where they are"


@pytest.mark.anyio
@every_way
@pytest.mark.parametrize("history", FORKS)
async def test_fork_is_refused_when_asked_to(serve: Serve, ask: Ask, history: Any) -> None:
    """Check 8: before anything is sent."""
    served = serve([Text("yes")])
    model = served.chat(on_fork="raise")
    first = await ask(model, [ONE])
    second = await ask(model, [ONE, first, TWO])
    with pytest.raises(InvalidArgument, match="has gone on"):
        await ask(model, history(first, second))
    assert len(served.bodies()) == 2


@pytest.mark.parametrize("on_fork", ["stateless", "raise"])
def test_another_providers_history_is_no_fork(serve: Serve, on_fork: Any) -> None:
    """Check 10."""
    served = serve([Text("yes")])
    served.chat(on_fork=on_fork).invoke([ONE, AIMessage("foreign"), TWO])
    body = served.bodies()[-1]
    assert not body.get("conversation_id")
    assert body["query"] == "<history>\n<user>\nOne?\n</user>\n<assistant>\nforeign\n</assistant>\n</history>\n\nTwo?"


def test_trimmed_history_is_continued_while_its_last_answer_is_there_and_rendered_when_not(serve: Serve) -> None:
    """Check 8: of what was summed up, nothing is put behind the original."""
    served = serve([Text("yes")])
    model = served.chat()
    first = model.invoke([ONE])
    model.invoke([first, TWO])
    model.invoke([SystemMessage("They asked one and two."), THREE])
    one, two, three = served.bodies()
    assert (two["query"], two["conversation_id"]) == ("Two?", conversation_of(first))
    assert (three["query"], three.get("conversation_id") or "") == ("<system>\nThey asked one and two.\n</system>\n\nThree?", "")


def test_langgraph_time_travel_is_a_fork(serve: Serve) -> None:
    """Check 8: going on from an earlier checkpoint."""
    served = serve([Text("yes")])
    graph = talking(served.chat(), InMemorySaver())
    thread: RunnableConfig = {"configurable": {"thread_id": "t"}}
    for message in (ONE, TWO):
        graph.invoke({"messages": [message]}, thread)
    earlier = next(state for state in graph.get_state_history(thread) if len(state.values["messages"]) == 2)
    graph.invoke({"messages": [HumanMessage("Two, another way?")]}, earlier.config)
    third = served.bodies()[-1]
    assert not third.get("conversation_id")
    assert "One?" in third["query"] and "Two?" not in third["query"]


def test_turn_that_failed_has_moved_the_conversation(serve: Serve) -> None:
    """Check 8: Dify has recorded its question."""
    app = answering(lambda turn: [Fail("no")] if "fail" in turn.query else [Text("yes")])
    served = serve(app)
    model = served.chat()
    first = model.invoke("One?")
    with pytest.raises(Exception, match="no"):
        model.invoke([HumanMessage("One?"), first, HumanMessage("fail")])
    model.invoke([HumanMessage("One?"), first, HumanMessage("Again")])
    assert not served.bodies()[-1].get("conversation_id")


@pytest.mark.anyio
@every_way
async def test_conversation_that_was_deleted_begins_anew(serve: Serve, ask: Ask) -> None:
    """With the history, once; the answer names the lost one. Known alive here, so nobody asks before."""
    served = serve([Text("yes")])
    model = served.chat()
    first = await ask(model, [ONE])
    model.clients.sync.conversations.delete(conversation_of(first), user="ann")
    second = await ask(model, [ONE, first, TWO])
    assert second.response_metadata["dify"]["conversation_lost"] == conversation_of(first)
    assert [bool(body.get("conversation_id")) for body in served.bodies()] == [False, True, False]
    assert "One?" in served.bodies()[-1]["query"] and "Two?" in served.bodies()[-1]["query"]
    await ask(model, [ONE, first, TWO, second, THREE])
    assert served.bodies()[-1]["conversation_id"] == conversation_of(second)


@pytest.mark.parametrize("fields", [{"conversation": "stateful"}, {"on_fork": "raise"}, {}], ids=["stateful", "on_fork", "named"])
def test_conversation_that_was_deleted_is_missed_where_it_must_go_on(serve: Serve, fields: Any) -> None:
    served = serve([Text("yes")])
    model = served.chat(**fields)
    first = model.invoke([ONE])
    model.clients.sync.conversations.delete(conversation_of(first), user="ann")
    named: dict[str, Any] = {} if fields else {"conversation_id": conversation_of(first)}
    with pytest.raises(ConversationNotFound):
        model.invoke([ONE, first, TWO], **named)
    assert len(served.bodies()) == 2


def test_stateful_refuses_a_fork(serve: Serve) -> None:
    model = serve([Text("yes")]).chat(conversation="stateful")
    with pytest.raises(InvalidArgument, match="does not end where"):
        model.invoke([HumanMessage("One?"), AIMessage("foreign"), HumanMessage("Two?")])


def test_stateless_renders_the_history(serve: Serve) -> None:
    served = serve([Text("yes")])
    model = served.chat(conversation="stateless")
    first = model.invoke("One?")
    model.invoke([SystemMessage("Be brief."), HumanMessage("One?"), first, HumanMessage("Two?")])
    query = served.bodies()[-1]["query"]
    assert "<system>\nBe brief.\n</system>" in query and "<user>\nOne?\n</user>" in query and query.endswith("Two?")


def test_another_apps_history_is_not_continued(serve: Serve) -> None:
    """Check 10: its answers are text."""
    served = serve(saying(Text("a"), name="a"), saying(Text("b"), name="b"))
    first = served.chat("a").invoke("One?")
    served.chat("b").invoke([HumanMessage("One?"), first, HumanMessage("Two?")])
    assert not served.bodies()[-1].get("conversation_id")


def test_explicit_conversation_rules(serve: Serve) -> None:
    served = serve([Text("yes")])
    model = served.chat()
    conversation = model.invoke("One?").response_metadata["dify"]["conversation_id"]
    model.invoke("Two?", conversation_id=conversation)
    model.invoke("Three?", config={"configurable": {"dify_conversation_id": conversation}})
    assert [body.get("conversation_id") for body in served.bodies()[1:]] == [conversation] * 2


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
