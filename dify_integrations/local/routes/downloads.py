"""The files behind documents: a signed address, an archive of several, and the older description with two addresses."""

from __future__ import annotations

import io
import uuid
import zipfile
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..knowledge.checks import Fields
from ..knowledge.shown import ACCOUNT
from ..knowledge.writing import store
from ..replies import answer, not_found
from ..signing import signed
from .access import dataset_of, is_uuid, json_body, state_of
from .lookups import document_of

_MOST = 100


async def download(request: Request) -> Response:
    """GET /datasets/{dataset_id}/documents/{document_id}/download."""
    file = document_of(request, dataset_of(request)).source
    store(state_of(request), file)
    return answer({"url": signed(state_of(request), file.id, attachment=True)})


async def upload_file(request: Request) -> Response:
    """GET /datasets/{dataset_id}/documents/{document_id}/upload-file, which servers up to 1.8 have instead."""
    state = state_of(request)
    file = document_of(request, dataset_of(request)).source
    store(state, file)
    return answer(
        {
            "id": file.id,
            "name": file.name,
            "size": len(file.content),
            "extension": file.extension,
            "url": signed(state, file.id),
            "download_url": signed(state, file.id, attachment=True),
            "mime_type": file.mime_type,
            "created_by": ACCOUNT,
            "created_at": file.created_at,
        }
    )


async def download_zip(request: Request) -> Response:
    """POST /datasets/{dataset_id}/documents/download-zip."""
    owner = dataset_of(request)
    wanted = _wanted(await json_body(request))
    found = [document for document in map(owner.document, wanted) if document is not None]
    if len(found) != len(wanted):
        raise not_found("Document not found.")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
        names: set[str] = set()
        for document in found:
            names.add(name := _free(document.source.name, names))
            written.writestr(name, document.source.content)
    headers = {"content-disposition": f"attachment; filename={uuid.uuid4().hex}.zip", "cache-control": "no-cache"}
    return Response(archive.getvalue(), headers=headers, media_type="application/zip")


def _wanted(body: dict[str, Any]) -> list[str]:
    fields = Fields("DocumentBatchDownloadZipPayload", body)
    fields.required("document_ids")
    wanted = body.get("document_ids", [])
    if "document_ids" in body and not wanted:
        fields.refuse("document_ids", "List should have at least 1 item after validation, not 0", "too_short", wanted)
    if len(wanted) > _MOST:
        sentence = f"List should have at most {_MOST} items after validation, not {len(wanted)}"
        fields.refuse("document_ids", sentence, "too_long", wanted)
    for index, value in enumerate(wanted):
        if not is_uuid(str(value)):
            fields.refuse(f"document_ids.{index}", "Input should be a valid UUID", "uuid_parsing", value)
    fields.done()
    return [str(value) for value in wanted]


def _free(name: str, taken: set[str]) -> str:
    """A name that no other file of the archive has."""
    stem, dot, ending = name.rpartition(".")
    number, free = 1, name
    while free in taken:
        free = f"{stem} ({number}).{ending}" if dot else f"{name} ({number})"
        number += 1
    return free


_DOCUMENTS = "/datasets/{dataset_id:uuid}/documents"
ROUTES = [
    Route(f"{_DOCUMENTS}/{{document_id:uuid}}/download", download, methods=["GET"]),
    Route(f"{_DOCUMENTS}/{{document_id:uuid}}/upload-file", upload_file, methods=["GET"]),
    Route(f"{_DOCUMENTS}/download-zip", download_zip, methods=["POST"]),
]
