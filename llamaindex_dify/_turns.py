"""LlamaIndex messages as what one Dify request takes."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)

from dify_integrations.bridge.tool_calls import ToolCallParser, ToolSpec, instructions, render_calls, render_result
from dify_integrations.bridge.turn import Anchor, Message, Role
from dify_integrations.errors import InvalidArgument
from dify_integrations.files import FileInput

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import BaseContentBlock

logger = logging.getLogger(__name__)

_ROLES: dict[MessageRole, Role] = {
    MessageRole.SYSTEM: "system",
    MessageRole.DEVELOPER: "system",
    MessageRole.USER: "user",
    MessageRole.ASSISTANT: "assistant",
    MessageRole.CHATBOT: "assistant",
    MessageRole.MODEL: "assistant",
    MessageRole.TOOL: "tool",
    MessageRole.FUNCTION: "tool",
}
_MEDIA = {ImageBlock: "image", AudioBlock: "audio", VideoBlock: "video", DocumentBlock: "document"}
_KNOWN = {"inputs", "user", "conversation_id", "files", "tools", "tool_choice", "tool_required", "allow_parallel_tool_calls"}


@dataclass(frozen=True, slots=True)
class Options:
    """What the keyword arguments of one call said.

    Attributes:
        inputs: The app's variables, over those of the LLM object.
        user: The end user of this call.
        conversation_id: Continue this conversation.
        files: Files of this call.
        offer: The tools this call may use.
    """

    inputs: Mapping[str, Any] = field(default_factory=dict)
    user: str | None = None
    conversation_id: str = ""
    files: tuple[FileInput, ...] = ()
    offer: Offer | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """Tools offered to an app that takes none, by words."""

    tools: tuple[ToolSpec, ...]
    choice: str | None
    parallel: bool

    @property
    def text(self) -> str:
        """What the app is told."""
        return instructions(self.tools, choice=self.choice, parallel=self.parallel)

    @property
    def parser(self) -> Callable[[], ToolCallParser]:
        """A maker of parsers for the answer."""
        names = tuple(tool.name for tool in self.tools)
        return lambda: ToolCallParser(names=names, parallel=self.parallel)


def options_of(kwargs: Mapping[str, Any]) -> Options:
    """The keyword arguments of a call; those that mean nothing to Dify are left out."""
    unknown = sorted(name for name, value in kwargs.items() if name not in _KNOWN and value is not None)
    if unknown:
        logger.debug("ignored arguments: %s", ", ".join(unknown))
    return Options(
        inputs=kwargs.get("inputs") or {},
        user=kwargs.get("user"),
        conversation_id=kwargs.get("conversation_id") or "",
        files=tuple(kwargs.get("files") or ()),
        offer=_offer(kwargs),
    )


def _offer(kwargs: Mapping[str, Any]) -> Offer | None:
    choice = _choice(kwargs.get("tool_choice"))
    if not kwargs.get("tools") or choice == "none":
        return None
    if kwargs.get("tool_required") and choice in (None, "auto"):
        choice = "any"
    tools = tuple(_spec(tool) for tool in kwargs["tools"])
    return Offer(tools, choice, kwargs.get("allow_parallel_tool_calls") is not False)


def _choice(choice: Any) -> str | None:
    if isinstance(choice, Mapping):
        choice = (choice.get("function") or choice).get("name")
    return "any" if choice == "required" else choice


def _spec(tool: Mapping[str, Any]) -> ToolSpec:
    function = tool.get("function") or tool
    return ToolSpec(function["name"], function.get("description") or "", function.get("parameters") or {})


# -- messages


def bridge_messages(messages: Sequence[ChatMessage], offer: Offer | None = None) -> list[Message]:
    """The messages, free of LlamaIndex; with an offer of tools, told behind the last answer so that it is always new.

    Raises:
        InvalidArgument: Content that must be uploaded first, or a kind of content this adapter does not know.
    """
    names: dict[str, str] = {}
    turned = [_message(message, names, emulated=offer is not None) for message in messages]
    if offer is not None:
        answered = max((index for index, message in enumerate(turned) if message.role == "assistant"), default=-1)
        turned.insert(answered + 1, Message("system", offer.text, every_turn=True))
    return turned


def _message(message: ChatMessage, names: dict[str, str], *, emulated: bool) -> Message:
    parts = _Parts()
    for block in message.blocks:
        parts.add(block)
    text = "\n".join(part for part in parts.texts if part)
    role = _ROLES[message.role]
    if role == "tool":
        call_id = str(message.additional_kwargs.get("tool_call_id") or "")
        name = names.get(call_id, "") or str(message.additional_kwargs.get("name") or "tool")
        text = render_result(call_id, name, text) if emulated else text
    calls = parts.calls or _foreign_calls(message.additional_kwargs.get("tool_calls"))
    if calls:
        names.update({call_id: name for call_id, name, _ in calls})
        text = "\n".join(part for part in (text, _said(calls, emulated=emulated)) if part)
    return Message(role, text, tuple(parts.files), _anchor(message.additional_kwargs.get("dify")))


def _said(calls: list[tuple[str, str, dict[str, Any]]], *, emulated: bool) -> str:
    if emulated:
        return render_calls(calls)
    return "\n".join(f"called {name}({json.dumps(arguments, ensure_ascii=False)})" for _, name, arguments in calls)


def _anchor(about: Any) -> Anchor | None:
    if not isinstance(about, Mapping) or not about.get("conversation_id") or not about.get("message_id"):
        return None
    return Anchor(str(about["conversation_id"]), str(about["message_id"]), str(about.get("app") or ""))


def _foreign_calls(calls: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """Tool calls as OpenAI's integration keeps them, when a history began with another LLM."""
    found = []
    for call in calls if isinstance(calls, (list, tuple)) else ():
        plain = call if isinstance(call, Mapping) else getattr(call, "__dict__", {})
        function = plain.get("function") or {}
        function = function if isinstance(function, Mapping) else getattr(function, "__dict__", {})
        if function.get("name"):
            found.append((str(plain.get("id") or ""), str(function["name"]), arguments_of(function.get("arguments"))))
    return found


