"""`/conversations` and `/messages`: lists with their two kinds of cursor, and deletion."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..forms import extra_contents
from ..replies import answer, not_found, schema_error
from ..state import Conversation, Message, State
from .access import app_of, chat_app, guessing, json_body, query_uuid, state_of, whole_number

_SORTINGS = ("created_at", "-created_at", "updated_at", "-updated_at")
_NO_PARENT = "00000000-0000-0000-0000-000000000000"


async def conversations(request: Request) -> Response:
    """GET /conversations: newest first by default, `last_id` is the cursor."""
    app, state, model = chat_app(request), state_of(request), "ConversationListQuery"
    limit = whole_number(request, "limit", 20, model=model, least=1, most=100)
    last_id = query_uuid(request, "last_id", model=model)
    sort_by = request.query_params.get("sort_by", "-updated_at")
    if sort_by not in _SORTINGS:
        sentence = "Input should be 'created_at', '-created_at', 'updated_at' or '-updated_at'"
        raise schema_error(model, [("sort_by", sentence, "literal_error", sort_by)])
    user = request.query_params.get("user")
    mine = [thread for thread in state.conversations.values() if thread.app is app and thread.user == user]
    # Threads of one second keep their order of creation; a descending list turns it round.
    mine = mine[::-1] if sort_by.startswith("-") else mine
    mine.sort(key=lambda thread: getattr(thread, sort_by.lstrip("-")), reverse=sort_by.startswith("-"))
    if last_id:
        ids = [thread.id for thread in mine]
        if last_id not in ids:
            raise guessing(not_found("Last Conversation Not Exists."), request)
        mine = mine[ids.index(last_id) + 1 :]
    data = [_shown_conversation(thread) for thread in mine[:limit]]
    return answer({"limit": limit, "has_more": len(mine) > limit, "data": data})


def _shown_conversation(thread: Conversation) -> dict[str, Any]:
    return {
        "id": thread.id,
        "name": thread.name,
        "inputs": thread.inputs,
        "status": "normal",
        "introduction": thread.app.opening_statement,
        "created_at": thread.created_at,
        "updated_at": thread.updated_at,
    }


async def delete(request: Request) -> Response:
    """DELETE /conversations/{conversation_id}; it wants a JSON body."""
    app_of(request)
    body = await json_body(request)
    app, state = chat_app(request), state_of(request)
    thread_id = str(request.path_params["conversation_id"])
    thread = state.conversations.get(thread_id)
    if thread is None or thread.app is not app or thread.user != body.get("user"):
        if not state.version.deletes_unknown_conversation:
            raise not_found("Conversation Not Exists.")
    else:
        del state.conversations[thread_id]
    return Response(status_code=204, media_type="application/json")


async def messages(request: Request) -> Response:
    """GET /messages: the newest page, oldest message first in it; `first_id` is the cursor."""
    app, state, model = chat_app(request), state_of(request), "MessageListQuery"
    thread_id = query_uuid(request, "conversation_id", model=model, required=True)
    first_id = query_uuid(request, "first_id", model=model)
    limit = whole_number(request, "limit", 20, model=model, least=1, most=100)
    thread = state.conversations.get(thread_id or "")
    if thread is None or thread.app is not app or thread.user != request.query_params.get("user"):
        raise guessing(not_found("Conversation Not Exists."), request)
    older = thread.messages
    if first_id:
        ids = [message.id for message in older]
        if first_id not in ids:
            raise guessing(not_found("First Message Not Exists."), request)
        older = older[: ids.index(first_id)]
    data = [_shown_message(state, message) for message in older[-limit:]]
    return answer({"limit": limit, "has_more": len(older) > limit, "data": data})


def _shown_message(state: State, message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "conversation_id": message.conversation_id,
        "parent_message_id": _NO_PARENT,
        "inputs": message.inputs,
        "query": message.query,
        "answer": message.answer,
        "feedback": None,
        "retriever_resources": [_shown_resource(message, resource) for resource in message.sources],
        "created_at": message.created_at,
        "agent_thoughts": [_shown_thought(message, thought) for thought in message.thoughts],
        "message_files": message.files,
        "status": message.status,
        "error": message.error,
        "extra_contents": extra_contents(state, message),
    }


def _shown_resource(message: Message, resource: dict[str, Any]) -> dict[str, Any]:
    hidden = {"retriever_from", "page", "doc_metadata", "title", "files"}
    kept = {key: value for key, value in resource.items() if key not in hidden}
    head = {"id": resource.get("segment_id"), "message_id": message.id}
    return {**head, **kept, "summary": resource.get("summary"), "created_at": None}


def _shown_thought(message: Message, thought: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": thought["id"],
        "chain_id": None,
        "message_id": message.id,
        **{key: thought[key] for key in ("position", "thought", "tool", "tool_labels", "tool_input")},
        "created_at": message.created_at,
        "observation": thought["observation"],
        "files": thought["message_files"],
    }


ROUTES = [
    Route("/conversations", conversations, methods=["GET"]),
    Route("/conversations/{conversation_id:uuid}", delete, methods=["DELETE"]),
    Route("/messages", messages, methods=["GET"]),
]
