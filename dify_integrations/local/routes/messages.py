"""`/messages`: a conversation's history, the questions suggested after a message, and the ratings of messages."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..apps import App
from ..feedback import Feedback
from ..forms import extra_contents
from ..replies import ApiError, answer, invalid, not_found, schema_error
from ..state import Message, State
from .access import app_of, chat_app, guessing, json_body, query_uuid, state_of, user_in, user_or_default, whole_number
from .conversations import thread_of

_NO_PARENT = "00000000-0000-0000-0000-000000000000"


async def messages(request: Request) -> Response:
    """GET /messages: the newest page, oldest message first in it; `first_id` is the cursor."""
    app, state, model = chat_app(request), state_of(request), "MessageListQuery"
    thread_id = query_uuid(request, "conversation_id", model=model, required=True)
    first_id = query_uuid(request, "first_id", model=model)
    limit = whole_number(request, "limit", 20, model=model, least=1, most=100)
    thread = thread_of(state, app, user_or_default(request.query_params), thread_id)
    if thread is None:
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
    rating = _rating(state, message)
    extra = {"extra_contents": extra_contents(state, message)} if state.version.has_extra_contents else {}
    return {
        "id": message.id,
        "conversation_id": message.conversation_id,
        "parent_message_id": _NO_PARENT,
        "inputs": message.inputs,
        "query": message.query,
        "answer": message.answer,
        "feedback": {"rating": rating.rating} if rating else None,
        "retriever_resources": [_shown_resource(message, resource) for resource in message.sources],
        "created_at": message.created_at,
        "agent_thoughts": [_shown_thought(message, thought) for thought in message.thoughts],
        "message_files": message.files,
        "status": message.status,
        "error": message.error,
        **extra,
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


async def suggested(request: Request) -> Response:
    """GET /messages/{message_id}/suggested."""
    app_of(request)
    user = user_in(request.query_params)
    app = chat_app(request)
    _message(request, app, user)
    if app.suggested_questions is None:
        raise ApiError(400, "bad_request", "Suggested Questions Is Disabled.")
    return answer({"result": "success", "data": list(app.suggested_questions)})


async def rate(request: Request) -> Response:
    """POST /messages/{message_id}/feedbacks."""
    app, state = app_of(request), state_of(request)
    body = await json_body(request)
    user, rating = user_in(body), body.get("rating")
    if rating not in {"like", "dislike", None}:
        problem = ("rating", "Input should be 'like' or 'dislike'", "literal_error", rating)
        raise schema_error("MessageFeedbackPayload", [problem])
    message = _message(request, app, user)
    old = _rating(state, message)
    if rating is not None:
        _keep_rating(state, message, old, rating, body.get("content"))
    elif old is None:
        raise invalid("rating cannot be None when feedback not exists")
    else:
        state.feedbacks.remove(old)
    return answer({"result": "success"})


def _keep_rating(state: State, message: Message, old: Feedback | None, rating: str, content: str | None) -> None:
    if old is not None:
        old.rating, old.content, old.updated_at = rating, content, state.now()
        return
    feedback_id, user_id, now = state.new_id("feedback"), state.user_id(message.user), state.now()
    thread_id = message.conversation_id or None
    kept = Feedback(feedback_id, message.app.id, thread_id, message.id, user_id, rating, content, now, now)
    state.feedbacks.append(kept)


def _rating(state: State, message: Message) -> Feedback | None:
    return next((kept for kept in state.feedbacks if kept.message_id == message.id), None)


def _message(request: Request, app: App, user: str) -> Message:
    message = state_of(request).messages.get(str(request.path_params["message_id"]))
    if message is None or message.app is not app or message.user != user:
        raise not_found("Message Not Exists.")
    return message


async def ratings(request: Request) -> Response:
    """GET /app/feedbacks: every rating of the app, newest first, without a total."""
    app, state, model = app_of(request), state_of(request), "FeedbackListQuery"
    page = whole_number(request, "page", 1, model=model, least=1)
    limit = whole_number(request, "limit", 20, model=model, least=1, most=101)
    found = [kept for kept in reversed(state.feedbacks) if kept.app_id == app.id]
    return answer({"data": [kept.shown() for kept in found[(page - 1) * limit : page * limit]]})


ROUTES = [
    Route("/messages", messages, methods=["GET"]),
    Route("/messages/{message_id:uuid}/suggested", suggested, methods=["GET"]),
    Route("/messages/{message_id:uuid}/feedbacks", rate, methods=["POST"]),
    Route("/app/feedbacks", ratings, methods=["GET"]),
]
