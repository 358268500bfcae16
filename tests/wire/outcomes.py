"""What an answer must become at the caller: computed from the raw answer by the contract, compared with what came."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from dify_integrations import errors
from dify_integrations.errors import APIError, DifyError
from dify_integrations.runs.items import Ended, Item
from dify_integrations.runs.result import RunResult
from tests.wire.calls import Call
from tests.wire.expected import Meaning, meaning_of
from tests.wire.recordings import frames

Json = dict[str, Any]

BY_CODE: dict[str, type[APIError]] = {
    "completion_request_error": errors.ProviderError,
    "provider_not_initialize": errors.ProviderError,
    "model_currently_not_support": errors.ProviderError,
}
BY_STATUS: dict[int, type[APIError]] = {
    400: errors.BadRequest,
    401: errors.AuthenticationError,
    403: errors.PermissionDenied,
    404: errors.NotFound,
    405: errors.EndpointNotAvailable,
    409: errors.Conflict,
    413: errors.PayloadTooLarge,
    415: errors.UnsupportedFileType,
    500: errors.ServerError,
}


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
        _check_refusal(answered, outcome.error)
    elif answered.streamed:
        _check_stream(call, answered, outcome)
    elif call.method in ("chat.send", "completion.send"):
        _check_message(json.loads(answered.body), outcome)
    elif call.method == "workflows.run":
        _check_run(json.loads(answered.body), outcome)
    elif call.method.endswith(".stop"):
        assert (outcome.value, outcome.error) == (None, None)
    elif call.method == "workflows.detail" and json.loads(answered.body)["id"] is None:
        assert type(outcome.error) is errors.NotFound  # ≤ 1.13.0 says 200 and null of an unknown run
    else:
        assert outcome.error is None
        dumped = outcome.value.model_dump()
        assert agrees(json.loads(answered.body), dumped), f"{answered.body!r} became {dumped!r}"


def agrees(sent: Any, got: Any) -> bool:
    """Whether nothing that was sent got lost; null may become an empty list, JSON text and dates may be read."""
    if isinstance(sent, dict) and isinstance(got, dict):
        return all(name in got and agrees(value, got[name]) for name, value in sent.items())
    if isinstance(sent, list) and isinstance(got, list):
        return len(sent) == len(got) and all(map(agrees, sent, got))
    if isinstance(sent, str) and isinstance(got, (dict, list)):
        return bool(json.loads(sent) == got)
    if isinstance(sent, str) and isinstance(got, (int, float)) and "," in sent:
        return True  # an RFC 822 date of 0.15 as Unix seconds
    return bool(sent == got) or (sent is None and got in ([], {}))


def _check_refusal(answered: Answered, error: DifyError | None) -> None:
    assert isinstance(error, APIError)
    assert error.status == answered.status
    assert not error.in_stream
    if "html" in answered.headers["content-type"]:
        assert type(error) is errors.EndpointNotAvailable
        return
    body = json.loads(answered.body)
    code, message = body.get("code", ""), str(body.get("message", body.get("error", "")))
    expected = BY_CODE.get(code, BY_STATUS[answered.status])
    if message.startswith("Too many requests"):
        expected = errors.TooManyRequests
    elif answered.status == 404 and message.startswith("Conversation Not Exists"):
        expected = errors.ConversationNotFound
    assert type(error) is expected
    assert (error.code, error.params) == (code, body.get("params"))
    assert " ".join(message.split())[:40] in error.message


def _check_stream(call: Call, answered: Answered, outcome: Outcome) -> None:
    meaning = meaning_of(frames(answered.body), call.kind, answered.headers["x-version"])
    failure = failure_of(meaning)
    assert type(outcome.error) is (failure or type(None)), outcome.error
    result = outcome.error.partial if outcome.error else outcome.value
    assert isinstance(result, RunResult)
    _check_result(meaning, result)
    if isinstance(outcome.error, errors.StreamInterrupted):
        assert outcome.error.ids == meaning.ids
    if isinstance(outcome.error, APIError) and meaning.error:
        assert (outcome.error.code, outcome.error.status) == (meaning.error["code"], meaning.error["status"])
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
        return BY_CODE.get(code, BY_STATUS[meaning.error["status"]]) if code else errors.RunFailed
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
