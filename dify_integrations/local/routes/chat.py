"""`/chat-messages`: a chat turn and its stop call."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..apps import App
from ..generation import Reply, refused, respond
from ..inputs import checked_files, validated
from ..message_files import use
from ..replies import ApiError, invalid, not_found, schema_error
from ..run import Run
from ..state import Conversation, State
from ..variables import KeptVariable
from .access import app_of, chat_app, check_capacity, check_published, check_trace, guessing, is_uuid, json_body, state_of, user_in
from .conversations import name_after, thread_of
from .stopping import stop

_MODEL = "ChatRequestPayload"


async def send(request: Request) -> Reply:
    """POST /chat-messages."""
    state, app = state_of(request), app_of(request)
    body = await json_body(request)
    user = user_in(body)
    app = chat_app(request)
    streaming = _checked(body)
    if app.mode == "agent":
        streaming = _checked_for_agent(app, body)
    if app.mode == "agent-chat" and not streaming:
        raise invalid("Agent Chat App does not support blocking mode")
    check_published(app)
    if app.mode == "advanced-chat":
        check_workflow_id(app, body.get("workflow_id"), request)
    check_trace(state, body)
    check_capacity(state, app)
    try:
        if not body["query"]:
            raise invalid("query is required")
        inputs = validated(state, app, body["inputs"], user)
        files = checked_files(state, app, body.get("files"), user)
        thread = _thread(state, app, user, body, inputs, request)
    except ApiError as error:
        if app.is_flow and streaming and state.version.relays:
            return refused(state, error)
        raise
    run = Run(state, app, user=user, query=body["query"], inputs=inputs, files=files, conversation=thread)
    use(state, run.message, files)
    return respond(run, streaming=streaming, annotation=state.annotations[app.id].answer_to(body["query"]))


def _checked(body: dict[str, Any]) -> bool:
    """Check the fields of the body and tell whether the answer shall be streamed."""
    problems: list[tuple[str, str, str, Any]] = [
        (field, "Field required", "missing", body) for field in ("inputs", "query") if field not in body
    ]
    if "inputs" in body and not isinstance(body["inputs"], dict):
        problems.append(("inputs", "Input should be a valid dictionary", "dict_type", body["inputs"]))
    if "query" in body and not isinstance(body["query"], str):
        problems.append(("query", "Input should be a valid string", "string_type", body["query"]))
    mode = body.get("response_mode")
    if mode not in {None, "blocking", "streaming"}:
        problems.append(("response_mode", "Input should be 'blocking' or 'streaming'", "literal_error", mode))
    thread = body.get("conversation_id")
    if thread and not is_uuid(str(thread)):
        sentence = "Value error, conversation_id must be a valid UUID"
        problems.append(("conversation_id", sentence, "value_error", thread))
    if problems:
        raise schema_error(_MODEL, problems)
    return mode == "streaming"


def _checked_for_agent(app: App, body: dict[str, Any]) -> bool:
    if body.get("response_mode") == "blocking":
        raise ApiError(400, "bad_request", "Agent App only supports streaming response mode.")
    if not app.published:
        raise invalid("model is required")
    return True


def check_workflow_id(app: App, workflow_id: Any, request: Request) -> None:
    """Refuse a pinned workflow that is not the app's own."""
    if workflow_id is None:
        return
    if not is_uuid(str(workflow_id)):
        raise ApiError(400, "bad_request", f"Invalid workflow_id format: '{workflow_id}'. ")
    if workflow_id != app.workflow_id:
        raise guessing(not_found(f"Workflow not found with id: {workflow_id}."), request)


def _thread(state: State, app: App, user: str, body: dict[str, Any], inputs: dict[str, Any], request: Request) -> Conversation:
    thread_id = str(body.get("conversation_id") or "").strip()
    if thread_id:
        thread = thread_of(state, app, user, thread_id)
        if thread is not None:
            return thread
        if not (app.is_flow and state.version.replaces_unknown_conversation):
            raise guessing(not_found("Conversation Not Exists."), request)
    now = state.now()
    thread = Conversation(state.new_id("conversation"), app, user, name_after(body["query"]), inputs, now, now)
    thread.variables = [
        KeptVariable(state.new_id("variable"), declared, declared.value, now, now) for declared in app.conversation_variables
    ]
    state.conversations[thread.id] = thread
    return thread


async def stop_chat(request: Request) -> Response:
    """POST /chat-messages/{task_id}/stop."""
    app_of(request)
    user = user_in(await json_body(request))
    chat_app(request)
    return stop(request, user)


ROUTES = [
    Route("/chat-messages", send, methods=["POST"]),
    Route("/chat-messages/{task_id}/stop", stop_chat, methods=["POST"]),
]
