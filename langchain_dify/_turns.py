"""LangChain's messages as the bridge's: roles, texts, files, tool calls, and where each answer stands in Dify."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage

from dify_integrations.bridge.tool_calls import render_calls, render_result
from dify_integrations.bridge.turn import Anchor, Message, Role

from ._blocks import Content

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


def parts_of(messages: Sequence[BaseMessage]) -> list[Message]:
    """The messages without LangChain.

    Raises:
        InvalidArgument: Content that cannot be sent.
    """
    names = {call["id"]: call["name"] for message in messages if isinstance(message, AIMessage) for call in message.tool_calls}
    return [_part(message, names) for message in messages]


def _part(message: BaseMessage, names: dict[str | None, str]) -> Message:
    content = Content(message.content, names, spoken_only=isinstance(message, AIMessage))
    text, files = content.text, tuple(content.files)
    if isinstance(message, AIMessage):
        if message.tool_calls:
            calls = [(call["id"] or "", call["name"], call["args"]) for call in message.tool_calls]
            text = f"{text}\n{render_calls(calls)}".strip()
        return Message("assistant", text, anchor=anchor_of(message), name=message.name or "")
    if isinstance(message, ToolMessage):
        name = message.name or names.get(message.tool_call_id, "")
        text = render_result(message.tool_call_id, name, text, is_error=message.status == "error")
        return Message("tool", text, files)
    return Message(_role(message), text, files, name=message.name or "")


def _role(message: BaseMessage) -> Role:
    if isinstance(message, HumanMessage):
        return "user"
    if isinstance(message, SystemMessage):
        return "system"
    role = message.role if isinstance(message, ChatMessage) else message.type
    return _ROLES.get(role, "user")


def anchor_of(message: AIMessage) -> Anchor | None:
    """Where in which conversation the answer stands, for answers of Dify."""
    told = message.response_metadata.get("dify")
    if not isinstance(told, dict):
        return None
    conversation_id, message_id, app, system = (
        str(told.get(name) or "") for name in ("conversation_id", "message_id", "app", "system_digest")
    )
    return Anchor(conversation_id, message_id, app, system) if conversation_id and message_id and app else None
