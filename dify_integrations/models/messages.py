"""Messages of a conversation."""

from __future__ import annotations

from typing import Any

from .base import Model, Page


class Message(Model):
    """One turn: the user's words and the app's answer.

    Attributes:
        id: Message id.
        conversation_id: Its conversation.
        parent_message_id: The turn before, the nil id for the first and on ≤ 1.12.
        query: The user's words.
        answer: The app's; `""` after an error.
        inputs: The app's variables in this turn.
        status: `normal` or `error`; `None` on some servers.
        error: Why it failed.
        message_files, retriever_resources, agent_thoughts: As in the stream; the fields differ by version.
        feedback: `{rating}` or `None`.
        created_at: Unix seconds.
    """

    id: str
    conversation_id: str
    parent_message_id: str | None = None
    query: str | None = None
    answer: str | None = None
    inputs: dict[str, Any] | None = None
    status: str | None = None
    error: str | None = None
    message_files: list[dict[str, Any]] | None = None
    retriever_resources: list[dict[str, Any]] | None = None
    agent_thoughts: list[dict[str, Any]] | None = None
    feedback: dict[str, Any] | None = None
    created_at: int | None = None


class MessagePage(Page[Message]):
    """One page of a conversation's history: turns, oldest first within it; the first page holds the newest."""
