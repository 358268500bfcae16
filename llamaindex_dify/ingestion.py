"""A Dify knowledge base as the end of a LlamaIndex ingestion pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.bridge.pydantic import SecretStr
from llama_index.core.schema import BaseNode, TransformComponent
from typing_extensions import override

from dify_integrations import AsyncDify, Dify
from dify_integrations.bridge.store_fields import StoreFields
from dify_integrations.bridge.storing import Store
from dify_integrations.models.datasets import DocForm, IndexingTechnique
from dify_integrations.models.indexing import ProcessRule
from dify_integrations.settings import Timeouts

from ._knowledge import KnowledgeComponent
from ._mapping import entries_of


class DifyKnowledgeSink(KnowledgeComponent, StoreFields, TransformComponent):
    """Puts the nodes of a pipeline into a knowledge base, and hands them on unchanged.

    Nodes of one source become one document under the source's id, each node a chunk, in place of what was there under that
    id; as with `DifyKnowledgeIndex.insert_nodes`, which finds, changes and deletes them. Documents are put in
    whole, and Dify cuts them by `process_rule`. Dify embeds them itself: no embedding is needed before.

    A pipeline with a cache does not run a transformation again whose input it knows: what was deleted in Dify meanwhile
    would stay away. So make the pipeline with `disable_cache=True`. One with a `docstore` notes documents there before the sink
    has run, and does not send again what failed. One with `num_workers` cannot take a sink along, which is never pickled:
    its key would be too.

    Raises, when run:
        InvalidArgument: A node without a text, or metadata that JSON cannot hold; nothing was sent.
        IndexingError: Dify took the documents and cannot index one, or did not in time.

    Examples:
        ```python
        sink = DifyKnowledgeSink("my-dataset-id", dataset_api_key="dataset-…")
        pipeline = IngestionPipeline(transformations=[SentenceSplitter(), sink], disable_cache=True)
        pipeline.run(documents=documents)
        ```
    """

    def __init__(
        self,
        dataset_id: str,
        *,
        client: Dify | None = None,
        async_client: AsyncDify | None = None,
        dataset_api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        metadata_fields: Sequence[str] = (),
        process_rule: ProcessRule | None = None,
        doc_form: DocForm | None = None,
        indexing_technique: IndexingTechnique | None = None,
        wait: bool = True,
        indexing_timeout_s: float | None = 600.0,
        indexing_poll_s: float = 1.0,
        timeout: float | Timeouts | None = None,
        max_retries: int | None = None,
        **fields: Any,
    ) -> None:
        super().__init__(
            dataset_id=dataset_id,
            client=client,
            async_client=async_client,
            dataset_api_key=dataset_api_key,
            base_url=base_url,
            metadata_fields=list(metadata_fields),
            process_rule=process_rule,
            doc_form=doc_form,
            indexing_technique=indexing_technique,
            wait=wait,
            indexing_timeout_s=indexing_timeout_s,
            indexing_poll_s=indexing_poll_s,
            timeout=timeout,
            max_retries=max_retries,
            **fields,
        )

    @property
    def _store(self) -> Store:
        return self._store_in(self._clients, self.dataset_id)

    @classmethod
    @override
    def class_name(cls) -> str:
        """Stable id of the class."""
        return "dify_knowledge_sink"

    @override
    def __call__(self, nodes: Sequence[BaseNode], **kwargs: Any) -> Sequence[BaseNode]:
        """Put the nodes in.

        Args:
            nodes: All those of a source at once.
            kwargs: Not used.

        Returns:
            The same nodes.
        """
        self._store.put(entries_of(nodes, chunked=self.process_rule is None), wait=self.wait).settle()
        return nodes

    @override
    async def acall(self, nodes: Sequence[BaseNode], **kwargs: Any) -> Sequence[BaseNode]:
        """As calling it, without blocking."""
        stored = await self._store.aput(entries_of(nodes, chunked=self.process_rule is None), wait=self.wait)
        stored.settle()
        return nodes
