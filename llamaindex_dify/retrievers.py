"""Dify knowledge bases as LlamaIndex retrievers."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle

from dify_integrations.bridge.clients import clients_of
from dify_integrations.bridge.flows import Call, Flow, adriven, driven
from dify_integrations.bridge.fusion import children_of, merged
from dify_integrations.bridge.hits import Hit, OnLongQuery, SearchOptions, fit_query, is_cut, retrieval_model
from dify_integrations.bridge.knowing import THREADS, Known, this_loop
from dify_integrations.bridge.searching import OnDatasetError, Searcher
from dify_integrations.errors import DifyError, InvalidArgument
from dify_integrations.settings import Timeouts

from ._copying import Copied
from ._filters import FieldType, Filters, as_dify, known_types, refuse_unknown
from ._mapping import image_nodes_of, node_of
from ._telling import dispatcher
from .events import DifyQueryTruncatedEvent

if TYPE_CHECKING:
    from llama_index.core.bridge.pydantic import SecretStr
    from llama_index.core.callbacks import CallbackManager
    from llama_index.core.schema import IndexNode

    from dify_integrations import AsyncDify, Dify
    from dify_integrations.models.datasets import Dataset
    from dify_integrations.models.metadata import MetadataFields
    from dify_integrations.models.retrieval import RerankingModel, Weights

Granularity = Literal["parent", "child"]


class DifyRetriever(Copied, BaseRetriever):
    """Passages of one or several Dify knowledge bases.

    Nothing set, the server searches by the knowledge base's saved settings. Anything set is laid over them; they are
    read once for that. An economy knowledge base refuses its own settings; it is asked again by keyword, and from then
    on at once.

    Nodes have the segment's id, the same in every query, and nothing in their metadata that changes from query to query:
    the document's own metadata, `document_name`, and, kept out of prompts, `document_id`, `dataset_id`, `segment_position`,
    `data_source_type` and `summary`. A score that Dify does not tell is `None`. Relations: the document is the `SOURCE`,
    exact hits inside a passage are its `CHILD`ren.

    Args:
        dataset_id: The knowledge base, or several: they are asked at once and their results fused by rank, because scores
            of different searches are not comparable.
        client: A shared `Dify` that has a `dataset_api_key`.
        async_client: A shared `AsyncDify`.
        dataset_api_key: Knowledge key (`dataset-…`), or `DIFY_DATASET_API_KEY`.
        base_url: Address with `/v1`, or `DIFY_BASE_URL`.
        similarity_top_k: Number of passages, of each knowledge base and of the whole.
        search_method: `keyword_search`, `semantic_search`, `full_text_search` or `hybrid_search`.
        score_threshold: Least score, 0 to 1.
        reranking_enable: Whether to rerank, by a model or by weights.
        reranking_model: Rerank with this model instead of the saved one.
        weights: Rerank `hybrid_search` by these weights of meaning and words.
        filters: Conditions on document metadata: LlamaIndex', or a `DifyFilter`, which knows more comparisons, or the
            same as Dify's JSON.
        field_types: Types of metadata fields that a LlamaIndex filter cannot show: times look like numbers there. A number
            that is told to be a `string` is compared as one, also with `IN`.
        validate_filters: Ask Dify for its metadata fields, once, and refuse filters of others: an unknown field finds nothing.
        node_granularity: `child` gives the exact hits inside parent passages, each with its passage in
            `metadata["parent_content"]` for `MetadataReplacementPostProcessor`.
        include_images: Give the images of a passage behind it, as `ImageNode`s whose addresses expire.
        on_long_query: What to do with more than 250 characters: `truncate` with a warning, `error`, or `split` into
            several queries, of at most 16 times 250 characters; what is behind is cut with a warning.
        on_dataset_error: When one of several knowledge bases cannot be asked: `raise`, or `skip` it with a warning.
        timeout: Seconds to wait for an answer, or `Timeouts`.
        max_retries: How often a search is sent again.
        callback_manager, object_map, objects, verbose: As for every LlamaIndex retriever.

    Raises:
        InvalidArgument: No knowledge base, settings that Dify does not know, or filters that it cannot express.

    Examples:
        ```python
        retriever = DifyRetriever("my-dataset-id", dataset_api_key="dataset-…", similarity_top_k=3)
        query_engine = RetrieverQueryEngine.from_args(retriever, llm=llm)
        ```
    """

    _saved: Known[Dataset | None]
    _checked: Known[SearchOptions]

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
        reranking_model: RerankingModel | None = None,
        weights: Weights | None = None,
        filters: Filters | None = None,
        field_types: Mapping[str, FieldType] | None = None,
        validate_filters: bool = False,
        node_granularity: Granularity = "parent",
        include_images: bool = False,
        on_long_query: OnLongQuery = "truncate",
        on_dataset_error: OnDatasetError = "raise",
        timeout: float | Timeouts | None = None,
        max_retries: int | None = None,
        callback_manager: CallbackManager | None = None,
        object_map: dict[str, object] | None = None,
        objects: list[IndexNode] | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(callback_manager, object_map, objects, verbose)
        self._dataset_ids = _named(dataset_id)
        self._field_types: dict[str, FieldType] = dict(field_types or {})
        self._unchecked = filters if validate_filters else None
        condition = None if validate_filters else as_dify(filters, self._field_types)
        self._wanted = SearchOptions(
            similarity_top_k, search_method, score_threshold, reranking_enable, condition, reranking_model, weights
        )
        retrieval_model(self._wanted, None)  # refuses what Dify does not know, before anything is sent
        self._granularity: Granularity = node_granularity
        self._include_images = include_images
        self._on_long_query: OnLongQuery = on_long_query
        self._on_dataset_error: OnDatasetError = on_dataset_error
        self._saved, self._checked = Known(), Known()
        self._clients = clients_of(
            client,
            async_client,
            dataset_api_key=dataset_api_key,
            base_url=base_url,
            timeout=timeout,
            max_retries=max_retries,
        )

    @property
    def similarity_top_k(self) -> int | None:
        """Number of passages, `None` when the knowledge base's own setting rules."""
        return self._wanted.top_k

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        queries = self._queries(query_bundle)
        options = driven(self._options(THREADS), self._clients.sync.datasets)
        return self._nodes(self._searcher.search(queries, options))

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        queries = self._queries(query_bundle)
        options = await adriven(self._options(this_loop()), self._clients.asynchronous.datasets)
        return self._nodes(await self._searcher.asearch(queries, options))

    # -- what both ways share

    @property
    def _searcher(self) -> Searcher:
        return Searcher(self._clients, self._dataset_ids, self._saved, self._on_dataset_error)

    def _queries(self, query_bundle: QueryBundle) -> list[str]:
        asked = query_bundle.query_str
        queries = fit_query(asked, self._on_long_query)
        if is_cut(asked, queries):
            dispatcher.event(DifyQueryTruncatedEvent(query=asked, sent=" ".join(queries)))
        return queries

    def _options(self, here: Hashable) -> Flow[SearchOptions]:
        """What is asked for, its filters compared with the fields there are if that is wanted: once."""
        if self._unchecked is None:
            return self._wanted
        return (yield from self._checked.learning("filters", self._checking, here))

    def _checking(self) -> Flow[SearchOptions]:
        bases = yield from self._fields()
        types: dict[str, FieldType] = {**known_types(bases), **self._field_types}
        condition = as_dify(self._unchecked, types)
        if condition is not None:
            refuse_unknown(condition, types)
        return replace(self._wanted, metadata_filter=condition)

    def _fields(self) -> Flow[list[MetadataFields]]:
        """The fields of all knowledge bases, but for those that may be left out."""
        bases: list[MetadataFields] = []
        failure: DifyError | None = None
        for dataset_id in dict.fromkeys(self._dataset_ids):
            try:
                bases += [(yield _metadata_fields(dataset_id))]
            except DifyError as error:
                failure = error
                if self._on_dataset_error == "raise":
                    raise
        if failure is not None and not bases:
            raise failure
        return bases

    def _nodes(self, results: list[list[Hit]]) -> list[NodeWithScore]:
        if self._granularity == "child":
            results = [children_of(result) for result in results]
        hits = merged(results, top_k=self._wanted.top_k)
        if self._include_images:
            return [node for hit in hits for node in (node_of(hit), *image_nodes_of(hit))]
        return [node_of(hit) for hit in hits]


def _named(dataset_id: str | Sequence[str]) -> tuple[str, ...]:
    bases = (dataset_id,) if isinstance(dataset_id, str) else tuple(dataset_id)
    if not bases or not all(bases):
        raise InvalidArgument("name at least one knowledge base: dataset_id=…")
    return bases


def _metadata_fields(dataset_id: str) -> Call:
    return lambda datasets: datasets.metadata.list(dataset_id)
