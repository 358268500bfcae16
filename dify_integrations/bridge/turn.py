"""A list of role-tagged messages as one Dify turn: Dify takes one `query`, frameworks hand over a whole history."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..errors import InvalidArgument
from ..files import FileInput
from .tool_calls import TAGS as TOOL_TAGS

_UNNAMED = re.compile(r'["<>\s]+')

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where in which Dify conversation a message stands.

    Attributes:
        conversation_id: The conversation.
        message_id: The answer's message id.
        app: Fingerprint of the app, so that another app's history is never taken for one's own.
        system: Digest of the system text that the conversation has been told; `""` when that is not known.
        edited: What stands before the message in its history is not what its conversation was told.
    """

    conversation_id: str
    message_id: str
    app: str
    system: str = ""
    edited: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One message, free of any framework.

    Attributes:
        role: Who speaks.
        text: The words; a tool's result for `tool`.
        files: Files of the message.
        anchor: For answers that came from Dify.
        every_turn: System text to be said even when the conversation has been told it before.
        name: Who of several with this role.
    """

    role: Role
    text: str
    files: tuple[FileInput, ...] = ()
    anchor: Anchor | None = None
    every_turn: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """What goes into one request."""

    query: str
    files: tuple[FileInput, ...] = ()


_TAGS = ("system", "history", *("user", "assistant", "tool"))
_FORGED, _FORGED_BY_USERS = (
    re.compile(rf"<(?=/?(?:{'|'.join(tags)})[\s>])", re.IGNORECASE)  # models read <SYSTEM> as <system>
    for tags in (_TAGS, (*_TAGS, *TOOL_TAGS))
)


def render(messages: Sequence[Message]) -> Turn:
    """The turn that says all of `messages`.

    A single user message goes out word for word. Anything more becomes a transcript: system text first, earlier
    messages by role, the last user message at the end. Text that looks like a tag of the transcript is defused, so that
    nobody's words can pass for another's.

    Raises:
        InvalidArgument: Nothing to say.
    """
    spoken = [message for message in messages if message.text.strip() or message.files]
    if not spoken:
        raise InvalidArgument("there is no message with text or files to send")
    files = tuple(file for message in spoken for file in message.files)
    if len(spoken) == 1 and spoken[0].role == "user":
        return Turn(spoken[0].text, files)
    system, others = without_system(spoken)
    last = others.pop() if others and others[-1].role == "user" else None
    parts = [_tagged("system", system)] if system else []
    if others:
        parts.append(f"<history>\n{transcript(others)}\n</history>")
    if last is not None:
        parts.append(_defused(last.text, "user"))
    return Turn("\n\n".join(parts), files)


def transcript(messages: Sequence[Message]) -> str:
    """What was said, by role, oldest first."""
    return "\n".join(_tagged(message.role, message.text, message.name) for message in messages if message.text.strip())


def without_system(messages: Sequence[Message]) -> tuple[str, list[Message]]:
    """The system text, and the other messages."""
    return system_text(messages), [message for message in messages if message.role != "system"]


def system_text(messages: Sequence[Message]) -> str:
    """All system messages as one text; `""` without any."""
    return "\n\n".join(message.text for message in messages if message.role == "system" and message.text.strip())


def digest(text: str) -> str:
    """Tells texts apart without repeating them; `""` of nothing."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16] if text else ""


def _tagged(tag: str, text: str, name: str = "") -> str:
    known = f' name="{_UNNAMED.sub(" ", name)}"' if name else ""
    return f"<{tag}{known}>\n{_defused(text, tag)}\n</{tag}>"


def _defused(text: str, tag: str) -> str:
    """Calls and results of tools are the adapters' to write, in all roles but the user's."""
    return (_FORGED_BY_USERS if tag == "user" else _FORGED).sub("&lt;", text)
