"""Models a workspace can use."""

from __future__ import annotations

from typing import Literal, get_args

from ..core.operation import Operation, reading
from ..models.models import ModelProviders
from .catalogue import operation
from .choices import chosen

ModelType = Literal["text-embedding", "rerank", "llm", "tts", "speech2text", "moderation"]


def by_type(model_type: ModelType) -> Operation[ModelProviders]:
    path = {"model_type": chosen("model_type", model_type, get_args(ModelType))}
    return operation("getAvailableModels", reading(ModelProviders.model_validate), path=path)
