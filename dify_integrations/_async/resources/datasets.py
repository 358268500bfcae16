"""Knowledge bases."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ...models.datasets import Dataset
from ...models.retrieval import Retrieval, RetrievalModel
from ...operations import datasets as operations

if TYPE_CHECKING:
    from ..transport import AsyncTransport
    from .child_chunks import AsyncChildChunks
    from .documents import AsyncDocuments
    from .metadata import AsyncMetadata
    from .pipelines import AsyncPipelines
    from .segments import AsyncSegments
    from .tags import AsyncTags


class AsyncDatasets:
    """Knowledge bases; these calls need the knowledge key (`dataset_api_key`)."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    @cached_property
    def documents(self) -> AsyncDocuments:
        """Documents of a knowledge base."""
        from .documents import AsyncDocuments

        return AsyncDocuments(self._transport)

    @cached_property
    def segments(self) -> AsyncSegments:
        """Chunks of a document."""
        from .segments import AsyncSegments

        return AsyncSegments(self._transport)

    @cached_property
    def child_chunks(self) -> AsyncChildChunks:
        """The small pieces inside the chunks of parent-child documents."""
        from .child_chunks import AsyncChildChunks

        return AsyncChildChunks(self._transport)

    @cached_property
    def metadata(self) -> AsyncMetadata:
        """Metadata fields, and the values documents have."""
        from .metadata import AsyncMetadata

        return AsyncMetadata(self._transport)

    @cached_property
    def tags(self) -> AsyncTags:
        """Tags of knowledge bases."""
        from .tags import AsyncTags

        return AsyncTags(self._transport)

    @cached_property
    def pipelines(self) -> AsyncPipelines:
        """Knowledge pipelines: their data sources and runs."""
        from .pipelines import AsyncPipelines

        return AsyncPipelines(self._transport)

    async def retrieve(self, dataset_id: str, query: str, *, retrieval_model: RetrievalModel | None = None) -> Retrieval:
        """Search a knowledge base.

        Args:
            dataset_id: Its id.
            query: What to look for; servers refuse more than 250 characters.
            retrieval_model: How to search, instead of the knowledge base's saved settings (not merged with them).

        Returns:
            Records, best first.

        Raises:
            BadRequest: Among others for a longer query, or before the knowledge base is indexed.
            NotFound: No such knowledge base.
        """
        return await self._transport.send(operations.retrieve(dataset_id, query, retrieval_model=retrieval_model))

    async def get(self, dataset_id: str) -> Dataset:
        """A knowledge base's card and saved settings (Dify ≥ 1.2).

        Args:
            dataset_id: Its id.

        Returns:
            The knowledge base.

        Raises:
            NotFound: No such knowledge base.
            BadRequest: Dify 0.15 does not know the call.
        """
        return await self._transport.send(operations.get(dataset_id))
