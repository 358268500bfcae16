"""Events of completion, chat, agent and chatflow apps that carry the answer and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import fields
from .base import Event

if TYPE_CHECKING:
    from ..core.jsonio import JsonObject


class AnswerEvent(Event):
    """A piece of answer text; the class is never sent itself.

    Attributes:
        answer: The new text, `""` when null. The last one of an answer is often empty.
        id: The message id again.
    """

    __slots__ = ("answer",)
    id = fields.text()

    def __init__(self, raw: JsonObject) -> None:
        self.raw = raw
        # Read at once: this is the one field everybody asks of the one event there are thousands of.
        answer = raw.get("answer")
        self.answer: str = answer if isinstance(answer, str) else fields.as_text(answer)


class MessageEvent(AnswerEvent):
    """A text delta. A New Agent app closes with one that repeats the complete answer.

    Attributes:
        from_variable_selector: `[node id, variable]` in chatflows, otherwise `[]`.
    """

    __slots__ = ()
    name = "message"
    from_variable_selector = fields.texts()


class AgentMessageEvent(AnswerEvent):
    """A text delta of an agent app; `""` around tool calls is normal."""

    __slots__ = ()
    name = "agent_message"


class MessageFileEvent(AnswerEvent):
    """A file, or text in disguise.

    Dify 1.7.2 to 1.12.1 sends every text delta of a chat or completion turn that has a file under this name, with
    `answer` and without `url`; only a frame with a `url` is a file.

    Attributes:
        type: `image`, `document`, `audio`, `video` or `custom`.
        belongs_to: `user` or `assistant`.
        url: Signed address, valid for minutes; `""` when this is text.
    """

    __slots__ = ()
    name = "message_file"
    type = fields.text()
    belongs_to = fields.text()
    url = fields.text()

    @property
    def is_text(self) -> bool:
        """Whether this is a text delta in disguise."""
        return "answer" in self.raw and not self.raw.get("url")


class MessageReplaceEvent(AnswerEvent):
    """The text so far is withdrawn; `answer` takes its place.

    Attributes:
        reason: `output_moderation` or `""` (chat apps; 0.15 sends no reason).
    """

    __slots__ = ()
    name = "message_replace"
    reason = fields.text()


class MessageEndEvent(Event):
    """The answer is complete. In a chatflow the run may still owe `workflow_finished`, and speech may follow.

    Attributes:
        metadata: `usage`, `retriever_resources`, `annotation_reply`.
        usage: Token counts and prices (prices are decimal strings); `None` when absent.
        retriever_resources: Citations; `[]` without retrieval (0.15 leaves the key out then).
        annotation_reply: `{id, account}` when an annotation answered.
        files: Files of the answer, `[]` when none or null.
    """

    __slots__ = ()
    name = "message_end"
    id = fields.text()
    metadata = fields.json_object()
    usage = fields.optional_object(inside="metadata")
    retriever_resources = fields.objects(inside="metadata")
    annotation_reply = fields.optional_object(inside="metadata")
    files = fields.objects()


class ReasoningChunkEvent(Event):
    """A piece of reasoning (servers after 1.14.2).

    Attributes:
        reasoning: The new text; `""` only together with `is_final`.
        node_id: The node that thinks.
        is_final: Whether this node's reasoning is complete.
    """

    __slots__ = ()
    name = "reasoning_chunk"
    reasoning = fields.text(inside="data")
    node_id = fields.text(inside="data")
    is_final = fields.flag(inside="data")
