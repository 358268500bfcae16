"""Dify knowledge bases as a LangChain retriever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever, LangSmithRetrieverParams
from pydantic import Field, PrivateAttr, model_validator
from typing_extensions import Self, override

from dify_integrations import InvalidArgument
from dify_integrations.bridge.fusion import children_of, merged
from dify_integrations.bridge.hits import Hit, OnLongQuery, SearchOptions, fit_query, retrieval_model
from dify_integrations.bridge.knowing import Known
from dify_integrations.bridge.searching import OnDatasetError, Searcher
from dify_integrations.models.datasets import Dataset
from dify_integrations.models.retrieval import MetadataFilter

from ._base import Connection
from ._mapping import document_of

_PER_CALL: Final = ("k", "search_method", "score_threshold", "reranking", "filter")


class DifyRetriever(Connection, BaseRetriever):
    """Passages of one or several knowledge bases, best first.

    Setup:
        `pip install "dify-integrations[langchain]"`; a knowledge key as `dataset_api_key` or `DIFY_DATASET_API_KEY`.

    Instantiate:
        `retriever = DifyRetriever(dataset_id="…", k=4)`, or `dataset_ids=["…", "…"]`.

    Invoke:
        `retriever.invoke("…")`; for one call `retriever.invoke("…", k=2, filter={…})`, also `score_threshold`,
        `search_method` and `reranking`. What nobody sets stays as each knowledge base has it saved; as soon as something is
        set, the saved settings are read once for every knowledge base, because the server takes all of them or none. An
        economy knowledge base refuses its own settings; it is asked again by keyword, and from then on at once.

    Documents:
        The id is the segment's, the same in every query. The metadata has `score` (`None` or 0 for keyword search), `source`
        and `document_name`, `dataset_id`, `document_id`, `position`, `doc_metadata`, and where there are some `keywords`,
        `child_chunks`, `files`, `summary`. In question-and-answer knowledge the text is both, and `qa` is `True`.
        With `content_mode="child"` a hierarchical knowledge base gives one document for each child chunk that was hit, with
        the chunk's id and score, and `parent_id`, `parent_content` and `parent_score` in the metadata.

    Several knowledge bases:
        They are asked at once and their results fused by rank, because scores of different searches are not comparable;
        equal ranks keep the order of `dataset_ids`. `k` bounds what each gives and the whole.

    Raises, when invoked:
        InvalidArgument: An empty query, an option that Dify does not know, or with `on_long_query="error"` a query of more
            than 250 characters; nothing was sent.
        APIError, TransportError: A knowledge base cannot be asked. With `on_dataset_error="skip"` only when none can; a
            warning names the others.
    """

    dataset_id: str = Field(default="", description="The knowledge base.")
    dataset_ids: list[str] = Field(default_factory=list, description="Several knowledge bases, instead of one.")
    k: int | None = Field(default=None, ge=1, description="Number of documents.")
    search_method: str | None = Field(default=None, description="Such as `semantic_search`, `hybrid_search`, `keyword_search`.")
    score_threshold: float | None = Field(default=None, description="0 to 1; passages below are left out.")
    reranking: bool | None = Field(default=None, description="Whether to rerank.")
    filter: MetadataFilter | None = Field(default=None, description="Conditions on the documents' metadata.")
    content_mode: Literal["parent", "child"] = Field(default="parent", description="Whole passages, or the child chunks hit.")
    on_long_query: OnLongQuery = Field(default="truncate", description="What to do with more than 250 characters.")
    on_dataset_error: OnDatasetError = Field(default="raise", description="When one of several fails.")

    _saved: Known[Dataset | None] = PrivateAttr(default_factory=Known)

    @model_validator(mode="after")
    def _one_or_several(self) -> Self:
        if bool(self.dataset_id) == bool(self.dataset_ids) or not all(self.dataset_ids):
            raise InvalidArgument("name one knowledge base as dataset_id, or several as dataset_ids")
        return self

    @override
    def _get_ls_params(self, **kwargs: Any) -> LangSmithRetrieverParams:
        return LangSmithRetrieverParams(ls_retriever_name="dify")

    @override
    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **kwargs: Any) -> list[Document]:
        options, queries = self._options(kwargs), fit_query(query, self.on_long_query)
        return self._documents(self._searcher.search(queries, options), options)

    @override
    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **kwargs: Any
    ) -> list[Document]:
        options, queries = self._options(kwargs), fit_query(query, self.on_long_query)
        return self._documents(await self._searcher.asearch(queries, options), options)

    @property
    def _searcher(self) -> Searcher:
        return Searcher(self.clients, self.dataset_ids or [self.dataset_id], self._saved, self.on_dataset_error)

    def _options(self, told: Mapping[str, Any]) -> SearchOptions:
        unknown = sorted(set(told) - set(_PER_CALL))
        if unknown:
            raise InvalidArgument(f"a search has no {', '.join(unknown)}; there are: {', '.join(_PER_CALL)}")
        wanted = {name: told.get(name, getattr(self, name)) for name in _PER_CALL}
        k, condition = wanted["k"], wanted["filter"]
        if k is not None and not (isinstance(k, int) and not isinstance(k, bool) and k >= 1):
            raise InvalidArgument(f"k must be a number from 1, not {k!r}")
        options = SearchOptions(
            top_k=k,
            search_method=wanted["search_method"],
            score_threshold=wanted["score_threshold"],
            reranking_enable=wanted["reranking"],
            metadata_filter=MetadataFilter.model_validate(condition) if isinstance(condition, Mapping) else condition,
        )
        retrieval_model(options, None)  # refuses what Dify does not know, before anything is sent
        return options

    def _documents(self, results: list[list[Hit]], options: SearchOptions) -> list[Document]:
        if self.content_mode == "child":
            results = [children_of(result) for result in results]
        return [document_of(hit) for hit in merged(results, top_k=options.top_k)]
