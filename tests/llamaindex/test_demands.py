"""A tool call that was demanded and did not come is asked for once more; how tools are told and chosen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.base.llms.types import ToolCallBlock
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool

from dify_integrations import InvalidArgument
from dify_integrations.local import Fail, Replace, Text, Turn

Serve = Callable[..., Any]
CALL = '<tool_calls>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_calls>'
COMPLAINT = "Your last answer called no tool"


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


ADD = FunctionTool.from_defaults(add)


def reluctant(refusals: int = 1) -> Callable[[Turn], list[Text]]:
    """Chats before it calls."""
    replies = iter([*["Let me think about that."] * refusals, *[CALL] * 9])
    return lambda _: [Text(piece) for piece in next(replies).partition("\n")]


def asked(llm: Any, method: str, **options: Any) -> list[Any]:
    async def awaited() -> list[Any]:
        answer = await getattr(llm, method)([ADD], "Add.", **options)
        return [chunk async for chunk in answer] if "stream" in method else [answer]

    if method.startswith("a"):
        return asyncio.run(awaited())
    answer = getattr(llm, method)([ADD], "Add.", **options)
    return list(answer) if "stream" in method else [answer]


METHODS = ["chat_with_tools", "stream_chat_with_tools", "achat_with_tools", "astream_chat_with_tools"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("conversation", ["stateless", "auto"])
def test_a_demanded_call_is_asked_for_once_more(serve: Serve, method: str, conversation: Any) -> None:
    """Check 12: the words said instead are not streamed; in its own conversation only the complaint goes out."""
    served = serve(reluctant())
    llm = served.llm(tool_calling="prompt", conversation=conversation)
    responses = asked(llm, method, tool_required=True)
    (call,) = llm.get_tool_calls_from_response(responses[-1])
    assert call.tool_kwargs == {"a": 1, "b": 2}
    assert "".join(response.delta or "" for response in responses) == ""
    first, again = served.sent
    assert COMPLAINT not in first["query"] and COMPLAINT in again["query"]
    assert bool(again.get("conversation_id")) == (conversation == "auto")
    assert ("Add." in again["query"]) == (conversation == "stateless")


@pytest.mark.parametrize("method", METHODS)
def test_the_tokens_of_both_answers_are_told(serve: Serve, method: str) -> None:
    """Check 7: a token counter sees what both cost; the first one's id is kept."""
    counter = TokenCountingHandler(tokenizer=lambda _: ["estimated"] * 1_000)
    served = serve(reluctant())
    final = asked(served.llm(tool_calling="prompt", callback_manager=CallbackManager([counter])), method, tool_required=True)[-1]
    (repair,) = final.message.additional_kwargs["dify"]["repairs"]
    alone = asked(served.llm(tool_calling="prompt"), method, tool_required=True)[-1]
    assert repair["message_id"]
    for name in ("prompt_tokens", "completion_tokens"):
        assert final.raw["usage"][name] == final.additional_kwargs[name] > repair["usage"][name] > 0
        assert "repairs" not in alone.message.additional_kwargs["dify"]
    (count,) = counter.llm_token_counts
    assert (count.prompt_token_count, count.completion_token_count) == tuple(
        final.raw["usage"][name] for name in ("prompt_tokens", "completion_tokens")
    )


@pytest.mark.parametrize("method", METHODS)
def test_a_model_that_will_not_is_asked_no_further(serve: Serve, method: str) -> None:
    """Then its words are the answer, and core raises where it needs a call."""
    served = serve(reluctant(9))
    llm = served.llm(tool_calling="prompt")
    responses = asked(llm, method, tool_required=True)
    assert (len(served.sent), responses[-1].message.content) == (2, "Let me think about that.")
    assert "stream" not in method or "".join(response.delta for response in responses) == "Let me think about that."
    with pytest.raises(ValueError, match="at least one tool call"):
        llm.get_tool_calls_from_response(responses[-1])
    never = serve(reluctant(9))
    asked(never.llm(tool_calling="prompt", tool_retries=0), method, tool_required=True)
    assert len(never.sent) == 1


