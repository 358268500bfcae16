"""What docs/llamaindex/limits.md says of LlamaIndex and Dify: when one of these fails, the page is out of date."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from llama_index.core import Document, StorageContext
from llama_index.core.agent.workflow import AgentStream, ReActAgent
from llama_index.core.base.llms.types import CitationBlock
from llama_index.core.chat_engine import ContextChatEngine
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.retrievers import AutoMergingRetriever
from llama_index.core.schema import QueryBundle
from llama_index.llms.openai.utils import to_openai_message_dicts
from pydantic import BaseModel

from dify_integrations import Dify
from dify_integrations.local import Sources, Text
from llamaindex_dify import DifyRetriever
from tests.llamaindex.library import Library
from tests.llamaindex.test_agents import ADD, CORES_OWN, REACT, saying
from tests.llamaindex.test_retriever_recordings import recorded

Serve = Callable[..., Any]


class Song(BaseModel):
    """A song."""

    name: str


def test_structured_llms_do_not_stream_completions(serve: Serve) -> None:
    llm = serve(lambda _: [Text('{"name": "Blue"}')]).llm().as_structured_llm(Song)
    with pytest.raises(NotImplementedError):
        list(llm.stream_complete("A song."))


@pytest.mark.filterwarnings(CORES_OWN)
@pytest.mark.anyio
async def test_react_shows_its_thoughts_and_forgets_conversations(serve: Serve) -> None:
    served = serve(saying(*REACT))
    handler = ReActAgent(tools=[ADD], llm=served.llm(conversation="auto")).run("Add.")
    deltas = "".join([event.delta async for event in handler.stream_events() if isinstance(event, AgentStream)])
    await handler
    assert "Thought: I need a tool." in deltas
    assert [bool(sent.get("conversation_id")) for sent in served.sent] == [False, False]


def test_context_engines_keep_the_words_of_answers_only(serve: Serve) -> None:
    served = serve(lambda _: [Text("Yes.")])
    memory = ChatMemoryBuffer.from_defaults(token_limit=3000)
    with Library() as library:
        engine = ContextChatEngine.from_defaults(
            retriever=library.retriever(), llm=served.llm(conversation="auto"), memory=memory, context_template="{context_str}"
        )
        engine.chat("When are refunds possible?")
        engine.chat("And of shipping?")
    assert "within 30 days" in served.sent[0]["query"]
    assert [bool(sent.get("conversation_id")) for sent in served.sent] == [False, False]
    assert [message.additional_kwargs for message in memory.get_all()] == [{}] * 4


def test_other_providers_refuse_citation_blocks(serve: Serve) -> None:
    record = {"document_name": "Rules", "content": "No dogs.", "document_id": "d1"}
    message = serve(lambda _: [Text("No."), Sources([record])]).llm(citations="blocks").chat([ChatMessage(content="Dogs?")]).message
    assert any(isinstance(block, CitationBlock) for block in message.blocks)
    with pytest.raises(ValueError, match="CitationBlock"):
        to_openai_message_dicts([message])


@pytest.mark.parametrize("body", list(recorded(status=200, only="hierarchical"))[:1])
def test_auto_merging_wants_the_parents_in_a_docstore(body: bytes) -> None:
    answer = httpx.MockTransport(lambda _: httpx.Response(200, content=body, headers={"content-type": "application/json"}))
    with httpx.Client(transport=answer) as http:
        client = Dify(dataset_api_key="dataset-x", base_url="http://127.0.0.1:9/v1", http_client=http)
        retriever: Any = DifyRetriever("kb", client=client, node_granularity="child")
        assert retriever.retrieve("refund")
        with pytest.raises(ValueError, match="not found"):
            AutoMergingRetriever(retriever, StorageContext.from_defaults()).retrieve("refund")


def test_embeddings_of_a_query_are_not_asked() -> None:
    with Library() as library:
        asyncio.run(library.retriever().aretrieve(QueryBundle("refunds", custom_embedding_strs=["parcels"], embedding=[0.1])))
    assert library.asked == [{"query": "refunds"}]


def test_a_chunk_is_not_deleted_alone() -> None:
    with Library() as library:
        index = library.index()
        index.insert(Document(id_="a", text="Seals may come close."))
        (chunk,) = index.ref_doc_info["a"].node_ids
        with pytest.raises(NotImplementedError, match="delete_ref_doc"):
            index.delete_nodes([chunk])


def test_a_sink_goes_to_no_other_process() -> None:
    with Library() as library:
        pipeline = IngestionPipeline(transformations=[library.sink()], disable_cache=True)
        with pytest.raises(TypeError, match="not pickled"):
            pipeline.run(documents=[Document(text=text) for text in ("a", "b")], num_workers=2)
