"""LangChain's messages as the bridge's: roles, texts, files, tool calls, and where each answer stands in Dify."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage

from dify_integrations import FileInput, InvalidArgument
from dify_integrations.bridge.tool_calls import render_calls, render_result
from dify_integrations.bridge.turn import Anchor, Message, Role
from dify_integrations.files import type_of

_ROLES: dict[str, Role] = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
}
_KINDS = {"image": "image", "image_url": "image", "audio": "audio", "input_audio": "audio", "video": "video", "file": ""}
_UNSPOKEN = {
    *("reasoning", "thinking", "redacted_thinking", "tool_call", "tool_call_chunk", "invalid_tool_call", "tool_use"),
    *("server_tool_call", "server_tool_call_chunk", "server_tool_result", "citation", "non_standard", "non_standard_annotation"),
}


def parts_of(messages: Sequence[BaseMessage]) -> list[Message]:
    """The messages without LangChain.

    Raises:
        InvalidArgument: Content that cannot be sent: of an unknown kind, or a file that must be uploaded first.
    """
    names = {call["id"]: call["name"] for message in messages if isinstance(message, AIMessage) for call in message.tool_calls}
    return [_part(message, names) for message in messages]


def _part(message: BaseMessage, names: dict[str | None, str]) -> Message:
    text, files = _content(message.content)
    if isinstance(message, AIMessage):
        if message.tool_calls:
            calls = [(call["id"] or "", call["name"], call["args"]) for call in message.tool_calls]
            text = f"{text}\n{render_calls(calls)}".strip()
        return Message("assistant", text, anchor=_anchor(message))
    if isinstance(message, ToolMessage):
        name = message.name or names.get(message.tool_call_id, "")
        text = render_result(message.tool_call_id, name, text, is_error=message.status == "error")
        return Message("tool", text, files)
    return Message(_role(message), text, files)


def _role(message: BaseMessage) -> Role:
    if isinstance(message, HumanMessage):
        return "user"
    if isinstance(message, SystemMessage):
        return "system"
    role = message.role if isinstance(message, ChatMessage) else message.type
    return _ROLES.get(role, "user")


def _anchor(message: AIMessage) -> Anchor | None:
    told = message.response_metadata.get("dify")
    if not isinstance(told, dict):
        return None
    known = [told.get(name) for name in ("conversation_id", "message_id", "app")]
    texts = [value for value in known if isinstance(value, str) and value]
    return Anchor(*texts) if len(texts) == len(known) else None


def _content(content: str | list[Any]) -> tuple[str, tuple[FileInput, ...]]:
    if isinstance(content, str):
        return content, ()
    texts: list[str] = []
    files: list[FileInput] = []
    for block in content:
        if isinstance(block, str):
            texts.append(block)
        elif block.get("type") in ("text", "text-plain"):
            texts.append(str(block.get("text") or ""))
        elif block.get("type") in _KINDS:
            files.append(_file(block))
        elif block.get("type") not in _UNSPOKEN:
            raise InvalidArgument(f"content of type {block.get('type')!r} cannot be sent to a Dify app")
    return "\n".join(texts), tuple(files)


def _file(block: dict[str, Any]) -> FileInput:
    kind = _KINDS[block["type"]]
    url = block.get("url") or block.get("image_url") or block.get("file_url")
    if isinstance(url, dict):
        url = url.get("url")
    if isinstance(url, str) and url.startswith(("http://", "https://")):
        return FileInput.from_url(url, type=kind or None)
    source = block.get("source")
    if isinstance(source, dict) and isinstance(source.get("url"), str):
        return FileInput.from_url(source["url"], type=kind or None)
    uploaded = block.get("file_id") or (block["id"] if block.get("source_type") == "id" else None)
    if isinstance(uploaded, str):
        return FileInput.uploaded(uploaded, type=kind or type_of(str(block.get("filename") or "")))
    raise InvalidArgument(
        f"{block['type']} content inside a message must be an http(s) url; upload other content with "
        "dify.files.upload(FileInput.from_bytes(…)) and pass files=[upload.as_input()] to the call"
    )
