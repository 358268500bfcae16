"""A Dify knowledge base as a LangChain retriever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever, LangSmithRetrieverParams
from pydantic import Field, PrivateAttr
from typing_extensions import override

from dify_integrations import BadRequest, EndpointNotAvailable
from dify_integrations.bridge.hits import Hit, OnLongQuery, SearchOptions, fit_query, hits_of, merged, retrieval_model
from dify_integrations.models.datasets import Dataset
from dify_integrations.models.retrieval import MetadataFilter, RetrievalModel

from ._base import Connection
from ._mapping import document_of


class DifyRetriever(Connection, BaseRetriever):
    """Passages of a knowledge base, best first; needs a knowledge key (`dataset_api_key` or `DIFY_DATASET_API_KEY`).

    What is left out stays as the knowledge base has it saved. `k`, `score_threshold`, `filter` and `search_method` can
    also be given per call: `retriever.invoke("…", k=2)`.

    Documents have the segment's id, and in their metadata `score` (`None` or 0 for keyword search), `source` and
    `document_name`, `dataset_id`, `document_id`, `position`, `doc_metadata`, and where there are some `keywords`,
    `child_chunks`, `files`, `summary`.
    """

    dataset_id: str = Field(description="The knowledge base.")
    k: int | None = Field(default=None, ge=1, description="Number of passages.")
    search_method: str | None = Field(default=None, description="Such as `semantic_search`, `hybrid_search`, `keyword_search`.")
    score_threshold: float | None = Field(default=None, description="0 to 1; passages below are left out.")
    reranking: bool | None = Field(default=None, description="Whether to rerank.")
    filter: MetadataFilter | None = Field(default=None, description="Conditions on the documents' metadata.")
    on_long_query: OnLongQuery = Field(default="truncate", description="What to do with more than 250 characters.")

    _saved: Dataset | None = PrivateAttr(default=None)
    _asked: bool = PrivateAttr(default=False)

    @override
    def _get_ls_params(self, **kwargs: Any) -> LangSmithRetrieverParams:
        return LangSmithRetrieverParams(ls_retriever_name="dify")

    @override
    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **kwargs: Any) -> list[Document]:
        datasets = self.clients.sync.datasets
        options = self._options(kwargs)
        if self._needs_settings(options):
            try:
                self._remember(datasets.get(self.dataset_id))
            except (BadRequest, EndpointNotAvailable):
                self._remember(None)
        model = self._model(options)
        queries = fit_query(query, self.on_long_query)
        found = [datasets.retrieve(self.dataset_id, part, retrieval_model=model) for part in queries]
        return self._documents([hits_of(retrieval, self.dataset_id) for retrieval in found], options)

    @override
    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **kwargs: Any
    ) -> list[Document]:
        datasets = self.clients.asynchronous.datasets
        options = self._options(kwargs)
        if self._needs_settings(options):
            try:
                self._remember(await datasets.get(self.dataset_id))
            except (BadRequest, EndpointNotAvailable):
                self._remember(None)
        model = self._model(options)
        queries = fit_query(query, self.on_long_query)
        found = [await datasets.retrieve(self.dataset_id, part, retrieval_model=model) for part in queries]
        return self._documents([hits_of(retrieval, self.dataset_id) for retrieval in found], options)

    def _options(self, told: Mapping[str, Any]) -> SearchOptions:
        condition = told.get("filter", self.filter)
        return SearchOptions(
            top_k=told.get("k", self.k),
            search_method=told.get("search_method", self.search_method),
            score_threshold=told.get("score_threshold", self.score_threshold),
            reranking_enable=told.get("reranking", self.reranking),
            metadata_filter=MetadataFilter.model_validate(condition) if isinstance(condition, Mapping) else condition,
        )

    def _needs_settings(self, options: SearchOptions) -> bool:
        return not (options.is_empty or self._asked)

    def _remember(self, saved: Dataset | None) -> None:
        """Keep the saved settings; `None` from a server too old to tell them (0.15)."""
        self._saved, self._asked = saved, True

    def _model(self, options: SearchOptions) -> RetrievalModel | None:
        return retrieval_model(options, self._saved)

    def _documents(self, results: list[list[Hit]], options: SearchOptions) -> list[Document]:
        return [document_of(hit) for hit in merged(results, top_k=options.top_k)]
