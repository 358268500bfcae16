"""The types users see. Checked, never run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any

from langchain_core.documents import Document
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableSerializable
from typing_extensions import assert_type

from dify_integrations import AsyncDify, Dify
from langchain_dify import ChatDify, DifyLLM, DifyRetriever, DifyWorkflowTool


def chat(client: Dify, async_client: AsyncDify) -> None:
    model = ChatDify(client=client, async_client=async_client, inputs={"tone": "dry"}, conversation="stateless")
    assert_type(model.invoke("Hi", user="ann"), AIMessage)
    assert_type(model.stream("Hi"), Generator[AIMessageChunk, None, None])
    assert_type(model.astream("Hi"), AsyncGenerator[AIMessageChunk, None])
    assert_type(model.bind_tools([]), Runnable[LanguageModelInput, AIMessage])
    assert_type(model.app_fingerprint, str)
    assert_type(ChatPromptTemplate.from_template("{q}") | model | StrOutputParser(), RunnableSerializable[dict[str, Any], str])


async def others(client: Dify, async_client: AsyncDify) -> None:
    assert_type(await ChatDify(client=client).ainvoke("Hi"), AIMessage)
    assert_type(DifyLLM(client=client, mode="chat").invoke("Hi"), str)
    retriever = DifyRetriever(client=client, dataset_id="d", k=3, on_long_query="split")
    assert_type(retriever.invoke("question", k=2), list[Document])
    assert_type(await retriever.ainvoke("question"), list[Document])
    several = DifyRetriever(client=client, dataset_ids=["a", "b"], on_dataset_error="skip", content_mode="child")
    assert_type(several.invoke("question", filter={"conditions": []}), list[Document])
    assert_type(DifyLLM(client=client).batch(["Hi"]), list[str])
    assert_type(await DifyLLM(client=client).abatch(["Hi"]), list[str])
    assert_type(DifyWorkflowTool.from_app(client, name="write", description="Writes."), DifyWorkflowTool)
    assert_type(await DifyWorkflowTool.afrom_app(async_client), DifyWorkflowTool)
