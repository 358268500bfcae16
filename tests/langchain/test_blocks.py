"""Content blocks: one order and one meaning, whatever output version is asked for and however the answer came."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    BaseMessageChunk,
    HumanMessage,
    message_chunk_to_message,
    messages_from_dict,
    messages_to_dict,
)
from langchain_core.tools import tool
from langchain_tests.utils.stream_lifecycle import assert_valid_event_stream

from dify_integrations import ReasoningDelta, RunResult, TextDelta, ToolCall, ToolResult
from dify_integrations.bridge.reading import Reading
from dify_integrations.bridge.tool_calls import ToolCallParser
from dify_integrations.local import File, Node, Reasoning, Say, Sources, Text, Tool, tokens
from langchain_dify._mapping import Form, Reply
from tests.langchain.conftest import Serve, saying
from tests.langchain.recorded import SIDES, InSync, Played, told_by, unnumbered
from tests.langchain.test_streaming import SOURCE, folded, graph_of
from tests.wire.played import MESSAGES, Documented
from tests.wire.recordings import Recording, frames

pytestmark = [
    pytest.mark.filterwarnings("ignore:The method `BaseChatModel._a?chat_model_stream_v3` is in beta"),
    pytest.mark.filterwarnings("ignore:The v3 streaming protocol on Pregel is experimental"),
]

CALL = '{"name": "add", "arguments": {"a": 1, "b": 2}}'
BROKEN = '{"name": "add", "arguments": nonsense}'


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


def finished(chunks: Sequence[BaseMessageChunk]) -> AIMessage:
    message = message_chunk_to_message(folded(chunks))
    assert isinstance(message, AIMessage)
    return message


def comparable(blocks: Any) -> list[Any]:
    """Blocks without what differs from run to run."""
    plain = unnumbered(blocks)
    names = {block["id"]: f"id {number}" for number, block in enumerate(plain) if block.get("id")}
    return [{key: names.get(value, value) if "id" in key else value for key, value in block.items()} for block in plain]


MIXED: list[Say] = [
    Reasoning("Hm."),
    *tokens("Let me see. "),
    Tool("clock", {"zone": "UTC"}, "12:00"),
    *tokens("It is noon. Now I add."),
    Sources([SOURCE]),
    Text(f"\n<tool_calls>\n{CALL}\n</tool_calls>"),
]
EXPECTED = [
    {"type": "reasoning", "reasoning": "\nHm.\n"},
    {"type": "text", "text": "\nLet me see."},
    {"type": "server_tool_call", "id": "id 2", "name": "clock", "args": {"zone": "UTC"}},
    {"type": "server_tool_result", "tool_call_id": "id 2", "status": "success", "output": "12:00"},
    {
        "type": "text",
        "text": " It is noon. Now I add.",  # spaces before a call's beginning are held back until it is none
        "annotations": [{"type": "citation", "title": "a.txt", "cited_text": "A.", "extras": SOURCE}],
    },
    {"type": "tool_call", "id": "id 5", "name": "add", "args": {"a": 1, "b": 2}},
]


@pytest.mark.parametrize("side", SIDES)
def test_every_version_gives_the_same_blocks(serve: Serve, side: type[InSync]) -> None:
    """Check 4: reasoning, text, a step of the server's agent, citations and a client's tool call in one stream."""
    served = serve(saying(*MIXED, mode="agent-chat"))
    old, new = (served.chat(split_thinking=True, output_version=version).bind_tools([add]) for version in ("v0", "v1"))
    events, output = side.events(old)
    assert_valid_event_stream(events)
    first = {
        "v0 invoked": side.invoke(old),
        "v0 streamed": finished(side.stream(old)),
        "v1 invoked": side.invoke(new),
        "v1 streamed": finished(side.stream(new)),
        "v3": output,
    }
    assert {name: comparable(message.content_blocks) for name, message in first.items()} == dict.fromkeys(first, EXPECTED)
    assert [type(message.content) for message in first.values()] == [str, str, list, list, list]
    assert [[call["name"] for call in message.tool_calls] for message in first.values()] == [["add"]] * 5


def test_a_graph_s_events_give_the_same_blocks(serve: Serve) -> None:
    """Check 4: in a LangGraph whose events are version 3, where core streams inside `invoke`."""
    graph = graph_of(serve(saying(*MIXED, mode="agent-chat")).chat(split_thinking=True).bind_tools([add]))
    message = graph.stream_events({"messages": [("user", "Hi")]}, version="v3").output["messages"][-1]
    assert comparable(message.content_blocks) == EXPECTED
    assert message.response_metadata["dify"]["message_id"] and message.usage_metadata


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_answer_of_blocks_is_continued(serve: Serve, version: str) -> None:
    """Whatever the answer's content is, the next turn says the new words only, in the same conversation."""
    served = serve(saying(*MIXED, mode="agent-chat"))
    model = served.chat(output_version=version, split_thinking=True)
    answer = model.invoke("Hi")
    model.invoke([HumanMessage("Hi"), answer, HumanMessage("And now?")])
    first, second = served.bodies()
    assert second["query"] == "And now?" and not first.get("conversation_id")
    assert second["conversation_id"] == answer.response_metadata["dify"]["conversation_id"]


