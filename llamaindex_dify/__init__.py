"""Dify apps and knowledge bases as LlamaIndex LLMs, retrievers and tools."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dify_integrations.bridge.cancelling import CancelToken as DifyCancelToken

    from ._filters import DifyCondition, DifyFilter
    from .chat_engines import DifyChatEngine
    from .errors import DifyModerationError
    from .indices import DifyKnowledgeIndex
    from .ingestion import DifyKnowledgeSink
    from .llms import DifyChatLLM, DifyCompletionLLM
    from .query_engines import DifyQueryEngine
    from .readers import DifyReader
    from .retrievers import DifyRetriever
    from .tool_specs import DifyToolSpec
    from .tools import DifyChatTool, DifyWorkflowTool

__all__ = [
    "DifyCancelToken",
    "DifyChatEngine",
    "DifyChatLLM",
    "DifyChatTool",
    "DifyCompletionLLM",
    "DifyCondition",
    "DifyFilter",
    "DifyKnowledgeIndex",
    "DifyKnowledgeSink",
    "DifyModerationError",
    "DifyQueryEngine",
    "DifyReader",
    "DifyRetriever",
    "DifyToolSpec",
    "DifyWorkflowTool",
]

_HOMES = {
    "DifyCancelToken": "dify_integrations.bridge.cancelling:CancelToken",
    "DifyChatEngine": ".chat_engines",
    "DifyChatLLM": ".llms",
    "DifyChatTool": ".tools",
    "DifyCompletionLLM": ".llms",
    "DifyModerationError": ".errors",
    "DifyCondition": "._filters",
    "DifyFilter": "._filters",
    "DifyKnowledgeIndex": ".indices",
    "DifyKnowledgeSink": ".ingestion",
    "DifyQueryEngine": ".query_engines",
    "DifyReader": ".readers",
    "DifyRetriever": ".retrievers",
    "DifyToolSpec": ".tool_specs",
    "DifyWorkflowTool": ".tools",
}


def __getattr__(name: str) -> Any:
    # Lazy: importing llama-index-core takes seconds.
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import_module("llama_index.core")
    except ImportError as error:
        raise ImportError(f'{name} needs llama-index-core: install with `pip install "dify-integrations[llamaindex]"`') from error
    module, _, theirs = home.partition(":")
    return getattr(import_module(module, __name__), theirs or name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
