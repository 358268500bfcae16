"""`/files`: uploads, the preview of a file that was used, and the signed address outside `/v1`."""

from __future__ import annotations

from urllib.parse import quote

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..datasets import NAMESPACE
from ..people import DEFAULT_USER
from ..replies import ApiError, answer, invalid, no_part, not_found
from ..signing import admits, signed
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
            raise no_part() if state.version.is_old else ApiError(400, "no_file_uploaded", "Please upload your file.")
        if len({name for name, part in form.multi_items() if isinstance(part, UploadFile)}) > 1:
            raise ApiError(400, "too_many_files", "Only one file is allowed.")
        user = form.get("user")
        stored = await _stored(state, files[0], user if isinstance(user, str) and user else DEFAULT_USER)
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
    reference = {"reference": None} if state.version.refers_to_uploads else {}
    return {
        "id": stored.id,
        **reference,
        "name": stored.name,
        "size": len(stored.content),
        "extension": _extension(state, stored.name),
        "mime_type": stored.mime_type,
        "created_by": state.user_id(stored.user),
        "created_at": stored.created_at,
        "preview_url": None,
        "source_url": signed(state, stored.id),
        "original_url": None,
        "user_id": None,
        "tenant_id": str(NAMESPACE),
        "conversation_id": None,
        "file_key": None,
    }


def _extension(state: State, name: str) -> str:
    if "." not in name:
        # 0.15 takes what follows the last dot, or all.
        return name if state.version.is_old else ""
    return name.rsplit(".", 1)[1].lower()


async def preview(request: Request) -> Response:
    """GET /files/{file_id}/preview: only of files that were used in a message of this app."""
    app, state = app_of(request), state_of(request)
    file_id = str(request.path_params["file_id"])
    users = state.uses.get(file_id)
    if users is None:
        raise ApiError(404, "file_not_found", "File not found in message context")
    if app.id not in users:
        raise ApiError(403, "file_access_denied", "Access to the requested file is denied")
    stored, as_attachment = state.uploads[file_id], request.query_params.get("as_attachment", "").lower() == "true"
    return _content(stored, as_attachment=as_attachment, headers={"cache-control": "public, max-age=3600"})


async def signed_preview(request: Request) -> Response:
    """GET /files/{file_id}/file-preview, outside `/v1` and without a key."""
    state, file_id = state_of(request), str(request.path_params["file_id"])
    if not admits(state, file_id, request.query_params):
        raise ApiError(403, "forbidden", "Invalid request.")
    stored = state.uploads.get(file_id)
    if stored is None:
        raise not_found("File not found or signature is invalid")
    return _content(stored, as_attachment=request.query_params.get("as_attachment", "").lower() == "true", headers={})


def _content(stored: Upload, *, as_attachment: bool, headers: dict[str, str]) -> Response:
    media_type = stored.mime_type
    if as_attachment:
        media_type = "application/octet-stream"
        headers["content-disposition"] = f"attachment; filename*=UTF-8''{quote(stored.name)}"
    if media_type.startswith(("audio/", "video/")):
        headers["accept-ranges"] = "bytes"
    return Response(stored.content, headers=headers, media_type=media_type)


ROUTES = [
    Route("/files/upload", upload, methods=["POST"]),
    Route("/files/{file_id:uuid}/preview", preview, methods=["GET"]),
]
OUTSIDE = [Route("/files/{file_id:uuid}/file-preview", signed_preview, methods=["GET"])]
