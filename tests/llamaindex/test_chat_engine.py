"""One conversation per engine: what is sent, what is kept, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.base.llms.types import ImageBlock
from llama_index.core.chat_engine.types import BaseChatEngine
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool

from dify_integrations import APIError, Dify, InvalidArgument
from dify_integrations.local import App, Dataset, Fail, LocalDify, Replace, Text, Tool
from llamaindex_dify import DifyChatEngine, DifyChatLLM, DifyCompletionLLM, DifyModerationError
from tests.llamaindex.engines import ASK, asked, each_way, echo, engine_for, said, saying

Serve = Callable[..., Any]


def test_it_is_a_chat_engine() -> None:
    """Check 1: a chat engine by core's own class."""
    assert "BaseChatEngine" in [cls.__name__ for cls in DifyChatEngine.__mro__]
    assert issubclass(DifyChatEngine, BaseChatEngine)


@each_way
def test_only_what_is_new_is_sent_and_the_memory_mirrors_the_turns(serve: Serve, way: str) -> None:
    """Check 18: the second turn goes into the conversation of the first, word for word."""
    served = serve(echo)
    engine = engine_for(served)
    answers = [ASK[way](engine, message) for message in ("one", "two")]
    assert [str(answer) for answer in answers] == ["You said one", "You said two"]
    assert asked(served) == [("one", ""), ("two", engine.conversation_id)]
    assert engine.conversation_id == answers[1].metadata["conversation_id"] != ""
    assert said(engine) == [("user", "one"), ("assistant", "You said one"), ("user", "two"), ("assistant", "You said two")]
    assert answers[1].metadata["usage"]["total_tokens"] > 0


@each_way
def test_a_withdrawn_text_is_never_kept(serve: Serve, way: str) -> None:
    """Check 18: neither in memory nor in the response, whatever was streamed."""
    served = serve(saying(Text("bad "), Text("words"), Replace("I cannot say that.")))
    engine = engine_for(served)
    answer = ASK[way](engine, "Say it")
    assert str(answer) == answer.response == "I cannot say that."
    assert said(engine) == [("user", "Say it"), ("assistant", "I cannot say that.")]
    assert answer.metadata["text_replaced"] is True


@each_way
def test_an_answer_that_is_only_a_replacement_is_spoken(serve: Serve, way: str) -> None:
    engine = engine_for(serve(saying(Replace("No."))))
    assert str(ASK[way](engine, "Say it")) == "No."


@each_way
def test_a_reset_begins_another_conversation(serve: Serve, way: str) -> None:
    """Check 18 and 20: with an empty memory and a new id."""
    served = serve(echo)
    engine = engine_for(served)
    ASK[way](engine, "one")
    first = engine.conversation_id
    engine.reset()
    assert (engine.conversation_id, engine.chat_history) == ("", [])
    ASK[way](engine, "two")
    assert asked(served)[1] == ("two", "")
    assert engine.conversation_id not in {"", first}


@each_way
@pytest.mark.parametrize("mode", ["chat", "advanced-chat"])
def test_passages_are_source_nodes(way: str, mode: str) -> None:
    """Check 18: what the answer cites, with its document as the source."""
    dataset = Dataset("Shop", {"refunds.txt": "Refunds are possible within 30 days."})
    with LocalDify([App("app", mode, datasets=[dataset])]) as server:
        llm = DifyChatLLM(api_key=server.app("app").api_key, base_url=server.base_url, user="ada")
        engine = DifyChatEngine(llm)
        (found,) = ASK[way](engine, "When are refunds possible?").source_nodes
        assert found.node.get_content() == "Refunds are possible within 30 days."
        assert found.score > 0
        assert found.node.ref_doc_id == found.node.metadata["document_id"]
        assert found.node.metadata["document_name"] == "refunds.txt"
        assert engine.chat_history[-1].additional_kwargs["dify"]["citations"][0]["segment_id"] == found.node.node_id


@each_way
def test_tools_of_the_apps_agent_are_sources(serve: Serve, way: str) -> None:
    served = serve(saying(Tool("clock", {"zone": "UTC"}, "noon"), Text("It is noon.")), "agent-chat")
    (used,) = ASK[way](engine_for(served), "What time is it?").sources
    assert (used.tool_name, used.raw_input, used.content, used.is_error) == ("clock", {"zone": "UTC"}, "noon", False)


@each_way
def test_a_history_begins_a_new_conversation_and_is_told_once(serve: Serve, way: str) -> None:
    """Check 18 and 20: a caller's history is rendered with the first question, and the next one goes without."""
    served = serve(echo)
    engine = engine_for(served, chat_history=[ChatMessage(role="user", content="I am Ada"), ChatMessage("Hi", role="assistant")])
    ASK[way](engine, "Who am I?")
    ASK[way](engine, "Sure?")
    (first, _), second = asked(served)
    assert "I am Ada" in first
    assert first.endswith("Who am I?")
    assert second == ("Sure?", engine.conversation_id)
    assert [content for _, content in said(engine)][:3] == ["I am Ada", "Hi", "Who am I?"]


