"""THE meaning of events: a fold from events to items and a result. Nothing outside this folder interprets an event."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from ..core.failure import server_text, stream_error
from ..errors import DifyError, RunFailed, RunStopped
from ..events.agent import AgentLogEvent, AgentThoughtEvent
from ..events.audio import TTSMessageEndEvent, TTSMessageEvent
from ..events.base import ErrorEvent
from ..events.chat import (
    AgentMessageEvent,
    MessageEndEvent,
    MessageEvent,
    MessageFileEvent,
    MessageReplaceEvent,
    ReasoningChunkEvent,
)
from ..events.human_input import HumanInputRequiredEvent, WorkflowPausedEvent
from ..events.workflow import (
    IterationCompletedEvent,
    IterationNextEvent,
    IterationStartedEvent,
    LoopCompletedEvent,
    LoopNextEvent,
    LoopStartedEvent,
    NodeFinishedEvent,
    NodeRetryEvent,
    NodeStartedEvent,
    TextChunkEvent,
    TextReplaceEvent,
    WorkflowFinishedEvent,
    WorkflowStartedEvent,
)
from .answer import Answer
from .items import AudioChunk, Ended, HumanInputForm, Item, Paused, RunStatus, Usage
from .reading import citation_of, file_of, form_of, learn, produced, sound_of
from .result import RunResult
from .steps import StepTree
from .terminal import Seen, Shape, Verdict, Version, ends_at_once, judge, judge_end_of_body

if TYPE_CHECKING:
    from ..core.jsonio import JsonObject
    from ..events.base import Event

_ENDED: dict[Verdict, RunStatus] = {
    Verdict.COMPLETE: "succeeded",
    Verdict.STOPPED: "stopped",
    Verdict.PAUSED: "paused",
    Verdict.FAILED: "failed",
}


class Fold:
    """Folds one run's events: feed it each in order, get the items that event means. After the stream call `end`.

    Args:
        shape: Which kind of stream this is.
        version: The server's version, `None` when unknown: decides what a chatflow still owes.
        split_thinking: Turn `<think>…</think>` in the text into reasoning.
        want_audio: Read on behind the answer until the speech is complete.
        pause_ends: Whether a pause is the end (not for a followed run with `continue_on_pause`).
        answered: Tokens of forms that were submitted already: a pause that shows one of them is an old one, and no end.
        snapshot: Whether the stream begins with the state of a run that was joined late.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        version: Version | None = None,
        split_thinking: bool = False,
        want_audio: bool = False,
        pause_ends: bool = True,
        answered: Collection[str] = (),
        snapshot: bool = False,
    ) -> None:
        self.shape = shape
        self._joined_late = shape is Shape.EVENTS
        self.version = version
        self.verdict = Verdict.READ_ON
        self.attempts = 1
        self.stop_asked = False
        self._seen = Seen(audio_owed=want_audio)
        self._pause_ends, self._answered = pause_ends, frozenset(answered)
        self._answer = Answer(split_thinking=split_thinking, snapshot=snapshot)
        self._steps = StepTree()
        self._known: dict[str, Any] = {}
        self._forms: list[HumanInputForm] = []
        self._audio: list[bytes] = []
        self._collected: dict[str, Any] = {}  # tuples, by field of the result
        self._error: DifyError | None = None
        self._ended: Ended | None = None
        self.over = False  # whether nothing more needs to be read
        self._learned = False
        self._cancelled = False

    # -- what the driver asks

    @property
    def body_ends(self) -> bool:
        """Whether the run is over and the server ends the body right behind its last event."""
        return self.verdict is Verdict.COMPLETE and ends_at_once(self._seen, self.version)

    @property
    def ends_here(self) -> bool:
        """Whether the run is over, or would be with the end of the body."""
        return self.over or judge_end_of_body(self.verdict, self._seen) is not None

    @property
    def task_id(self) -> str:
        """What a stop call takes; `""` before the first event."""
        task_id: str = self._known.get("task_id", "")
        return task_id

    def join(self) -> None:
        """The stream broke off, and the run is followed by its id from here; whoever follows it sees to its text."""
        self.shape = Shape.EVENTS

    @property
    def ended(self) -> bool:
        """Whether the run's end is known, and told."""
        return self._ended is not None

    def cut(self) -> None:
        """What comes from now on is not heard; any thread may say so, and the one that reads calls `cancel` then."""
        self.over = True

    def cancel(self) -> Sequence[Item]:
        """This side ends the run: close what is open."""
        if self.ended:
            return ()
        self._cancelled = True
        return self._close(Verdict.STOPPED)

    def feed(self, event: Event) -> Sequence[Item]:
        """The items this event means; `()` for pings, unknown events and events after the end."""
        handler = _HANDLERS.get(event.__class__)
        if handler is None or self.over:
            return ()
        if not self._learned:
            self._learned = learn(self._known, event, joined=self.shape is Shape.EVENTS)
        return handler(self, event)

    def end(self) -> Sequence[Item]:
        """The stream is at its end: the last items, if the run owed nothing more; `()` when it was over before.

        When it did owe more, `over` stays false and the caller says what happened with `abort`.
        """
        if self.over:
            return ()
        verdict = judge_end_of_body(self.verdict, self._seen)
        return () if verdict is None else self._close(verdict)

    def abort(self, error: DifyError) -> Sequence[Item]:
        """The stream broke off with `error`: close what is open."""
        if self.ended:
            return ()
        items = [*self._answer.flush(), *self._steps.close("interrupted", error.message)]
        self._ended = Ended("interrupted", error.message)
        self.over = True
        return [*items, self._ended]

    def failure(self) -> DifyError | None:
        """What to raise at the end of the run, `None` when it went well or paused."""
        if self.verdict is Verdict.FAILED:
            return self._failed()
        if self._cancelled:
            return RunStopped("the run was cancelled before its end", result=self.result())
        # A stop that moderation made leaves a complete, replaced answer.
        if self.verdict is Verdict.STOPPED and not self.stop_asked and not self._answer.replaced:
            return RunStopped(
                "the run was stopped before its end, by another caller or the server's time limit", result=self.result()
            )
        return None

    def _failed(self) -> DifyError | None:
        if self._error is not None and not isinstance(self._error, RunFailed):
            self._error.partial = self.result()
            return self._error
        if self.stop_asked:  # a stop can lose a race against the graph's own abort: `failed`, "Aborted: User requested stop"
            return None
        result = self.result()
        return RunFailed(f"the run failed: {result.error or 'no reason given'}", result=result)

    def result(self) -> RunResult:
        """The run so far."""
        usage = self._known.get("usage")
        known = {"total_tokens": usage.total_tokens if usage else None, **self._known}
        return RunResult(
            text=self._answer.text,
            reasoning=self._answer.reasoning,
            text_replaced=self._answer.replaced,
            status=self._status(),
            audio=b"".join(self._audio),
            tool_calls=tuple(self._steps.tool_calls.values()),
            tool_results=tuple(self._steps.tool_results.values()),
            steps=self._steps.snapshot(),
            attempts=self.attempts,
            **self._collected,
            **known,
        )

    def _status(self) -> RunStatus:
        if self._ended is None:
            return "running"
        if self._ended.status == "succeeded" and self._seen.finished == "partial-succeeded":
            return "partial-succeeded"
        return self._ended.status

    # -- files and speech

    def _on_file(self, event: MessageFileEvent) -> Sequence[Item]:
        if event.is_text:
            return self._answer.say(event.answer)
        return self._files([event.raw]) if event.belongs_to != "user" else ()

    def _on_audio(self, event: TTSMessageEvent) -> Sequence[Item]:
        data = sound_of(event)
        self._audio.append(data)
        return (AudioChunk(data),) if data else ()

    def _on_audio_end(self, _: TTSMessageEndEvent) -> Sequence[Item]:
        self._seen.audio_owed = False
        return self._after()

    def _collect(self, name: str, values: tuple[Any, ...]) -> list[Item]:
        """Keep values for the result and report them."""
        self._collected[name] = (*self._collected.get(name, ()), *values)
        return list(values)

    def _files(self, raws: list[JsonObject]) -> list[Item]:
        """Files not seen before: one stands in `message_file` and again, by its id, in `message_end`."""
        had = {file.id or file.url for file in self._collected.get("files", ())}
        return self._collect("files", tuple(file for file in map(file_of, raws) if (file.id or file.url) not in had))

    # -- the run

    def _on_started(self, event: WorkflowStartedEvent) -> Sequence[Item]:
        self._seen.workflow_started = True
        self._known["workflow_run_id"] = event.id or event.workflow_run_id
        self._known["workflow_id"] = event.workflow_id
        return self._steps.run_started(event)

    def _on_finished(self, event: WorkflowFinishedEvent) -> Sequence[Item]:
        self._seen.finished = event.status or "succeeded"
        self._known |= {
            "workflow_run_id": event.id or event.workflow_run_id,
            "workflow_id": event.workflow_id,
            "outputs": event.outputs or {},
            "error": server_text(event.error) if event.error else None,
            "elapsed_s": event.elapsed_time,
            "total_tokens": event.total_tokens,
            "total_steps": event.total_steps,
        }
        text = self._whole_answer(event) if self._joined_late else ()
        return [*text, *self._steps.run_finished(event), *self._files(event.files), *self._after()]

    def _whole_answer(self, event: WorkflowFinishedEvent) -> Sequence[Item]:
        """A followed chatflow's answer, of which the stream may hold a part only, or one part twice (Dify main of 2026-06).

        The outputs hold what moderation may have replaced since, so that a replacement stands.
        """
        answer = (event.outputs or {}).get("answer")
        chat = self._known.get("message_id") or not self._answer.text
        return self._answer.complete(answer) if isinstance(answer, str) and chat else ()

    def _on_message_end(self, event: MessageEndEvent) -> Sequence[Item]:
        self._seen.message_end = True
        citations = self._collect("citations", tuple(citation_of(raw) for raw in event.retriever_resources))
        items: list[Item] = [*self._answer.flush()]
        if citations and not self._steps.saw_retrieval:
            items += self._steps.retrieved(list(event.retriever_resources))
        items += citations
        items += self._files([raw for raw in event.files if produced(raw)])
        if event.usage is not None:
            usage = self._known["usage"] = Usage.of(event.usage)
            items.append(usage)
        return [*items, *self._after()]

    def _on_form(self, event: HumanInputRequiredEvent) -> Sequence[Item]:
        self._forms.append(form_of(event))
        return ()

    def _on_paused(self, event: WorkflowPausedEvent) -> Sequence[Item]:
        forms = tuple(self._forms)
        self._forms.clear()
        pause = Paused(event.workflow_run_id, forms, tuple(event.paused_nodes), tuple(event.reasons))
        if not self._pause_ends or any(form.form_token in self._answered for form in forms):
            return (pause,)
        self._known |= {"pause": pause, "elapsed_s": event.elapsed_time}
        self._seen.paused = True
        return [*self._steps.close("paused"), pause, *self._after()]

    def _on_error(self, event: ErrorEvent) -> Sequence[Item]:
        self._seen.failed = True
        if event.code or event.task_id:
            self._error = stream_error(event.code, event.message, event.status)
        else:
            # The bare frame of a run that was refused before it began: its status 500 says nothing.
            self._error = RunFailed(server_text(event.message))
        self._known["error"] = server_text(event.message)
        return self._after()

    # -- ends

    def _after(self) -> Sequence[Item]:
        self.verdict = judge(self.shape, self._seen, self.version)
        return () if self.verdict in (Verdict.READ_ON, Verdict.GRACE) else self._close(self.verdict)

    def _close(self, verdict: Verdict) -> list[Item]:
        self.verdict = verdict
        status = _ENDED[verdict]
        error = self._known.get("error") if verdict is Verdict.FAILED else None
        self._ended = Ended(status, error)
        self.over = True
        open_status = status if status in ("failed", "stopped") else "interrupted"
        return [*self._answer.flush(), *self._steps.close(open_status, error), self._ended]


