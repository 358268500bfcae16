"""`/workspaces/current/models`: one provider with one scripted model of every kind."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..datasets import NAMESPACE
from ..replies import answer, invalid
from .access import check_dataset_key

_PROVIDER = "local/scripted/scripted"
_FEATURES = ["tool-call", "multi-tool-call", "agent-thought", "stream-tool-call", "vision", "document"]
_VOICES = [{"mode": "plain", "name": "Plain", "language": ["en-US", "zh-Hans"]}]
# Name, features and properties by model type; a type without a model has no provider either.
_MODELS: dict[str, tuple[str, list[str] | None, dict[str, Any]] | None] = {
    "llm": ("local-dify", _FEATURES, {"mode": "chat", "context_size": 128_000}),
    "text-embedding": ("words", None, {"context_size": 8_191, "max_chunks": 32}),
    "rerank": ("words-rerank", None, {"context_size": 4_096}),
    "speech2text": ("local-ears", None, {"file_upload_limit": 25, "supported_file_extensions": "mp3,mp4,mpeg,mpga,m4a,wav,webm"}),
    "tts": (
        "local-voice",
        None,
        {"default_voice": "plain", "voices": _VOICES, "word_limit": 3_500, "audio_type": "mp3", "max_workers": 5},
    ),
    "moderation": None,
}


async def models(request: Request) -> Response:
    """GET /workspaces/current/models/model-types/{model_type}."""
    check_dataset_key(request)
    kind = str(request.path_params["model_type"])
    if kind not in _MODELS:
        raise invalid(f"invalid origin model type {kind}")
    model = _MODELS[kind]
    return answer({"data": [_provider(f"{request.url.scheme}://{request.url.netloc}", kind, *model)] if model else []})


def _provider(origin: str, kind: str, name: str, features: list[str] | None, properties: dict[str, Any]) -> dict[str, Any]:
    icon = f"{origin}/console/api/workspaces/{NAMESPACE}/model-providers/{_PROVIDER}/icon_small"
    return {
        "tenant_id": str(NAMESPACE),
        "provider": _PROVIDER,
        "label": {"zh_Hans": "Scripted", "en_US": "Scripted"},
        "icon_small": {"zh_Hans": f"{icon}/zh_Hans", "en_US": f"{icon}/en_US"},
        "icon_small_dark": None,
        "status": "active",
        "models": [_model(kind, name, features, properties)],
    }


def _model(kind: str, name: str, features: list[str] | None, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": name,
        "label": {"zh_Hans": name, "en_US": name},
        "model_type": kind,
        "features": features,
        "fetch_from": "predefined-model",
        "model_properties": properties,
        "deprecated": False,
        "status": "active",
        "load_balancing_enabled": False,
        "has_invalid_load_balancing_configs": False,
    }


ROUTES = [Route("/workspaces/current/models/model-types/{model_type}", models, methods=["GET"])]
