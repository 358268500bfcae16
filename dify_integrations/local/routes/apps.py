"""`/info`, `/parameters`, `/meta`, `/site` and the index of old servers."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..annotations import Annotations
from ..apps import App
from ..inputs import FILE_TYPES
from ..replies import ApiError, answer
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
    if not app.published and app.mode != "agent":
        raise ApiError(400, "app_unavailable", "App unavailable, please check your app configurations.")
    off = {"enabled": False}
    return answer(
        {
            "opening_statement": None if app.mode == "completion" else app.opening_statement,
            "suggested_questions": app.opening_questions,
            "suggested_questions_after_answer": {"enabled": app.is_chat and app.suggested_questions is not None},
            "speech_to_text": {"enabled": app.speech != "off"},
            "text_to_speech": _text_to_speech(app),
            "retriever_resource": {"enabled": True},
            "annotation_reply": _annotation_reply(state_of(request).annotations[app.id]),
            "more_like_this": off,
            "user_input_form": [_form_entry(kind, item) for kind, item in app.variables],
            "sensitive_word_avoidance": off if app.is_flow or app.mode == "agent" else {**off, "type": "", "configs": []},
            "file_upload": _file_upload(app),
            "system_parameters": {**_LIMITS, "workflow_file_upload_limit": 10},
        }
    )


def _text_to_speech(app: App) -> dict[str, Any]:
    if app.speech == "off":
        return {"enabled": False, "voice": "", "language": ""}
    plays = "enabled" if app.speech == "auto" else "disabled"
    return {"enabled": True, "voice": "alloy", "language": "en-US", "autoPlay": plays}


def _annotation_reply(kept: Annotations) -> dict[str, Any]:
    settings = kept.settings
    if settings is None:
        return {"enabled": False}
    model = {name: settings[name] for name in ("embedding_provider_name", "embedding_model_name")}
    shown = {"id": settings["id"], "enabled": True, "score_threshold": settings["score_threshold"]}
    return {**shown, "embedding_model": model}


def _form_entry(kind: str, item: Any) -> dict[str, Any]:
    return {kind: {"label": item["variable"], "required": False, **item}}


def _file_upload(app: App) -> dict[str, Any]:
    methods = ["local_file", "remote_url"]
    if app.mode == "agent":
        return {"image": {"enabled": app.files, "number_limits": 3, "detail": "high", "transfer_methods": methods}}
    if not app.files:
        return {"enabled": False}
    image = {"enabled": True, "number_limits": 3, "detail": "high", "transfer_methods": methods}
    return {
        "enabled": True,
        "number_limits": 3,
        "max_length": 3,
        "allowed_file_types": list(FILE_TYPES),
        "allowed_file_extensions": [".bin"],
        "allowed_file_upload_methods": methods,
        **({} if app.is_flow else {"image": image}),
        "fileUploadConfig": {**_LIMITS, "batch_count_limit": 5, "workflow_file_upload_limit": 10},
    }


async def meta(request: Request) -> Response:
    """GET /meta."""
    return answer({"tool_icons": app_of(request).tool_icons})


async def site(request: Request) -> Response:
    """GET /site."""
    app = app_of(request)
    nothing = dict.fromkeys(("description", "copyright", "privacy_policy"))
    return answer(
        {
            "title": app.name,
            "chat_color_theme": None,
            "chat_color_theme_inverted": False,
            "icon_type": "emoji",
            "icon": "\N{ROBOT FACE}",
            "icon_background": "#FFEAD5",
            **nothing,
            "custom_disclaimer": "",
            "default_language": "en-US",
            "show_workflow_steps": True,
            "use_icon_as_answer_icon": False,
            "icon_url": None,
        }
    )


async def index(request: Request) -> Response:
    """GET /v1/: the version."""
    return answer({"welcome": "Dify OpenAPI", "api_version": "v1", "server_version": state_of(request).version.text})


ROUTES = [
    Route("/info", info, methods=["GET"]),
    Route("/parameters", parameters, methods=["GET"]),
    Route("/meta", meta, methods=["GET"]),
    Route("/site", site, methods=["GET"]),
    Route("/", index, methods=["GET"]),
]
