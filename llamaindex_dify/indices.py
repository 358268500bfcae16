"""A Dify knowledge base as a LlamaIndex index, and as the end of an ingestion pipeline."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.data_structs.data_structs import IndexDict
from llama_index.core.indices.managed.base import BaseManagedIndex
from llama_index.core.ingestion import run_transformations
from llama_index.core.schema import BaseNode, Document, TransformComponent
from llama_index.core.storage.docstore.types import RefDocInfo
from typing_extensions import Self, override

from dify_integrations.bridge.clients import clients_of
from dify_integrations.bridge.indexing import Entry, refuse_taken
from dify_integrations.bridge.storing import Store
from dify_integrations.errors import InvalidArgument
from dify_integrations.settings import Timeouts

from ._copying import Copied
from ._mapping import entries_of, source_of, whole_document
from .retrievers import DifyRetriever

if TYPE_CHECKING:
    from llama_index.core.bridge.pydantic import SecretStr
    from llama_index.core.callbacks import CallbackManager
    from llama_index.core.storage.storage_context import StorageContext

    from dify_integrations import AsyncDify, Dify
    from dify_integrations.models.datasets import DocForm, IndexingTechnique
    from dify_integrations.models.indexing import ProcessRule

_CONNECTION = frozenset(("client", "async_client", "dataset_api_key", "base_url", "timeout", "max_retries"))
_SEARCH = frozenset(inspect.signature(DifyRetriever.__init__).parameters) - {"self", "dataset_id"} - _CONNECTION
# Other indexes search nothing but these; left to the engine they would be lost, and everything searched.
_NARROWER = frozenset(("doc_ids", "node_ids"))


class DifyKnowledgeIndex(Copied, BaseManagedIndex):
    """A knowledge base: documents go in under their own ids, and are found, changed and deleted by them.

    Dify cuts texts, embeds and searches; nothing of LlamaIndex' transformations, embeddings or stores is used unless asked for.
    A text becomes one chunk (of up to 4000 tokens) unless `process_rule` says how to cut; nodes become one chunk each, in a
    hierarchical knowledge base (`doc_form`) one parent each.

    Dify has no ids of your choice. Yours stands in the document's metadata field `index_id`, your metadata as JSON in
    `index_metadata`, `index_mark` tells whether the document changed. Documents that were put in otherwise are found too, and
    never changed or deleted. Needs Dify ≥ 1.1.1.

    Args:
        dataset_id: The knowledge base.
        client: A shared `Dify` that has a `dataset_api_key` which may write.
        async_client: A shared `AsyncDify`.
        dataset_api_key: Knowledge key (`dataset-…`), or `DIFY_DATASET_API_KEY`.
        base_url: Address with `/v1`, or `DIFY_BASE_URL`.
        metadata_fields: Metadata that becomes fields of the knowledge base, to filter by: texts and numbers.
        process_rule: How texts are cut.
        doc_form: The knowledge base's, where it is not `text_model`.
        indexing_technique: For a knowledge base without documents.
        wait: Whether to wait until what was put in can be found.
        indexing_timeout_s: Seconds that one call waits at most; `None` waits without end.
        indexing_poll_s: Seconds between the first two looks; later ones are rarer.
        timeout: Seconds to wait for an answer, or `Timeouts`.
        max_retries: How often a request that surely did not start is sent again.
        callback_manager: As for every LlamaIndex index.

    Raises:
        InvalidArgument: No knowledge base, or a metadata field that is taken.

    Examples:
        ```python
        index = DifyKnowledgeIndex("my-dataset-id", dataset_api_key="dataset-…")
        index.insert(Document(id_="returns", text="Returns are possible within 30 days."))
        query_engine = index.as_query_engine(llm=llm, similarity_top_k=3)
        ```
    """

    index_struct_cls = IndexDict

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
        callback_manager: CallbackManager | None = None,
    ) -> None:
        if not dataset_id or not isinstance(dataset_id, str):
            raise InvalidArgument("an index is one knowledge base: dataset_id=…")
        refuse_taken(metadata_fields)
        super().__init__(
            index_struct=IndexDict(summary=dataset_id), callback_manager=callback_manager, transformations=[_Untouched()]
        )
        clients = clients_of(
            client,
            async_client,
            dataset_api_key=dataset_api_key,
            base_url=base_url,
            timeout=timeout,
            max_retries=max_retries,
        )
        self._wait = wait
        self._store = Store(
            clients,
            dataset_id,
            metadata_fields=tuple(metadata_fields),
            process_rule=process_rule,
            doc_form=doc_form,
            indexing_technique=indexing_technique,
            timeout_s=indexing_timeout_s,
            poll_s=indexing_poll_s,
        )

    @classmethod
    def from_documents(
        cls,
        documents: Sequence[Document],
        storage_context: StorageContext | None = None,
        show_progress: bool = False,
        callback_manager: CallbackManager | None = None,
        transformations: list[TransformComponent] | None = None,
        **kwargs: Any,
    ) -> Self:
        """An index of a knowledge base, after the documents were put in.

        Args:
            documents: In place of those with the same ids; all others stay.
            storage_context: Not used, the storage is Dify.
            show_progress: Of the transformations.
            callback_manager: As for every index.
            transformations: With some, what comes out of them is put in, node by node; without, Dify cuts.
            kwargs: Arguments of the class, `dataset_id` above all.

        Raises:
            InvalidArgument: A blank text, or metadata that JSON cannot hold; nothing was sent.
            IndexingError: Dify took the documents and cannot index one, or did not in time.
        """
        if storage_context is not None:
            raise InvalidArgument("the storage of a DifyKnowledgeIndex is Dify: it takes no storage_context")
        index = cls(callback_manager=callback_manager, **kwargs)
        nodes: Sequence[BaseNode] = documents
        if transformations:
            nodes = run_transformations(documents, transformations, show_progress=show_progress)
        index.insert_nodes(nodes)
        return index

    # -- out

    @override
    def as_retriever(self, **kwargs: Any) -> DifyRetriever:
        """A retriever of the knowledge base.

        Args:
            kwargs: Arguments of `DifyRetriever`, without those for connections, which are the index's. Others are left to the
                engine that LlamaIndex makes with the same ones.

        Raises:
            InvalidArgument: An argument for connections, or `doc_ids` or `node_ids`, which Dify cannot search by.
        """
        if refused := sorted(name for name in kwargs if name in _CONNECTION | _NARROWER and kwargs[name] is not None):
            raise InvalidArgument(f"the retriever of an index takes no {', '.join(refused)}")
        told = {"callback_manager": self._callback_manager, **{name: kwargs[name] for name in kwargs if name in _SEARCH}}
        retriever = DifyRetriever(self._store.dataset_id, **told)
        retriever._clients = self._store.clients
        return retriever

    @property
    @override
    def ref_doc_info(self) -> dict[str, RefDocInfo]:
        """Every document that was put in: its own id, its metadata, and the ids of its chunks. Asks Dify."""
        info = {}
        for kept, segments in self._store.read():
            document = whole_document(kept, segments, self._store.dataset_id)
            info[document.id_] = RefDocInfo(node_ids=[segment.id for segment in segments], metadata=document.metadata)
        return info

    # -- in

    @override
    def insert(self, document: Document, **insert_kwargs: Any) -> None:
        """Put a document in, in place of the one with the same id.

        Args:
            document: With a text.
            insert_kwargs: `wait`, instead of the index's.

        Raises:
            InvalidArgument: A blank text, or metadata that JSON cannot hold; nothing was sent.
            IndexingError: Dify took the document and cannot index it, or did not in time.
        """
        self.insert_nodes([document], **insert_kwargs)

    @override
    async def ainsert(self, document: Document, **insert_kwargs: Any) -> None:
        """As `insert`, without blocking."""
        await self.ainsert_nodes([document], **insert_kwargs)

    @override
    def insert_nodes(self, nodes: Sequence[BaseNode], **insert_kwargs: Any) -> None:
        """Put nodes in: those of one source become one document of its id, each node a chunk, in place of what it was.

        Args:
            nodes: All those of a source at once. Metadata that not all of them have is left out. Dify gives chunks new ids.
            insert_kwargs: `wait`, instead of the index's.

        Raises:
            InvalidArgument: As for `insert`.
            IndexingError: As for `insert`.
        """
        with self._callback_manager.as_trace("insert_nodes"):
            self._insert(nodes, **insert_kwargs)

    @override
    async def ainsert_nodes(self, nodes: Sequence[BaseNode], **insert_kwargs: Any) -> None:
        """As `insert_nodes`, without blocking."""
        with self._callback_manager.as_trace("ainsert_nodes"):
            stored = await self._store.aput(self._entries(nodes), wait=insert_kwargs.get("wait", self._wait))
            stored.settle()

    @override
    def _insert(self, nodes: Sequence[BaseNode], **insert_kwargs: Any) -> None:
        self._store.put(self._entries(nodes), wait=insert_kwargs.get("wait", self._wait)).settle()

    def _entries(self, nodes: Sequence[BaseNode]) -> list[Entry]:
        return entries_of(nodes, chunked=self._store.process_rule is None)

    @override
    def update_ref_doc(self, document: Document, **update_kwargs: Any) -> None:
        """Put a document in place of the one with its id. Dify changes it without deleting it first, where it can.

        Args:
            document: With a text.
            update_kwargs: `insert_kwargs` as for `insert`.

        Raises:
            InvalidArgument: As for `insert`.
            IndexingError: As for `insert`.
        """
        with self._callback_manager.as_trace("update_ref_doc"):
            self._insert([document], **update_kwargs.get("insert_kwargs", {}))

    @override
    async def aupdate_ref_doc(self, document: Document, **update_kwargs: Any) -> None:
        """As `update_ref_doc`, without blocking."""
        await self.ainsert_nodes([document], **update_kwargs.get("insert_kwargs", {}))

    @override
    def refresh_ref_docs(self, documents: Sequence[Document], **update_kwargs: Any) -> list[bool]:
        """Put in the documents that are not there, or are there with another text or metadata.

        Args:
            documents: With a text each.
            update_kwargs: `insert_kwargs` as for `insert`.

        Returns:
            Of each document whether it was put in.
        """
        with self._callback_manager.as_trace("refresh_ref_docs"):
            entries = self._entries(documents)
            changed = _told(entries, self._store.changed(entries), documents)
            self._insert(_those(documents, changed), **update_kwargs.get("insert_kwargs", {}))
            return changed

    @override
    async def arefresh_ref_docs(self, documents: Sequence[Document], **update_kwargs: Any) -> list[bool]:
        """As `refresh_ref_docs`, without blocking."""
        entries = self._entries(documents)
        changed = _told(entries, await self._store.achanged(entries), documents)
        await self.ainsert_nodes(_those(documents, changed), **update_kwargs.get("insert_kwargs", {}))
        return changed

    # -- away

    @override
    def delete_ref_doc(self, ref_doc_id: str, delete_from_docstore: bool = False, **delete_kwargs: Any) -> None:
        """Delete a document with its chunks; one that is not there is no failure.

        Args:
            ref_doc_id: Yours, not Dify's.
            delete_from_docstore: Not used, there is none.
            delete_kwargs: Not used.
        """
        self._store.delete([ref_doc_id])

    @override
    async def adelete_ref_doc(self, ref_doc_id: str, delete_from_docstore: bool = False, **delete_kwargs: Any) -> None:
        """As `delete_ref_doc`, without blocking."""
        await self._store.adelete([ref_doc_id])

    @override
    def _delete_node(self, node_id: str, **delete_kwargs: Any) -> None:
        raise NotImplementedError(f"chunk {node_id!r} cannot be deleted alone: delete_ref_doc() deletes its document")


class _Untouched(TransformComponent):
    """Core wants a transformation, or makes a splitter; this one is never asked."""

    def __call__(self, nodes: Sequence[BaseNode], **_: Any) -> Sequence[BaseNode]:
        return nodes


def _told(entries: Sequence[Entry], changed: Sequence[bool], documents: Sequence[Document]) -> list[bool]:
    """What is known of the entries, told of the documents: those with the same id are one entry."""
    known = {entry.id: each for entry, each in zip(entries, changed, strict=True)}
    return [known[source_of(document)] for document in documents]


def _those(documents: Sequence[Document], chosen: Sequence[bool]) -> list[Document]:
    return [document for document, wanted in zip(documents, chosen, strict=True) if wanted]
