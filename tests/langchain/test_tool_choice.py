"""What is told of tools and when: demanded calls, tools told once, in a variable, or not at all."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, message_chunk_to_message
from langchain_core.tools import tool

from dify_integrations import FileInput, InvalidArgument
from dify_integrations.local import App, Reasoning, Replace, Say, Text, Turn, tokens
from langchain_dify import ChatDify
from tests.langchain.conftest import Recorder, Serve, Served, answering
from tests.langchain.test_streaming import comparable, folded


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def clock() -> str:
    """Tell the time."""
    return "noon"


CALL = '<tool_calls>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_calls>'
SPEC = '"parameters"'


def obeying(turn: Turn) -> Sequence[Say]:
    """Words first, the call when it is demanded once more."""
    return tokens(CALL) if "called no tool" in turn.query else tokens("I would rather talk.")


def queries(served: Served) -> list[str]:
    return [body["query"] for body in served.bodies()]


def ids(message: AIMessage) -> list[str]:
    return [call["name"] for call in message.tool_calls]


# -- demanded calls


@pytest.mark.anyio
@pytest.mark.parametrize("choice", ["any", "add", True, {"type": "function", "function": {"name": "add"}}], ids=str)
async def test_a_demanded_call_is_asked_for_once_more(serve: Serve, choice: Any) -> None:
    """Check 14: one more turn in the same conversation, with nothing but the complaint and the reminder."""
    served = serve(answering(obeying))
    model = served.chat().bind_tools([add], tool_choice=choice)
    for message in (model.invoke("1 + 2?"), await model.ainvoke("1 + 2?")):
        assert ids(message) == ["add"] and message.text == ""
        known = message.response_metadata["dify"]
        (earlier,) = known["repairs"]
        assert earlier["message_id"] != known["message_id"] and earlier["usage"]["total_tokens"] > 0
        both = [usage["total_tokens"] for usage in (earlier["usage"], known["usage"])]
        assert message.usage_metadata is not None and message.usage_metadata["total_tokens"] == sum(both)
    first, second, *_ = served.bodies()
    assert second["conversation_id"] == known_conversation(served, 0) and len(served.bodies()) == 4
    assert SPEC in first["query"] and SPEC not in second["query"] and "1 + 2?" not in second["query"]


def known_conversation(served: Served, index: int) -> str:
    return str([body.get("conversation_id") for body in served.bodies()][index + 1])


@pytest.mark.anyio
async def test_streamed_demand_is_the_invoked_one(serve: Serve) -> None:
    """Words that do not stay are never seen, by the reader or by a callback, and all chunks add up to the message."""
    model = serve(answering(obeying)).chat().bind_tools([add], tool_choice="any")
    chunks: list[Any] = list(model.stream("1 + 2?"))
    assert "talk" not in "".join(chunk.text for chunk in chunks)
    again: list[Any] = [chunk async for chunk in model.astream("1 + 2?")]
    whole = without_ids(model.invoke("1 + 2?"))
    assert "repairs" in whole["response_metadata"]["dify"] and whole["usage_metadata"]["total_tokens"] > 0
    assert without_ids(message_chunk_to_message(folded(chunks))) == whole == without_ids(message_chunk_to_message(folded(again)))


def without_ids(message: Any) -> dict[str, Any]:
    for repair in message.response_metadata["dify"]["repairs"]:
        repair["message_id"] = "ID"
        repair["usage"] |= dict.fromkeys(("latency", "time_to_first_token", "time_to_generate"))
    told: dict[str, Any] = comparable(message)
    return told


def test_callbacks_hear_what_is_shown(serve: Serve, recorder: Recorder) -> None:
    model = serve(answering(obeying)).chat().bind_tools([add], tool_choice="any")
    shown = [chunk.text for chunk in model.stream("1 + 2?", config={"callbacks": [recorder]})]
    assert recorder.tokens == shown and recorder.open == [] and recorder.tree() == ["model model"]


def test_blocks_and_events_of_a_demanded_call(serve: Serve) -> None:
    """Check 4 for demanded calls: version 1 of the content, and version 3 of the events."""
    model: Any = serve(answering(obeying)).chat(output_version="v1").bind_tools([add], tool_choice="any")
    chunks = list(model.stream("1 + 2?"))
    events = model.stream_events("1 + 2?", version="v3")
    assert "talk" not in str(list(events))
    for message in (model.invoke("1 + 2?"), folded(chunks), events.output):
        blocks: Any = message.content_blocks
        (block,) = blocks
        assert (block["type"], block["name"], block["args"]) == ("tool_call", "add", {"a": 1, "b": 2})
        assert len(message.response_metadata["dify"]["repairs"]) == 1


@pytest.mark.anyio
async def test_a_model_that_refuses_twice_is_heard(serve: Serve) -> None:
    """The text is returned as it is, after one repetition and no more."""
    served = serve([*tokens("I would rather talk.")])
    model = served.chat().bind_tools([add], tool_choice="any")
    assert model.invoke("1 + 2?").text == "I would rather talk."
    assert "".join(chunk.text for chunk in model.stream("1 + 2?")) == "I would rather talk."
    assert "".join([chunk.text async for chunk in model.astream("1 + 2?")]) == "I would rather talk."
    assert len(served.bodies()) == 6


@pytest.mark.parametrize(("repairs", "requests"), [(0, 1), (1, 2), (3, 4)])
def test_how_often_it_is_asked_again(serve: Serve, repairs: int, requests: int) -> None:
    served = serve([*tokens("I would rather talk.")])
    served.chat(max_tool_repairs=repairs).bind_tools([add], tool_choice="any").invoke("1 + 2?")
    served.chat().bind_tools([add], tool_choice="any", max_tool_repairs=repairs).invoke("1 + 2?")
    assert len(served.bodies()) == 2 * requests


def test_a_call_that_is_there_is_shown_at_once(serve: Serve) -> None:
    served = serve([Reasoning("Hm. "), *tokens(f"Let me see.\n{CALL}")])
    model = served.chat(split_thinking=True).bind_tools([add], tool_choice="any")
    chunks: list[Any] = list(model.stream("1 + 2?"))
    assert len(chunks) > 3 and "".join(chunk.text for chunk in chunks).strip() == "Let me see."
    assert comparable(message_chunk_to_message(folded(chunks))) == comparable(model.invoke("1 + 2?"))
    assert len(served.bodies()) == 2


def test_a_broken_call_is_asked_for_again(serve: Serve) -> None:
    broken = '<tool_calls>\n{"name": "add", "arguments": 7 8}\n</tool_calls>'
    served = serve(answering(lambda turn: [Text(CALL if "called no tool" in turn.query else broken)]))
    model = served.chat().bind_tools([add], tool_choice="any")
    assert ids(model.invoke("1 + 2?")) == ["add"] and ids(folded(list(model.stream("1 + 2?")))) == ["add"]  # type: ignore[arg-type]


def test_moderation_is_not_argued_with(serve: Serve) -> None:
    served = serve([*tokens("Well, "), Replace("I cannot say that.")])
    message = served.chat().bind_tools([add], tool_choice="any").invoke("1 + 2?")
    assert message.text == "I cannot say that." and len(served.bodies()) == 1


def test_files_of_the_call_go_out_once(serve: Serve) -> None:
    served = serve(answering(obeying))
    file = FileInput.from_url("https://example.org/a.png", type="image")
    served.chat().bind_tools([add], tool_choice="any").invoke("1 + 2?", files=[file])
    assert ["files" in body and len(body["files"]) for body in served.bodies()] == [1, False]
    served.chat(conversation="stateless").bind_tools([add], tool_choice="any").invoke("1 + 2?", files=[file])
    assert ["files" in body and len(body["files"]) for body in served.bodies()[2:]] == [1, 1]


# -- what is told when


def test_tools_are_told_once_per_conversation(serve: Serve) -> None:
    """The digest in the answer's metadata says whether the conversation knows the tools; others are told anew."""
    served = serve([*tokens("Fine.")])
    chat = served.chat()
    history: list[Any] = [HumanMessage("Hi")]
    models = [chat.bind_tools([add]), chat.bind_tools([add]), chat.bind_tools([add, clock]), chat, chat, chat.bind_tools([add])]
    digests = []
    for model in models:
        answer = model.invoke(history)
        digests.append(answer.response_metadata["dify"].get("tools_digest"))
        history += [answer, HumanMessage("And?")]
    told = queries(served)
    assert [SPEC in query for query in told] == [True, False, True, False, False, True]
    assert "tools told above" in told[1] and told[1].endswith("\n\nAnd?") and told[1].count("\n") == 2
    assert "cannot be used" in told[3] and told[4] == "And?"
    assert digests[0] == digests[1] == digests[5] and digests[2] not in (digests[0], None) and digests[3:5] == [None, None]


