"""Likes and dislikes of an app's answers."""

from __future__ import annotations

from typing import get_args

from ..core.jsonio import JsonObject
from ..core.operation import Operation, nothing, reading
from ..models.feedback import FeedbackPage, Rating
from .catalogue import operation
from .choices import chosen
from .paging import page_number, page_size


def send(message_id: str, rating: Rating | None, *, user: str, content: str | None = None) -> Operation[None]:
    body: JsonObject = {"rating": None if rating is None else chosen("rating", rating, get_args(Rating)), "user": user}
    if content is not None:
        body["content"] = content
    # A second revocation is refused, so that a repeated one would hide that the first succeeded.
    return operation("postChatMessageFeedback", nothing, path={"message_id": message_id}, json=body, repeatable=rating is not None)


def page(*, page: int = 1, limit: int = 20) -> Operation[FeedbackPage]:
    query = [("page", page_number(page)), ("limit", page_size(limit))]
    return operation("getChatAppFeedbacks", reading(FeedbackPage.model_validate), query=query)
