"""Dify in LlamaIndex: an LLM that streams, a retriever in a query engine, a workflow as an agent's tool."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator
from typing import Any

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.response.schema import RESPONSE_TYPE
from llama_index.core.bridge.pydantic import Field
from llama_index.core.instrumentation.span import BaseSpan
from llama_index.core.instrumentation.span_handlers import BaseSpanHandler
from llama_index.core.llms import ChatMessage
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index_instrumentation import get_dispatcher

from examples.stage import Stage
from llamaindex_dify import DifyChatLLM, DifyRetriever, DifyWorkflowTool


class StepSpans(BaseSpanHandler[BaseSpan]):
    """Collects the spans of Dify steps: what ran inside the app, under which span, how long."""

    lines: list[str] = Field(default_factory=list)
    depths: dict[str, int] = Field(default_factory=dict)
    begun: dict[str, tuple[int, float]] = Field(default_factory=dict)

    def new_span(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any | None = None,
        parent_span_id: str | None = None,
        tags: dict[str, Any] | None = None,
        **_: Any,
    ) -> BaseSpan | None:
        title = (tags or {}).get("dify.node.title")
        if title is None:
            return None
        depth = self.depths[id_] = self.depths.get(parent_span_id or "", -1) + 1
        self.begun[id_] = (len(self.lines), time.perf_counter())
        self.lines.append("   " * depth + title)
        return BaseSpan(id_=id_, parent_id=parent_span_id)

    def prepare_to_exit_span(
        self, id_: str, bound_args: inspect.BoundArguments, instance: Any | None = None, result: Any | None = None, **_: Any
    ) -> BaseSpan | None:
        if id_ not in self.begun:
            return None
        line, began = self.begun.pop(id_)
        self.lines[line] += f"  {(time.perf_counter() - began) * 1000:.0f} ms"
        return self.open_spans.get(id_)

    def prepare_to_drop_span(
        self, id_: str, bound_args: inspect.BoundArguments, instance: Any | None = None, err: BaseException | None = None, **_: Any
    ) -> BaseSpan | None:
        return self.prepare_to_exit_span(id_, bound_args)


def watch_steps() -> StepSpans:
    """A handler on LlamaIndex's root dispatcher."""
    spans = StepSpans()
    get_dispatcher().add_span_handler(spans)
    return spans


# --8<-- [start:scenes]
def stream(stage: Stage) -> Iterator[str]:
    """A Dify chatflow as an LLM, token by token."""
    llm = DifyChatLLM(api_key=stage.chatflow_key, base_url=stage.base_url, user=stage.user)
    for chunk in llm.stream_chat([ChatMessage(role="user", content="What does express shipping cost?")]):
        yield chunk.delta or ""


def query_engine(stage: Stage) -> RESPONSE_TYPE:
    """A Dify knowledge base and a Dify app in a query engine: the response knows its sources."""
    retriever = DifyRetriever(
        stage.dataset_id,
        dataset_api_key=stage.dataset_api_key,
        base_url=stage.base_url,
        similarity_top_k=3,
        search_method="keyword_search",
    )
    llm = DifyChatLLM(api_key=stage.chat_key, base_url=stage.base_url, user=stage.user)
    engine = RetrieverQueryEngine.from_args(retriever, llm=llm)
    return engine.query("On which days is the repair workshop open?")


async def agent(stage: Stage) -> tuple[str, list[Any]]:
    """An agent whose brain is one Dify app and whose tool is another; its answer and tool calls."""
    llm = DifyChatLLM(api_key=stage.chat_key, base_url=stage.base_url, user=stage.user, tool_calling="prompt")
    tool = await DifyWorkflowTool.afrom_app(api_key=stage.workflow_key, base_url=stage.base_url, user=stage.user)
    output: Any = await FunctionAgent(llm=llm, tools=[tool]).run("Write a text about paddle boards")
    return str(output), list(output.tool_calls)