def test_a_history_that_is_rendered_tells_the_tools_again(serve: Serve) -> None:
    served = serve([*tokens("Fine.")])
    model = served.chat(conversation="stateless").bind_tools([add])
    answer = model.invoke("Hi")
    model.invoke([HumanMessage("Hi"), answer, HumanMessage("And?")])
    assert [SPEC in query for query in queries(served)] == [True, True]


def test_a_conversation_given_by_id_is_told_the_tools(serve: Serve) -> None:
    served = serve([*tokens("Fine.")])
    conversation = served.chat().invoke("Hi").response_metadata["dify"]["conversation_id"]
    served.chat().bind_tools([add]).invoke("And?", conversation_id=conversation)
    assert SPEC in queries(served)[1]


def test_tools_in_a_variable_of_the_app(serve: Serve) -> None:
    """`tools_input_key`: the app's prompt says them, the query only what this turn demands, or what changed."""
    form = [{"paragraph": {"variable": "tools", "label": "tools", "required": False}}]
    served = serve(App("app", "chat", obeying, form))
    chat = served.chat(tools_input_key="tools")
    history: list[Any] = [HumanMessage("Hi")]
    for tools, choice in (([add], None), ([add], "auto"), ([add], "any"), ([add, clock], None)):
        answer = chat.bind_tools(tools, tool_choice=choice).invoke(history)
        history += [answer, HumanMessage("And?")]
    told = queries(served)
    assert [SPEC in body["inputs"]["tools"] for body in served.bodies()] == [True] * 5
    assert told[:2] == ["Hi", "And?"]
    assert "must use" in told[2] and SPEC not in told[2] and "called no tool" in told[3]
    assert SPEC in told[4]
    assert not any("must use" in body["inputs"]["tools"] for body in served.bodies())
    chat.invoke("Hi")
    assert "tools" not in served.bodies()[-1]["inputs"]


