"""`/info`, `/parameters`, `/meta` and the index of old servers."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..apps import App
from ..inputs import FILE_TYPES
from ..replies import answer
from .access import app_of, state_of

_LIMITS = {
    "image_file_size_limit": 10,
    "video_file_size_limit": 100,
    "audio_file_size_limit": 50,
    "file_size_limit": 15,
}


async def info(request: Request) -> Response:
    """GET /info."""
    app = app_of(request)
    shown = {"name": app.name, "description": app.description, "tags": []}
    return answer({**shown, "mode": app.mode, "author_name": "LocalDify"})


async def parameters(request: Request) -> Response:
    """GET /parameters."""
    app = app_of(request)
    off = {"enabled": False}
    return answer(
        {
            "opening_statement": None if app.mode == "completion" else app.opening_statement,
            "suggested_questions": [],
            "suggested_questions_after_answer": {"enabled": app.is_chat and app.suggested_questions is not None},
            "speech_to_text": off,
            "text_to_speech": {**off, "voice": "", "language": ""},
            "retriever_resource": {"enabled": True},
            "annotation_reply": off,
            "more_like_this": off,
            "user_input_form": [_form_entry(kind, item) for kind, item in app.variables],
            "sensitive_word_avoidance": off if app.is_flow else {**off, "type": "", "configs": []},
            "file_upload": _file_upload(app),
            "system_parameters": {**_LIMITS, "workflow_file_upload_limit": 10},
        }
    )


def _form_entry(kind: str, item: Any) -> dict[str, Any]:
    return {kind: {"label": item["variable"], "required": False, **item}}


def _file_upload(app: App) -> dict[str, Any]:
    if not app.files:
        return {"enabled": False}
    methods = ["local_file", "remote_url"]
    return {
        "enabled": True,
        "number_limits": 3,
        "max_length": 3,
        "allowed_file_types": list(FILE_TYPES),
        "allowed_file_extensions": [".bin"],
        "allowed_file_upload_methods": methods,
        "image": {"enabled": True, "number_limits": 3, "detail": "high", "transfer_methods": methods},
        "fileUploadConfig": {**_LIMITS, "batch_count_limit": 5, "workflow_file_upload_limit": 10},
    }


async def meta(request: Request) -> Response:
    """GET /meta."""
    app_of(request)
    return answer({"tool_icons": {}})


async def index(request: Request) -> Response:
    """GET /v1/: the version."""
    return answer({"welcome": "Dify OpenAPI", "api_version": "v1", "server_version": state_of(request).version.text})


ROUTES = [
    Route("/info", info, methods=["GET"]),
    Route("/parameters", parameters, methods=["GET"]),
    Route("/meta", meta, methods=["GET"]),
    Route("/", index, methods=["GET"]),
]