def test_a_stream_of_blocks_tells_each_when_it_is_there(serve: Serve) -> None:
    """Check 4: the step of the agent comes when it ends, between the words around it, not with the last chunk."""
    model = serve(saying(*MIXED, mode="agent-chat")).chat(split_thinking=True, output_version="v1").bind_tools([add])
    kinds = [block["type"] for chunk in model.stream("Hi") for block in chunk.content_blocks]
    order = [kind for number, kind in enumerate(kinds) if kinds[number - 1 : number] != [kind]]
    parts = ["reasoning", "text", "server_tool_call", "server_tool_result", "text", "tool_call_chunk", "text"]
    assert order == parts  # the last one carries the citations


def test_a_text_stream_tells_a_step_when_it_ends(serve: Serve) -> None:
    """Check 4: also where content stays a text."""
    chunks = list(serve(saying(*MIXED, mode="agent-chat")).chat(split_thinking=True).stream("Hi"))
    (told,) = [number for number, chunk in enumerate(chunks) if chunk.additional_kwargs.get("dify")]
    assert "".join(chunk.text for chunk in chunks[:told]).strip() == "Let me see."
    assert [block["type"] for block in chunks[told].content_blocks] == ["server_tool_call", "server_tool_result"]
    assert all(isinstance(chunk.content, str) for chunk in chunks)


def test_files_are_blocks_by_their_address(serve: Serve) -> None:
    says: list[Say] = [File(f"https://files.example/{kind}", kind) for kind in ("image", "audio", "video", "document")]
    blocks = serve(saying(Text("Here."), *says)).chat().invoke("Hi").content_blocks
    assert [(block["type"], block.get("url")) for block in unnumbered(blocks)] == [
        ("text", None),
        ("image", "https://files.example/image"),
        ("audio", "https://files.example/audio"),
        ("video", "https://files.example/video"),
        ("file", "https://files.example/document"),
    ]


SPEAKING = [one for one in MESSAGES if b'"tts_message"' in one.body]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("recording", SPEAKING, ids=lambda one: one.id)
def test_speech_goes_along_when_asked_for(recording: Recording, side: type[InSync]) -> None:
    """The speech that real servers send, in pieces, is one audio block; without `include_audio` there is none."""
    played = Played(recording)
    pieces = [base64.b64decode(frame["audio"]) for frame in frames(recording.body) if frame["event"] == "tts_message"]
    heard = {"type": "audio", "base64": base64.b64encode(b"".join(pieces)).decode(), "mime_type": "audio/mpeg"}
    old, new = (played.chat(include_audio=True, output_version=version) for version in ("v0", "v1"))
    for message in (side.invoke(old), finished(side.stream(old)), finished(side.stream(new)), side.events(old)[1]):
        assert [block for block in unnumbered(message.content_blocks) if block["type"] == "audio"] == [heard]
    assert [block["type"] for block in side.invoke(played.chat()).content_blocks] == ["text"]


