"""Ratings of messages by end users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .stamps import iso


@dataclass
class Feedback:
    """One rating; a message has one per end user at most."""

    id: str
    app_id: str
    conversation_id: str | None
    message_id: str
    user_id: str
    rating: str
    content: str | None
    created_at: int
    updated_at: int

    def shown(self) -> dict[str, Any]:
        """The rating as `/app/feedbacks` lists it."""
        return {
            "id": self.id,
            "app_id": self.app_id,
            "conversation_id": self.conversation_id,
            "message_id": self.message_id,
            "rating": self.rating,
            "content": self.content,
            "from_source": "user",
            "from_end_user_id": self.user_id,
            "from_account_id": None,
            "created_at": iso(self.created_at),
            "updated_at": iso(self.updated_at),
        }
