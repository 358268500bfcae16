"""Blocking answers, read with the same meaning as streams: a body holds the fields of the events it stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.operation import reading
from ..events.chat import MessageEndEvent, MessageEvent
from ..events.fields import as_object
from ..events.human_input import HumanInputRequiredEvent, WorkflowPausedEvent
from ..events.workflow import WorkflowFinishedEvent
from .fold import Fold
from .terminal import Shape

if TYPE_CHECKING:
    from ..core.jsonio import JsonObject
    from ..core.operation import Answer
    from ..events.base import Event
    from .result import RunResult


def fold_blocking(answer: Answer, shape: Shape) -> RunResult:
    """The result of a blocking answer.

    Raises:
        UnexpectedContent: The body is no JSON object.
        RunFailed: A workflow failed; Dify answers that with 200.
        RunStopped: It was stopped.
    """
    fold = Fold(shape)
    fold.attempts = answer.attempts
    for event in events_of(reading(as_object)(answer)):
        fold.feed(event)
    fold.end()
    failure = fold.failure()
    if failure is not None:
        raise failure
    return fold.result()


def events_of(body: JsonObject) -> list[Event]:
    """The events a blocking body amounts to.

    Message apps send one object with the fields of `message` and `message_end`, workflow apps the object of
    `workflow_finished`; a paused run (≥ 1.14) says so by its status or event name.
    """
    data = body.get("data")
    if not isinstance(data, dict):
        return [MessageEvent(body), MessageEndEvent(body)]
    if data.get("status") != "paused":
        return [WorkflowFinishedEvent(body)]
    told: list[Event] = [MessageEvent(body)] if "answer" in body else []
    reasons = data.get("reasons")
    told += [
        HumanInputRequiredEvent({**body, "data": reason})
        for reason in (reasons if isinstance(reasons, list) else [])
        if isinstance(reason, dict) and reason.get("form_id")
    ]
    return [*told, WorkflowPausedEvent(body)]
