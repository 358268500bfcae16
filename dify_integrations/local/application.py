"""The ASGI application: routes under `/v1`, error pages, the headers of a Dify server, and the record of requests."""

from __future__ import annotations

import json
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .ages import known
from .older import Older
from .replies import ApiError, crash, no_such_page
from .routes import (
    annotating,
    apps,
    audio,
    chat,
    child_chunks,
    completion,
    conversations,
    datasets,
    documents,
    downloads,
    end_users,
    events,
    files,
    human_input,
    logs,
    messages,
    metadata,
    models,
    pipelines,
    retrieval,
    segments,
    tags,
    variables,
    workflows,
    writing,
)
from .state import RecordedRequest, State

_AREAS = (
    chat,
    completion,
    workflows,
    events,
    human_input,
    conversations,
    messages,
    variables,
    annotating,
    files,
    audio,
    apps,
    end_users,
    logs,
    retrieval,
    datasets,
    documents,
    writing,
    downloads,
    segments,
    child_chunks,
    metadata,
    tags,
    models,
    pipelines,
)


def build(state: State) -> ASGIApp:
    """The whole application over a state."""
    routes = known((route for area in _AREAS for route in area.ROUTES), state.version)
    handlers: dict[Any, Any] = {ApiError: _refusal, HTTPException: _http_error, Exception: _crashed}
    inside = Mount("/v1", app=Router(routes, redirect_slashes=False))
    app = Starlette(routes=[inside, *files.OUTSIDE], exception_handlers=handlers)
    app.state.local = state
    return Recorder(Older(app, state) if state.version.is_old else app, state)


async def _refusal(request: Request, error: Exception) -> Response:
    known_error = error if isinstance(error, ApiError) else crash()
    return known_error.response(old=request.app.state.local.version.is_old)


async def _http_error(_: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == 405:
        text = "The method is not allowed for the requested URL."
        return ApiError(405, "method_not_allowed", text).response()
    if isinstance(error, HTTPException) and error.status_code == 400:
        text = "The browser (or proxy) sent a request that this server could not understand."
        return ApiError(400, "bad_request", text).response()
    return no_such_page()


async def _crashed(request: Request, _error: Exception) -> Response:
    return await _refusal(request, crash())


class Recorder:
    """Reads every request whole, notes it, hands it on, and puts Dify's headers on the response."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        body = await _read(receive)
        replayed = False

        async def replay() -> Message:
            nonlocal replayed
            if replayed:
                return await receive()
            replayed = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *self._headers()]}
            await send(message)

        recorded = await _recorded(scope, body)
        self._state.record(self._state.requests, recorded)
        self._meet(scope, recorded.user)
        await self._app(scope, replay, stamped)

    def _meet(self, scope: Scope, user: str | None) -> None:
        _, _, key = Request(scope).headers.get("authorization", "").partition(" ")
        if key.strip() in self._state.apps:
            self._state.meet(self._state.apps[key.strip()], user)

    def _headers(self) -> list[tuple[bytes, bytes]]:
        return [
            (b"server", b"local-dify"),
            (b"access-control-allow-origin", b"*"),
            (b"access-control-expose-headers", b"X-Env, X-Trace-Id, X-Version"),
            (b"vary", b"Cookie"),
            (b"x-env", b"PRODUCTION"),
            (b"x-version", self._state.version.text.encode()),
        ]


async def _read(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _recorded(scope: Scope, body: bytes) -> RecordedRequest:
    async def whole() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    request = Request(scope, whole)
    headers = {name.lower(): value for name, value in request.headers.items() if name.lower() != "authorization"}
    content_type = headers.get("content-type", "")
    given = _json(body) if content_type.startswith("application/json") else None
    form = await _form(request) if content_type.startswith("multipart/form-data") else {}
    query = dict(request.query_params)
    sources = (given if isinstance(given, dict) else {}, form, query)
    user = next((str(source["user"]) for source in sources if source.get("user")), None)
    return RecordedRequest(request.method, request.url.path, query, headers, given, form, user)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


async def _form(request: Request) -> dict[str, Any]:
    try:
        form = await request.form()
    except (HTTPException, MultiPartException):
        return {}
    shown: dict[str, Any] = {}
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            shown[name] = {"filename": value.filename, "content_type": value.content_type, "size": value.size}
        else:
            shown[name] = value
    await form.close()
    return shown
