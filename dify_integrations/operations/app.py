"""What an app says of itself."""

from __future__ import annotations

from ..core.operation import Operation, reading
from ..models.apps import AppInfo, AppMeta, AppParameters, WebAppSettings
from .catalogue import operation


def info() -> Operation[AppInfo]:
    return operation("getChatAppInfo", reading(AppInfo.model_validate))


def parameters() -> Operation[AppParameters]:
    return operation("getChatAppParameters", reading(AppParameters.model_validate))


def meta() -> Operation[AppMeta]:
    return operation("getChatAppMeta", reading(AppMeta.model_validate))


def site() -> Operation[WebAppSettings]:
    return operation("getChatWebAppSettings", reading(WebAppSettings.model_validate))
