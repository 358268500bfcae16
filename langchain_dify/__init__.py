"""Dify apps and knowledge bases as LangChain chat models, LLMs, runnables, retrievers and tools."""

try:
    import langchain_core  # noqa: F401
except ImportError as error:
    raise ImportError('langchain_dify needs langchain-core: install with `pip install "dify-integrations[langchain]"`') from error

from dify_integrations.bridge.cancelling import CancelToken as DifyCancelToken

from .chat_models import ChatDify
from .history import DifyChatMessageHistory
from .indexes import DifyDocumentIndex
from .llms import DifyLLM
from .loaders import DifyDocumentLoader
from .retrievers import DifyRetriever
from .runnables import DifyWorkflow
from .toolkits import DifyToolkit
from .tools import DifyChatTool, DifyWorkflowTool

__all__ = [
    "ChatDify",
    "DifyCancelToken",
    "DifyChatMessageHistory",
    "DifyChatTool",
    "DifyDocumentIndex",
    "DifyDocumentLoader",
    "DifyLLM",
    "DifyRetriever",
    "DifyToolkit",
    "DifyWorkflow",
    "DifyWorkflowTool",
]
