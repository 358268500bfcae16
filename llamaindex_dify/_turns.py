"""LlamaIndex messages and the keyword arguments of a call, as what one Dify request takes."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole

from dify_integrations.bridge.arguments import choice_of, conversation_text, files_in, is_demanding, merged_inputs
from dify_integrations.bridge.cancelling import CancelToken, token_in
from dify_integrations.bridge.tool_calls import ToolCallParser, ToolSpec, instructions, offered, render_calls, render_result
from dify_integrations.bridge.turn import Anchor, Message, Role, digest
from dify_integrations.errors import InvalidArgument

from ._blocks import Content, foreign_calls

if TYPE_CHECKING:
    from dify_integrations.files import FileInput

    from ._blocks import Call

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
# Agent workflows with a state put it around a question for one call; memories that give out copies keep the question alone.
_STATED = re.compile(r"Current state: .*? Current message: (.*)")
PASSED_ON = ("workflow_id", "trace_id", "auto_generate_name", "resume")
"""Arguments of a call that the client takes as they are."""
_KNOWN = {
    *("inputs", "user", "conversation_id", "files", "cancel", "timeout", *PASSED_ON),
    *("tools", "tool_choice", "tool_required", "allow_parallel_tool_calls"),
}


@dataclass(frozen=True, slots=True)
class Options:
    """What the keyword arguments of one call said.

    Attributes:
        inputs: The app's variables, over those of the LLM object.
        user: The end user of this call.
        conversation_id: Continue this conversation.
        files: Files of this call.
        offer: The tools this call may use.
        cancel: Ends the call from outside.
        timeout: Clocks of this call.
        passed_on: Arguments for the client.
    """

    inputs: Mapping[str, Any] = field(default_factory=dict)
    user: Any = None
    conversation_id: str = ""
    files: tuple[FileInput, ...] = ()
    offer: Offer | None = None
    cancel: CancelToken | None = None
    timeout: Any = None
    passed_on: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Offer:
    """Tools offered to an app that takes none, by words."""

    tools: tuple[ToolSpec, ...]
    choice: str | None
    parallel: bool

    @property
    def demanding(self) -> bool:
        """Whether the answer must call one of them."""
        return is_demanding(self.choice)

    @property
    def text(self) -> str:
        """What the app is told."""
        return instructions(self.tools, choice=self.choice, parallel=self.parallel)

    def parser(self) -> ToolCallParser:
        """A fresh parser for an answer."""
        return ToolCallParser(names=tuple(tool.name for tool in self.tools), parallel=self.parallel)


def options_of(kwargs: Mapping[str, Any]) -> Options:
    """The keyword arguments of a call; those that mean nothing to Dify are left out.

    Raises:
        InvalidArgument: One that means something and is something else.
    """
    unknown = sorted(name for name, value in kwargs.items() if name not in _KNOWN and value is not None)
    if unknown:
        logger.debug("ignored arguments: %s", ", ".join(unknown))
    return Options(
        inputs=merged_inputs(None, kwargs.get("inputs")),
        user=kwargs.get("user"),
        conversation_id=conversation_text(kwargs.get("conversation_id")),
        files=tuple(files_in(kwargs.get("files"))),
        offer=_offer(kwargs),
        cancel=token_in(kwargs.get("cancel")),
        timeout=kwargs.get("timeout"),
        passed_on={name: kwargs[name] for name in PASSED_ON if kwargs.get(name) is not None},
    )


def _offer(kwargs: Mapping[str, Any]) -> Offer | None:
    if not kwargs.get("tools"):
        return None
    choice = choice_of(kwargs.get("tool_choice"))
    if kwargs.get("tool_required") and choice in (None, "auto"):
        choice = "any"
    tools = offered([_spec(tool) for tool in kwargs["tools"]], choice)
    return Offer(tuple(tools), choice, kwargs.get("allow_parallel_tool_calls") is not False) if tools else None


def _spec(tool: Any) -> ToolSpec:
    function = (tool.get("function") or tool) if isinstance(tool, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(name, str) or not name:
        raise InvalidArgument("tools are dictionaries in OpenAI's shape; chat_with_tools takes LlamaIndex' own")
    return ToolSpec(name, function.get("description") or "", function.get("parameters") or {})


# -- messages


def bridge_messages(messages: Sequence[ChatMessage], *, emulated: bool = False) -> list[Message]:
    """The messages, free of LlamaIndex.

    Args:
        messages: Oldest first.
        emulated: Whether tools are offered by words: then earlier calls and results are told in the same words.

    Raises:
        InvalidArgument: A kind of content this adapter does not know, or that tells nothing.
    """
    names: dict[str, str] = {}
    return [_message(message, names, emulated=emulated) for message in messages]


def told_digest(messages: Sequence[ChatMessage], answer: ChatMessage) -> str:
    """Tells histories apart by who said what, so that one that was edited is not taken for what its conversation was told."""
    told = [(_ROLES[message.role], _words(message)) for message in (*messages, answer)]
    return digest(json.dumps([one for one in told if one[0] != "system"]))


def _words(message: ChatMessage) -> str:
    text = " ".join((message.content or "").split())
    stated = _STATED.fullmatch(text) if message.role == MessageRole.USER else None
    return stated[1] if stated is not None else text


def with_edits(parts: Sequence[Message], messages: Sequence[ChatMessage]) -> list[Message]:
    """The messages, with the last answer marked when it, or what stands before it, is not what was said in its conversation."""
    told = list(parts)
    at = max((index for index, part in enumerate(told) if part.role == "assistant"), default=-1)
    anchor = told[at].anchor if at >= 0 else None
    known = messages[at].additional_kwargs["dify"].get("told_digest") if anchor is not None else None
    if anchor is not None and known and known != told_digest(messages[:at], messages[at]):
        logger.debug("the history of conversation %s was edited or cut", anchor.conversation_id)
        told[at] = replace(told[at], anchor=replace(anchor, edited=True))
    return told


def with_offer(parts: Sequence[Message], offer: Offer | None) -> list[Message]:
    """The messages, and an offer of tools told behind the last answer, so that it is always new."""
    told = list(parts)
    if offer is not None:
        answered = max((index for index, part in enumerate(told) if part.role == "assistant"), default=-1)
        told.insert(answered + 1, Message("system", offer.text, every_turn=True))
    return told


def with_files(parts: Sequence[Message], files: Sequence[FileInput]) -> list[Message]:
    """The messages, and files that are given along with the last one."""
    if not files:
        return list(parts)
    if parts and parts[-1].role == "user":
        return [*parts[:-1], replace(parts[-1], files=(*parts[-1].files, *files))]
    return [*parts, Message("user", "", tuple(files))]


def _message(message: ChatMessage, names: dict[str, str], *, emulated: bool) -> Message:
    role, extra = _ROLES[message.role], message.additional_kwargs
    content = Content(message.blocks, spoken_only=role == "assistant")
    text, name = content.text, str(extra.get("name") or "")
    if role == "tool":
        call_id = str(extra.get("tool_call_id") or "")
        name = names.get(call_id, "") or name or "tool"
        text = render_result(call_id, name, text) if emulated else text
    calls = content.calls or foreign_calls(extra.get("tool_calls"))
    if calls:
        names.update({call_id: called for call_id, called, _ in calls})
        text = "\n".join(part for part in (text, _said(calls, emulated=emulated)) if part)
    return Message(role, text, tuple(content.files), _anchor(extra.get("dify")), name=name)


def _said(calls: list[Call], *, emulated: bool) -> str:
    try:
        if emulated:
            return render_calls(calls)
        return "\n".join(f"called {name}({json.dumps(arguments, ensure_ascii=False)})" for _, name, arguments in calls)
    except TypeError as error:
        raise InvalidArgument(f"the arguments of a tool call in the history are no JSON: {error}") from error


def _anchor(about: Any) -> Anchor | None:
    if not isinstance(about, Mapping) or not about.get("conversation_id") or not about.get("message_id"):
        return None
    conversation_id, message_id, app, system = (
        str(about.get(name) or "") for name in ("conversation_id", "message_id", "app", "system_digest")
    )
    return Anchor(conversation_id, message_id, app, system)
