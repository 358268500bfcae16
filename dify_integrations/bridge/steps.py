"""What adapters need of steps when they open child runs or spans: a role, a name, payloads of bounded size."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ..core.jsonio import JsonValue
    from ..runs.items import Step

StepRole = Literal["chain", "tool", "retriever"]
PAYLOAD_LIMIT = 4096
"""Characters of a step's inputs or outputs that a tracer gets to see."""

# What Dify's agents are told instead of a result; the API has no other sign of a tool that failed.
_FAILURES = ("tool invoke error:", "tool parameters validation error:", "there is not a tool named", "unknown error:")
_TOOL_NODES = {"tool", "http-request", "code"}


def role_of(step: Step) -> StepRole:
    """What a step is to a tracer. An LLM node is a chain: as a second LLM run its text and tokens would count twice."""
    if step.kind == "retrieval" or step.type == "knowledge-retrieval":
        return "retriever"
    return "tool" if step.kind == "tool" or step.type in _TOOL_NODES else "chain"


def name_of(step: Step) -> str:
    """A name for people, told apart from the framework's own by its prefix."""
    return f"dify:{step.title or step.type or step.kind}"


def payload(value: JsonValue, limit: int = PAYLOAD_LIMIT) -> JsonValue:
    """The value, or the beginning of its JSON when that is longer than `limit` characters."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return value if len(text) <= limit else f"{text[:limit]}… [{len(text) - limit} more characters]"


def is_failure(step: Step) -> bool:
    """Whether the step ended badly."""
    return step.status in ("failed", "exception", "stopped", "interrupted")


def is_tool_failure(observation: str) -> bool:
    """Whether what an agent's tool answered is Dify's own word for its failure."""
    return observation.lower().startswith(_FAILURES)