def test_a_history_of_a_call_leaves_the_old_conversation(serve: Serve) -> None:
    """Check 18 and 20: in all four methods; an empty history is a new conversation too."""
    served = serve(echo)
    engine = engine_for(served)
    engine.chat("one")
    first = engine.conversation_id
    history = [ChatMessage(role="user", content="other"), ChatMessage("things", role="assistant")]
    engine.chat("two", chat_history=history)
    second = engine.conversation_id
    list(engine.stream_chat("three", chat_history=[]).response_gen)

    async def later() -> None:
        await engine.achat("four", chat_history=history)
        response = await engine.astream_chat("five", chat_history=[])
        assert [text async for text in response.async_response_gen()] == ["You said ", "five"]

    asyncio.run(later())
    assert [conversation for _, conversation in asked(served)] == [""] * 5
    assert asked(served)[2] == ("three", "")
    assert said(engine) == [("user", "five"), ("assistant", "You said five")]
    assert len({first, second, engine.conversation_id}) == 3


@each_way
def test_a_conversation_that_is_gone_is_begun_anew_with_the_memory(serve: Serve, way: str) -> None:
    """Check 18: 404 on the conversation: everything said is told once more, and the answer says so."""
    served = serve(echo)
    engine = engine_for(served)
    ASK[way](engine, "one")
    first = engine.conversation_id
    with Dify(served.app.api_key, base_url=served.server.base_url, user="ada") as dify:
        dify.conversations.delete(first)
    answer = ASK[way](engine, "two")
    assert asked(served)[1] == ("two", first)
    again, conversation = asked(served)[2]
    assert conversation == ""
    assert "You said one" in again
    assert again.endswith("two")
    assert answer.metadata["conversation_lost"] == first
    assert engine.conversation_id == answer.metadata["conversation_id"] != first
    assert [content for role, content in said(engine) if role == "user"] == ["one", "two"]


@each_way
def test_a_failed_turn_leaves_everything_as_it_was(serve: Serve, way: str) -> None:
    """Asked again, it is told in the same place, with the history of a conversation that has not begun."""
    failing = [True]
    served = serve(lambda turn: [Text("half"), Fail("no model")] if failing[0] else echo(turn))
    engine = engine_for(served, chat_history=[ChatMessage("I am Ada", role="user"), ChatMessage("Hi", role="assistant")])
    with pytest.raises(APIError, match="no model"):
        ASK[way](engine, "Who am I?")
    assert (engine.conversation_id, len(engine.chat_history)) == ("", 2)
    failing[0] = False
    assert str(ASK[way](engine, "Who am I?")).endswith("Who am I?")
    assert "I am Ada" in asked(served)[1][0]
    assert len(engine.chat_history) == 4


@pytest.mark.parametrize("message", ["", "  ", None, 7])
def test_nothing_to_ask_is_refused_and_changes_nothing(serve: Serve, message: Any) -> None:
    served = serve(echo)
    engine = engine_for(served)
    engine.chat("one")
    at = engine.conversation_id

    async def later() -> None:
        with pytest.raises(InvalidArgument):
            await engine.achat(message, chat_history=[])
        with pytest.raises(InvalidArgument):
            await engine.astream_chat(message, chat_history=[])

    with pytest.raises(InvalidArgument):
        engine.chat(message, chat_history=[])
    with pytest.raises(InvalidArgument):
        engine.stream_chat(message, chat_history=[])
    asyncio.run(later())
    assert (engine.conversation_id, len(engine.chat_history), len(served.sent)) == (at, 2, 1)


def test_what_cannot_be_is_refused(serve: Serve) -> None:
    served = serve()
    with pytest.raises(InvalidArgument, match="user"):
        DifyChatEngine(DifyChatLLM(api_key="app-x", base_url="http://localhost:9/v1"))
    with pytest.raises(InvalidArgument, match="either"):
        DifyChatEngine.from_defaults(served.llm(), api_key="app-x")
    with pytest.raises(InvalidArgument, match="load_history"):
        DifyChatEngine.from_defaults(served.llm(), conversation_id="1", chat_history=[])
    other: Any = DifyCompletionLLM(api_key="app-x", base_url="http://localhost:9/v1", user="ada")
    with pytest.raises(InvalidArgument, match="a DifyChatLLM, not to a DifyCompletionLLM"):
        DifyChatEngine.from_defaults(other)


