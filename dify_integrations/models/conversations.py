"""Conversations and the variables a chatflow keeps in them."""

from __future__ import annotations

from typing import Any, Literal

from .base import Model, Page

SortBy = Literal["created_at", "-created_at", "updated_at", "-updated_at"]
"""Order of a list of conversations; `-` is newest first."""


class Conversation(Model):
    """A conversation of one user.

    Attributes:
        id: What `chat.send` takes.
        name: Its title: the app's, or yours after `rename`.
        inputs: The app's variables as the conversation began with them; unset ones are null.
        status: `normal`.
        introduction: The app's opening statement, variables filled in.
        created_at, updated_at: Unix seconds.
    """

    id: str
    name: str | None = None
    inputs: dict[str, Any] | None = None
    status: str | None = None
    introduction: str | None = None
    created_at: int | None = None
    updated_at: int | None = None


class ConversationPage(Page[Conversation]):
    """One page of a user's conversations."""


class ConversationVariable(Model):
    """A variable of a chatflow that lasts for the conversation.

    Attributes:
        id: What `update_variable` takes.
        name: Its name in the chatflow.
        value_type: `string`, `number`, `boolean`, `object`, `secret`, `file`, `array[string]` and other arrays.
        value: Always text: a number as `"2"`, and arrays and objects as Python writes them, such as `"['a', 'b']"`, which
            is not JSON.
        description: As the chatflow's author wrote it.
        created_at, updated_at: Unix seconds.
    """

    id: str
    name: str | None = None
    value_type: str | None = None
    value: str | None = None
    description: str | None = None
    created_at: int | None = None
    updated_at: int | None = None


class ConversationVariablePage(Page[ConversationVariable]):
    """One page of a conversation's variables."""
