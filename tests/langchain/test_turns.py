"""Messages of every kind and origin, without LangChain."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage

from dify_integrations import InvalidArgument
from langchain_dify._turns import parts_of


@pytest.mark.parametrize(
    ("message", "role"),
    [
        (HumanMessage("x"), "user"),
        (SystemMessage("x"), "system"),
        (AIMessage("x"), "assistant"),
        (ChatMessage(content="x", role="assistant"), "assistant"),
        (ChatMessage(content="x", role="developer"), "system"),
        (ChatMessage(content="x", role="pirate"), "user"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_roles(message: Any, role: str) -> None:
    (part,) = parts_of([message])
    assert (part.role, part.text) == (role, "x")


def test_calls_and_results_are_told_in_the_grammar() -> None:
    call = AIMessage("", tool_calls=[{"name": "add", "args": {"a": 1}, "id": "c1"}])
    called, answered = parts_of([call, ToolMessage("no such", tool_call_id="c1", status="error")])
    assert called.text.splitlines()[0] == "<tool_calls>" and '"name": "add"' in called.text
    assert answered.role == "tool" and 'name="add"' in answered.text and 'status="error"' in answered.text


BLOCKS: dict[str, tuple[Any, tuple[str, str]]] = {
    "image_url": ({"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}, ("image", "https://x.example/a.png")),
    "image v0": ({"type": "image", "source_type": "url", "url": "https://x.example/a"}, ("image", "https://x.example/a")),
    "image v1": ({"type": "image", "url": "https://x.example/a"}, ("image", "https://x.example/a")),
    "anthropic": ({"type": "image", "source": {"type": "url", "url": "https://x.example/a"}}, ("image", "https://x.example/a")),
    "file": ({"type": "file", "url": "https://x.example/a.pdf"}, ("document", "https://x.example/a.pdf")),
    "audio": ({"type": "audio", "url": "https://x.example/a.mp3"}, ("audio", "https://x.example/a.mp3")),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_remote_files(name: str) -> None:
    block, expected = BLOCKS[name]
    (part,) = parts_of([HumanMessage(["See: ", block])])
    assert [(file.type, file.url) for file in part.files] == [expected]
    assert part.text == "See: "


def test_uploaded_file() -> None:
    (part,) = parts_of([HumanMessage([{"type": "file", "file_id": "u1", "filename": "a.pdf"}])])
    assert [(file.type, file.upload_file_id) for file in part.files] == [("document", "u1")]


def test_what_others_thought_is_not_said() -> None:
    (part,) = parts_of([AIMessage([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Yes."}])])
    assert part.text == "Yes."


@pytest.mark.parametrize("url", ["file:///etc/passwd", "/etc/passwd"])
def test_files_of_this_machine_are_refused(url: str) -> None:
    """Check 12: what a message says is never opened as a path."""
    with pytest.raises(InvalidArgument, match="must be an http"):
        parts_of([HumanMessage([{"type": "image_url", "image_url": {"url": url}}])])


def test_unknown_content_is_refused_not_dropped() -> None:
    with pytest.raises(InvalidArgument, match="hologram"):
        parts_of([HumanMessage([{"type": "hologram"}])])
