"""A conversation's history."""

from __future__ import annotations

from ..core.operation import Operation, reading
from ..core.request import Request, segment
from ..errors import InvalidArgument
from ..models.messages import MessagePage


def page(conversation_id: str, *, user: str, first_id: str | None = None, limit: int = 20) -> Operation[MessagePage]:
    if not 1 <= limit <= 100:
        raise InvalidArgument("limit must be between 1 and 100")
    query = [("conversation_id", segment("conversation_id", conversation_id)), ("user", user), ("limit", str(limit))]
    if first_id:
        query.append(("first_id", first_id))
    request = Request("GET", "/messages", query=tuple(query))
    return Operation("getConversationHistory", request, reading(MessagePage.model_validate), repeatable=True)
