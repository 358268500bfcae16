"""Tool calls by words: what is told, what is read, and streams that never show a call as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from llama_index.core.base.llms.types import ToolCallBlock
from llama_index.core.llms import ChatMessage, ChatResponse
from llama_index.core.tools import FunctionTool

from dify_integrations import InvalidArgument
from dify_integrations.local import Replace, Say, Text, Tool, Turn

Serve = Callable[..., Any]
CALLS = 'Let me add.\n<tool_calls>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n{"name": "add", "arguments": {"a": 3, "b": 4}}\n</tool_calls>'


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


ADD = FunctionTool.from_defaults(add)


def pieces(text: str, size: int) -> list[Say]:
    return [Text(text[at : at + size]) for at in range(0, len(text), size)]


def calling(size: int = 5) -> Callable[[Turn], Iterable[Say]]:
    """Calls twice, then answers with the results."""
    return lambda turn: pieces("3 and 7." if "<tool_result" in turn.query.split("</system>")[-1] else CALLS, size)


@pytest.mark.parametrize("size", [*range(1, 21), 200])
def test_calls_are_never_shown_as_text(serve: Serve, size: int) -> None:
    """Check 12: however the server cuts its text."""
    llm = serve(calling(size)).llm(tool_calling="prompt")
    chunks = list(llm.stream_chat_with_tools([ADD], "Add.", allow_parallel_tool_calls=True))
    assert "".join(chunk.delta or "" for chunk in chunks) == "Let me add."
    assert chunks[-1].message.content == "Let me add."
    calls = llm.get_tool_calls_from_response(chunks[-1])
    assert [call.tool_kwargs for call in calls] == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    assert len({call.tool_id for call in calls}) == 2
    assert [call["id"] for call in chunks[-1].message.additional_kwargs["tool_calls"]] == [call.tool_id for call in calls]


def test_chat_and_stream_read_the_same_calls(serve: Serve) -> None:
    llm = serve(calling()).llm(tool_calling="prompt")
    whole = llm.chat_with_tools([ADD], "Add.", allow_parallel_tool_calls=True)
    assert [call.tool_kwargs for call in llm.get_tool_calls_from_response(whole)] == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    assert whole.message.content == "Let me add."


def test_one_call_where_one_is_allowed(serve: Serve) -> None:
    llm = serve(calling()).llm(tool_calling="prompt")
    assert len(llm.get_tool_calls_from_response(llm.chat_with_tools([ADD], "Add."))) == 1
    assert llm.predict_and_call([ADD], "Add.").response == "3"


def test_what_cannot_be_called_is_text(serve: Serve) -> None:
    """Better shown than lost."""
    broken = '<tool_calls>\n{"name": "add", "arguments": {"a": \n</tool_calls>'
    llm = serve(lambda _: [Text(broken)]).llm(tool_calling="prompt")
    response = llm.chat_with_tools([ADD], "Add.")
    assert not llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)
    assert '"add"' in (response.message.content or "")
    with pytest.raises(ValueError, match="at least one tool call"):
        llm.get_tool_calls_from_response(response)


def test_a_replaced_answer_takes_its_calls_with_it(serve: Serve) -> None:
    """What moderation withdrew must not run."""
    llm = serve(lambda _: [Text(CALLS), Replace("No.")]).llm(tool_calling="prompt")
    *_, last = llm.stream_chat_with_tools([ADD], "Add.")
    assert last.message.content == "No."
    assert not llm.get_tool_calls_from_response(last, error_on_no_tool_call=False)


def test_tools_are_told_and_results_come_back(serve: Serve) -> None:
    """The tool with its schema; earlier calls and results paired by id."""
    served = serve(calling())
    llm = served.llm(tool_calling="prompt")
    first = llm.chat_with_tools([ADD], "Add.", allow_parallel_tool_calls=True)
    ids = [call.tool_id for call in llm.get_tool_calls_from_response(first)]
    results = [ChatMessage(role="tool", content="3", additional_kwargs={"tool_call_id": ids[0]})]
    answer = llm.chat_with_tools([ADD], chat_history=[ChatMessage(content="Add."), first.message, *results])
    assert answer.message.content == "3 and 7."
    told, again = (sent["query"] for sent in served.sent)
    assert '"name": "add"' in told
    assert f'<tool_result id="{ids[0]}" name="add"' in again
    assert again.count("You can use tools") == 1


def test_a_continued_conversation_is_told_of_the_tools_again(serve: Serve) -> None:
    """The earlier turn may be out of the app's memory."""
    served = serve(calling())
    llm = served.llm(tool_calling="prompt", conversation="auto")
    first = llm.chat_with_tools([ADD], "Add.")
    result = ChatMessage(role="tool", content="3", additional_kwargs={"tool_call_id": first.message.blocks[-1].tool_call_id})
    llm.chat_with_tools([ADD], chat_history=[ChatMessage(content="Add."), first.message, result])
    assert served.sent[1]["conversation_id"]
    assert "You can use tools" in served.sent[1]["query"]
    assert "Let me add." not in served.sent[1]["query"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, "When no tool is needed"),
        ("auto", "When no tool is needed"),
        ("required", "you must use a tool"),
        ("any", "you must use a tool"),
        ("add", "you must use the tool below"),
        ({"type": "function", "function": {"name": "add"}}, "you must use the tool below"),
    ],
)
def test_tool_choice_is_said(serve: Serve, choice: Any, expected: str) -> None:
    served = serve(calling())
    served.llm(tool_calling="prompt").chat_with_tools([ADD], "Add.", tool_choice=choice)
    assert expected in served.sent[0]["query"]


def test_no_choice_offers_nothing(serve: Serve) -> None:
    served = serve(calling())
    llm = served.llm(tool_calling="prompt")
    llm.chat_with_tools([ADD], "Add.", tool_choice="none")
    llm.chat_with_tools([], "Add.")
    assert [sent["query"] for sent in served.sent] == ["Add.", "Add."]


def test_off_is_honest(serve: Serve) -> None:
    """Check 13: the error names the setting."""
    with pytest.raises(InvalidArgument, match='tool_calling="prompt"'):
        serve(calling()).llm().chat_with_tools([ADD], "Add.")


def test_calls_of_the_apps_own_agent_are_not_ours(serve: Serve) -> None:
    """They ran on the server; nobody here may run them again."""
    llm = serve(lambda _: [Tool("clock", {"zone": "UTC"}, "noon"), Text("It is noon.")], "agent-chat").llm(tool_calling="prompt")
    response: ChatResponse = llm.chat([ChatMessage(content="What time is it?")])
    assert not [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
    assert "tool_calls" not in response.message.additional_kwargs
    (step,) = response.message.additional_kwargs["dify"]["agent_steps"]
    assert (step["tool"], step["observation"]) == ("clock", "noon")


@pytest.mark.parametrize("tools", [[ADD], [{"function": {}}], [{"name": ""}], "add"], ids=["theirs", "nameless", "empty", "text"])
def test_tools_of_no_known_shape_are_refused(serve: Serve, tools: Any) -> None:
    """Before anything is sent."""
    served = serve(calling())
    with pytest.raises(InvalidArgument, match="chat_with_tools"):
        served.llm(tool_calling="prompt").chat([ChatMessage(content="Add.")], tools=tools)
    assert served.sent == []
