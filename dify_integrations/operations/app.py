"""What an app says of itself."""

from __future__ import annotations

from ..core.operation import Operation, reading
from ..core.request import Request
from ..models.apps import AppInfo, AppParameters


def info() -> Operation[AppInfo]:
    return Operation("getChatAppInfo", Request("GET", "/info"), reading(AppInfo.model_validate), repeatable=True)


def parameters() -> Operation[AppParameters]:
    request = Request("GET", "/parameters")
    return Operation("getChatAppParameters", request, reading(AppParameters.model_validate), repeatable=True)
