"""Documents: list, show, delete, switch on and off, and how their indexing goes."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..datasets import Document
from ..knowledge import document_shape
from ..knowledge.writing import look
from ..replies import ApiError, answer, not_found
from ..state import State
from .access import dataset_of, json_body, state_of
from .lookups import deleted, document_of, named_dataset, page_of, succeeded

_STATUSES = {"queuing", "indexing", "paused", "error", "available", "disabled", "archived"}
_ALIASES = {"active": "available", "enabled": "available"}


async def documents(request: Request) -> Response:
    """GET /datasets/{dataset_id}/documents: the newest first; a status that does not exist filters nothing."""
    owner, state = dataset_of(request), state_of(request)
    wanted = request.query_params.get("keyword", "").lower()
    status = request.query_params.get("status", "")
    status = _ALIASES.get(status, status)
    for document in owner.documents:
        look(state, document)
    found = [
        document
        for document in sorted(owner.documents, key=lambda document: -document.position)
        if wanted in document.name.lower() and (status not in _STATUSES or document.display_status == status)
    ]
    page = page_of(request, found, "DocumentListQuery")
    page["data"] = [document_shape.document(state, owner, document) for document in page["data"]]
    return answer(page)


async def document(request: Request) -> Response:
    """GET /datasets/{dataset_id}/documents/{document_id}."""
    owner, state = dataset_of(request), state_of(request)
    found = document_of(request, owner)
    metadata = request.query_params.get("metadata", "all")
    if metadata not in {"all", "only", "without"}:
        raise ApiError(400, "invalid_metadata", f"Invalid metadata value: {metadata}")
    look(state, found)
    return answer(document_shape.detail(state, owner, found, metadata))


async def delete(request: Request) -> Response:
    """DELETE /datasets/{dataset_id}/documents/{document_id}."""
    owner = named_dataset(request)
    found = document_of(request, owner, "Document Not Exists.")
    if found.archived:
        raise ApiError(403, "archived_document_immutable", "The archived document is not editable.")
    owner.documents.remove(found)
    return deleted(request)


async def indexing_status(request: Request) -> Response:
    """GET /datasets/{dataset_id}/documents/{batch}/indexing-status: every call goes one step on."""
    owner, state = dataset_of(request), state_of(request)
    batch = [document for document in owner.documents if document.batch == request.path_params["batch"]]
    if not batch:
        raise not_found("Documents not found.")
    for document in batch:
        look(state, document)
    return answer({"data": [document_shape.progress(document) for document in batch]})


async def set_status(request: Request) -> Response:
    """PATCH /datasets/{dataset_id}/documents/status/{action}: all or none; unknown ids are skipped."""
    owner, state = dataset_of(request), state_of(request)
    body = await json_body(request)
    action = str(request.path_params["action"])
    change = _ACTIONS.get(action)
    if change is None:
        raise ApiError(400, "invalid_action", f"Invalid action: {action}. Must be one of {list(_ACTIONS)}")
    wanted = body.get("document_ids") or []
    found = [document for document in owner.documents if document.id in wanted]
    if action == "disable":
        for document in found:
            if document.status != "completed":
                raise ApiError(400, "invalid_action", f"Document: {document.name} is not completed.")
    for document in found:
        change(state, document)
        document.updated_at = state.now()
    return succeeded()


def _enable(_: State, changed: Document) -> None:
    changed.enabled, changed.disabled_at = True, None


def _disable(state: State, changed: Document) -> None:
    changed.enabled, changed.disabled_at = False, state.now()


def _archive(_: State, changed: Document) -> None:
    changed.archived = True


def _un_archive(_: State, changed: Document) -> None:
    changed.archived = False


_ACTIONS: dict[str, Callable[[State, Document], None]] = {
    "enable": _enable,
    "disable": _disable,
    "archive": _archive,
    "un_archive": _un_archive,
}

_DOCUMENTS = "/datasets/{dataset_id:uuid}/documents"
ROUTES = [
    Route(_DOCUMENTS, documents, methods=["GET"]),
    Route(f"{_DOCUMENTS}/{{document_id:uuid}}", document, methods=["GET"]),
    Route(f"{_DOCUMENTS}/{{document_id:uuid}}", delete, methods=["DELETE"]),
    Route(f"{_DOCUMENTS}/{{batch}}/indexing-status", indexing_status, methods=["GET"]),
    Route(f"{_DOCUMENTS}/status/{{action}}", set_status, methods=["PATCH"]),
]
