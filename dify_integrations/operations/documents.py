"""Documents of knowledge bases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from ..core.operation import Answer, Operation, nothing, reading
from ..core.request import body_bytes
from ..errors import InvalidArgument
from ..files import FileInput
from ..models.documents import (
    DisplayStatus,
    DocumentDetail,
    DocumentFile,
    DocumentPage,
    MetadataMode,
    StatusAction,
    SubmittedDocument,
)
from .catalogue import operation
from .choices import chosen
from .fields import given, several
from .inputs import file_part, whole
from .paging import page_number, page_size

ZIP_LIMIT = 100
"""Documents of one archive."""


def create_by_text(dataset_id: str, *, name: str, text: str, **settings: Any) -> Operation[SubmittedDocument]:
    return operation(
        "createDocumentFromText",
        reading(SubmittedDocument.model_validate),
        path={"dataset_id": dataset_id},
        json=given(name=name, text=text, **settings),
    )


def create_by_file(dataset_id: str, file: FileInput, **settings: Any) -> Operation[SubmittedDocument]:
    return operation(
        "createDocumentFromFile",
        reading(SubmittedDocument.model_validate),
        path={"dataset_id": dataset_id},
        form=_data(settings),
        files=[file_part(file)],
    )


def update_by_text(
    dataset_id: str, document_id: str, *, name: str | None, text: str | None, **settings: Any
) -> Operation[SubmittedDocument]:
    if text is not None and name is None:
        raise InvalidArgument("a new text needs the document's name too")
    return operation(
        "updateDocumentByText",
        reading(SubmittedDocument.model_validate),
        path={"dataset_id": dataset_id, "document_id": document_id},
        json=given(name=name, text=text, **settings),
    )


def update_by_file(dataset_id: str, document_id: str, *, file: FileInput | None, **settings: Any) -> Operation[SubmittedDocument]:
    form = _data(settings)
    if file is None and not form:
        raise InvalidArgument("give a file, or what to change")
    return operation(
        "updateDocument",
        reading(SubmittedDocument.model_validate),
        path={"dataset_id": dataset_id, "document_id": document_id},
        form=form,
        files=[] if file is None else [file_part(file)],
    )


def _data(settings: dict[str, Any]) -> dict[str, str]:
    """Settings as JSON in the one text field that goes with a file."""
    fields = given(**settings)
    return {"data": body_bytes(fields).decode()} if fields else {}


def page(
    dataset_id: str, *, keyword: str | None = None, status: DisplayStatus | None = None, page: int = 1, limit: int = 20
) -> Operation[DocumentPage]:
    query = [("page", page_number(page)), ("limit", page_size(limit))]
    if keyword is not None:
        query.append(("keyword", keyword))
    if status is not None:
        query.append(("status", chosen("status", status, get_args(DisplayStatus))))  # another word is ignored in silence
    return operation("listDocuments", reading(DocumentPage.model_validate), path={"dataset_id": dataset_id}, query=query)


def get(dataset_id: str, document_id: str, *, metadata: MetadataMode | None = None) -> Operation[DocumentDetail]:
    query = [] if metadata is None else [("metadata", chosen("metadata", metadata, get_args(MetadataMode)))]
    return operation(
        "getDocumentDetail",
        reading(DocumentDetail.model_validate),
        path={"dataset_id": dataset_id, "document_id": document_id},
        query=query,
    )


def delete(dataset_id: str, document_id: str) -> Operation[None]:
    return operation("deleteDocument", nothing, path={"dataset_id": dataset_id, "document_id": document_id})


def download_url(dataset_id: str, document_id: str) -> Operation[DocumentFile]:
    return operation(
        "downloadDocument",
        reading(DocumentFile.model_validate),
        path={"dataset_id": dataset_id, "document_id": document_id},
    )


def download_zip(dataset_id: str, document_ids: Sequence[str]) -> Operation[Answer]:
    ids = several("document_ids", document_ids)
    if not 1 <= len(ids) <= ZIP_LIMIT:
        raise InvalidArgument(f"document_ids must be 1 to {ZIP_LIMIT} ids")
    return operation(
        "downloadDocumentsZip",
        whole,
        path={"dataset_id": dataset_id},
        json=given(document_ids=ids),
        downloads=True,
    )


def set_status(dataset_id: str, action: StatusAction, document_ids: Sequence[str]) -> Operation[None]:
    return operation(
        "batchUpdateDocumentStatus",
        nothing,
        path={"dataset_id": dataset_id, "action": chosen("action", action, get_args(StatusAction))},
        json=given(document_ids=several("document_ids", document_ids)),
    )
