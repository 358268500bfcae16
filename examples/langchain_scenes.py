"""Dify in LangChain: a chat model in a chain, a retriever in RAG, a workflow as an agent's tool."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

from examples.stage import Stage
from langchain_dify import ChatDify, DifyRetriever, DifyWorkflowTool


class StepTree(BaseCallbackHandler):
    """Collects the child runs of Dify steps: what ran inside the app, under which run, how long."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._depth: dict[UUID, int] = {}
        self._open: dict[UUID, tuple[int, float]] = {}

    def _begin(
        self, serialized: Any, *_: Any, run_id: UUID, parent_run_id: UUID | None = None, name: str | None = None, **__: Any
    ) -> None:
        if name is None or not name.startswith("dify:"):
            return
        depth = self._depth[run_id] = self._depth.get(parent_run_id, -1) + 1 if parent_run_id else 0
        self._open[run_id] = (len(self.lines), time.perf_counter())
        self.lines.append("   " * depth + name.removeprefix("dify:"))

    def _end(self, *_: Any, run_id: UUID, **__: Any) -> None:
        if run_id in self._open:
            line, began = self._open.pop(run_id)
            self.lines[line] += f"  {(time.perf_counter() - began) * 1000:.0f} ms"

    on_chain_start = on_tool_start = on_retriever_start = _begin
    on_chain_end = on_tool_end = on_retriever_end = _end


# --8<-- [start:scenes]
def chain(stage: Stage, steps: StepTree) -> Iterator[str]:
    """A Dify chatflow as the model of a chain, token by token."""
    prompt = ChatPromptTemplate.from_template("{question}")
    model = ChatDify(api_key=stage.chatflow_key, base_url=stage.base_url, user=stage.user)
    answer = prompt | model | StrOutputParser()
    return answer.stream({"question": "How long do I have to return an order?"}, {"callbacks": [steps]})


def rag(stage: Stage) -> tuple[str, list[Document]]:
    """A Dify knowledge base as retriever, a Dify app as model: the answer and the passages it rests on."""
    retriever = DifyRetriever(
        dataset_id=stage.dataset_id,
        dataset_api_key=stage.dataset_api_key,
        base_url=stage.base_url,
        k=3,
        search_method="keyword_search",
    )
    model = ChatDify(api_key=stage.chat_key, base_url=stage.base_url, user=stage.user)
    prompt = ChatPromptTemplate.from_template("Answer from this context only.\n\nContext:\n{context}\n\nQuestion: {question}")
    question = "What does an hour at the workshop bench cost?"
    documents = retriever.invoke(question)
    context = "\n\n".join(document.page_content for document in documents)
    return (prompt | model | StrOutputParser()).invoke({"context": context, "question": question}), documents


def agent(stage: Stage, steps: StepTree) -> list[Any]:
    """An agent whose brain is one Dify app and whose tool is another; its messages."""
    model = ChatDify(api_key=stage.chat_key, base_url=stage.base_url, user=stage.user)
    tool = DifyWorkflowTool.from_app(api_key=stage.workflow_key, base_url=stage.base_url, user=stage.user)
    graph = create_agent(model, [tool])
    question = {"role": "user", "content": "Write a text about sea kayaks"}
    messages: list[Any] = graph.invoke({"messages": [question]}, {"callbacks": [steps]})["messages"]
    return messages
