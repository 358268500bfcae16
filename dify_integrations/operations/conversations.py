"""Conversations and the variables a chatflow keeps in them."""

from __future__ import annotations

from typing import get_args

from ..core.jsonio import JsonObject, JsonValue
from ..core.operation import Operation, nothing, reading
from ..errors import InvalidArgument
from ..models.conversations import Conversation, ConversationPage, ConversationVariable, ConversationVariablePage, SortBy
from .catalogue import operation
from .choices import chosen
from .paging import page_size


def page(*, user: str, last_id: str | None = None, limit: int = 20, sort_by: SortBy | None = None) -> Operation[ConversationPage]:
    query = [("user", user), ("limit", page_size(limit))]
    if last_id:
        query.append(("last_id", last_id))
    if sort_by is not None:
        query.append(("sort_by", chosen("sort_by", sort_by, get_args(SortBy))))
    return operation("getConversationsList", reading(ConversationPage.model_validate), query=query)


def rename(conversation_id: str, name: str | None = None, *, auto_generate: bool = False, user: str) -> Operation[Conversation]:
    body: JsonObject = {"user": user}
    if auto_generate:
        body["auto_generate"] = True
    elif not (isinstance(name, str) and name.strip()):  # 500 on 0.15
        raise InvalidArgument("name must be a non-empty string, unless auto_generate is true")
    if name is not None:
        body["name"] = name
    return operation(
        "renameConversation",
        reading(Conversation.model_validate),
        path={"conversation_id": conversation_id},
        json=body,
        repeatable=not auto_generate,  # that asks a model
    )


def delete(conversation_id: str, *, user: str) -> Operation[None]:
    return operation("deleteConversation", nothing, path={"conversation_id": conversation_id}, json={"user": user})


def variables(
    conversation_id: str, *, user: str, last_id: str | None = None, limit: int = 20, variable_name: str | None = None
) -> Operation[ConversationVariablePage]:
    query = [("user", user), ("limit", page_size(limit))]
    if last_id:
        query.append(("last_id", last_id))
    if variable_name is not None:
        if not 1 <= len(variable_name) <= 255:
            raise InvalidArgument("variable_name must have 1 to 255 characters")
        query.append(("variable_name", variable_name))
    return operation(
        "getConversationVariables",
        reading(ConversationVariablePage.model_validate),
        path={"conversation_id": conversation_id},
        query=query,
    )


def update_variable(conversation_id: str, variable_id: str, value: JsonValue, *, user: str) -> Operation[ConversationVariable]:
    return operation(
        "updateChatConversationVariable",
        reading(ConversationVariable.model_validate),
        path={"conversation_id": conversation_id, "variable_id": variable_id},
        json={"value": value, "user": user},
    )
