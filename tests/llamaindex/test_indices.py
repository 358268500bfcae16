"""A knowledge base as an index, and as the end of a pipeline: documents under ids of one's own."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import anyio
import httpx
import pytest
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler
from llama_index.core.chat_engine.types import ChatMode
from llama_index.core.indices.managed.base import BaseManagedIndex
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.node_parser import TokenTextSplitter
from llama_index.core.schema import Document, TextNode, TransformComponent
from llama_index.core.vector_stores.types import MetadataFilter, MetadataFilters

from dify_integrations import AsyncDify, AuthenticationError, IndexingFailed, IndexingTimeout, InvalidArgument, NotFound
from dify_integrations.models.indexing import ProcessRule
from llamaindex_dify import DifyKnowledgeIndex, DifyKnowledgeSink
from tests.llamaindex.library import Library

CANARY = "dataset-canary-5c1f"
REFUNDS = Document(id_="refunds", text="Refunds within 30 days.", metadata={"title": "Refunds", "year": 2024, "tags": ["a"]})
SHIPPING = Document(id_="ship/1 #ü", text="Express costs 12 euros.", metadata={"year": 2023})


def names(index: DifyKnowledgeIndex) -> list[str]:
    return sorted(index.ref_doc_info)


def test_classes_are_what_core_asks_for() -> None:
    """Check 1: the index is a BaseManagedIndex, the sink a TransformComponent."""
    assert "BaseManagedIndex" in [each.__name__ for each in DifyKnowledgeIndex.__mro__]
    assert "TransformComponent" in [each.__name__ for each in DifyKnowledgeSink.__mro__]
    assert issubclass(DifyKnowledgeIndex, BaseManagedIndex) and issubclass(DifyKnowledgeSink, TransformComponent)
    assert DifyKnowledgeSink.class_name() == "dify_knowledge_sink"


def test_what_is_inserted_is_found_with_its_own_id_and_metadata(library: Library) -> None:
    index = library.index()
    index.insert(REFUNDS)
    index.insert_nodes([SHIPPING])
    (found,) = index.as_retriever(similarity_top_k=1).retrieve("refunds days")
    assert found.node.get_content() == REFUNDS.text
    assert found.node.ref_doc_id == "refunds"
    assert found.node.metadata.items() >= REFUNDS.metadata.items()
    assert not {"index_id", "index_metadata", "index_mark"} & set(found.node.metadata)
    assert names(index) == ["refunds", "ship/1 #ü"]
    assert index.ref_doc_info["ship/1 #ü"].metadata["year"] == 2023
    assert len(index.ref_doc_info["refunds"].node_ids) == 1


def test_async_does_the_same(library: Library) -> None:
    index = library.index()

    async def work() -> list[bool]:
        await index.ainsert(REFUNDS)
        await index.ainsert_nodes([SHIPPING])
        await index.aupdate_ref_doc(Document(id_="refunds", text="Refunds within 60 days."))
        changed = await index.arefresh_ref_docs([SHIPPING, Document(id_="refunds", text="Refunds never.")])
        await index.adelete_ref_doc("ship/1 #ü")
        return changed

    assert asyncio.run(work()) == [False, True]
    assert names(index) == ["refunds"]
    (found,) = index.as_retriever().retrieve("refunds")
    assert found.node.get_content() == "Refunds never."


def test_updating_changes_the_document_in_place_and_deleting_twice_is_no_failure(library: Library) -> None:
    index = library.index()
    index.insert(REFUNDS)
    first = library.empty.documents[0].id
    index.update_ref_doc(Document(id_="refunds", text="Refunds within 60 days."))
    assert [document.id for document in library.empty.documents] == [first]
    assert index.as_retriever().retrieve("refunds")[0].node.get_content() == "Refunds within 60 days."
    index.delete_ref_doc("refunds")
    index.delete_ref_doc("refunds", delete_from_docstore=True)
    assert library.empty.documents == []
    assert index.as_retriever().retrieve("refunds") == []


def test_refreshing_sends_what_is_new_or_changed_and_nothing_else(library: Library) -> None:
    index = library.index()
    assert index.refresh_ref_docs([REFUNDS, SHIPPING]) == [True, True]
    before = library.requests("POST")
    assert index.refresh_ref_docs([REFUNDS, SHIPPING]) == [False, False]
    assert library.requests("POST") == before
    changed = Document(id_="refunds", text=REFUNDS.text, metadata={"year": 2025})
    assert index.refresh_ref_docs([changed, SHIPPING]) == [True, False]
    assert index.ref_doc_info["refunds"].metadata["year"] == 2025
    index.delete_ref_doc("refunds")
    assert library.index().refresh_ref_docs([changed, SHIPPING]) == [True, False]


def test_documents_of_the_same_id_are_one(library: Library) -> None:
    """As in core, which keeps the texts of both."""
    index = library.index()
    pair = [Document(id_="pages", text=text) for text in ("Page one.", "Page two.")]
    for expected in (True, False):
        assert index.refresh_ref_docs([*pair, SHIPPING]) == [expected] * 3
        assert asyncio.run(index.arefresh_ref_docs(pair)) == [False] * 2
    assert [segment.content for segment in library.empty.documents[0].segments] == ["Page one.", "Page two."]


def test_chunks_that_were_read_as_documents_are_documents(library: Library) -> None:
    """Each has a source, and none takes the place of another one of it; its own id finds it."""
    chunks = library.reader(mode="segments").load_data()
    index = library.index()
    index.insert(chunks[0])
    assert index.refresh_ref_docs(chunks) == [False, True, True, True]
    library.sink()(chunks)
    assert sorted(index.ref_doc_info) == sorted(chunk.id_ for chunk in chunks)
    index.delete_ref_doc(chunks[0].id_)
    assert len(library.empty.documents) == 3


def test_what_people_switched_off_in_dify_is_not_refreshed(library: Library) -> None:
    index = library.index()
    index.insert(REFUNDS)
    library.dify().datasets.documents.set_status(library.empty.id, "disable", [library.empty.documents[0].id])
    assert index.refresh_ref_docs([REFUNDS]) == [False]
    assert index.as_retriever().retrieve("refunds") == []


def test_documents_that_were_put_in_otherwise_are_found_and_left_alone(library: Library) -> None:
    index = library.index(library.shop)
    index.delete_ref_doc("refunds.txt")
    index.delete_ref_doc(library.shop.documents[0].id)
    assert len(library.shop.documents) == 2
    assert index.ref_doc_info == {}
    assert index.as_retriever().retrieve("refunds")


def test_nodes_of_one_source_become_one_document_with_a_chunk_for_each(library: Library) -> None:
    """And core's splitter is asked only when it is named."""
    splitter = TokenTextSplitter(chunk_size=20, chunk_overlap=0)
    long = Document(id_="long", text="Kayaks are for the sea and for it only. Boards are for the lake. " * 3, metadata={"n": 1})
    options = {**library.connection, "dataset_id": library.empty.id, "indexing_poll_s": 0.001}
    index = DifyKnowledgeIndex.from_documents([long], transformations=[splitter], **options)
    nodes = splitter.get_nodes_from_documents([long])
    (info,) = index.ref_doc_info.values()
    assert len(nodes) > 1 and len(info.node_ids) == len(nodes)
    assert [segment.content for segment in library.empty.documents[0].segments] == [node.get_content() for node in nodes]
    assert info.metadata["n"] == 1
    whole = DifyKnowledgeIndex.from_documents([long], **options)
    assert [len(info.node_ids) for info in whole.ref_doc_info.values()] == [1]


