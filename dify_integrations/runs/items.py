"""Neutral items: what the events of a stream mean, in words that belong to no framework.

Adapters translate items, never events. Items are values; the fold makes them, nobody changes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..events import fields

if TYPE_CHECKING:
    from ..core.jsonio import JsonObject, JsonValue

RunStatus = Literal["running", "succeeded", "partial-succeeded", "failed", "stopped", "paused", "interrupted"]
"""How a run stands. `interrupted` is ours: the stream ended without its end."""

StepKind = Literal["run", "node", "iteration", "loop", "thought", "tool", "retrieval", "log"]


@dataclass(slots=True)  # not frozen: made once per token, and a frozen dataclass costs twice as much to make
class TextDelta:
    """New answer text."""

    text: str


@dataclass(frozen=True, slots=True)
class TextReplaced:
    """All text so far is withdrawn; `text` is the whole answer now.

    Attributes:
        text: The replacement.
        reason: Such as `output_moderation`; `""` when the server gave none.
    """

    text: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """New reasoning text, of `node_id` when a node thinks."""

    text: str
    node_id: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool the Dify agent itself chose and runs on the server; nobody else may run it.

    Attributes:
        id: Unique in the run.
        name: The tool's name.
        arguments: JSON text, as sent.
        thought: What the agent thought before it.
    """

    id: str
    name: str
    arguments: str
    thought: str = ""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a server-side tool answered; `id` and `name` are those of its `ToolCall`."""

    id: str
    name: str
    content: str


@dataclass(frozen=True, slots=True)
class Citation:
    """A passage of a knowledge base the answer rests on.

    Attributes:
        position: 1-based.
        document_name: The document's title.
        content: The passage.
        score: Relevance; not comparable between search methods; `None` for keyword search.
        dataset_id, dataset_name, document_id, segment_id: Where it is from.
        raw: Every field the server sent.
    """

    position: int
    document_name: str
    content: str
    score: float | None
    dataset_id: str
    dataset_name: str
    document_id: str
    segment_id: str
    raw: JsonObject = field(repr=False)


@dataclass(frozen=True, slots=True)
class FileOut:
    """A file the run produced.

    Attributes:
        id: Its id, `""` when the server gives none.
        type: `image`, `document`, `audio`, `video` or `custom`.
        url: Signed address, valid for about five minutes: fetch it soon.
        filename, mime_type, size: As far as known; size in bytes.
        raw: Every field the server sent.
    """

    id: str
    type: str
    url: str
    filename: str = ""
    mime_type: str = ""
    size: int | None = None
    raw: JsonObject = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """A piece of speech, MP3 bytes."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Step:
    """One node of the tree of what a run did. A value: a later state is a new `Step` with the same `id`.

    Attributes:
        id: Unique in the run.
        parent_id: The step it belongs to; `None` for the root.
        kind: `run` → `node`, `iteration`, `loop` → `log`; `thought` → `tool`; `retrieval`.
        type: Dify's node type such as `llm`, or the tool's name; `""` for kinds without.
        title: For people.
        status: `running`, or Dify's end status (`succeeded`, `failed`, `exception`, `stopped`, `paused`), or
            `interrupted` when the stream ended first.
        inputs, outputs: As far as the server tells.
        error: Why it failed.
        index: Round of an iteration or loop, retry number of a node, position of a thought.
        elapsed_s: Seconds, a server estimate.
        metadata: Tokens, price, tool details.
        node_id: Id in the graph, `""` for steps that are no nodes.
    """

    id: str
    parent_id: str | None
    kind: StepKind
    type: str = ""
    title: str = ""
    status: str = "running"
    inputs: JsonValue = None
    outputs: JsonValue = None
    error: str | None = None
    index: int | None = None
    elapsed_s: float | None = None
    metadata: JsonObject = field(default_factory=dict, repr=False)
    node_id: str = ""


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step began."""

    step: Step


@dataclass(frozen=True, slots=True)
class StepUpdated:
    """A step goes on: next round, retry, more of a log. `what` is `next`, `retry` or `log`."""

    step: Step
    what: str


@dataclass(frozen=True, slots=True)
class StepFinished:
    """A step ended. Every started step gets one, also when the run breaks off."""

    step: Step


@dataclass(frozen=True, slots=True)
class HumanInputForm:
    """A form a paused run waits for.

    Attributes:
        form_id, node_id, node_title: What waits.
        form_token: Key of the form calls; `""` when this form cannot be submitted through the API.
        content: Markdown.
        inputs: Fields of the form.
        actions: Buttons, `id` and `title`.
        default_values: Prefilled values by variable.
        expiration_time: Unix seconds.
    """

    form_id: str
    form_token: str
    node_id: str
    node_title: str
    content: str
    inputs: tuple[JsonObject, ...] = ()
    actions: tuple[JsonObject, ...] = ()
    default_values: JsonObject = field(default_factory=dict)
    expiration_time: int | None = None


@dataclass(frozen=True, slots=True)
class Paused:
    """The run stands still until its forms are submitted."""

    workflow_run_id: str
    forms: tuple[HumanInputForm, ...] = ()
    paused_nodes: tuple[str, ...] = ()
    reasons: tuple[JsonObject, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and money of a run.

    Attributes:
        prompt_tokens, completion_tokens, total_tokens: Counts over all model calls.
        prompt_price, completion_price, total_price: Amounts in `currency`, `None` when not given.
        currency: Such as `USD`.
        latency_s: Seconds the model took.
        raw: Every field the server sent; prices are strings there, sometimes `0E-7`.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    prompt_price: Decimal | None = None
    completion_price: Decimal | None = None
    total_price: Decimal | None = None
    currency: str = ""
    latency_s: float | None = None
    raw: JsonObject = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, raw: JsonObject) -> Usage:
        """From the `usage` object of Dify's metadata."""
        return cls(
            prompt_tokens=fields.as_integer(raw.get("prompt_tokens")) or 0,
            completion_tokens=fields.as_integer(raw.get("completion_tokens")) or 0,
            total_tokens=fields.as_integer(raw.get("total_tokens")) or 0,
            prompt_price=_price(raw.get("prompt_price")),
            completion_price=_price(raw.get("completion_price")),
            total_price=_price(raw.get("total_price")),
            currency=fields.as_text(raw.get("currency")),
            latency_s=fields.as_number(raw.get("latency")),
            raw=raw,
        )


def _price(value: JsonValue) -> Decimal | None:
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        return None
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        return None
    return price if price.is_finite() else None


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over, or paused; the last item of every stream.

    Attributes:
        status: How it ended.
        error: Why, when it did not succeed.
    """

    status: RunStatus
    error: str | None = None


Item: TypeAlias = (
    TextDelta
    | TextReplaced
    | ReasoningDelta
    | ToolCall
    | ToolResult
    | Citation
    | FileOut
    | AudioChunk
    | StepStarted
    | StepUpdated
    | StepFinished
    | Paused
    | Usage
    | Ended
)
