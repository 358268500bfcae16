# Generated from dify_integrations/_async/resources/datasets.py by .ci/twin.py; edit that file and run `make twin`.
"""Knowledge bases."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ...models.datasets import Dataset, DatasetPage, IndexingTechnique, Permission, Provider, SummaryIndexSetting
from ...models.retrieval import ExternalRetrievalModel, Retrieval, RetrievalModel
from ...operations import datasets as operations
from ...operations.paging import Numbers
from ..paging import Pages

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

    def create(
        self,
        name: str,
        *,
        description: str | None = None,
        indexing_technique: IndexingTechnique | None = None,
        permission: Permission | None = None,
        provider: Provider | None = None,
        embedding_model: str | None = None,
        embedding_model_provider: str | None = None,
        retrieval_model: RetrievalModel | None = None,
        summary_index_setting: SummaryIndexSetting | None = None,
        external_knowledge_api_id: str | None = None,
        external_knowledge_id: str | None = None,
    ) -> Dataset:
        """Make an empty knowledge base.

        Args:
            name: 1 to 40 characters; one workspace has it once.
            description: Up to 400 characters.
            indexing_technique: `high_quality` (embeddings) or `economy` (keywords); otherwise the first document says it.
                It cannot go back to `economy`.
            permission: `only_me` unless given, `all_team_members` or `partial_members`.
            provider: `vendor` unless given, or `external`.
            embedding_model: For `high_quality`, the workspace's default unless given; together with its provider. Dify 0.15
                ignores it.
            embedding_model_provider: As `organization/plugin/provider`; see `models.list("text-embedding")`.
            retrieval_model: Search settings to save. Dify 0.15 ignores them.
            summary_index_setting: Summaries of chunks (Dify ≥ 1.12).
            external_knowledge_api_id: Of an external knowledge base's connection.
            external_knowledge_id: Of an external knowledge base, as its own server calls it.

        Returns:
            The knowledge base. Much of it is `None` until it has a document, `embedding_available` too.

        Raises:
            InvalidArgument: A name or description that is too long.
            Conflict: The name is taken.
            BadRequest: An embedding model the workspace does not have, where the server checks.
            PermissionDenied: The plan allows no more.
        """
        operation = operations.create(
            name,
            description=description,
            indexing_technique=indexing_technique,
            permission=permission,
            provider=provider,
            embedding_model=embedding_model,
            embedding_model_provider=embedding_model_provider,
            retrieval_model=retrieval_model,
            summary_index_setting=summary_index_setting,
            external_knowledge_api_id=external_knowledge_api_id,
            external_knowledge_id=external_knowledge_id,
        )
        return self._transport.send(operation)

    def list(
        self,
        *,
        keyword: str | None = None,
        include_all: bool | None = None,
        tag_ids: Sequence[str] = (),
        page: int = 1,
        limit: int = 20,
    ) -> DatasetPage:
        """One page of the knowledge bases.

        Args:
            keyword: Only those with it in their name.
            include_all: Also those the key's owner has no rights to, where the owner may see them.
            tag_ids: Only those with these tags. Dify 1.12.1 to 1.14.2 refuses this; 0.15 has no tags.
            page: Number of the page, from 1.
            limit: 1 to 100.

        Returns:
            The page, newest first.

        Raises:
            InvalidArgument: A page or limit out of range.
            BadRequest: `tag_ids` on a server that refuses them.
        """
        operation = operations.page(keyword=keyword, include_all=include_all, tag_ids=tag_ids, page=page, limit=limit)
        return self._transport.send(operation)

    def iterate(
        self, *, keyword: str | None = None, include_all: bool | None = None, tag_ids: Sequence[str] = (), limit: int = 100
    ) -> Pages[Dataset]:
        """Every knowledge base, read page by page as they are needed.

        Args:
            keyword: As for `list`.
            include_all: As for `list`.
            tag_ids: As for `list`.
            limit: Knowledge bases per page, 1 to 100.

        Returns:
            The knowledge bases, lazily; the errors of `list` come while iterating.

        Raises:
            InvalidArgument: An argument that cannot be sent.
        """
        return Pages(
            self._transport,
            lambda: Numbers(limit),
            lambda cursor: operations.page(
                keyword=keyword, include_all=include_all, tag_ids=tag_ids, page=int(cursor), limit=limit
            ),
        )

    def get(self, dataset_id: str) -> Dataset:
        """A knowledge base's card and saved settings. Since Dify 1.2.

        Args:
            dataset_id: Its id.

        Returns:
            The knowledge base.

        Raises:
            NotFound: No such knowledge base.
            EndpointNotAvailable: Dify 0.15 does not know the call, or the id is no UUID.
            PermissionDenied: The key's owner may not see it.
        """
        return self._transport.send(operations.get(dataset_id))

    def update(
        self,
        dataset_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        indexing_technique: IndexingTechnique | None = None,
        permission: Permission | None = None,
        partial_member_list: Sequence[str] | None = None,
        embedding_model: str | None = None,
        embedding_model_provider: str | None = None,
        retrieval_model: RetrievalModel | None = None,
        external_retrieval_model: ExternalRetrievalModel | None = None,
        external_knowledge_api_id: str | None = None,
        external_knowledge_id: str | None = None,
    ) -> Dataset:
        """Change what is given of a knowledge base. Since Dify 1.2.

        Args:
            dataset_id: Its id.
            name: As for `create`.
            description: As for `create`; `""` clears it.
            indexing_technique: As for `create`; another one indexes every document again.
            permission: As for `create`.
            partial_member_list: Ids of the accounts that may see it, for `partial_members`; all of them, `[]` for none.
            embedding_model: As for `create`; another one indexes every document again.
            embedding_model_provider: As for `create`.
            retrieval_model: Search settings to save, whole; `RetrievalModel.from_dataset` has the present ones.
            external_retrieval_model: Search settings of an external knowledge base.
            external_knowledge_api_id: As for `create`.
            external_knowledge_id: As for `create`.

        Returns:
            The knowledge base as it is now.

        Raises:
            InvalidArgument: A name or description that is too long.
            NotFound: No such knowledge base.
            EndpointNotAvailable: Dify 0.15 does not know the call, or the id is no UUID.
            BadRequest: A change Dify does not make, such as from `high_quality` to `economy`.
            PermissionDenied: The key's owner may not change it.
        """
        operation = operations.update(
            dataset_id,
            name=name,
            description=description,
            indexing_technique=indexing_technique,
            permission=permission,
            partial_member_list=partial_member_list,
            embedding_model=embedding_model,
            embedding_model_provider=embedding_model_provider,
            retrieval_model=retrieval_model,
            external_retrieval_model=external_retrieval_model,
            external_knowledge_api_id=external_knowledge_api_id,
            external_knowledge_id=external_knowledge_id,
        )
        return self._transport.send(operation)

    def delete(self, dataset_id: str) -> None:
        """Delete a knowledge base with everything in it, also while apps use it (seen from 0.15 to 1.14.2).

        Args:
            dataset_id: Its id.

        Raises:
            NotFound: No such knowledge base.
            PermissionDenied: The key's owner may not delete it.
        """
        self._transport.send(operations.delete(dataset_id))

    def retrieve(
        self,
        dataset_id: str,
        query: str,
        *,
        retrieval_model: RetrievalModel | None = None,
        attachment_ids: Sequence[str] = (),
        external_retrieval_model: ExternalRetrievalModel | None = None,
    ) -> Retrieval:
        """Search a knowledge base.

        Args:
            dataset_id: Its id.
            query: What to look for; servers refuse more than 250 characters. May be empty with `attachment_ids`.
            retrieval_model: How to search, instead of the knowledge base's saved settings (not merged with them;
                `RetrievalModel.from_dataset` starts from them). An `economy` knowledge base answers `keyword_search` only.
            attachment_ids: Uploaded images to search with, for multimodal knowledge (Dify ≥ 1.11).
            external_retrieval_model: Taken by Dify and without effect here, as of 1.14.

        Returns:
            Records, best first.

        Raises:
            InvalidArgument: An empty query, or one string for `attachment_ids`.
            BadRequest: Among others for a longer query, or before the knowledge base is indexed.
            ProviderError: The embedding or reranking model is not set up, or failed.
            NotFound: No such knowledge base.
        """
        operation = operations.retrieve(
            dataset_id,
            query,
            retrieval_model=retrieval_model,
            attachment_ids=attachment_ids,
            external_retrieval_model=external_retrieval_model,
        )
        return self._transport.send(operation)
