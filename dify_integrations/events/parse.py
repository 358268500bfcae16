"""Frame to event: one table from wire name to class, built once."""

from __future__ import annotations

from ..core.jsonio import parse_object
from ..core.sse import Frame
from .agent import AgentLogEvent, AgentThoughtEvent
from .audio import TTSMessageEndEvent, TTSMessageEvent
from .base import ErrorEvent, Event, PingEvent, UnknownEvent
from .chat import AgentMessageEvent, MessageEndEvent, MessageEvent, MessageFileEvent, MessageReplaceEvent, ReasoningChunkEvent
from .datasource import DatasourceCompletedEvent, DatasourceErrorEvent, DatasourceProcessingEvent
from .human_input import HumanInputFormFilledEvent, HumanInputFormTimeoutEvent, HumanInputRequiredEvent, WorkflowPausedEvent
from .workflow import (
    IterationCompletedEvent,
    IterationNextEvent,
    IterationStartedEvent,
    LoopCompletedEvent,
    LoopNextEvent,
    LoopStartedEvent,
    NodeFinishedEvent,
    NodeRetryEvent,
    NodeStartedEvent,
    ParallelBranchFinishedEvent,
    ParallelBranchStartedEvent,
    TextChunkEvent,
    TextReplaceEvent,
    WorkflowFinishedEvent,
    WorkflowStartedEvent,
)

EVENT_CLASSES: tuple[type[Event], ...] = (
    AgentLogEvent,
    AgentMessageEvent,
    AgentThoughtEvent,
    DatasourceCompletedEvent,
    DatasourceErrorEvent,
    DatasourceProcessingEvent,
    ErrorEvent,
    HumanInputFormFilledEvent,
    HumanInputFormTimeoutEvent,
    HumanInputRequiredEvent,
    IterationCompletedEvent,
    IterationNextEvent,
    IterationStartedEvent,
    LoopCompletedEvent,
    LoopNextEvent,
    LoopStartedEvent,
    MessageEndEvent,
    MessageEvent,
    MessageFileEvent,
    MessageReplaceEvent,
    NodeFinishedEvent,
    NodeRetryEvent,
    NodeStartedEvent,
    ParallelBranchFinishedEvent,
    ParallelBranchStartedEvent,
    PingEvent,
    ReasoningChunkEvent,
    TTSMessageEndEvent,
    TTSMessageEvent,
    TextChunkEvent,
    TextReplaceEvent,
    WorkflowFinishedEvent,
    WorkflowPausedEvent,
    WorkflowStartedEvent,
)
_CLASS_BY_NAME = {cls.name: cls for cls in EVENT_CLASSES}


def parse_event(frame: Frame) -> Event:
    """The event a frame carries.

    Raises:
        MalformedEvent: The frame's data is not a JSON object.
    """
    name, data = frame
    if not data:  # a proxy's keep-alive: a bare `data:` line is an event with empty data by the standard
        return PingEvent({})
    raw = parse_object(data)
    # The type is a key of the JSON; an `event:` line counts only where the key is missing.
    kind = raw.get("event")
    cls = _CLASS_BY_NAME.get(kind if isinstance(kind, str) and kind else name)
    return UnknownEvent(raw, name) if cls is None else cls(raw)
