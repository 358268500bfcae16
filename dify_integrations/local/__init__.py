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
from .happenings import Cut, Drop, Gate, Raw, Silence, UntilFollowed, Wait
from .pauses import Filled, Pause, Pauses
from .says import (
    Fail,
    File,
    Iteration,
    Log,
    Loop,
    Node,
    Outputs,
    Reasoning,
    Replace,
    Retry,
    Say,
    Sources,
    Text,
    Tool,
    Tools,
    tokens,
)
from .server import LocalDify
from .state import RecordedRequest, RecordedStop
from .variables import Variable

__all__ = [
    "App",
    "Cut",
    "Dataset",
    "Drop",
    "Fail",
    "File",
    "Filled",
    "Gate",
    "Hit",
    "Iteration",
    "LocalDify",
    "Log",
    "Loop",
    "Node",
    "Outputs",
    "Pause",
    "Pauses",
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
    "UntilFollowed",
    "Variable",
    "Wait",
    "tokens",
]
