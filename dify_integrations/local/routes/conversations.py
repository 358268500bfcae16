"""`/conversations`: the list with its cursor, renaming and deletion."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..apps import App
from ..replies import answer, crash, not_found, schema_error
from ..state import Conversation, State
from .access import app_of, chat_app, guessing, json_body, query_uuid, state_of, user_or_default, whole_number

_SORTINGS = ("created_at", "-created_at", "updated_at", "-updated_at")


async def conversations(request: Request) -> Response:
    """GET /conversations: newest first by default, `last_id` is the cursor."""
    app, state, model = chat_app(request), state_of(request), "ConversationListQuery"
    limit = whole_number(request, "limit", 20, model=model, least=1, most=100)
    last_id = query_uuid(request, "last_id", model=model)
    sort_by = request.query_params.get("sort_by", "-updated_at")
    if sort_by not in _SORTINGS:
        sentence = "Input should be 'created_at', '-created_at', 'updated_at' or '-updated_at'"
        raise schema_error(model, [("sort_by", sentence, "literal_error", sort_by)])
    user = user_or_default(request.query_params)
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


def thread_of(state: State, app: App, user: str, thread_id: Any) -> Conversation | None:
    """A conversation that this user has with this app."""
    thread = state.conversations.get(str(thread_id))
    return thread if thread is not None and thread.app is app and thread.user == user else None


def name_after(query: str) -> str:
    """The name of a conversation that begins with these words; the stand-in for a generated title."""
    return query if len(query) <= 20 else query[:20] + "…"


async def rename(request: Request) -> Response:
    """POST /conversations/{conversation_id}/name."""
    app_of(request)
    body = await json_body(request)
    app, state = chat_app(request), state_of(request)
    generate, name = bool(body.get("auto_generate")), str(body.get("name") or "").strip()
    nameless = not generate and not name
    if nameless and not state.version.crashes_without_name:
        sentence = "Value error, name is required when auto_generate is false"
        raise schema_error("ConversationRenamePayload", [("", sentence, "value_error", body)])
    thread = thread_of(state, app, user_or_default(body), request.path_params["conversation_id"])
    if thread is None:
        raise not_found("Conversation Not Exists.")
    if nameless:
        raise crash()
    if generate:
        thread.name = name_after(thread.messages[0].query if thread.messages else "")
    else:
        thread.name, thread.updated_at = name, state.now()
    return answer(_shown_conversation(thread))


async def delete(request: Request) -> Response:
    """DELETE /conversations/{conversation_id}; it wants a JSON body."""
    app_of(request)
    body = await json_body(request)
    app, state = chat_app(request), state_of(request)
    thread_id = str(request.path_params["conversation_id"])
    if thread_of(state, app, user_or_default(body), thread_id) is None and not state.version.deletes_any_conversation:
        raise not_found("Conversation Not Exists.")
    state.conversations.pop(thread_id, None)
    if state.version.deletes_with_a_body:
        return answer({"result": "success"})
    return Response(status_code=204, media_type="application/json")


ROUTES = [
    Route("/conversations", conversations, methods=["GET"]),
    Route("/conversations/{conversation_id:uuid}", delete, methods=["DELETE"]),
    Route("/conversations/{conversation_id:uuid}/name", rename, methods=["POST"]),
]