_HANDLERS: dict[type[Event], Callable[[Fold, Any], Sequence[Item]]] = {
    AgentLogEvent: lambda fold, event: fold._steps.log(event),
    AgentMessageEvent: lambda fold, event: fold._answer.agent_message(event.answer),
    AgentThoughtEvent: lambda fold, event: fold._steps.thought(event),
    ErrorEvent: Fold._on_error,
    HumanInputRequiredEvent: Fold._on_form,
    IterationCompletedEvent: lambda fold, event: fold._steps.container_completed(event),
    IterationNextEvent: lambda fold, event: fold._steps.container_next(event),
    IterationStartedEvent: lambda fold, event: fold._steps.container_started(event, "iteration"),
    LoopCompletedEvent: lambda fold, event: fold._steps.container_completed(event),
    LoopNextEvent: lambda fold, event: fold._steps.container_next(event),
    LoopStartedEvent: lambda fold, event: fold._steps.container_started(event, "loop"),
    MessageEndEvent: Fold._on_message_end,
    MessageEvent: lambda fold, event: fold._answer.message(event.answer),
    MessageFileEvent: Fold._on_file,
    MessageReplaceEvent: lambda fold, event: fold._answer.replace(event.answer, event.reason),
    NodeFinishedEvent: lambda fold, event: fold._steps.node_finished(event),
    NodeRetryEvent: lambda fold, event: fold._steps.node_retried(event, event.retry_index),
    NodeStartedEvent: lambda fold, event: fold._steps.node_started(event),
    ReasoningChunkEvent: lambda fold, event: fold._answer.think(event.reasoning, event.node_id),
    TTSMessageEndEvent: Fold._on_audio_end,
    TTSMessageEvent: Fold._on_audio,
    TextChunkEvent: lambda fold, event: fold._answer.say(event.text),
    TextReplaceEvent: lambda fold, event: fold._answer.replace(event.text, ""),
    WorkflowFinishedEvent: Fold._on_finished,
    WorkflowPausedEvent: Fold._on_paused,
    WorkflowStartedEvent: Fold._on_started,
}
