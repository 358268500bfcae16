"""Every full call, made with both clients on a server that answers as the specification shows."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from tests.faults.server import Received
from tests.specification import app_calls, knowledge_calls
from tests.specification.full import Full
from tests.specification.spec import Example, Json, described
from tests.wire.calls.base import Asked, Sent
from tests.wire.calls.table import sent_by
from tests.wire.outcomes import Answered, Outcome
from tests.wire.replaying import NO_SUCH_VERB, Step

CALLS: list[Full] = [
    *(*app_calls.RUNS, *app_calls.TALK, *app_calls.REST),
    *(*knowledge_calls.DATASETS, *knowledge_calls.DOCUMENTS, *knowledge_calls.CHUNKS),
    *(*knowledge_calls.LABELS, *knowledge_calls.PIPELINES),
]
STREAM = "text/event-stream"
# The specification shows no stream of these.
_STREAMS: dict[str, list[Json]] = {
    "runDatasourceNode": [{"event": "datasource_completed", "data": [], "total": 0, "completed": 0, "time_consuming": 0.1}],
    "runPipeline": [{"event": "workflow_finished", "data": {"id": "r", "status": "succeeded", "outputs": {}}}],
}


def answer_to(example: Example) -> Answered:
    """An example as an answer."""
    body = stream(objects(example.value)) if example.media_type == STREAM else json.dumps(example.value).encode()
    return Answered(example.status, {"content-type": example.media_type, "x-version": "1.14.2"}, body)


def objects(text: str) -> list[Any]:
    """The events of an example; most have lost their line ends."""
    found, decoder, at = [], json.JSONDecoder(), 0
    while (at := text.find("data: ", at)) >= 0:
        value, at = decoder.raw_decode(text, at + len("data: "))
        found.append(value)
    return found


def stream(events: Sequence[Any]) -> bytes:
    """Events as a server sends them."""
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


@lru_cache(maxsize=None)
def good_answer(operation: str, *, streams: bool) -> Answered:
    """What the specification answers to a call that succeeds."""
    shown = next(one for one in described() if one.id == operation)
    for example in shown.examples:
        if example.status < 300 and (example.media_type == STREAM) == streams:
            return answer_to(example)
    if streams:
        return Answered(200, {"content-type": STREAM}, stream(_STREAMS[operation]))
    media_types = [media_type for status, media_type, _ in shown.answers if status < 300]
    return Answered(200, {"content-type": media_types[0]}, b"bytes") if media_types else Answered(204, {}, b"")


def step(one: Full, answered: Answered, judge: Callable[[Outcome, list[Sent]], None]) -> Step:
    """The call, its answers, and what to make of what came and was sent."""
    older = [NO_SUCH_VERB] if one.operation == "updateDocumentByFile" else []

    def compare(outcome: Outcome, requests: Sequence[Received]) -> None:
        judge(
            outcome, [sent_by(Asked(asked.method, f"http://server{asked.path}", asked.headers, asked.body)) for asked in requests]
        )

    return one.call, [*older, answered], compare
