"""Chunks of documents."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.jsonio import JsonObject
from ..core.operation import Operation, nothing, reading
from ..errors import InvalidArgument
from ..models.segments import SegmentDetail, SegmentInput, SegmentList, SegmentPage
from .catalogue import operation
from .fields import given, several
from .paging import page_number, page_size


def create(dataset_id: str, document_id: str, segments: Sequence[SegmentInput]) -> Operation[SegmentList]:
    if not segments:  # 0.15 to 1.14.2 make nothing and answer 200
        raise InvalidArgument("segments must not be empty")
    body: JsonObject = {"segments": [SegmentInput.model_validate(segment).to_wire() for segment in segments]}
    return operation("createSegments", reading(SegmentList.model_validate), path=_document(dataset_id, document_id), json=body)


def page(
    dataset_id: str,
    document_id: str,
    *,
    keyword: str | None = None,
    status: str | Sequence[str] = (),
    page: int = 1,
    limit: int = 20,
) -> Operation[SegmentPage]:
    query = [("page", page_number(page)), ("limit", page_size(limit))]
    query += [("status", value) for value in ([status] if isinstance(status, str) else status)]
    if keyword is not None:
        query.append(("keyword", keyword))
    return operation("listSegments", reading(SegmentPage.model_validate), path=_document(dataset_id, document_id), query=query)


def get(dataset_id: str, document_id: str, segment_id: str) -> Operation[SegmentDetail]:
    path = _segment(dataset_id, document_id, segment_id)
    return operation("getSegmentDetail", reading(SegmentDetail.model_validate), path=path)


def update(
    dataset_id: str,
    document_id: str,
    segment_id: str,
    *,
    content: str | None = None,
    answer: str | None = None,
    keywords: Sequence[str] | None = None,
    enabled: bool | None = None,
    regenerate_child_chunks: bool | None = None,
    attachment_ids: Sequence[str] | None = None,
    summary: str | None = None,
) -> Operation[SegmentDetail]:
    changes = given(
        content=content,
        answer=answer,
        keywords=None if keywords is None else several("keywords", keywords),
        enabled=enabled,
        regenerate_child_chunks=regenerate_child_chunks,
        attachment_ids=None if attachment_ids is None else several("attachment_ids", attachment_ids),
        summary=summary,
    )
    if not changes:
        raise InvalidArgument("say what shall change: content, answer, keywords, enabled, …")
    path = _segment(dataset_id, document_id, segment_id)
    return operation("updateSegment", reading(SegmentDetail.model_validate), path=path, json={"segment": changes})


def delete(dataset_id: str, document_id: str, segment_id: str) -> Operation[None]:
    return operation("deleteSegment", nothing, path=_segment(dataset_id, document_id, segment_id))


def _document(dataset_id: str, document_id: str) -> dict[str, str]:
    return {"dataset_id": dataset_id, "document_id": document_id}


def _segment(dataset_id: str, document_id: str, segment_id: str) -> dict[str, str]:
    return {**_document(dataset_id, document_id), "segment_id": segment_id}
