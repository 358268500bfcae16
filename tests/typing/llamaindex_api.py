"""What LlamaIndex users' type checkers see; checked by mypy and pyright, never run."""

from __future__ import annotations

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
)
from llama_index.core.chat_engine.types import AgentChatResponse, BaseChatEngine
from llama_index.core.indices.managed.base import BaseManagedIndex
from llama_index.core.llms import LLM
from llama_index.core.schema import Document, NodeWithScore, TransformComponent
from llama_index.core.tools import BaseTool, ToolOutput
from llama_index.core.vector_stores.types import MetadataFilters
from typing_extensions import assert_type

from dify_integrations import AsyncDify, Dify
from llamaindex_dify import (
    DifyChatEngine,
    DifyChatLLM,
    DifyCompletionLLM,
    DifyCondition,
    DifyFilter,
    DifyKnowledgeIndex,
    DifyKnowledgeSink,
    DifyQueryEngine,
    DifyReader,
    DifyRetriever,
    DifyWorkflowTool,
)


def construct(dify: Dify, asynchronous: AsyncDify, filters: MetadataFilters) -> None:
    llm: LLM = DifyChatLLM(dify, conversation="auto", tool_calling="prompt")
    assert_type(llm.metadata, LLMMetadata)
    DifyChatLLM(user=lambda: "ada", on_replace="buffer", citations="blocks", tool_retries=2, conversation_id="c")
    DifyCompletionLLM(async_client=asynchronous, prompt_variable="query")
    DifyRetriever(["a", "b"], client=dify, similarity_top_k=3, filters=filters, on_long_query="split")


class Labelled(DifyChatLLM):
    label: str = ""


def subclass() -> None:
    assert_type(Labelled(base_url="http://localhost/v1", label="x").label, str)


def sync(llm: DifyChatLLM, retriever: DifyRetriever, messages: list[ChatMessage]) -> None:
    assert_type(llm.chat(messages), ChatResponse)
    assert_type(llm.stream_chat(messages), ChatResponseGen)
    assert_type(llm.complete("q", user="u"), CompletionResponse)
    assert_type(llm.stream_complete("q"), CompletionResponseGen)
    assert_type(retriever.retrieve("q"), list[NodeWithScore])


async def asynchronously(llm: DifyChatLLM, messages: list[ChatMessage]) -> None:
    assert_type(await llm.achat(messages), ChatResponse)
    assert_type(await llm.astream_chat(messages), ChatResponseAsyncGen)
    assert_type(await llm.acomplete("q"), CompletionResponse)
    assert_type(await llm.astream_complete("q"), CompletionResponseAsyncGen)


async def tools(dify: Dify) -> None:
    tool: BaseTool = DifyWorkflowTool.from_app(dify)
    assert_type(tool("x"), ToolOutput)
    made = await DifyWorkflowTool.afrom_app(client=dify)
    assert_type(made, DifyWorkflowTool)
    assert_type(made.call(topic="x"), ToolOutput)
    assert_type(await made.acall(topic="x"), ToolOutput)


async def chat_engines(dify: Dify, llm: DifyChatLLM) -> None:
    base: BaseChatEngine = DifyChatEngine.from_defaults(client=dify, user="u")
    base.reset()
    engine = DifyChatEngine(llm, conversation_id="c")
    assert_type(engine.chat("q"), AgentChatResponse)
    assert_type(await engine.achat("q"), AgentChatResponse)
    engine.stream_chat("q").close()
    await (await engine.astream_chat("q")).aclose()
    assert_type(engine.load_history(), list[ChatMessage])
    assert_type(await engine.asuggested_questions(), list[str])


async def knowledge(dify: Dify, documents: list[Document]) -> None:
    index = DifyKnowledgeIndex("a", client=dify, metadata_fields=["year"])
    made: BaseManagedIndex = DifyKnowledgeIndex.from_documents(documents, dataset_id="a", client=dify)
    assert_type(index.as_retriever(similarity_top_k=3), DifyRetriever)
    assert_type(made.refresh_ref_docs(documents), list[bool])
    assert_type(await index.arefresh_ref_docs(documents), list[bool])
    transformation: TransformComponent = DifyKnowledgeSink(dataset_id="a", dataset_api_key="dataset-…", metadata_fields=["year"])
    reader = DifyReader(dataset_id="a", client=dify, mode="segments", metadata={"year": 2024})
    assert_type(reader.load_data(keyword="x"), list[Document])
    assert_type(await reader.aload_data(), list[Document])
    assert_type(next(reader.lazy_load_data()), Document)
    condition = DifyFilter(conditions=[DifyCondition(name="year", comparison_operator="≥", value=2024)])
    DifyRetriever("a", filters=condition, validate_filters=True, on_dataset_error="skip", field_types={"when": "time"})
    transformation(documents)


def query_engines(dify: Dify, llm: DifyCompletionLLM) -> None:
    engine: BaseQueryEngine = DifyQueryEngine.from_defaults(client=dify, user="u", streaming=True)
    engine.query("q")
    DifyQueryEngine(llm, inputs={"a": 1})
