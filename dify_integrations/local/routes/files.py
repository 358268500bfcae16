"""`/files`: uploads."""

from __future__ import annotations

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..datasets import NAMESPACE
from ..replies import ApiError, answer, invalid
from ..state import State, Upload
from .access import app_of, state_of

_MEGABYTE = 1024 * 1024
_LIMITS_MB = {"image": 10, "video": 100, "audio": 50}


async def upload(request: Request) -> Response:
    """POST /files/upload."""
    app_of(request)
    state = state_of(request)
    async with request.form() as form:
        files = [part for part in form.getlist("file") if isinstance(part, UploadFile)]
        if not files:
            raise ApiError(400, "no_file_uploaded", "Please upload your file.")
        user = form.get("user")
        stored = await _stored(state, files[0], user if isinstance(user, str) and user else "DEFAULT-USER")
    state.uploads[stored.id] = stored
    return answer(shown(state, stored), status=201)


async def _stored(state: State, file: UploadFile, user: str) -> Upload:
    if not file.content_type:
        raise ApiError(415, "unsupported_file_type", "File type not allowed.")
    if not file.filename:
        raise ApiError(400, "filename_not_exists_error", "The specified filename does not exist.")
    if "/" in file.filename or "\\" in file.filename:
        raise invalid("Filename contains invalid characters")
    content = await file.read()
    if len(content) > _LIMITS_MB.get(file.content_type.split("/")[0], 15) * _MEGABYTE:
        raise ApiError(413, "file_too_large", "")
    return Upload(state.new_id("upload"), user, file.filename, file.content_type, content, state.now())


def shown(state: State, stored: Upload) -> dict[str, object]:
    """An upload as the API shows it."""
    return {
        "id": stored.id,
        "name": stored.name,
        "size": len(stored.content),
        "extension": stored.name.rsplit(".", 1)[1].lower() if "." in stored.name else "",
        "mime_type": stored.mime_type,
        "created_by": state.user_id(stored.user),
        "created_at": stored.created_at,
        "preview_url": None,
        "source_url": f"/files/{stored.id}/file-preview?timestamp={stored.created_at}&nonce=local&sign=local",
        "original_url": None,
        "user_id": None,
        "tenant_id": str(NAMESPACE),
        "conversation_id": None,
        "file_key": None,
    }


ROUTES = [Route("/files/upload", upload, methods=["POST"])]