def test_speech_of_a_withdrawn_answer_is_withdrawn() -> None:
    said: list[dict[str, Any]] = [{"event": "message", "answer": "You fool"}, {"event": "tts_message", "audio": "AAAA"}]
    rest: list[dict[str, Any]] = [
        {"event": "message_replace", "answer": "No."},
        {"event": "message_end", "metadata": {}},
        {"event": "tts_message_end"},
    ]
    for events, expected in ((said + rest, ["text"]), (said + rest[1:], ["text", "audio"])):
        message = Played(Documented(events)).chat(include_audio=True).invoke("Hi")
        assert [block["type"] for block in message.content_blocks] == expected


def test_nodes_that_think_in_turns_are_told_in_turns(serve: Serve) -> None:
    nodes: list[Say] = [Node("llm", "LLM", inside=[Reasoning(f"Hm {number}."), Text(f"Say {number}. ")]) for number in (1, 2)]
    model = serve(saying(*nodes, mode="advanced-chat")).chat(split_thinking=True)
    expected = ["reasoning", "text", "reasoning", "text"]
    invoked, streamed = model.invoke("Hi"), finished(list(model.stream("Hi")))
    assert [block["type"] for block in invoked.content_blocks] == expected
    assert invoked.content_blocks == streamed.content_blocks
    assert "".join(invoked.additional_kwargs["reasoning_content"].split()) == "Hm1.Hm2."


def test_blocks_survive_being_stored(serve: Serve) -> None:
    message = serve(saying(*MIXED, mode="agent-chat")).chat(split_thinking=True).bind_tools([add]).invoke("Hi")
    (again,) = messages_from_dict(json.loads(json.dumps(messages_to_dict([message]))))
    assert isinstance(again, AIMessage) and again.content_blocks == message.content_blocks


# -- messages that come from anywhere


def message_with(content: Any = "Yes.", dify: Any = None, **more: Any) -> AIMessage:
    metadata = {"model_provider": "dify", "dify": more.pop("about", {})}
    return AIMessage(content, additional_kwargs={"dify": dify} if dify is not None else {}, response_metadata=metadata, **more)


def test_thought_of_the_history_that_was_said_aloud_is_no_reasoning() -> None:
    step = {"id": "1", "tool": "clock", "arguments": "{}", "observation": None}
    silent = message_with("Let me see. Noon.", {"thoughts": [{**step, "thought": "Let me see."}]})
    told = message_with("Noon.", {"thoughts": [{**step, "thought": "Let me see."}]})
    assert [block["type"] for block in silent.content_blocks] == ["server_tool_call", "text"]
    assert [block["type"] for block in told.content_blocks] == ["reasoning", "server_tool_call", "text"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [('{"a": 1}', {"a": 1}), ("", {}), (None, {}), ("plain", {"input": "plain"}), ("[1]", {"input": [1]}), ({"a": 1}, {"a": 1})],
)
def test_arguments_of_a_step_are_an_object(arguments: Any, expected: Any) -> None:
    (call, _) = message_with(dify={"thoughts": [{"id": "1", "tool": "t", "arguments": arguments}]}).content_blocks
    assert call.get("args") == expected


@pytest.mark.parametrize(
    "words", ["tool invoke error: no", "there is not a tool named x", "tool parameters validation error: no", "unknown error: no"]
)
def test_failed_tool_of_the_server_is_an_error(words: str) -> None:
    step = {"id": "1", "tool": "t", "arguments": "", "at": [0, 0, 0]}
    told = message_with(dify={"thoughts": [{**step, "observation": words}, {**step, "observation": "no error"}]}).content_blocks
    assert [block.get("status") for block in told if block["type"] == "server_tool_result"] == ["error", "success"]


def test_address_of_a_source_is_found_where_there_is_one() -> None:
    bare, own, stored = {"document_name": "a"}, {"url": "https://a.example"}, {"doc_metadata": {"source_url": "https://b.example"}}
    (block,) = unnumbered(message_with(about={"retriever_resources": [bare, own, stored]}).content_blocks)
    assert [cited.get("url") for cited in block["annotations"]] == [None, "https://a.example", "https://b.example"]


