"""Dify knowledge bases as LlamaIndex retrievers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NoReturn

import anyio
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle

from dify_integrations.bridge.clients import Clients
from dify_integrations.bridge.fusion import merged
from dify_integrations.bridge.hits import Hit, OnLongQuery, SearchOptions, fit_query, hits_of, retrieval_model
from dify_integrations.errors import BadRequest, DifyError, EndpointNotAvailable, InvalidArgument
from dify_integrations.models.retrieval import MetadataFilter
from dify_integrations.settings import Timeouts

from ._filters import FieldType, dify_filter
from ._mapping import child_nodes_of, node_of
from ._tracing import dispatcher
from .events import DifyQueryTruncatedEvent

if TYPE_CHECKING:
    from llama_index.core.bridge.pydantic import SecretStr
    from llama_index.core.callbacks import CallbackManager
    from llama_index.core.schema import IndexNode
    from llama_index.core.vector_stores.types import MetadataFilters

    from dify_integrations import AsyncDify, Dify
    from dify_integrations.models.datasets import Dataset
    from dify_integrations.models.retrieval import RetrievalModel

Granularity = Literal["parent", "child"]


@dataclass(frozen=True, slots=True)
class _Search:
    dataset_id: str
    query: str
    model: RetrievalModel | None


class DifyRetriever(BaseRetriever):
    """Passages of one or several Dify knowledge bases.

    Nothing set, the server searches by the knowledge base's saved settings. Anything set is laid over them; they are
    read once for that.

    Args:
        dataset_id: The knowledge base, or several.
        client: A shared `Dify` that has a `dataset_api_key`.
        async_client: A shared `AsyncDify`.
        dataset_api_key: Knowledge key (`dataset-…`), or `DIFY_DATASET_API_KEY`.
        base_url: Address with `/v1`, or `DIFY_BASE_URL`.
        similarity_top_k: Number of passages.
        search_method: `keyword_search`, `semantic_search`, `full_text_search` or `hybrid_search`.
        score_threshold: Least score, 0 to 1.
        reranking_enable: Whether to rerank with the saved reranking model.
        filters: Conditions on document metadata, LlamaIndex' or Dify's own (`MetadataFilter` of
            `dify_integrations.models.retrieval`, which knows more comparisons).
        field_types: Types of metadata fields that are times, which a LlamaIndex filter cannot show.
        node_granularity: `child` gives the exact hits inside parent passages, for `MetadataReplacementPostProcessor`.
        on_long_query: What to do with more than 250 characters: `truncate` with a warning, `error`, or `split` into
            several queries.
        timeout: Seconds to wait for an answer.
        max_retries: How often a search is sent again.
        callback_manager, object_map, objects, verbose: As for every LlamaIndex retriever.

    Raises:
        InvalidArgument: No knowledge base, or filters that Dify cannot express.

    Examples:
        ```python
        retriever = DifyRetriever("my-dataset-id", dataset_api_key="dataset-…", similarity_top_k=3)
        query_engine = RetrieverQueryEngine.from_args(retriever, llm=llm)
        ```
    """

    def __init__(
        self,
        dataset_id: str | Sequence[str],
        *,
        client: Dify | None = None,
        async_client: AsyncDify | None = None,
        dataset_api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        similarity_top_k: int | None = None,
        search_method: str | None = None,
        score_threshold: float | None = None,
        reranking_enable: bool | None = None,
        filters: MetadataFilters | MetadataFilter | None = None,
        field_types: Mapping[str, FieldType] | None = None,
        node_granularity: Granularity = "parent",
        on_long_query: OnLongQuery = "truncate",
        timeout: float | None = None,
        max_retries: int = 2,
        callback_manager: CallbackManager | None = None,
        object_map: dict[str, object] | None = None,
        objects: list[IndexNode] | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(callback_manager, object_map, objects, verbose)
        self._dataset_ids = (dataset_id,) if isinstance(dataset_id, str) else tuple(dataset_id)
        if not self._dataset_ids or not all(self._dataset_ids):
            raise InvalidArgument("name at least one knowledge base: dataset_id=…")
        self._options = SearchOptions(
            top_k=similarity_top_k,
            search_method=search_method,
            score_threshold=score_threshold,
            reranking_enable=reranking_enable,
            metadata_filter=_filter(filters, field_types or {}),
        )
        self._granularity: Granularity = node_granularity
        self._on_long_query: OnLongQuery = on_long_query
        self._saved: dict[str, Dataset | None] = {}
        self._clients = Clients(
            client,
            async_client,
            dataset_api_key=dataset_api_key,
            base_url=base_url,
            timeout=Timeouts() if timeout is None else timeout,
            max_retries=max_retries,
        )

    def __reduce__(self) -> NoReturn:
        # Without its key it would ask with whatever key the other process has.
        raise TypeError("a DifyRetriever is not pickled; make one in the other process, with the key from its environment")

    @property
    def similarity_top_k(self) -> int | None:
        """Number of passages, `None` when the knowledge base's own setting rules."""
        return self._options.top_k

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        datasets = self._clients.sync.datasets
        for dataset_id in self._unknown():
            try:
                self._saved[dataset_id] = datasets.get(dataset_id)
            except (BadRequest, EndpointNotAvailable):
                self._saved[dataset_id] = None
        results = [
            hits_of(datasets.retrieve(each.dataset_id, each.query, retrieval_model=each.model), each.dataset_id)
            for each in self._searches(query_bundle)
        ]
        return self._nodes(results)

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        datasets = self._clients.asynchronous.datasets
        for dataset_id in self._unknown():
            try:
                self._saved[dataset_id] = await datasets.get(dataset_id)
            except (BadRequest, EndpointNotAvailable):
                self._saved[dataset_id] = None
        searches = self._searches(query_bundle)
        results: list[list[Hit]] = [[] for _ in searches]
        errors: list[DifyError] = []

        async def search(at: int, each: _Search) -> None:
            try:
                found = await datasets.retrieve(each.dataset_id, each.query, retrieval_model=each.model)
                results[at] = hits_of(found, each.dataset_id)
            except DifyError as error:  # raised below as it is, not inside an exception group
                errors.append(error)
                group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            for at, each in enumerate(searches):
                group.start_soon(search, at, each)
        if errors:
            raise errors[0]
        return self._nodes(results)

    # -- what both ways share

    def _unknown(self) -> list[str]:
        """The knowledge bases whose saved settings are needed and not known; Dify 0.15 cannot tell them."""
        return [] if self._options.is_empty else [known for known in self._dataset_ids if known not in self._saved]

    def _searches(self, query_bundle: QueryBundle) -> list[_Search]:
        asked = query_bundle.query_str
        queries = fit_query(asked, self._on_long_query)
        if self._on_long_query == "truncate" and len(queries[0]) < len(" ".join(asked.split())):
            dispatcher.event(DifyQueryTruncatedEvent(query=asked, sent=queries[0]))
        return [
            _Search(dataset_id, query, retrieval_model(self._options, self._saved.get(dataset_id)))
            for dataset_id in self._dataset_ids
            for query in queries
        ]

    def _nodes(self, results: list[list[Hit]]) -> list[NodeWithScore]:
        hits = merged(results, top_k=self._options.top_k)
        if self._granularity == "child":
            return [node for hit in hits for node in child_nodes_of(hit)]
        return [node_of(hit) for hit in hits]


def _filter(filters: MetadataFilters | MetadataFilter | None, field_types: Mapping[str, FieldType]) -> MetadataFilter | None:
    return filters if filters is None or isinstance(filters, MetadataFilter) else dify_filter(filters, field_types)
