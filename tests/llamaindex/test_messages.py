"""LlamaIndex messages on Dify's wire."""

from __future__ import annotations

import base64
from collections.abc import Callable
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    CachePoint,
    ChatMessage,
    CitableBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from pydantic import BaseModel

from dify_integrations import ConversationNotFound, FileInput, InvalidArgument
from dify_integrations.bridge.turn import render
from dify_integrations.local import Text
from llamaindex_dify._turns import bridge_messages

Serve = Callable[..., Any]


def user(*blocks: Any) -> ChatMessage:
    return ChatMessage(role="user", blocks=list(blocks))


def text(content: str, role: str = "user") -> ChatMessage:
    return ChatMessage(role=MessageRole(role), content=content)


@given(st.text(min_size=1).filter(str.strip))
def test_a_single_user_message_is_sent_word_for_word(words: str) -> None:
    """Prompts of query engines rely on it."""
    assert render(bridge_messages([text(words)])).query == words


@pytest.mark.parametrize("role", list(MessageRole))
def test_every_role_has_a_place(role: MessageRole) -> None:
    (turned,) = bridge_messages([ChatMessage(role=role, content="x")])
    assert turned.role in ("system", "user", "assistant", "tool")


def test_a_history_becomes_a_transcript(serve: Serve) -> None:
    """System text first, earlier turns by role, the last user message at the end."""
    served = serve()
    served.llm().chat([text("Be brief.", "system"), text("Hi"), text("Hello!", "assistant"), text("And now?")])
    query = served.sent[0]["query"]
    parts = [query.index(part) for part in ("Be brief.", "Hi", "Hello!", "And now?")]
    assert parts == sorted(parts)
    assert query.endswith("And now?")


def test_system_text_can_go_into_a_variable(serve: Serve) -> None:
    served = serve(inputs_form=[{"paragraph": {"variable": "rules", "required": False}}])
    served.llm(system_prompt_variable="rules").chat([text("Be brief.", "system"), text("Hi")])
    assert served.sent[0]["query"] == "Hi"
    assert served.sent[0]["inputs"] == {"rules": "Be brief."}


def test_arguments_of_a_call(serve: Serve) -> None:
    """Inputs are laid over those of the object; unknown arguments never reach the wire."""
    served = serve(inputs_form=[{"text-input": {"variable": name, "required": False}} for name in ("a", "b")])
    llm = served.llm(inputs={"a": "1", "b": "2"})
    image = FileInput.from_url("https://example.org/a.png")
    llm.complete("Hi", inputs={"b": "3"}, user="bob", files=[image], temperature=0.1, tool_choice=None)
    (sent,) = served.sent
    assert sent["inputs"] == {"a": "1", "b": "3"}
    assert sent["user"] == "bob"
    assert sent["files"] == [{"type": "image", "transfer_method": "remote_url", "url": "https://example.org/a.png"}]
    assert sent["auto_generate_name"] is False
    assert "temperature" not in sent


def test_files_need_no_words(serve: Serve) -> None:
    """Dify refuses an empty query."""
    served = serve()
    served.llm().chat([user(ImageBlock(url="https://example.org/cat.png"))])
    assert served.sent[0]["query"] == " "
    assert served.sent[0]["files"][0]["url"] == "https://example.org/cat.png"


def test_remote_content_is_left_to_the_server() -> None:
    (turned,) = bridge_messages(
        [
            user(
                TextBlock(text="Compare."),
                ImageBlock(url="https://example.org/a"),
                AudioBlock(url="https://example.org/b.mp3"),
                DocumentBlock(url="https://example.org/c.pdf"),
            )
        ]
    )
    assert [file.type for file in turned.files] == ["image", "audio", "document"]


PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452")
PDF = b"%PDF-1.4 hello"
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "
OWN: dict[str, tuple[Any, tuple[str, str, bytes]]] = {
    "image": (ImageBlock(image=PNG), ("image", "image.png", PNG)),
    "text, opened": (
        DocumentBlock(data=StringIO("abcd"), title="notes.txt", document_mimetype="text/plain"),
        ("document", "notes.txt", b"abcd"),
    ),
    "image, opened": (ImageBlock(image=BytesIO(PNG), image_mimetype="image/png"), ("image", "image.png", PNG)),
    "image, data url": (
        ImageBlock(url=f"data:image/png;base64,{base64.b64encode(PNG).decode()}"),
        ("image", "image.png", PNG),
    ),
    "audio": (AudioBlock(audio=WAV, format="wav"), ("audio", "audio.wav", WAV)),
    "video": (VideoBlock(video=b"moving!", video_mimetype="video/mp4"), ("video", "video.mp4", b"moving!")),
    "document": (DocumentBlock(data=PDF, title="../rules.pdf"), ("document", "rules.pdf", PDF)),
    "document, unnamed": (DocumentBlock(data=PDF), ("document", "input_document.pdf", PDF)),
}


@pytest.mark.parametrize("name", OWN)
def test_content_of_its_own_is_uploaded_on_the_way(serve: Serve, name: str) -> None:
    """Once, for the user of the call, with the kind and name Dify wants."""
    block, (kind, filename, content) = OWN[name]
    (turned,) = bridge_messages([user(block)])
    assert [(file.type, file.filename, file.content) for file in turned.files] == [(kind, filename, content)]
    served = serve()
    llm = served.llm()
    for _ in range(2):
        llm.chat([user(TextBlock(text="See."), block)], user="bob")
    uploads = [request for request in served.server.requests if request.path.endswith("/files/upload")]
    turns = [request.json for request in served.server.requests if request.path.endswith("/chat-messages")]
    assert len(uploads) == 1
    assert [turn["files"][0]["transfer_method"] for turn in turns] == ["local_file", "local_file"]
    assert turns[0]["files"][0]["type"] == kind


def test_a_path_is_read_when_it_is_sent(tmp_path: Path) -> None:
    picture, paper = tmp_path / "cat.png", tmp_path / "cat.pdf"
    picture.write_bytes(PNG)
    paper.write_bytes(PDF)
    (turned,) = bridge_messages([user(ImageBlock(path=picture), DocumentBlock(path=paper))])
    assert [(file.type, file.content) for file in turned.files] == [("image", picture), ("document", paper)]


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        (ImageBlock(), "neither content nor"),
        (ImageBlock(url="file:///cat.png"), "an address of file:, not of"),
        (DocumentBlock(data=b"\x00\x01", title="x"), "mime_type or a filename"),
        (ImageBlock(image=BytesIO(b""), image_mimetype="image/png"), "empty"),
    ],
)
def test_content_that_tells_nothing_is_refused(block: Any, complaint: str) -> None:
    with pytest.raises(InvalidArgument, match=complaint):
        bridge_messages([user(block)])


def test_files_of_answers_are_not_sent_back() -> None:
    """Their addresses are signed and stand for minutes."""
    (turned,) = bridge_messages(
        [ChatMessage(role="assistant", blocks=[TextBlock(text="Look."), ImageBlock(url="https://example.org/a.png")])]
    )
    assert (turned.text, turned.files) == ("Look.", ())


def test_files_of_a_call_need_no_words_either(serve: Serve) -> None:
    served = serve()
    served.llm().complete("", files=[FileInput.from_url("https://example.org/cat.png")])
    assert (served.sent[0]["query"], len(served.sent[0]["files"])) == (" ", 1)


def test_unknown_content_is_named() -> None:
    """Losing it in silence would be worse."""

    class HologramBlock(BaseModel):
        block_type: str = "hologram"

    message = text("x")
    message.blocks.append(HologramBlock())  # type: ignore[arg-type]  # a kind of a later release
    with pytest.raises(ValueError, match="HologramBlock"):
        bridge_messages([message])


