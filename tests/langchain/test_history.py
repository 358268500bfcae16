"""A conversation as message history: read through, continued by `ChatDify`, honest about what it cannot write."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import pytest
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import Runnable
from langchain_core.runnables.history import RunnableWithMessageHistory

from dify_integrations import AuthenticationError, Dify, FileInput, NotFound
from dify_integrations.local import App, Fail, Text, Turn
from langchain_dify import DifyChatMessageHistory
from tests.langchain.conftest import Serve, Served, answering

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def numbered(turn: Turn) -> list[Any]:
    if "fail" in turn.query:
        return [Text("so "), Fail("the model refused")]
    return [Text(f"You said: {turn.query}")]


def history(served: Served, conversation_id: str = "", **fields: Any) -> DifyChatMessageHistory:
    return DifyChatMessageHistory(conversation_id, **{**served.connection(), **fields})


def said(served: Served, *queries: str) -> str:
    """A conversation of some turns, made without LangChain."""
    known = served.connection()
    conversation_id = ""
    with Dify(known["api_key"], base_url=known["base_url"], user=known["user"]) as dify:
        for query in queries:
            result = dify.chat.send(query, conversation_id=conversation_id)
            conversation_id = result.conversation_id or ""
    return conversation_id


def texts(messages: list[BaseMessage]) -> list[str]:
    return [message.text for message in messages]


def test_turns_oldest_first_and_the_model_goes_on_behind_them(serve: Serve) -> None:
    """Check 7: what follows carries the conversation's id and only the new text; here the history is Dify's own."""
    served = serve(answering(numbered))
    conversation_id = said(served, "one", "two")
    past = history(served, conversation_id).messages
    assert [type(message) for message in past] == [HumanMessage, AIMessage] * 2
    assert texts(past) == ["one", "You said: one", "two", "You said: two"]
    assert len({message.id for message in past}) == 4
    served.chat().invoke([*past, HumanMessage("three")])
    body = served.bodies()[-1]
    assert (body["query"], body["conversation_id"]) == ("three", conversation_id)
    assert texts(history(served, conversation_id).messages)[-2:] == ["three", "You said: three"]


def test_more_turns_than_a_page(serve: Serve) -> None:
    served = serve(answering(numbered))
    queries = [f"turn {number}" for number in range(103)]
    past = history(served, said(served, *queries)).messages
    assert texts(past)[::2] == queries


@pytest.mark.anyio
async def test_async_reads_the_same(serve: Serve) -> None:
    served = serve(answering(numbered))
    past = history(served, said(served, "one", "two"))
    assert await past.aget_messages() == past.messages
    assert str(past) == "Human: one\nAI: You said: one\nHuman: two\nAI: You said: two"


def test_failed_turns_are_marked(serve: Serve) -> None:
    served = serve(answering(numbered))
    conversation_id = said(served, "one")
    known = served.connection()
    with Dify(known["api_key"], base_url=known["base_url"], user="ann") as dify, pytest.raises(Exception, match="refused"):
        dify.chat.send("fail", conversation_id=conversation_id)
    answer = history(served, conversation_id).messages[-1]
    assert answer.response_metadata["finish_reason"] == "error"
    assert "refused" in answer.response_metadata["dify"]["error"]
    assert answer.response_metadata["dify"]["status"] == "failed"


def test_files_sources_and_steps(serve: Serve) -> None:
    served = serve()
    known = served.connection("chat")
    with Dify(known["api_key"], base_url=known["base_url"], user="ann") as dify:
        file = FileInput.from_bytes(b"\x89PNG\r\n\x1a\n", filename="map.png")
        result = dify.chat.send("Within how many days are refunds possible?", files=[file])
    question, answer = history(served, result.conversation_id or "", **known).messages
    assert isinstance(question.content, list)
    image = question.content[1]
    assert isinstance(image, dict) and image["type"] == "image" and image["file_id"]
    assert answer.response_metadata["dify"]["message_id"] == result.message_id == answer.id
    sources = answer.response_metadata["dify"].get("retriever_resources", [])
    assert [source["segment_id"] for source in sources] == [citation.segment_id for citation in result.citations]


def test_agent_steps(serve: Serve) -> None:
    served = serve()
    known = served.connection("agent")
    fresh = served.chat("agent").invoke("What is 2 + 3?")
    answer = history(served, fresh.response_metadata["dify"]["conversation_id"], **known).messages[-1]
    now, then = (message.additional_kwargs.get("dify", {}).get("thoughts", []) for message in (fresh, answer))
    assert [without(step, "at") for step in now] == then != []
    assert [block["type"] for block in answer.content_blocks][:2] == ["server_tool_call", "server_tool_result"]


def without(step: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in step.items() if key != name}


def test_new_history_takes_the_conversation_of_the_first_answer(serve: Serve) -> None:
    served = serve(answering(numbered))
    past = history(served)
    assert past.messages == [] and past.variables() == {} and not served.server.requests
    answer = served.chat().invoke("one")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        past.add_messages([HumanMessage("one"), answer])
        past.add_ai_message(answer)
    assert past.conversation_id == answer.response_metadata["dify"]["conversation_id"]
    assert texts(past.messages) == ["one", "You said: one"]


def foreign() -> list[list[BaseMessage]]:
    other = {"conversation_id": UNKNOWN, "message_id": UNKNOWN, "app": "another"}
    return [
        [HumanMessage("Hi")],
        [HumanMessage("Hi"), AIMessage("Hello")],
        [HumanMessage("Hi"), AIMessage("Hello", response_metadata={"dify": other})],
        [SystemMessage("Be brief."), ToolMessage("4", tool_call_id="c")],
    ]


@pytest.mark.anyio
@pytest.mark.parametrize("number", range(4))
async def test_what_dify_did_not_record_is_not_kept_and_a_warning_says_so(serve: Serve, number: int) -> None:
    served = serve(answering(numbered))
    past = history(served, said(served, "one"))
    before = past.messages
    messages = foreign()[number]
    with pytest.warns(UserWarning, match=f"{len(messages)} of {len(messages)} messages .* are not kept"):
        past.add_messages(messages)
    with pytest.warns(UserWarning, match="are not kept"):
        await past.aadd_messages(messages)
    assert past.messages == before


def test_answer_of_another_conversation_is_not_this_history_s(serve: Serve) -> None:
    served = serve(answering(numbered))
    past = history(served, said(served, "one"))
    with pytest.warns(UserWarning, match="1 of 1 messages"):
        past.add_messages([served.chat().invoke("elsewhere")])


@pytest.mark.anyio
async def test_clear_deletes_the_conversation(serve: Serve) -> None:
    served = serve(answering(numbered))
    first, second = said(served, "one"), said(served, "two")
    past = history(served, first)
    past.clear()
    assert past.conversation_id == "" and past.messages == []
    history(served, first).clear()
    await history(served, second).aclear()
    with pytest.raises(NotFound):
        _ = history(served, second).messages
    await history(served).aclear()


def with_history(served: Served, sessions: dict[str, DifyChatMessageHistory]) -> Runnable[Any, Any]:
    prompt = ChatPromptTemplate.from_messages([MessagesPlaceholder("past"), ("human", "{question}")])

    def of(session_id: str) -> BaseChatMessageHistory:
        return sessions.setdefault(session_id, history(served))

    return RunnableWithMessageHistory(prompt | served.chat(), of, input_messages_key="question", history_messages_key="past")


@pytest.mark.filterwarnings("ignore::langchain_core._api.deprecation.LangChainDeprecationWarning")
@pytest.mark.filterwarnings("ignore::langchain_core._api.deprecation.LangChainPendingDeprecationWarning")
@pytest.mark.anyio
async def test_memory_wrapper(serve: Serve) -> None:
    served = serve(answering(numbered))
    sessions: dict[str, DifyChatMessageHistory] = {}
    chain = with_history(served, sessions)
    config: Any = {"configurable": {"session_id": "s1"}}
    chain.invoke({"question": "one"}, config)
    await chain.ainvoke({"question": "two"}, config)
    assert "".join(chunk.text for chunk in chain.stream({"question": "three"}, config)) == "You said: three"
    assert [body["query"] for body in served.bodies()] == ["one", "two", "three"]
    assert texts(sessions["s1"].messages)[::2] == ["one", "two", "three"]
    chain.invoke({"question": "hello"}, {"configurable": {"session_id": "s2"}})
    assert len({past.conversation_id for past in sessions.values()}) == 2


@pytest.mark.anyio
async def test_variables_of_a_chatflow(serve: Serve) -> None:
    served = serve()
    known = served.connection("chatflow")
    with Dify(known["api_key"], base_url=known["base_url"], user="ann") as dify:
        conversation_id = dify.chat.send("Hello").conversation_id or ""
        expected = {entry.name: entry.value for entry in dify.conversations.iterate_variables(conversation_id)}
    past = history(served, conversation_id, **known)
    assert past.variables() == await past.avariables() == expected


@pytest.mark.anyio
async def test_another_user_s_conversation_is_not_found(serve: Serve) -> None:
    """Check 11: histories of two users never mix."""
    served = serve(answering(numbered))
    conversation_id = said(served, "one")
    for past in (history(served, conversation_id, user="eve"), history(served, UNKNOWN)):
        with pytest.raises(NotFound):
            _ = past.messages
        with pytest.raises(NotFound):
            await past.aget_messages()
    with pytest.raises(AuthenticationError):
        _ = history(served, conversation_id, api_key="app-wrong").messages


def test_key_shows_nowhere_and_clients_are_shared(serve: Serve) -> None:
    served = serve(answering(numbered))
    key = served.connection()["api_key"]
    past = history(served, "c1")
    assert key not in repr(past) + repr(vars(past))
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(past)
    conversation_id = said(served, "one")
    with Dify(key, base_url=served.server.base_url, user="ann") as dify:
        assert texts(DifyChatMessageHistory(conversation_id, client=dify).messages) == ["one", "You said: one"]


@pytest.mark.parametrize("version", ["0.15.3", "1.12.1"])
def test_older_servers(serve: Serve, version: str) -> None:
    served = serve(answering(numbered), version=version)
    assert texts(history(served, said(served, "one", "two")).messages)[::2] == ["one", "two"]


def test_app_without_conversations(serve: Serve) -> None:
    served = serve(App("writer", "completion", lambda turn: [Text("x")]))
    with pytest.raises(Exception, match="not_chat_app"):
        _ = history(served, UNKNOWN).messages