def test_a_rule_of_one_s_own_cuts_texts(library: Library) -> None:
    index = library.index(process_rule=ProcessRule.custom(max_tokens=50, separator="\n\n"))
    index.insert_nodes([TextNode(id_="n1", text="Kayaks.\n\nBoards."), TextNode(id_="n2", text="Paddles.")])
    assert sorted(len(info.node_ids) for info in index.ref_doc_info.values()) == [1, 2]


def test_a_hierarchical_knowledge_base_gets_parents(library: Library) -> None:
    """Under a rule without parents Dify indexes a document as an empty one, and says nothing."""
    index = library.index(doc_form="hierarchical_model")
    index.insert_nodes([Document(id_="boats", text="Kayaks are long.\nBoards are wide."), REFUNDS])
    (found,) = index.as_retriever(node_granularity="child").retrieve("boards")
    assert (found.node.get_content(), found.node.ref_doc_id) == ("Boards are wide.", "boats")
    assert [len(info.node_ids) for info in index.ref_doc_info.values()] == [1, 1]
    for make in (library.index, library.sink):
        with pytest.raises(ValueError, match="hierarchical"):
            make(doc_form="hierarchical_model", process_rule=ProcessRule.custom(max_tokens=50))


def test_metadata_fields_can_be_filtered_by(library: Library) -> None:
    index = library.index(metadata_fields=["year"])
    index.insert_nodes([REFUNDS, SHIPPING])
    filters = MetadataFilters(filters=[MetadataFilter(key="year", value=2024, operator=">=")])  # type: ignore[arg-type]  # core parses it
    found = index.as_retriever(filters=filters, validate_filters=True).retrieve("refunds express costs")
    assert [each.node.ref_doc_id for each in found] == ["refunds"]


