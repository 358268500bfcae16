"""Joins a run's broken stream and the one that follows it: no text twice, none lost, no step told again.

Servers do not send again what nobody received. Behind a break the text is therefore held back until the run's outputs,
which hold the whole of it, tell what was lost in between.
"""

from __future__ import annotations

import json
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
    from ..core.jsonio import JsonObject, JsonValue
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
        paused: The same of a run that waits for a person.
        text_lost: Whether text that was sent during a break could not be made out from the outputs.
    """

    def __init__(self) -> None:
        self.run_id = ""
        self.finished: WorkflowFinishedEvent | None = None
        self.paused: WorkflowPausedEvent | None = None
        self.text_lost = False
        self._breaks = 0
        self._pieces: list[str] = []  # the text that was let through
        self._behind: list[str] | None = None  # text behind a break, held back; None while nothing is missing
        self._snapshot = ""  # the answer as the server had stored it
        self._awaits_snapshot = False
        self._ids: JsonObject = {}
        self._told: set[tuple[str, str]] = set()
        self._message_end: Event | None = None

    @property
    def over(self) -> bool:
        """Whether there is nothing more to read."""
        return self.finished is not None or self.paused is not None

    def broke(self) -> bool:
        """Note that the stream broke; whether the run can be followed once more."""
        self._breaks += 1
        if self.over or not self.run_id or self._breaks > MOST:
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
            self.paused = event
            return ()
        return () if self._was_told(event) else (event,)

    def settle(self, run: WorkflowRun | None) -> bool:
        """Confirm how the run ended by its detail; whether it has ended as far as anybody tells.

        Args:
            run: The run as the server remembers it, `None` when it could not be asked.
        """
        self.finished = _confirmed(self.finished, run)
        return self.finished is not None

    @property
    def message(self) -> tuple[str, str] | None:
        """Conversation and id of the message whose stored answer `conclude` wants; `None` when there is none to ask for."""
        conversation, message = (str(self._ids.get(name) or "") for name in ("conversation_id", "message_id"))
        return (conversation, message) if self._behind is not None and conversation and message else None

    def conclude(self, stored: str | None = None) -> Sequence[Event]:
        """The last events: the missing text, what was held back, and the end; `()` before there is one.

        Args:
            stored: A chatflow's answer as its history has it. The run's outputs hold what the model said, also where
                moderation has replaced it, so that without the history no text is taken from them that was not sent.
        """
        end = self.finished
        if end is None:
            return [*(self._rest([stored, self._snapshot]) or ()), self.paused] if self.paused is not None else ()
        rest = self._rest(self._answers(end, stored) if self._chat else [_streamed(end.outputs or {})])
        if rest is None and stored:
            rest = [MessageReplaceEvent({"event": MessageReplaceEvent.name, **self._ids, "answer": stored})]
        self.text_lost = rest is None and end.status in ("succeeded", "partial-succeeded")
        return [*(rest or ()), *([self._message_end] if self._message_end else []), end]

    def _answers(self, end: WorkflowFinishedEvent, stored: str | None) -> list[Any]:
        """What may be a chatflow's whole answer."""
        answer = (end.outputs or {}).get("answer")
        behind = "".join(self._behind or ())
        nothing_lost = answer in ("".join(self._pieces) + behind, behind)  # newer servers send a run's log from its beginning
        return [stored or (answer if nothing_lost else None), self._snapshot or None]

    @property
    def _chat(self) -> bool:
        return "message_id" in self._ids

    def _on_text(self, event: Event, text: str) -> Sequence[Event]:
        if self._behind is not None:
            self._behind.append(text)
            self._awaits_snapshot = False
            return ()
        self._pieces.append(text)
        return (event,)

    def _on_replacement(self, event: MessageReplaceEvent | TextReplaceEvent) -> Sequence[Event]:
        text = event.answer if isinstance(event, MessageReplaceEvent) else event.text
        if self._awaits_snapshot and not (isinstance(event, MessageReplaceEvent) and event.reason):
            self._awaits_snapshot = False
            self._snapshot = text  # "" while a chatflow runs: its answer is stored at a pause and at the end
            return ()
        self._pieces = [text]  # moderation: the whole answer, so nothing is missing any more
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
        said, behind = "".join(self._pieces), "".join(self._behind or ())
        for whole in wholes:
            rest = missing_text(said, whole, behind) if isinstance(whole, str) else None
            if rest is not None:
                self._pieces.append(rest)
                self._behind = []
                return [self._said(rest)] if rest else ()
        return None

    def _said(self, text: str) -> Event:
        if self._chat:
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


def _streamed(outputs: JsonObject) -> str | None:
    """The text a workflow with these outputs streams: all of them, one below the other (≥ 1.14).

    `None` when one is written in a way that cannot be told from its value: a file is a link with a fresh signature.
    """
    written = [_written(value) for value in outputs.values()]
    return None if None in written else "\n".join(text or "" for text in written)


def _written(value: JsonValue) -> str | None:
    if isinstance(value, dict):
        return None if "dify_model_identity" in value else json.dumps(value, indent=2, ensure_ascii=False)
    if isinstance(value, list):
        return None if any(isinstance(entry, (dict, list)) for entry in value) else "\n".join(f"- {entry}" for entry in value)
    return "" if value is None else str(value)


def _confirmed(finished: WorkflowFinishedEvent | None, run: WorkflowRun | None) -> WorkflowFinishedEvent | None:
    """The end, by the run's detail where that tells one."""
    if run is None or run.status not in _OVER:
        return finished
    data = run.model_dump(exclude_none=True, exclude={"inputs"})
    told: JsonObject = finished.raw if finished is not None else {"event": WorkflowFinishedEvent.name, "workflow_run_id": run.id}
    known = told.get("data")
    return WorkflowFinishedEvent({**told, "data": {**(known if isinstance(known, dict) else {}), **data}})