def test_citations_without_an_answer_are_kept() -> None:
    blocks = message_with("", about={"retriever_resources": [SOURCE]}).content_blocks
    assert [(block["type"], block.get("text")) for block in blocks] == [("text", "")]


def test_calls_that_cannot_be_read_are_told_as_such(serve: Serve) -> None:
    served = serve([Text(f"<tool_calls>\n{BROKEN}\n</tool_calls>")])
    for version in ("v0", "v1"):
        model = served.chat(output_version=version).bind_tools([add])
        invoked, streamed = model.invoke("Hi"), finished(InSync.stream(model))
        assert [block["type"] for block in unnumbered(invoked.content_blocks)] == ["invalid_tool_call"]
        assert comparable(streamed.content_blocks) == comparable(invoked.content_blocks)


def test_content_that_is_blocks_already_stays() -> None:
    call: Any = {"type": "tool_call", "id": "1", "name": "add", "args": {}}
    message = message_with(["One. ", {"type": "text", "text": "Two."}], tool_calls=[call])
    assert message.content_blocks == [{"type": "text", "text": "One. "}, {"type": "text", "text": "Two."}, call]


JUNK = st.recursive(
    st.none() | st.integers(-3, 9) | st.text(max_size=4) | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["thoughts", "turns", "at", "id", "tool", "files", "url", "content"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(dify=JUNK, about=JUNK, reasoning=JUNK)
def test_whatever_a_message_went_through_its_text_is_whole(dify: Any, about: Any, reasoning: Any) -> None:
    message = message_with("Some text.", dify, about=about)
    message.additional_kwargs["reasoning_content"] = reasoning
    blocks = unnumbered(message.content_blocks)
    assert "".join(block["text"] for block in blocks if block["type"] == "text") == "Some text."


STEPS = st.lists(
    st.one_of(
        st.sampled_from(["one ", "two", " three"]).map(TextDelta),
        st.sampled_from(["hm ", "so "]).map(ReasoningDelta),
        st.just(TextDelta(f"\n<tool_calls>\n{CALL}\n</tool_calls>\n")),
        st.integers(0, 3).map(lambda n: ToolCall(f"step {n}", "clock", "{}", "Well.")),
        st.integers(0, 3).map(lambda n: ToolResult(f"step {n}", "clock", "12:00")),
    ),
    max_size=14,
)


def is_possible(item: Any, before: list[Any]) -> bool:
    """A step begins once, and ends once, behind its beginning."""
    kinds = [type(one) for one in before if getattr(one, "id", None) == getattr(item, "id", "")]
    if isinstance(item, ToolCall):
        return kinds == []
    return not isinstance(item, ToolResult) or (ToolCall in kinds and ToolResult not in kinds[kinds.index(ToolCall) :])


@given(items=STEPS, tools=st.booleans())
def test_whatever_comes_in_whatever_order_streams_as_it_is_returned(items: list[Any], tools: bool) -> None:
    """Check 4: any order of text, reasoning, calls and steps."""
    items = [item for number, item in enumerate(items) if is_possible(item, items[:number])]
    result = RunResult(status="succeeded", message_id="m")

    def reply(form: Form) -> Reply:
        numbers = iter(range(100))

        def reading() -> Reading:
            return Reading((), ToolCallParser(new_id=lambda: f"call {next(numbers)}") if tools else None)

        return Reply(model="d", stamp={"app": "a"}, reading=reading, result=lambda: result, form=form)

    def streamed(form: Form) -> AIMessage:
        speaking = reply(form)
        chunks = [chunk.message for item in items for chunk in speaking.chunks(item)]
        return finished([*chunks, *(chunk.message for chunk in speaking.rest(result))])

    silent = reply("text")
    for item in items:
        silent.hear(item)
    whole = silent.message(result)
    text, blocks = streamed("text"), streamed("blocks")
    assert told_by(text) == told_by(whole) == told_by(blocks)
    assert unnumbered(text.content_blocks) == unnumbered(whole.content_blocks) == unnumbered(blocks.content_blocks)