def test_engines_are_made_as_of_any_index(library: Library) -> None:
    """Check 8: query and chat engines over a knowledge base."""
    index = library.index(library.shop)
    engine = index.as_query_engine(llm=library.llm(), similarity_top_k=1, response_mode="compact")
    answer = engine.query("When are refunds possible?")
    assert "30 days" in str(answer) and len(answer.source_nodes) == 1
    for mode in (ChatMode.CONTEXT, ChatMode.CONDENSE_PLUS_CONTEXT, ChatMode.BEST):
        memory = ChatMemoryBuffer.from_defaults(token_limit=3000)  # core's default keeps a database open
        chat = index.as_chat_engine(chat_mode=mode, llm=library.llm(), memory=memory, similarity_top_k=1)
        told = chat.chat("When are refunds possible?")
        assert "30 days" in str(told) and len(told.source_nodes) == 1


def test_what_would_be_lost_on_the_way_to_the_retriever_is_refused(library: Library) -> None:
    """Other indexes search nothing but `doc_ids`; without a word Dify would search everything."""
    index = library.index(library.shop)
    for lost in ({"doc_ids": ["a"]}, {"node_ids": ["a"]}, {"timeout": 1.0}, {"dataset_api_key": CANARY}):
        with pytest.raises(InvalidArgument, match=next(iter(lost))):
            index.as_query_engine(llm=library.llm(), **lost)
    assert index.as_retriever(doc_ids=None, similarity_top_k=1).similarity_top_k == 1
    assert library.server.requests == []


def test_the_index_s_callbacks_hear_of_searches(library: Library) -> None:
    handler = LlamaDebugHandler(print_trace_on_end=False)
    index = library.index(library.shop, callback_manager=CallbackManager([handler]))
    index.as_retriever().retrieve("refunds")
    index.as_query_engine(llm=library.llm()).query("refunds")
    assert len(handler.get_event_pairs(CBEventType.RETRIEVE)) == 2
    index.as_retriever(callback_manager=CallbackManager()).retrieve("refunds")
    assert len(handler.get_event_pairs(CBEventType.RETRIEVE)) == 2


def test_a_retriever_outlives_its_index(library: Library) -> None:
    """It shares the index' connections, which nobody else keeps."""
    retriever = library.index(library.shop).as_retriever()
    assert retriever.retrieve("refunds")


# -- what goes wrong


@pytest.mark.parametrize("refused", [Document(id_="a", text=" "), Document(id_="a", text="x", metadata={"f": {1, 2}})])
def test_what_cannot_be_kept_is_refused_before_anything_is_sent(library: Library, refused: Document) -> None:
    for put in (library.index().insert, library.sink()):
        with pytest.raises(InvalidArgument, match="'a'"):
            put([refused] if isinstance(put, DifyKnowledgeSink) else refused)  # type: ignore[arg-type]  # each its own
    assert library.server.requests == []


def test_a_document_that_cannot_be_indexed_is_told() -> None:
    for told, error in ((("waiting",), IndexingTimeout), (("error: no such model",), IndexingFailed)):
        with Library(indexing=told) as library:
            index = library.index(indexing_timeout_s=0.001)
            with pytest.raises(error, match="'refunds'") as failure:
                index.insert_nodes([REFUNDS])
            assert failure.value.statuses
            index.insert(SHIPPING, wait=False)
            assert len(library.empty.documents) == 2
            assert index.refresh_ref_docs([SHIPPING], insert_kwargs={"wait": False}) == [True]


def test_errors_are_the_clients_own(library: Library) -> None:
    with pytest.raises(AuthenticationError):
        library.index(dataset_api_key="dataset-wrong").insert(REFUNDS)
    with pytest.raises(NotFound):
        DifyKnowledgeIndex("00000000-0000-4000-8000-00000000dead", **library.connection).delete_ref_doc("x")


