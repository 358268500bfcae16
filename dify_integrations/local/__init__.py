"""LocalDify: an honest stand-in for a Dify Service API server.

It speaks the wire of a real server (framing, pings, ids, errors, stop, conversations, files, retrieval) with scripted,
deterministic behaviour instead of a model. It shares no code with the client, so that no test proves itself.
"""

from __future__ import annotations

try:
    import starlette  # noqa: F401
    import uvicorn  # noqa: F401
except ImportError as error:
    raise ImportError('LocalDify needs an extra: pip install "dify-integrations[local]"') from error

from .apps import App, Script, Turn
from .datasets import Dataset, Hit
from .says import (
    Drop,
    Fail,
    File,
    Gate,
    Iteration,
    Node,
    Outputs,
    Pause,
    Raw,
    Reasoning,
    Replace,
    Retry,
    Say,
    Silence,
    Sources,
    Text,
    Tool,
    Tools,
    Wait,
    tokens,
)
from .server import LocalDify
from .state import RecordedRequest, RecordedStop

__all__ = [
    "App",
    "Dataset",
    "Drop",
    "Fail",
    "File",
    "Gate",
    "Hit",
    "Iteration",
    "LocalDify",
    "Node",
    "Outputs",
    "Pause",
    "Raw",
    "Reasoning",
    "RecordedRequest",
    "RecordedStop",
    "Replace",
    "Retry",
    "Say",
    "Script",
    "Silence",
    "Sources",
    "Text",
    "Tool",
    "Tools",
    "Turn",
    "Wait",
    "tokens",
]