@pytest.mark.parametrize("history", [["Hi"], "Hi", iter(())])
def test_a_history_that_is_none_is_refused_and_changes_nothing(serve: Serve, history: Any) -> None:
    served = serve(echo)
    engine = engine_for(served)
    engine.chat("one")
    for start in (engine.chat, engine.stream_chat):
        with pytest.raises(InvalidArgument, match="list of ChatMessage"):
            start("two", chat_history=history)
    with pytest.raises(InvalidArgument, match="list of ChatMessage"):
        engine_for(served, chat_history=history)
    assert str(engine.chat("three")) == "You said three"
    assert served.sent[-1]["conversation_id"] == engine.conversation_id


def test_an_engine_can_be_a_tool(serve: Serve) -> None:
    """As core's engines can: a function that is named and typed."""
    engine = engine_for(serve(echo))
    tool = FunctionTool.from_defaults(engine.chat, async_fn=engine.achat, name="ask", description="Asks.")
    assert tool.metadata.get_parameters_dict()["required"] == ["message"]
    assert [tool(message="Hi").content, asyncio.run(tool.acall(message="you")).content] == ["You said Hi", "You said you"]


def test_an_engine_from_settings(serve: Serve) -> None:
    """One's own user and variables; the key is nowhere to be seen."""
    served = serve(echo)
    settings = {"api_key": served.app.api_key, "base_url": served.server.base_url, "user": "bob"}
    engine = DifyChatEngine.from_defaults(**settings, inputs={"tone": "dry"})
    assert str(engine.chat("one")) == "You said one"
    assert (engine.user, served.sent[0]["user"], served.sent[0]["inputs"]) == ("bob", "bob", {"tone": "dry"})
    assert served.app.api_key not in repr(engine) + repr(vars(engine)) + repr(engine._llm)


def test_the_llm_is_not_changed(serve: Serve) -> None:
    """Check 18: `Settings.llm` belongs to everybody; what is of one engine is on the engine."""
    llm = serve(echo).llm(conversation="stateful", inputs={"a": 1})
    engine = DifyChatEngine(llm, user="bob", inputs={"b": 2})
    engine.chat("one", chat_history=[ChatMessage("x", role="user"), ChatMessage("y", role="assistant")])
    assert (llm.user, llm.inputs, llm.conversation) == ("ada", {"a": 1}, "stateful")


def test_what_the_llm_knows_is_taken_over(serve: Serve) -> None:
    """Its user, also as a function, and its conversation; nothing but the turn itself is asked of Dify."""
    served = serve(echo)
    first = DifyChatEngine(served.llm(user=lambda: "cy"))
    first.chat("one")
    second = DifyChatEngine(served.llm(user="cy", conversation="auto", conversation_id=first.conversation_id))
    assert (first.user, second.conversation_id) == ("cy", first.conversation_id)
    second.chat("two")
    assert asked(served) == [("one", ""), ("two", first.conversation_id)]
    assert {request.method for request in served.server.requests} == {"POST"}


@each_way
def test_a_refusal_keeps_nothing(serve: Serve, way: str) -> None:
    """Check 18: an LLM that raises what was withdrawn raises it here, and the memory stays as it was."""
    served = serve(saying(Text("bad "), Replace("I cannot say that.")))
    engine = DifyChatEngine(served.llm(on_replace="raise"))
    with pytest.raises(DifyModerationError):
        ASK[way](engine, "Say it")
    assert engine.chat_history == []


@pytest.mark.parametrize("way", ["stream_chat", "astream_chat"])
def test_a_buffered_answer_is_spoken_once(serve: Serve, way: str) -> None:
    """Check 18: with `on_replace="buffer"` a reader never hears what was withdrawn."""
    engine = DifyChatEngine(serve(saying(Text("bad "), Replace("I cannot say that."))).llm(on_replace="buffer"))

    async def read_all() -> list[str]:
        return [text async for text in (await engine.astream_chat("Say it")).async_response_gen()]

    texts = list(engine.stream_chat("Say it").response_gen) if way == "stream_chat" else asyncio.run(read_all())
    assert texts == ["I cannot say that."]
    assert said(engine)[1] == ("assistant", "I cannot say that.")


def test_a_refused_stream_is_no_turn(serve: Serve) -> None:
    """What cannot be told to the app is refused before anything is sent, and the next question may come."""
    served = serve(echo)
    engine = DifyChatEngine(served.llm())
    foreign = [ChatMessage(role="user", blocks=[ImageBlock()])]
    with pytest.raises(InvalidArgument):
        engine.stream_chat("one", chat_history=foreign)
    assert (engine.stop(), served.sent) == (False, [])
    assert str(engine.chat("two", chat_history=[])) == "You said two"
