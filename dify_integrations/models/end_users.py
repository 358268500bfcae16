"""Whom Dify knows by your `user` identifiers."""

from __future__ import annotations

from .base import Model


class EndUser(Model):
    """An end user of an app.

    Attributes:
        id: Dify's id, such as `created_by` of an upload.
        tenant_id: The workspace.
        app_id: The app.
        type: `service-api` for those of this API.
        external_user_id: Your `user`.
        name: `None` for those of this API.
        is_anonymous: Whether no `user` was given.
        session_id: Your `user` again; what `workflows.logs` filters by.
        created_at, updated_at: UTC as ISO 8601 text without a zone, such as `2026-11-20T10:26:23`; not Unix seconds as
            elsewhere.
    """

    id: str
    tenant_id: str | None = None
    app_id: str | None = None
    type: str | None = None
    external_user_id: str | None = None
    name: str | None = None
    is_anonymous: bool | None = None
    session_id: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
