"""Knowledge bases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...models.datasets import Dataset
from ...models.retrieval import Retrieval, RetrievalModel
from ...operations import datasets as operations

if TYPE_CHECKING:
    from ..transport import AsyncTransport


class AsyncDatasets:
    """Knowledge bases; these calls need the knowledge key (`dataset_api_key`)."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

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
