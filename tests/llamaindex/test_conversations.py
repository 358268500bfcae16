"""Conversations that go on: never behind words they do not follow, never two turns at once, and asked about when in doubt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.llms import ChatMessage

from dify_integrations import APIError, Dify, InvalidArgument
from dify_integrations.local import Fail, Text

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


def test_a_conversation_that_is_gone_begins_anew(serve: Serve) -> None:
    """Check 18: with all of the history."""
    served = serve()
    messages = begun(served.llm(conversation="auto"))
    Dify(served.app.api_key, base_url=served.server.base_url, user="ada").conversations.delete(conversation_of(messages))
    served.llm(conversation="auto").chat(messages)
    assert not served.sent[-1].get("conversation_id")
    assert "My name is Ada." in served.sent[-1]["query"]


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
