"""Conversations that go on: never behind words they do not follow, never two turns at once, and asked about when in doubt."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.llms import ChatMessage, ChatResponse, TextBlock
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.storage.chat_store import SimpleChatStore
from llama_index.core.tools import FunctionTool

from dify_integrations import APIError, ConversationNotFound, Dify, InvalidArgument
from dify_integrations.bridge.cancelling import CancelToken
from dify_integrations.local import Fail, Text
from llamaindex_dify import DifyChatEngine, DifyChatLLM
from tests.llamaindex.engines import ASK, each_way

Serve = Callable[..., Any]


def user(content: str) -> ChatMessage:
    return ChatMessage(role="user", content=content)


def begun(llm: Any) -> list[ChatMessage]:
    first = user("My name is Ada.")
    return [first, llm.chat([first]).message, user("What is it?")]


def conversation_of(messages: list[ChatMessage]) -> str:
    return str(messages[1].additional_kwargs["dify"]["conversation_id"])


def test_a_turn_beside_an_open_one_goes_elsewhere(serve: Serve) -> None:
    """Check 18: a stream that is being read has its conversation for itself; when it is over it has moved on."""
    served = serve()
    llm = served.llm(conversation="auto")
    messages = begun(llm)
    stream = llm.stream_chat(messages)
    next(stream)
    llm.chat(messages)
    list(stream)
    llm.chat(messages)
    assert [bool(sent.get("conversation_id")) for sent in served.sent] == [False, True, False, False]
    assert "My name is Ada." in served.sent[2]["query"]


def test_a_turn_beside_an_open_one_can_be_refused(serve: Serve) -> None:
    """Check 18: also one that is repeated."""
    served = serve()
    llm = served.llm(conversation="auto", on_fork="raise")
    messages = begun(llm)
    with_both = asyncio.run(at_once(llm, messages))
    assert sorted(type(one).__name__ for one in with_both) == ["ChatResponse", "InvalidArgument"]
    assert len(served.sent) == 2


async def at_once(llm: Any, messages: list[ChatMessage]) -> list[Any]:
    return list(await asyncio.gather(llm.achat(messages), llm.achat(messages), return_exceptions=True))


@pytest.mark.parametrize("ending", ["left", "failed", "never read"])
def test_a_turn_that_ended_badly_blocks_nobody(serve: Serve, ending: str) -> None:
    """Check 18: what was left may be recorded, so Dify is asked before the conversation goes on."""
    replies = iter([[Text("Hi.")], [Fail("no model")] if ending == "failed" else [Text("Ada"), Text(".")], *[[Text("Ada.")]] * 3])
    served = serve(lambda _: next(replies))
    llm = served.llm(conversation="auto")
    messages = begun(llm)
    stream = llm.stream_chat(messages)
    if ending == "left":
        next(stream)
        stream.close()
    elif ending == "failed":
        with pytest.raises(APIError):
            list(stream)
    else:
        stream.close()
    assert llm.chat(messages).message.content
    last = served.sent[-1]
    assert bool(last.get("conversation_id")) == (ending == "never read") or "What is it?" in last["query"]


def test_another_process_asks_whether_it_knows_everything(serve: Serve) -> None:
    """Check 18: histories travel; the second object has seen nothing of the conversation."""
    served = serve()
    messages = begun(served.llm(conversation="auto"))
    served.llm(conversation="auto").chat(messages)
    asked = [request.path for request in served.server.requests if request.method == "GET"]
    assert asked == ["/v1/messages"]
    assert served.sent[-1]["conversation_id"] == conversation_of(messages)
    served.llm(conversation="auto").chat(messages)
    assert not served.sent[-1].get("conversation_id"), "the turn before has moved it on"
    served.llm(conversation="auto", verify_tip=False).chat(messages)
    assert served.sent[-1]["conversation_id"] == conversation_of(messages), "whoever does not ask takes the risk"


@pytest.mark.anyio
async def test_another_process_asks_without_blocking(serve: Serve) -> None:
    """Check 18: as the one above."""
    served = serve()
    messages = begun(served.llm(conversation="auto"))
    stream = await served.llm(conversation="auto").astream_chat(messages)
    assert [chunk async for chunk in stream]
    assert served.sent[-1]["conversation_id"] == conversation_of(messages)


@pytest.mark.parametrize("knows", [True, False], ids=["thought alive", "asked about"])
@pytest.mark.parametrize("method", ["chat", "stream_chat", "achat", "astream_chat"])
def test_a_conversation_that_is_gone_begins_anew(serve: Serve, method: str, knows: bool) -> None:
    """Check 18: with all of the history, once, and the answer says so."""
    served = serve()
    llm = served.llm(conversation="auto")
    messages = begun(llm)
    delete(served, messages)
    if not knows:
        del llm
        gc.collect()
    answer = asked(served.llm(conversation="auto"), method, messages)
    assert answer.additional_kwargs["dify"]["conversation_lost"] == conversation_of(messages)
    assert [bool(sent.get("conversation_id")) for sent in served.sent] == [False, True, False][:: 1 if knows else 2]
    assert "My name is Ada." in served.sent[-1]["query"]
    goes_on = served.llm(conversation="auto").chat([*messages, answer, user("And now?")]).message
    assert served.sent[-1]["conversation_id"] == answer.additional_kwargs["dify"]["conversation_id"]
    assert "conversation_lost" not in goes_on.additional_kwargs["dify"]


@pytest.mark.parametrize("options", [{"conversation": "stateful"}, {"conversation": "auto", "on_fork": "raise"}, None])
def test_a_conversation_that_must_go_on_is_missed(serve: Serve, options: dict[str, str] | None) -> None:
    """Check 18: who refuses other conversations is told; so is who named this one."""
    served = serve()
    llm = served.llm(**(options or {}))
    messages = begun(served.llm(conversation="auto") if options is None else llm)
    delete(served, messages)
    with pytest.raises(ConversationNotFound):
        llm.chat(messages, **({} if options else {"conversation_id": conversation_of(messages)}))
    assert len(served.sent) == 2


def test_a_call_that_was_cancelled_before_it_went_on_sends_nothing(serve: Serve) -> None:
    served = serve()
    llm = served.llm(conversation="auto")
    messages = begun(llm)
    token = CancelToken()
    token.cancel()
    assert llm.chat(messages, cancel=token).message.additional_kwargs["dify"]["status"] == "stopped"
    assert len(served.sent) == 1


def delete(served: Any, messages: list[ChatMessage]) -> None:
    with Dify(served.app.api_key, base_url=served.server.base_url, user="ada") as dify:
        dify.conversations.delete(conversation_of(messages))


def asked(llm: DifyChatLLM, method: str, messages: list[ChatMessage]) -> ChatMessage:
    """The message of the (last) response, by any of the four methods."""

    async def last() -> ChatResponse:
        return [chunk async for chunk in await llm.astream_chat(messages)][-1]

    if method == "astream_chat":
        return asyncio.run(last()).message
    if method == "achat":
        return asyncio.run(llm.achat(messages)).message
    return llm.chat(messages).message if method == "chat" else list(llm.stream_chat(messages))[-1].message


@pytest.mark.parametrize("other", ["LLM", "engine"])
def test_objects_of_a_process_know_each_others_turns(serve: Serve, other: str) -> None:
    """Check 18: what one object is being told, another one does not answer beside; what it was told, it does not put words behind."""
    served = serve()
    llm, second = served.llm(conversation="auto"), served.llm(conversation="auto")
    messages = begun(llm)
    engine = DifyChatEngine(second, ChatMemoryBuffer.from_defaults(token_limit=1000), conversation_id=conversation_of(messages))
    chunks = second.stream_chat(messages) if other == "LLM" else engine.stream_chat("What is it?").response_gen
    next(chunks)
    llm.chat(messages)
    list(chunks)
    llm.chat(messages)
    assert [bool(sent.get("conversation_id")) for sent in served.sent] == [False, True, False, False]


def test_objects_for_other_servers_apps_and_users_share_nothing(serve: Serve) -> None:
    """Check 18: a history belongs to one server, app and user; everybody else's turn with it begins a conversation."""
    here, there = serve(), serve()
    keeper = here.llm(conversation="auto")
    messages = begun(keeper)
    for served, options in ((there, {}), (here, {"user": "bob"})):
        served.llm(conversation="auto", **options).chat(messages)
        assert not served.sent[-1].get("conversation_id")
        assert "My name is Ada." in served.sent[-1]["query"]
    keeper.chat(messages)
    assert here.sent[-1]["conversation_id"] == conversation_of(messages), "nobody has moved it on"


