"""What an answer must become at the caller: computed from the raw answer by the contract, compared with what came."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Any

from dify_integrations import errors
from dify_integrations.errors import APIError, DifyError
from dify_integrations.files import Download
from dify_integrations.runs.items import Ended, Item
from dify_integrations.runs.result import RunResult
from tests.wire.calls.base import Call
from tests.wire.expected import Meaning, meaning_of
from tests.wire.recordings import frames
from tests.wire.refusals import check_refusal, class_of, one_line

Json = dict[str, Any]

DONE = (b"", b"204", b"{}", b'{"result":"success"}')
"""What servers answer to calls that give nothing back."""


@dataclass
class Answered:
    """A recorded answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def streamed(self) -> bool:
        return self.headers.get("content-type", "").startswith("text/event-stream")


@dataclass
class Outcome:
    """What a call gave: a value, or an error; and the items of a stream."""

    value: Any = None
    error: DifyError | None = None
    items: list[Item] = field(default_factory=list)


def check(call: Call, answered: Answered, outcome: Outcome) -> None:
    """Compare an outcome with the answer it was made from."""
    if answered.status >= 300:
        check_refusal(answered.status, answered.headers["content-type"], answered.body, outcome.error)
    elif answered.streamed:
        _check_stream(call, answered, outcome)
    elif call.method in ("chat.send", "completion.send"):
        _check_message(json.loads(answered.body), outcome)
    elif call.method == "workflows.run":
        _check_run(json.loads(answered.body), outcome)
    elif b"".join(answered.body.split()) in DONE:
        assert (outcome.value, outcome.error) == (None, None)
    elif says_null(answered):
        assert type(outcome.error) is errors.NotFound
        assert outcome.error.status == 404
    else:
        assert outcome.error is None
        _check_value(answered, outcome.value)


def says_null(answered: Answered) -> bool:
    """Whether the answer is one of those that say 200 and null of something that does not exist."""
    if "json" not in answered.headers["content-type"]:
        return False
    value = json.loads(answered.body)
    return value is None or (isinstance(value, dict) and value.get("id", "") is None)


def _check_value(answered: Answered, value: Any) -> None:
    if isinstance(value, Download):
        assert (value.content, value.size) == (answered.body, len(answered.body))
        assert value.mime_type == answered.headers["content-type"].partition(";")[0]
        return
    dumped = [entry.model_dump() for entry in value] if isinstance(value, list) else value.model_dump()
    assert agrees(json.loads(answered.body), dumped), f"{answered.body!r} became {dumped!r}"


def agrees(sent: Any, got: Any) -> bool:
    """Whether nothing that was sent got lost; null may become an empty list, JSON text and dates may be read."""
    if isinstance(sent, dict) and isinstance(got, dict):
        return all(name in got and agrees(value, got[name]) for name, value in sent.items())
    if isinstance(sent, list) and isinstance(got, list):
        return len(sent) == len(got) and all(map(agrees, sent, got))
    if isinstance(sent, str) and isinstance(got, (dict, list)):
        return bool(json.loads(sent) == got)
    if isinstance(sent, str) and isinstance(got, (int, float)):  # an RFC 822 date of 0.15 as Unix seconds
        return parsedate_to_datetime(sent).replace(tzinfo=timezone.utc).timestamp() == got
    same = bool(sent == got) and isinstance(sent, bool) == isinstance(got, bool)
    return same or (sent is None and got in ([], {}))


def _check_stream(call: Call, answered: Answered, outcome: Outcome) -> None:
    meaning = meaning_of(
        frames(answered.body),
        call.kind,
        answered.headers["x-version"],
        pause_ends=not call.kwargs.get("continue_on_pause"),
        snapshot=bool(call.kwargs.get("include_state_snapshot")),
    )
    failure = failure_of(meaning)
    assert type(outcome.error) is (failure or type(None)), outcome.error
    result = outcome.error.partial if outcome.error else outcome.value
    assert isinstance(result, RunResult)
    _check_result(meaning, result)
    if isinstance(outcome.error, errors.StreamInterrupted):
        assert outcome.error.ids == meaning.ids
    if isinstance(outcome.error, APIError) and meaning.error:
        assert (outcome.error.code, outcome.error.status) == (meaning.error["code"], meaning.error["status"])
        assert one_line(meaning.error["message"]) in outcome.error.message
    if outcome.items:
        assert [item.status for item in outcome.items if isinstance(item, Ended)] == [
            result.status if result.status != "partial-succeeded" else "succeeded"
        ]
        assert isinstance(outcome.items[-1], Ended)


def _check_result(meaning: Meaning, result: RunResult) -> None:
    assert result.text == meaning.text
    assert result.status == meaning.status
    assert (result.usage.raw if result.usage else None) == meaning.usage
    assert dict(result.ids) == meaning.ids
    assert [citation.raw for citation in result.citations] == meaning.citations
    assert result.outputs == (meaning.outputs or {})
    assert len(result.steps) == len(meaning.steps)
    assert {call.id for call in result.tool_calls} == meaning.tools
    assert [form.form_id for form in result.pause.forms if result.pause] == meaning.forms if result.pause else True
    assert result.attempts == 1


def failure_of(meaning: Meaning) -> type[DifyError] | None:
    """The class errors.md asks for; a run that moderation stopped has its complete, replaced answer."""
    if meaning.ends_at is None:
        return errors.StreamInterrupted
    if meaning.error is not None:
        code = meaning.error.get("code")
        # A frame without a code refuses a run before it began; its status 500 means nothing.
        return class_of(code, meaning.error["status"], meaning.error["message"]) if code else errors.RunFailed
    return errors.RunStopped if meaning.status == "stopped" and not meaning.replaced else None


def _check_message(body: Json, outcome: Outcome) -> None:
    assert outcome.error is None
    result: RunResult = outcome.value
    assert result.text == body["answer"]
    assert result.status == ("paused" if body["event"] == "workflow_paused" else "succeeded")
    metadata = body["metadata"]
    assert (result.usage.raw if result.usage else None) == metadata.get("usage")
    assert [citation.raw for citation in result.citations] == metadata.get("retriever_resources", [])
    for name in ("task_id", "conversation_id", "message_id", "workflow_run_id"):
        assert getattr(result, name) == body.get(name, "")


def _check_run(body: Json, outcome: Outcome) -> None:
    data = body["data"]
    if data["status"] == "failed":
        assert type(outcome.error) is errors.RunFailed
        assert data["error"][:20] in outcome.error.message
    result = outcome.error.partial if outcome.error else outcome.value
    assert isinstance(result, RunResult)
    assert result.status == data["status"]
    assert result.outputs == (data.get("outputs") or {} if data["status"] != "paused" else result.outputs)
    assert result.workflow_run_id == body["workflow_run_id"]
    assert result.task_id == body["task_id"]
    if data["status"] == "paused":
        assert result.pause is not None
        assert [form.form_id for form in result.pause.forms] == [reason["form_id"] for reason in data["reasons"]]
    else:
        assert result.total_tokens == data["total_tokens"]
