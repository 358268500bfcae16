# Generated from dify_integrations/_async/resources/datasets.py by .ci/twin.py; edit that file and run `make twin`.
"""Knowledge bases."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ...models.datasets import Dataset
from ...models.retrieval import Retrieval, RetrievalModel
from ...operations import datasets as operations

if TYPE_CHECKING:
    from ..transport import Transport
    from .child_chunks import ChildChunks
    from .documents import Documents
    from .metadata import Metadata
    from .pipelines import Pipelines
    from .segments import Segments
    from .tags import Tags


class Datasets:
    """Knowledge bases; these calls need the knowledge key (`dataset_api_key`)."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @cached_property
    def documents(self) -> Documents:
        """Documents of a knowledge base."""
        from .documents import Documents

        return Documents(self._transport)

    @cached_property
    def segments(self) -> Segments:
        """Chunks of a document."""
        from .segments import Segments

        return Segments(self._transport)

    @cached_property
    def child_chunks(self) -> ChildChunks:
        """The small pieces inside the chunks of parent-child documents."""
        from .child_chunks import ChildChunks

        return ChildChunks(self._transport)

    @cached_property
    def metadata(self) -> Metadata:
        """Metadata fields, and the values documents have."""
        from .metadata import Metadata

        return Metadata(self._transport)

    @cached_property
    def tags(self) -> Tags:
        """Tags of knowledge bases."""
        from .tags import Tags

        return Tags(self._transport)

    @cached_property
    def pipelines(self) -> Pipelines:
        """Knowledge pipelines: their data sources and runs."""
        from .pipelines import Pipelines

        return Pipelines(self._transport)

    def retrieve(self, dataset_id: str, query: str, *, retrieval_model: RetrievalModel | None = None) -> Retrieval:
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
        return self._transport.send(operations.retrieve(dataset_id, query, retrieval_model=retrieval_model))

    def get(self, dataset_id: str) -> Dataset:
        """A knowledge base's card and saved settings (Dify ≥ 1.2).

        Args:
            dataset_id: Its id.

        Returns:
            The knowledge base.

        Raises:
            NotFound: No such knowledge base.
            BadRequest: Dify 0.15 does not know the call.
        """
        return self._transport.send(operations.get(dataset_id))
