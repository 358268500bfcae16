"""A Dify knowledge base as a LlamaIndex reader."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from typing import Any

from llama_index.core.bridge.pydantic import Field, SecretStr, ValidationError
from llama_index.core.readers.base import BasePydanticReader
from llama_index.core.schema import Document
from typing_extensions import Self, override

from dify_integrations import AsyncDify, Dify
from dify_integrations.bridge.stored import LoadMode, Wanted, aread, read
from dify_integrations.errors import InvalidArgument
from dify_integrations.models.documents import DisplayStatus
from dify_integrations.models.documents import Document as Kept
from dify_integrations.models.segments import Segment
from dify_integrations.settings import Timeouts

from ._knowledge import KnowledgeComponent
from ._mapping import segment_document, whole_document

_PER_CALL = ("mode", "document_ids", "keyword", "status", "metadata")


class DifyReader(KnowledgeComponent, BasePydanticReader):
    """Everything a knowledge base holds, document by document or chunk by chunk: to evaluate, move or index it elsewhere.

    `load_data()` and `aload_data()` give a list. `lazy_load_data()` asks for a page when it is needed, and never holds more
    than one page of documents and the chunks of one of them; what is put in or deleted meanwhile shifts the pages, so that a
    document may come twice or not at all. All take `mode`, `document_ids`, `keyword`, `status` and `metadata` for one call.

    Documents have Dify's id of the document or chunk, or your own where `DifyKnowledgeIndex` put them in under one; a chunk's
    `ref_doc_id` is the document's. Metadata is the document's own, `document_name`, and, kept out of prompts, `document_id`,
    `dataset_id`, `data_source_type`, and of chunks `segment_position` and `summary`.

    Dify's API keeps chunks, not the text they were cut from: a document is its chunks in their order, so that what neighbours
    share is in it twice. Chunks that a retrieval cannot find (switched off, or not indexed) are left out. Errors are Dify's
    own, such as `NotFound` and `AuthenticationError`, and come while loading.

    Examples:
        ```python
        reader = DifyReader("my-dataset-id", dataset_api_key="dataset-…")
        documents = reader.load_data(metadata={"category": "policy"})
        ```
    """

    is_remote: bool = Field(default=True, description="The data is Dify's.")
    mode: LoadMode = Field(default="documents", description="What becomes one document: `documents`, or each of the `segments`.")
    document_ids: list[str] | None = Field(default=None, description="Only these documents, by Dify's ids.")
    keyword: str | None = Field(default=None, description="Only documents with it in their name.")
    status: DisplayStatus | None = Field(default="available", description="Only documents in this state; `None` for all.")
    metadata: dict[str, Any] = Field(default_factory=dict, description="Only documents whose metadata has these values.")

    def __init__(
        self,
        dataset_id: str,
        *,
        client: Dify | None = None,
        async_client: AsyncDify | None = None,
        dataset_api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        mode: LoadMode = "documents",
        document_ids: list[str] | None = None,
        keyword: str | None = None,
        status: DisplayStatus | None = "available",
        metadata: dict[str, Any] | None = None,
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
            mode=mode,
            document_ids=document_ids,
            keyword=keyword,
            status=status,
            metadata=metadata or {},
            timeout=timeout,
            max_retries=max_retries,
            **fields,
        )

    @classmethod
    @override
    def class_name(cls) -> str:
        """Stable id of the class."""
        return "dify_reader"

    @override
    def lazy_load_data(self, *args: Any, **load_kwargs: Any) -> Iterator[Document]:
        """The documents, lazily, newest first as Dify lists them; the chunks of each in their order.

        Args:
            args: None.
            load_kwargs: `mode`, `document_ids`, `keyword`, `status` and `metadata` instead of the reader's.

        Raises:
            InvalidArgument: Other arguments; at once.
            NotFound: No such knowledge base; while iterating.
        """
        return self._with(args, load_kwargs)._documents()

    @override
    async def alazy_load_data(self, *args: Any, **load_kwargs: Any) -> Iterable[Document]:
        """The same as a list: LlamaIndex iterates over it without awaiting, which must not block. Arguments as above."""
        return await self.aload_data(*args, **load_kwargs)

    @override
    def load_data(self, *args: Any, **load_kwargs: Any) -> list[Document]:
        """The documents. Arguments as for `lazy_load_data`."""
        return list(self.lazy_load_data(*args, **load_kwargs))

    @override
    async def aload_data(self, *args: Any, **load_kwargs: Any) -> list[Document]:
        """As `load_data`, without blocking."""
        async with aclosing(self._with(args, load_kwargs)._adocuments()) as documents:
            return [document async for document in documents]

    def _with(self, args: tuple[Any, ...], told: dict[str, Any]) -> Self:
        unknown = sorted(set(told) - set(_PER_CALL))
        if args or unknown:
            raise InvalidArgument(
                f"{', '.join(unknown) or 'a plain argument'} says nothing here; there are: {', '.join(_PER_CALL)}"
            )
        try:
            own = {name: getattr(self, name) for name in self.model_fields_set}
            return type(self)(**{**own, **told}) if told else self
        except ValidationError as error:
            raise InvalidArgument("; ".join(f"{each['loc'][0]}: {each['msg']}" for each in error.errors())) from None

    def _documents(self) -> Iterator[Document]:
        for kept, segments in read(self._clients, self.dataset_id, self._wanted):
            yield from self._made(kept, segments)

    async def _adocuments(self) -> AsyncGenerator[Document, None]:
        async with aclosing(aread(self._clients, self.dataset_id, self._wanted)) as found:
            async for kept, segments in found:
                for document in self._made(kept, segments):
                    yield document

    @property
    def _wanted(self) -> Wanted:
        return Wanted(self.document_ids, self.keyword, self.status, self.metadata)

    def _made(self, kept: Kept, segments: list[Segment]) -> list[Document]:
        if self.mode == "documents":
            return [whole_document(kept, segments, self.dataset_id)]
        return [segment_document(segment, kept, self.dataset_id) for segment in segments]