def test_choice_of_a_name_tells_one_tool(serve: Serve) -> None:
    served = serve([*tokens(CALL)])
    served.chat().bind_tools([add, clock], tool_choice="add").invoke("1 + 2?")
    assert '"name": "add"' in queries(served)[0] and "clock" not in queries(served)[0]


def test_a_choice_that_is_not_offered_is_refused(serve: Serve) -> None:
    with pytest.raises(InvalidArgument, match="'subtract' is not one of the tools"):
        serve([]).chat().bind_tools([add], tool_choice="subtract")


@pytest.mark.parametrize("foreign", [{"type": "web_search"}, {"type": "code_interpreter", "container": {"type": "auto"}}], ids=str)
def test_tools_of_other_providers_are_refused(serve: Serve, foreign: Any) -> None:
    with pytest.raises(InvalidArgument, match="runs on its provider's servers"):
        serve([]).chat().bind_tools([foreign])


def test_one_call_at_most(serve: Serve) -> None:
    two = CALL.replace("\n</tool", '\n{"name": "clock", "arguments": {}}\n</tool')
    served = serve([*tokens(two)])
    model = served.chat().bind_tools([add, clock], parallel_tool_calls=False)
    assert ids(model.invoke("?")) == ids(folded(list(model.stream("?")))) == ["add"]  # type: ignore[arg-type]
    assert "at most one" in queries(served)[0]


def test_tools_switched_off(serve: Serve) -> None:
    served = serve([*tokens(json.dumps({"people": 3}))])
    model = served.chat(tool_calling="off")
    with pytest.raises(InvalidArgument, match="tool_calling='off'"):
        model.bind_tools([add])
    with pytest.raises(InvalidArgument, match="tool_calling='off'"):
        model.invoke("Hi", tools=[add])
    schema = {"type": "object", "properties": {"people": {"type": "integer"}}}
    assert model.with_structured_output(schema).invoke("Hi") == {"people": 3}
    assert model.profile is not None and model.profile.get("tool_calling") is False


def test_an_agent_app_warns_once(serve: Serve) -> None:
    """Only where `from_app` has asked; the constructor asks nobody."""
    served = serve(App("helper", "agent-chat", lambda turn: tokens("Fine.")))
    model = served.keep(ChatDify.from_app(**served.connection()))
    with pytest.warns(UserWarning, match="'helper' is a Dify agent with tools of its own"):
        model.bind_tools([add])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.bind_tools([add])
        served.chat().bind_tools([add])
