"""`/end-users/{id}`: whom an app has met."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..datasets import NAMESPACE
from ..replies import ApiError, answer
from ..stamps import iso
from .access import app_of, state_of


async def end_user(request: Request) -> Response:
    """GET /end-users/{end_user_id}."""
    app, state = app_of(request), state_of(request)
    found = state.people.known.get((app.id, str(request.path_params["end_user_id"])))
    if found is None:
        raise ApiError(404, "end_user_not_found", "End user not found.")
    met = iso(found.created_at)
    return answer(
        {
            "id": found.id,
            "tenant_id": str(NAMESPACE),
            "app_id": app.id,
            "type": "service-api",
            "external_user_id": found.name,
            "name": None,
            "is_anonymous": False,
            "session_id": found.name,
            "created_at": met,
            "updated_at": met,
        }
    )


ROUTES = [Route("/end-users/{end_user_id:uuid}", end_user, methods=["GET"])]
