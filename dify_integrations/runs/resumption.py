"""Joins a run's broken stream and the one that follows it: no text twice, none lost, no step told again.

Servers do not send again what nobody received. Behind a break the text is therefore held back until the run's outputs,
which hold the whole of it, tell what was lost in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..events.chat import MessageEndEvent, MessageEvent, MessageReplaceEvent
from ..events.human_input import HumanInputRequiredEvent, WorkflowPausedEvent
from ..events.workflow import (
    NodeFinishedEvent,
    NodeStartedEvent,
    TextChunkEvent,
    TextReplaceEvent,
    WorkflowFinishedEvent,
    WorkflowStartedEvent,
)

if TYPE_CHECKING:
    from ..core.jsonio import JsonObject
    from ..events.base import Event
    from ..models.workflows import WorkflowRun

MOST = 3
"""How often a stream is followed again."""

_OVER = ("succeeded", "partial-succeeded", "failed", "stopped")


class Resumption:
    """Lets a run's events through, over several streams of it.

    Attributes:
        run_id: The run's id, `""` before `workflow_started`; without it nothing can be followed.
        finished: The run's last event, held back for `conclude`.
        text_lost: Whether text that was sent during a break could not be made out from the outputs.
    """

    def __init__(self) -> None:
        self.run_id = ""
        self.finished: WorkflowFinishedEvent | None = None
        self.text_lost = False
        self._breaks = 0
        self._text = ""  # what was let through
        self._behind: list[str] | None = None  # text behind a break, held back; None while nothing is missing
        self._snapshot = ""  # the answer as the server had stored it
        self._awaits_snapshot = False
        self._ids: JsonObject = {}
        self._told: set[tuple[str, str]] = set()
        self._message_end: Event | None = None

    def broke(self) -> bool:
        """Note that the stream broke; whether the run can be followed once more."""
        self._breaks += 1
        if self.finished is not None or not self.run_id or self._breaks > MOST:
            return False
        self._behind = []  # of what came behind an earlier break, nothing was let through either
        self._awaits_snapshot = True
        return True

    def admit(self, event: Event) -> Sequence[Event]:
        """The events to hand on for this one: itself, or none."""
        if isinstance(event, (MessageEvent, TextChunkEvent)):
            return self._on_text(event, event.answer if isinstance(event, MessageEvent) else event.text)
        if isinstance(event, (MessageReplaceEvent, TextReplaceEvent)):
            return self._on_replacement(event)
        if isinstance(event, WorkflowStartedEvent):
            self.run_id = event.id or event.workflow_run_id
            self._ids = {name: event.raw[name] for name in ("task_id", "conversation_id", "message_id") if name in event.raw}
        broken = self._behind is not None
        if broken and isinstance(event, WorkflowFinishedEvent):
            self.finished = event
            return ()
        if broken and isinstance(event, MessageEndEvent):
            self._message_end = event
            return ()
        if broken and isinstance(event, WorkflowPausedEvent):
            return [*(self._rest([self._snapshot, *_texts(event.outputs)]) or ()), event]
        return () if self._was_told(event) else (event,)

    def settle(self, run: WorkflowRun | None) -> bool:
        """Confirm how the run ended by its detail; whether it has ended as far as anybody tells.

        Args:
            run: The run as the server remembers it, `None` when it could not be asked.
        """
        self.finished = _confirmed(self.finished, run)
        return self.finished is not None

    def conclude(self) -> Sequence[Event]:
        """The last events: the missing text, what was held back, and the end; `()` before there is one."""
        end = self.finished
        if end is None:
            return ()
        outputs = end.outputs or {}
        answer = outputs.get("answer")
        chat = isinstance(answer, str) and "message_id" in self._ids
        rest = self._rest([answer, self._snapshot] if chat else _texts(outputs))
        self.text_lost = rest is None and end.status in ("succeeded", "partial-succeeded")
        return [*(rest or ()), *([self._message_end] if self._message_end else []), end]

    def _on_text(self, event: Event, text: str) -> Sequence[Event]:
        if self._behind is not None:
            self._behind.append(text)
            self._awaits_snapshot = False
            return ()
        self._text += text
        return (event,)

    def _on_replacement(self, event: MessageReplaceEvent | TextReplaceEvent) -> Sequence[Event]:
        text = event.answer if isinstance(event, MessageReplaceEvent) else event.text
        if self._awaits_snapshot and not (isinstance(event, MessageReplaceEvent) and event.reason):
            self._awaits_snapshot = False
            self._snapshot = text  # "" while a chatflow runs: its answer is stored at a pause and at the end
            return ()
        self._text = text  # moderation: the whole answer, so nothing is missing any more
        self._behind = None
        return (event,)

    def _was_told(self, event: Event) -> bool:
        """Whether a snapshot tells again what was told before; notes it otherwise."""
        if isinstance(event, (NodeStartedEvent, NodeFinishedEvent, WorkflowStartedEvent)):
            what = (event.name, event.id)
        elif isinstance(event, HumanInputRequiredEvent):
            what = (event.name, event.form_id)
        else:
            return False
        again = self._behind is not None and what in self._told
        self._told.add(what)
        return again

    def _rest(self, wholes: Sequence[Any]) -> Sequence[Event] | None:
        """The text that was not let through, as one event; `None` when no candidate for the whole text fits."""
        if self._behind is None:
            return ()
        behind = "".join(self._behind)
        if not self._text and not behind and "message_id" not in self._ids:
            return ()  # a workflow that streams no text, as far as can be told
        for whole in wholes:
            rest = missing_text(self._text, whole, behind) if isinstance(whole, str) else None
            if rest is not None:
                self._text += rest
                self._behind = []
                return [self._said(rest)] if rest else ()
        return None

    def _said(self, text: str) -> Event:
        if "message_id" in self._ids:
            return MessageEvent({"event": MessageEvent.name, **self._ids, "answer": text})
        return TextChunkEvent({"event": TextChunkEvent.name, **self._ids, "data": {"text": text}})


def missing_text(before: str, whole: str, behind: str) -> str | None:
    """What follows `before` in a text that begins with it and ends with `behind`, having seen the `whole` of it.

    Streams may end in white space that outputs lack. `None` when the three do not fit together.
    """
    core, end = whole.rstrip(), behind.rstrip()
    if not core.endswith(end):
        return None
    joined = core[: len(core) - len(end)] + behind if end else whole
    return joined[len(before) :] if joined.startswith(before) else None


def _texts(outputs: JsonObject) -> list[str]:
    """What a workflow with these outputs may have streamed: its texts, one below the other."""
    texts = [value for value in outputs.values() if isinstance(value, str)]
    return ["\n".join(texts), "".join(texts), *texts] if texts else []


def _confirmed(finished: WorkflowFinishedEvent | None, run: WorkflowRun | None) -> WorkflowFinishedEvent | None:
    """The end, by the run's detail where that tells one."""
    if run is None or run.status not in _OVER:
        return finished
    data = run.model_dump(exclude_none=True, exclude={"inputs"})
    told: JsonObject = finished.raw if finished is not None else {"event": WorkflowFinishedEvent.name, "workflow_run_id": run.id}
    known = told.get("data")
    return WorkflowFinishedEvent({**told, "data": {**(known if isinstance(known, dict) else {}), **data}})
