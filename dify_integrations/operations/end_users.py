"""Whom Dify knows by your `user` identifiers."""

from __future__ import annotations

from ..core.operation import Operation, reading
from ..models.end_users import EndUser
from .catalogue import operation


def get(end_user_id: str) -> Operation[EndUser]:
    return operation("getEndUserChat", reading(EndUser.model_validate), path={"end_user_id": end_user_id})