@pytest.mark.parametrize("fields", [{"dataset_id": ""}, {"dataset_id": "d", "metadata_fields": ["index_id"]}], ids=str)
def test_arguments_that_cannot_be_are_refused(fields: dict[str, Any]) -> None:
    for made in (DifyKnowledgeIndex, DifyKnowledgeSink):
        with pytest.raises(ValueError, match="dataset_id|index_id"):
            made(dataset_api_key=CANARY, **fields)
    with pytest.raises(NotImplementedError, match="delete_ref_doc"):
        DifyKnowledgeIndex("d").delete_nodes(["n"])
    with pytest.raises(InvalidArgument, match="storage_context"):
        DifyKnowledgeIndex.from_documents([], storage_context=object(), dataset_id="d")  # type: ignore[arg-type]  # refused


# -- the sink of a pipeline


def test_a_pipeline_ends_in_the_knowledge_base(library: Library) -> None:
    splitter = TokenTextSplitter(chunk_size=20, chunk_overlap=0)
    pipeline = IngestionPipeline(transformations=[splitter, library.sink()], disable_cache=True)
    text = "Kayaks are for the sea and for it only. Boards are for the lake. " * 3
    nodes = pipeline.run(documents=[Document(id_="long", text=text), REFUNDS])
    info = library.index().ref_doc_info
    assert len(info["long"].node_ids) == len([node for node in nodes if node.ref_doc_id == "long"]) > 1
    assert sorted(info) == ["long", "refunds"]
    again = asyncio.run(pipeline.arun(documents=[REFUNDS]))
    assert {node.ref_doc_id for node in again} == {"refunds"}
    assert len(library.empty.documents) == 2


def test_without_a_cache_what_was_deleted_in_dify_comes_back(library: Library) -> None:
    pipeline = IngestionPipeline(transformations=[library.sink()], disable_cache=True)
    for _ in range(2):
        pipeline.run(documents=[REFUNDS])
        assert [node.node.ref_doc_id for node in library.index().as_retriever().retrieve("refunds")] == ["refunds"]
        library.index().delete_ref_doc("refunds")


def test_the_sink_s_config_holds_no_key_and_does_not_change_when_it_runs() -> None:
    """Check 4: no key in what is serialised, shown or copied to another process."""
    with Library() as library:
        sink = library.sink(dataset_api_key=library.server.dataset_api_key)
        before = sink.to_dict()
        sink([REFUNDS])
        assert sink.to_dict() == before
        told = f"{before} {sink.to_json()} {sink!r} {sink}"
        assert library.server.dataset_api_key not in told and "client" not in before
        again = DifyKnowledgeSink.from_dict({**before, "dataset_api_key": library.server.dataset_api_key})
        assert again.to_dict() == before
        assert sink.model_copy()([REFUNDS]) == [REFUNDS]
        for secret in (sink, library.index()):
            with pytest.raises(TypeError, match="not pickled"):
                pickle.dumps(secret)


def test_a_copy_of_a_sink_with_another_knowledge_base_writes_there(library: Library) -> None:
    sink = library.sink()
    sink.model_copy(update={"dataset_id": library.other.id})([REFUNDS])
    assert (len(library.empty.documents), len(library.other.documents)) == (0, 2)
    sink.dataset_id = library.shop.id
    sink([REFUNDS])
    assert (len(library.empty.documents), len(library.shop.documents)) == (0, 3)


class Describing(httpx.AsyncHTTPTransport):
    """Never sends the first request that tells a document its id."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.first = asyncio.Event(), True

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.first and request.method == "POST" and request.url.path.endswith("/documents/metadata"):
            self.first = False
            self.reached.set()
            await asyncio.Event().wait()
        return await super().handle_async_request(request)


@pytest.mark.parametrize("by", ["task", "scope"])
def test_a_put_that_is_cancelled_leaves_no_document_without_its_id(library: Library, by: str) -> None:
    """Or putting another text in would make a second document beside it, that nobody finds by its id."""

    async def work() -> None:
        transport = Describing()
        async with httpx.AsyncClient(transport=transport) as http:
            client = AsyncDify(**library.connection, http_client=http)
            index = DifyKnowledgeIndex(library.empty.id, async_client=client, indexing_poll_s=0.001)
            if by == "task":
                put = asyncio.ensure_future(index.ainsert(REFUNDS))
                await transport.reached.wait()
                put.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await put
            else:
                async with anyio.create_task_group() as group:
                    group.start_soon(index.ainsert, REFUNDS)
                    await transport.reached.wait()
                    group.cancel_scope.cancel()
            await index.ainsert(Document(id_="refunds", text="Refunds within 60 days."))

    asyncio.run(work())
    assert names(library.index()) == ["refunds"]
    (document,) = library.empty.documents
    assert [segment.content for segment in document.segments] == ["Refunds within 60 days."]