def test_words_are_streamed_where_nothing_is_demanded(serve: Serve) -> None:
    served = serve(reluctant())
    chunks = asked(served.llm(tool_calling="prompt"), "stream_chat_with_tools")
    assert "".join(chunk.delta for chunk in chunks) == "Let me think about that."
    assert len(served.sent) == 1


def test_words_before_the_call_come_with_it(serve: Serve) -> None:
    """In one chunk, once it is sure that they stay."""
    served = serve(lambda _: [Text("Let "), Text("me "), Text(f"add.\n{CALL}\n")])
    chunks = asked(served.llm(tool_calling="prompt"), "stream_chat_with_tools", tool_required=True)
    assert "".join(chunk.delta for chunk in chunks) == chunks[-1].message.content == "Let me add."
    assert any(isinstance(block, ToolCallBlock) for block in chunks[0].message.blocks)


def test_withdrawn_words_that_were_held_back_stay_unsaid(serve: Serve) -> None:
    """Check 12: the replacement is an answer, so it is not asked again, and the first that is streamed."""
    served = serve(lambda _: [Text("<think>damn</think>bad "), Text("words"), Replace("<think>*</think>I cannot say that.")])
    chunks = asked(served.llm(tool_calling="prompt"), "stream_chat_with_tools", tool_required=True)
    assert "".join(chunk.delta or "" for chunk in chunks) == "I cannot say that."
    assert [chunk.additional_kwargs["thinking_delta"] for chunk in chunks] == ["*"]
    assert len(served.sent) == 1


def test_a_failed_answer_is_not_asked_for_again(serve: Serve) -> None:
    served = serve(lambda _: [Fail("no model")])
    with pytest.raises(Exception, match="no model"):
        asked(served.llm(tool_calling="prompt"), "chat_with_tools", tool_required=True)
    assert len(served.sent) == 1


@pytest.mark.parametrize("name", ["look up", "Pair[int]", "wörter/suchen"])
def test_tools_are_told_and_called_by_their_own_names(serve: Serve, name: str) -> None:
    """Check 12: core makes names fit for OpenAI, and then its agents do not find the tool."""
    tool = FunctionTool.from_defaults(add, name=name)
    served = serve(lambda _: [Text(CALL.replace('"add"', f'"{name}"'))])
    llm = served.llm(tool_calling="prompt")
    assert llm.predict_and_call([tool], "Add.").response == "3"
    assert f'"name": "{name}"' in served.sent[0]["query"]


def test_a_choice_that_does_not_exist_is_refused(serve: Serve) -> None:
    served = serve()
    llm = served.llm(tool_calling="prompt")
    for choice in ("subtract", {"function": {"name": "subtract"}}, 7, {"type": "function"}):
        with pytest.raises(InvalidArgument, match="tool"):
            llm.chat_with_tools([ADD], "Add.", tool_choice=choice)
    assert served.sent == []


def test_tools_given_to_chat_itself_are_refused_too(serve: Serve) -> None:
    """Check 13: off is off."""
    served = serve()
    tools = [ADD.metadata.to_openai_tool()]
    with pytest.raises(InvalidArgument, match='tool_calling="prompt"'):
        served.llm().chat([ChatMessage(content="Add.")], tools=tools)
    with pytest.raises(InvalidArgument, match='tool_calling="prompt"'):
        served.llm().stream_complete("Add.", tools=tools)
    assert served.sent == []


def test_system_text_in_a_variable_leaves_the_tools_in_the_query(serve: Serve) -> None:
    """The variable is as long as its form allows."""
    served = serve(lambda _: [Text(CALL)], inputs_form=[{"paragraph": {"variable": "rules", "required": False}}])
    llm = served.llm(tool_calling="prompt", system_prompt_variable="rules")
    llm.chat_with_tools([ADD], chat_history=[ChatMessage(role="system", content="Be brief."), ChatMessage(content="Add.")])
    (sent,) = served.sent
    assert sent["inputs"] == {"rules": "Be brief."}
    assert '"name": "add"' in sent["query"]