def arguments_of(value: Any) -> dict[str, Any]:
    """A tool call's arguments, which may come as JSON text."""
    if isinstance(value, str):
        try:
            value = json.loads(value or "{}")
        except ValueError:
            return {"input": value}
    return dict(value) if isinstance(value, Mapping) else {}


class _Parts:
    """The blocks of one message by what becomes of them."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.files: list[FileInput] = []
        self.calls: list[tuple[str, str, dict[str, Any]]] = []

    def add(self, block: BaseContentBlock) -> None:
        if isinstance(block, TextBlock):
            self.texts.append(block.text)
        elif isinstance(block, (ImageBlock, AudioBlock, VideoBlock, DocumentBlock)):
            self.files.append(_file(block))
        elif isinstance(block, ToolCallBlock):
            self.calls.append((block.tool_call_id or "", block.tool_name, arguments_of(block.tool_kwargs)))
        elif isinstance(block, (CitableBlock, CitationBlock)):
            self._cited(block)
        elif not isinstance(block, (ThinkingBlock, CachePoint)):
            raise InvalidArgument(f"Unsupported content block type: {type(block).__name__}")

    def _cited(self, block: CitableBlock | CitationBlock) -> None:
        self.texts.append(f"{block.title} ({block.source}):")
        inner = block.content if isinstance(block, CitableBlock) else [block.cited_content]
        for part in inner:
            self.add(part)


def _file(block: ImageBlock | AudioBlock | VideoBlock | DocumentBlock) -> FileInput:
    url, kind = str(block.url or ""), _MEDIA[type(block)]
    if not url.startswith(("http://", "https://")):
        raise InvalidArgument(
            f"{type(block).__name__} with content of its own cannot be sent yet; upload it and pass it with the call: "
            "files=[dify.files.upload(FileInput.from_bytes(...), user=...).as_input()]"
        )
    # Never block.resolve_*: it would download here what the Dify server fetches itself.
    return FileInput.from_url(url, type=kind)
