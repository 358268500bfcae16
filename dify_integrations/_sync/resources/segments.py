# Generated from dify_integrations/_async/resources/segments.py by .ci/twin.py; edit that file and run `make twin`.
"""Chunks of documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...models.segments import Segment, SegmentDetail, SegmentInput, SegmentList, SegmentPage
from ...operations import segments as operations
from ...operations.paging import Numbers
from ..paging import Pages

if TYPE_CHECKING:
    from ..transport import Transport


class Segments:
    """Chunks of documents."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, dataset_id: str, document_id: str, segments: Sequence[SegmentInput]) -> SegmentList:
        """Add chunks at the end of a document.

        Args:
            dataset_id: The knowledge base.
            document_id: The document, indexed and enabled.
            segments: The chunks; servers can be set to refuse more than a number of them in one call.

        Returns:
            The chunks, which can be found at once.

        Raises:
            InvalidArgument: No chunk, or one without text.
            BadRequest: A question-and-answer document and a chunk without an answer, or too many images.
            NotFound: No such document, or it is not completely indexed, or it is switched off.
        """
        return self._transport.send(operations.create(dataset_id, document_id, segments))

    def list(
        self,
        dataset_id: str,
        document_id: str,
        *,
        keyword: str | None = None,
        status: str | Sequence[str] = (),
        page: int = 1,
        limit: int = 20,
    ) -> SegmentPage:
        """One page of a document's chunks, in their order. Dify 0.15 ignores the page and sends all of them.

        Args:
            dataset_id: The knowledge base.
            document_id: The document.
            keyword: Only chunks with this text in them.
            status: Only chunks of this status, or of one of these: `waiting`, `indexing`, `completed`, `error`,
                `re_segment`.
            page: From 1.
            limit: 1 to 100.

        Returns:
            The page.

        Raises:
            InvalidArgument: A page or limit out of range.
            NotFound: No such document.
        """
        operation = operations.page(dataset_id, document_id, keyword=keyword, status=status, page=page, limit=limit)
        return self._transport.send(operation)

    def iterate(
        self,
        dataset_id: str,
        document_id: str,
        *,
        keyword: str | None = None,
        status: str | Sequence[str] = (),
        limit: int = 100,
    ) -> Pages[Segment]:
        """Every chunk of a document, read page by page as they are needed.

        Args:
            dataset_id: The knowledge base.
            document_id: The document.
            keyword: As for `list`.
            status: As for `list`.
            limit: Chunks per page, 1 to 100.

        Returns:
            The chunks, lazily; the errors of `list` come while iterating.

        Raises:
            InvalidArgument: An argument that cannot be sent.
        """
        return Pages(
            self._transport,
            lambda: Numbers(limit),
            lambda cursor: operations.page(dataset_id, document_id, keyword=keyword, status=status, page=int(cursor), limit=limit),
        )

    def get(self, dataset_id: str, document_id: str, segment_id: str) -> SegmentDetail:
        """One chunk (Dify ≥ 1.4.2).

        Args:
            dataset_id: The knowledge base.
            document_id: The document.
            segment_id: The chunk.

        Returns:
            The chunk, in `data`.

        Raises:
            NotFound: No such chunk.
            EndpointNotAvailable: An older server.
        """
        return self._transport.send(operations.get(dataset_id, document_id, segment_id))

    def update(
        self,
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
    ) -> SegmentDetail:
        """Change a chunk; what is not given stays. Dify 0.15 wants `content` with every change.

        Args:
            dataset_id: The knowledge base.
            document_id: The document.
            segment_id: The chunk.
            content: Its text.
            answer: The answer, in question-and-answer documents.
            keywords: Its keywords instead of the present ones. Dify 1.12 and 1.14 keep the present ones of a
                `high_quality` knowledge base.
            enabled: Whether a retrieval may find it. One that is switched off cannot be changed before it is switched
                on again.
            regenerate_child_chunks: Cut `content` into new child chunks, in parent-child documents (Dify ≥ 1.2).
            attachment_ids: Its images instead of the present ones (Dify ≥ 1.11).
            summary: Its summary (Dify ≥ 1.12).

        Returns:
            The chunk as it is now, in `data`.

        Raises:
            InvalidArgument: Nothing to change, or one string for a list.
            BadRequest: It is switched off, or being indexed.
            NotFound: No such chunk.
        """
        operation = operations.update(
            dataset_id,
            document_id,
            segment_id,
            content=content,
            answer=answer,
            keywords=keywords,
            enabled=enabled,
            regenerate_child_chunks=regenerate_child_chunks,
            attachment_ids=attachment_ids,
            summary=summary,
        )
        return self._transport.send(operation)

    def delete(self, dataset_id: str, document_id: str, segment_id: str) -> None:
        """Delete a chunk.

        Args:
            dataset_id: The knowledge base.
            document_id: The document.
            segment_id: The chunk.

        Raises:
            NotFound: No such chunk.
        """
        self._transport.send(operations.delete(dataset_id, document_id, segment_id))