def test_thinking_and_cache_points_are_not_sent() -> None:
    blocks = [ThinkingBlock(content="hm"), TextBlock(text="Yes."), CachePoint(cache_control=CacheControl(type="ephemeral"))]
    (turned,) = bridge_messages([ChatMessage(role="assistant", blocks=blocks)])
    assert turned.text == "Yes."


def test_cited_text_keeps_title_and_source() -> None:
    (turned,) = bridge_messages([user(CitableBlock(title="Rules", source="a.pdf", content=[TextBlock(text="No dogs.")]))])
    assert turned.text == "Rules (a.pdf):\nNo dogs."


def test_tool_calls_of_other_llms_are_told_in_words() -> None:
    """In blocks, or as OpenAI's integration keeps them."""
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    block = ToolCallBlock(tool_call_id="c1", tool_name="add", tool_kwargs={"a": 1})
    for message in (
        ChatMessage(role="assistant", content="", additional_kwargs={"tool_calls": [call]}),
        ChatMessage(role="assistant", blocks=[block]),
    ):
        assert bridge_messages([message])[0].text == 'called add({"a": 1})'


# -- conversations


def history(llm: Any) -> list[ChatMessage]:
    first = text("My name is Ada.")
    return [first, llm.chat([first]).message, text("What is it?")]


def test_stateless_histories_start_a_conversation_each(serve: Serve) -> None:
    served = serve()
    llm = served.llm()
    llm.chat(history(llm))
    assert [sent.get("conversation_id", "") for sent in served.sent] == ["", ""]
    assert "My name is Ada." in served.sent[1]["query"]


@pytest.mark.parametrize("mode", ["auto", "stateful"])
def test_a_conversation_goes_on_where_it_ended(serve: Serve, mode: str) -> None:
    """Check 18: only the new turn is sent, with the conversation's id."""
    served = serve()
    llm = served.llm(conversation=mode)
    messages = history(llm)
    llm.chat(messages)
    assert served.sent[1]["query"] == "What is it?"
    assert served.sent[1]["conversation_id"] == messages[1].additional_kwargs["dify"]["conversation_id"]


@pytest.mark.parametrize("changed", ["app", "branch", "user"])
def test_another_history_is_rendered(serve: Serve, changed: str) -> None:
    """Check 18: an answer of another app or end user, or one that was continued elsewhere (an edited or repeated turn)."""
    served = serve()
    llm = served.llm(conversation="auto")
    messages, options = history(llm), {}
    if changed == "app":
        messages[1].additional_kwargs["dify"]["app"] = "another"
    elif changed == "branch":
        llm.chat(messages)
    else:
        options = {"user": "bob"}
    llm.chat(messages, **options)
    assert not served.sent[-1].get("conversation_id")
    assert "My name is Ada." in served.sent[-1]["query"]


def test_a_foreign_history_is_refused_when_state_is_demanded(serve: Serve) -> None:
    with pytest.raises(InvalidArgument, match="conversation"):
        serve().llm(conversation="stateful").chat([text("Hi"), text("Hello", "assistant"), text("And?")])


def test_a_named_conversation_wins(serve: Serve) -> None:
    served = serve(lambda turn: [Text(f"turn {len(turn.history) + 1}")])
    llm = served.llm()
    conversation_id = llm.complete("Hi").additional_kwargs["dify"]["conversation_id"]
    assert llm.complete("Again", conversation_id=conversation_id).text == "turn 2"
    with pytest.raises(ConversationNotFound):
        llm.complete("Again", conversation_id="00000000-0000-4000-8000-000000000000")


@pytest.mark.parametrize("emulated", [True, False])
def test_arguments_that_are_no_json_are_refused(emulated: bool) -> None:
    """Those of calls in the history, before anything is sent."""
    called = ChatMessage(role="assistant", blocks=[ToolCallBlock(tool_name="add", tool_kwargs={"a": object()})])
    with pytest.raises(InvalidArgument, match="tool call"):
        bridge_messages([called], emulated=emulated)
