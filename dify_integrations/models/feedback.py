"""Likes and dislikes of an app's answers."""

from __future__ import annotations

from typing import Literal

from .base import Model, Page

Rating = Literal["like", "dislike"]
"""What can be thought of an answer."""


class FeedbackItem(Model):
    """One opinion of one answer.

    Attributes:
        id: Its id.
        app_id, conversation_id, message_id: What it is about.
        rating: `like` or `dislike`.
        content: Words added to it.
        from_source: `user` for those sent through the API, `admin` for those of Dify's console.
        from_end_user_id: Who, for `user`; see `end_users.get`.
        from_account_id: Who, for `admin`.
        created_at, updated_at: UTC as ISO 8601 text without a zone, such as `2026-11-20T10:49:04`; not Unix seconds as
            elsewhere.
    """

    id: str
    app_id: str | None = None
    conversation_id: str | None = None
    message_id: str | None = None
    rating: str | None = None
    content: str | None = None
    from_source: str | None = None
    from_end_user_id: str | None = None
    from_account_id: str | None = None
    created_at: str | None = None
    updated_at: str | None = None


class FeedbackPage(Page[FeedbackItem]):
    """One page of an app's feedback; the server sends `data` and nothing else."""
