"""The pieces inside the chunks of parent-child documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...models.segments import ChildChunk, ChildChunkDetail, ChildChunkPage
from ...operations import child_chunks as operations
from ...operations.paging import Numbers
from ..paging import AsyncPages

if TYPE_CHECKING:
    from ..transport import AsyncTransport


class AsyncChildChunks:
    """The pieces inside the chunks of parent-child documents (Dify ≥ 1.2)."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(self, dataset_id: str, document_id: str, segment_id: str, *, content: str) -> ChildChunkDetail:
        """Add a child chunk to a chunk.

        Args:
            dataset_id: The knowledge base.
            document_id: The document.
            segment_id: The chunk.
            content: The text; servers take an empty one.

        Returns:
            The child chunk, in `data`.

        Raises:
            BadRequest: It could not be indexed.
            NotFound: No such chunk.
        """
        return await self._transport.send(operations.create(dataset_id, document_id, segment_id, content=content))

    async def list(
        self,
        dataset_id: str,
        document_id: str,
        segment_id: str,
        *,
        keyword: str | None = None,
        page: int = 1,
        limit: int = 20,
    ) -> ChildChunkPage:
        """One page of a chunk's child chunks, in their order.

        Args:
            dataset_id: The knowledge base.
            document_id: The document.
            segment_id: The chunk.
            keyword: Only child chunks with this text in them.
            page: From 1.
            limit: 1 to 100.

        Returns:
            The page.

        Raises:
            InvalidArgument: A page or limit out of range.
            NotFound: No such chunk.
        """
        operation = operations.page(dataset_id, document_id, segment_id, keyword=keyword, page=page, limit=limit)
        return await self._transport.send(operation)

    def iterate(
        self, dataset_id: str, document_id: str, segment_id: str, *, keyword: str | None = None, limit: int = 100
    ) -> AsyncPages[ChildChunk]:
        """Every child chunk of a chunk, read page by page as they are needed.

        Args:
            dataset_id: The knowledge base.
            document_id: The document.
            segment_id: The chunk.
            keyword: As for `list`.
            limit: Child chunks per page, 1 to 100.

        Returns:
            The child chunks, lazily; the errors of `list` come while iterating.

        Raises:
            InvalidArgument: An argument that cannot be sent.
        """
        return AsyncPages(
            self._transport,
            lambda: Numbers(limit),
            lambda cursor: operations.page(dataset_id, document_id, segment_id, keyword=keyword, page=int(cursor), limit=limit),
        )

    async def update(
        self, dataset_id: str, document_id: str, segment_id: str, child_chunk_id: str, *, content: str
    ) -> ChildChunkDetail:
        """Change a child chunk's text; its type becomes `customized`.

        Args:
            dataset_id: The knowledge base.
            document_id: The document.
            segment_id: The chunk.
            child_chunk_id: The child chunk.
            content: The new text.

        Returns:
            The child chunk as it is now, in `data`.

        Raises:
            NotFound: No such child chunk.
        """
        operation = operations.update(dataset_id, document_id, segment_id, child_chunk_id, content=content)
        return await self._transport.send(operation)

    async def delete(self, dataset_id: str, document_id: str, segment_id: str, child_chunk_id: str) -> None:
        """Delete a child chunk.

        Args:
            dataset_id: The knowledge base.
            document_id: The document.
            segment_id: The chunk.
            child_chunk_id: The child chunk.

        Raises:
            NotFound: No such child chunk.
        """
        await self._transport.send(operations.delete(dataset_id, document_id, segment_id, child_chunk_id))