def test_a_conversation_can_be_home(serve: Serve) -> None:
    """Check 18: histories without an answer of the app go there."""
    served = serve()
    home = conversation_of(begun(served.llm(conversation="auto")))
    served.llm(conversation="stateful", conversation_id=home).complete("And now?")
    assert (served.sent[-1]["conversation_id"], served.sent[-1]["query"]) == (home, "And now?")
    with pytest.raises(InvalidArgument, match="stateless"):
        served.llm(conversation_id=home)


def test_system_text_is_told_once_and_again_when_it_changes(serve: Serve) -> None:
    """Check 18: also by an object that has not seen the turn before."""
    served = serve()
    rules, other = ChatMessage(role="system", content="Be brief."), ChatMessage(role="system", content="Be kind.")
    first = [rules, user("Hi.")]
    answer = served.llm(conversation="auto").chat(first).message
    served.llm(conversation="auto").chat([*first, answer, user("And?")])
    assert served.sent[-1]["query"] == "And?"
    answer = served.llm(conversation="auto").chat([user("Hi.")]).message
    served.llm(conversation="auto").chat([other, user("Hi."), answer, user("And?")])
    assert "Be kind." in served.sent[-1]["query"]


EDITS: dict[str, Callable[[list[ChatMessage]], list[ChatMessage]]] = {
    "question": lambda said: [user("My name is Bea."), *said[1:]],
    "answer": lambda said: [*said[:3], said[3].model_copy(update={"blocks": [TextBlock(text="It is Bea.")]}), said[4]],
    "one more": lambda said: [user("Be nice."), *said],
    "compacted": lambda said: said[2:],
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edited_memory_is_told_anew(serve: Serve, edit: Callable[[list[ChatMessage]], list[ChatMessage]]) -> None:
    """Check 18: a history that is not what its conversation was told is rendered, or refused where that is wanted."""
    served = serve()
    llm = served.llm(conversation="auto")
    said = begun(llm)
    said += [llm.chat(said).message, user("Sure?")]
    edited = edit(said)
    for refusing in ({"conversation": "stateful"}, {"conversation": "auto", "on_fork": "raise"}):
        with pytest.raises(InvalidArgument, match="edited"):
            served.llm(**refusing).chat(edited)
    llm.chat(edited)
    assert not served.sent[-1].get("conversation_id")
    assert all((message.content or "") in served.sent[-1]["query"] for message in edited)
    llm.chat([ChatMessage.model_validate_json(message.model_dump_json()) for message in said])  # stored, it is the same
    assert (served.sent[-1].get("conversation_id"), served.sent[-1]["query"]) == (conversation_of(said), "Sure?")


@each_way
def test_cores_chat_engine_goes_on_in_one_conversation(serve: Serve, way: str) -> None:
    """Check 18: only the new turn with the id, though its streams keep texts without the white space around them."""
    served = serve(lambda turn: [Text(f" {turn.query}"), Text("! \n")])
    memory = ChatMemoryBuffer.from_defaults()
    engine = SimpleChatEngine.from_defaults(llm=served.llm(conversation="auto"), memory=memory, system_prompt="Be brief.")
    for question in ("one", "two", "three"):
        assert str(ASK[way](engine, question)).strip().endswith(f"{question}!")
    assert [sent["query"] for sent in served.sent][1:] == ["two", "three"]
    home = conversation_of(memory.get_all())
    assert [sent.get("conversation_id") or "" for sent in served.sent] == ["", home, home]


class Copies(SimpleChatStore):
    """Gives out copies, as databases do."""

    def get_messages(self, key: str) -> list[ChatMessage]:
        return [message.model_copy(deep=True) for message in super().get_messages(key)]


@pytest.mark.parametrize("mode", ["auto", "stateful"])
@pytest.mark.anyio
async def test_an_agent_workflow_with_a_state_goes_on(serve: Serve, mode: str) -> None:
    """Check 18: core puts the state around the question of the first step alone, and memories keep the question."""
    call = '<tool_calls>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_calls>'
    served = serve(lambda turn: [Text(call if "Current state:" in turn.query else "3.")])
    memory = ChatMemoryBuffer.from_defaults(chat_store=Copies())
    for question in ("one", "two"):
        add = FunctionTool.from_defaults(lambda a, b: a + b, name="add", description="Adds.")
        agent = FunctionAgent(name="adder", tools=[add], llm=served.llm(conversation=mode, tool_calling="prompt"))
        assert str(await AgentWorkflow([agent], initial_state={"n": 1}).run(question, memory=memory)) == "3."
    assert served.sent[2]["query"].endswith("Current state:\n{'n': 1}\n\nCurrent message:\ntwo\n")
    home = conversation_of(memory.get_all())
    assert [sent.get("conversation_id") or "" for sent in served.sent] == ["", home, home, home]


def test_whoever_names_a_conversation_knows_what_was_said_there(serve: Serve) -> None:
    """Check 18: what a call did not see cannot be compared."""
    served = serve()
    first = begun(served.llm())
    home = conversation_of(first)
    answer = served.llm().chat([first[2]], conversation_id=home).message
    served.llm(conversation="auto").chat([*first, answer, user("Sure?")])
    assert (served.sent[-1].get("conversation_id"), served.sent[-1]["query"]) == (home, "Sure?")
