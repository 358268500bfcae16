"""The pieces inside the chunks of parent-child documents."""

from __future__ import annotations

from ..core.operation import Operation, nothing, reading
from ..models.segments import ChildChunkDetail, ChildChunkPage
from .catalogue import operation
from .paging import page_number, page_size


def create(dataset_id: str, document_id: str, segment_id: str, *, content: str) -> Operation[ChildChunkDetail]:
    path = _segment(dataset_id, document_id, segment_id)
    return operation("createChildChunk", reading(ChildChunkDetail.model_validate), path=path, json={"content": content})


def page(
    dataset_id: str, document_id: str, segment_id: str, *, keyword: str | None = None, page: int = 1, limit: int = 20
) -> Operation[ChildChunkPage]:
    query = [("page", page_number(page)), ("limit", page_size(limit))]
    if keyword is not None:
        query.append(("keyword", keyword))
    path = _segment(dataset_id, document_id, segment_id)
    return operation("getChildChunks", reading(ChildChunkPage.model_validate), path=path, query=query)


def update(dataset_id: str, document_id: str, segment_id: str, child_chunk_id: str, *, content: str) -> Operation[ChildChunkDetail]:
    path = {**_segment(dataset_id, document_id, segment_id), "child_chunk_id": child_chunk_id}
    return operation("updateChildChunk", reading(ChildChunkDetail.model_validate), path=path, json={"content": content})


def delete(dataset_id: str, document_id: str, segment_id: str, child_chunk_id: str) -> Operation[None]:
    path = {**_segment(dataset_id, document_id, segment_id), "child_chunk_id": child_chunk_id}
    return operation("deleteChildChunk", nothing, path=path)


def _segment(dataset_id: str, document_id: str, segment_id: str) -> dict[str, str]:
    return {"dataset_id": dataset_id, "document_id": document_id, "segment_id": segment_id}
