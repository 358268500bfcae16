"""A conversation's history."""

from __future__ import annotations

from ..core.operation import Operation, reading
from ..core.request import segment
from ..models.messages import MessagePage
from .catalogue import operation
from .paging import page_size


def page(conversation_id: str, *, user: str, first_id: str | None = None, limit: int = 20) -> Operation[MessagePage]:
    query = [("conversation_id", segment("conversation_id", conversation_id)), ("user", user), ("limit", page_size(limit))]
    if first_id:
        query.append(("first_id", first_id))
    return operation("getConversationHistory", reading(MessagePage.model_validate), query=query)
