"""One class per event name of Dify's streams."""

from .agent import AgentLogEvent, AgentThoughtEvent
from .audio import TTSMessageEndEvent, TTSMessageEvent
from .base import ErrorEvent, Event, PingEvent, UnknownEvent
from .chat import (
    AgentMessageEvent,
    AnswerEvent,
    MessageEndEvent,
    MessageEvent,
    MessageFileEvent,
    MessageReplaceEvent,
    ReasoningChunkEvent,
)
from .datasource import DatasourceCompletedEvent, DatasourceErrorEvent, DatasourceProcessingEvent
from .human_input import HumanInputFormFilledEvent, HumanInputFormTimeoutEvent, HumanInputRequiredEvent, WorkflowPausedEvent
from .parse import EVENT_CLASSES, parse_event
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
    StepEvent,
    TextChunkEvent,
    TextReplaceEvent,
    WorkflowFinishedEvent,
    WorkflowStartedEvent,
)

__all__ = [
    "EVENT_CLASSES",
    "AgentLogEvent",
    "AgentMessageEvent",
    "AgentThoughtEvent",
    "AnswerEvent",
    "DatasourceCompletedEvent",
    "DatasourceErrorEvent",
    "DatasourceProcessingEvent",
    "ErrorEvent",
    "Event",
    "HumanInputFormFilledEvent",
    "HumanInputFormTimeoutEvent",
    "HumanInputRequiredEvent",
    "IterationCompletedEvent",
    "IterationNextEvent",
    "IterationStartedEvent",
    "LoopCompletedEvent",
    "LoopNextEvent",
    "LoopStartedEvent",
    "MessageEndEvent",
    "MessageEvent",
    "MessageFileEvent",
    "MessageReplaceEvent",
    "NodeFinishedEvent",
    "NodeRetryEvent",
    "NodeStartedEvent",
    "ParallelBranchFinishedEvent",
    "ParallelBranchStartedEvent",
    "PingEvent",
    "ReasoningChunkEvent",
    "StepEvent",
    "TTSMessageEndEvent",
    "TTSMessageEvent",
    "TextChunkEvent",
    "TextReplaceEvent",
    "UnknownEvent",
    "WorkflowFinishedEvent",
    "WorkflowPausedEvent",
    "WorkflowStartedEvent",
    "parse_event",
]
