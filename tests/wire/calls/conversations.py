"""Conversations, their messages, and what people say of these."""

from __future__ import annotations

from typing import Any

from tests.wire.calls import differences as differ
from tests.wire.calls.base import Asked, Json, Reason, Route, given, of_a_user, without_user

NO_CONVERSATION = Reason("the client always names the conversation")
NO_RATING = Reason("the client always names the rating")
NO_VALUE = Reason("the client always names the value")


def page(asked: Asked) -> Json:
    """The arguments of a list that a user asks for."""
    query = of_a_user(asked.query)
    return query | ({"limit": int(query["limit"])} if "limit" in query else {})


def _conversations(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    return (), page(asked)


def _rename(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    return asked.ids, of_a_user(asked.json())


def _variables(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    return asked.ids, page(asked)


def _update_variable(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    body = given(of_a_user(asked.json()), "value", reason=NO_VALUE)
    return (*asked.ids, body.pop("value")), body


def _messages(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    query = given(page(asked), "conversation_id", reason=NO_CONVERSATION)
    return (query.pop("conversation_id"),), query


def _suggested(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    return asked.ids, of_a_user(asked.query)


def _feedback(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    body = given(of_a_user(asked.json()), "rating", reason=NO_RATING)
    return (*asked.ids, body.pop("rating")), body


def _feedbacks(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    return (), {name: int(value) for name, value in without_user(asked.query).items()}


ROUTES = [
    Route("getConversationsList", _conversations, (differ.page_size_named,)),
    Route("renameConversation", _rename),
    Route("deleteConversation", _rename),
    Route("getConversationVariables", _variables, (differ.page_size_named,)),
    Route("updateChatConversationVariable", _update_variable),
    Route("getConversationHistory", _messages, (differ.page_size_named,)),
    Route("getSuggestedQuestions", _suggested),
    Route("postChatMessageFeedback", _feedback),
    Route("getChatAppFeedbacks", _feedbacks, differ.LISTED),
]
