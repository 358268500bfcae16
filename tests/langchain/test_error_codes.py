"""Every code of Dify's, as an answer and as an event of a stream, as LangChain's class; and who tries again because of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelRetryMiddleware
from langchain_core import exceptions as langchain

import dify_integrations as dify
from dify_integrations.errors import DifyError
from langchain_dify import ChatDify, DifyLLM
from tests.faults.server import FaultServer, Script
from tests.faults.wire import CHAT, LAST, answer, chunk, closing, frame, head

INVALID = langchain.ModelInvalidRequestError
OVERFLOW = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
BUSY = "Too many requests. Please try again later. The current maximum concurrent requests allowed for a is 10."


class Row(NamedTuple):
    """A refusal as the contract has it, and what LangChain's callers see."""

    status: int
    code: str
    message: str
    kind: type[Exception]
    retryable: bool = False


ROWS = [
    Row(400, "app_unavailable", "App unavailable, please check your app configurations.", INVALID),
    Row(400, "not_chat_app", "Please check if your app mode matches the right API route.", INVALID),
    Row(400, "not_workflow_app", "Please check if your app mode matches the right API route.", INVALID),
    Row(400, "not_completion_app", "Please check if your app mode matches the right API route.", INVALID),
    Row(400, "conversation_completed", "The conversation has ended.", INVALID),
    Row(400, "agent_not_published", "The agent has no published version.", INVALID),
    Row(400, "provider_not_initialize", "No valid model provider credentials found.", INVALID),
    Row(400, "provider_quota_exceeded", "Your quota for Dify Hosted OpenAI has been exhausted.", INVALID),
    Row(400, "model_currently_not_support", "Dify Hosted OpenAI trial currently not support the GPT-4 model.", INVALID),
    Row(400, "completion_request_error", "Completion request failed.", INVALID),
    Row(400, "completion_request_error", OVERFLOW, langchain.ContextOverflowError),
    Row(400, "bad_request", "Invalid workflow_id format", INVALID),
    Row(400, "invalid_param", "name is required in input form", INVALID),
    Row(400, "invalid_param", BUSY, langchain.ModelRateLimitError, retryable=True),
    Row(401, "unauthorized", "Access token is invalid", langchain.ModelAuthenticationError),
    Row(403, "forbidden", "The app's API service has been disabled.", langchain.ModelPermissionDeniedError),
    Row(403, "workflow_version_execution_not_allowed", "Upgrade your plan.", langchain.ModelPermissionDeniedError),
    Row(404, "not_found", "Conversation Not Exists.", langchain.ModelNotFoundError),
    Row(404, "not_found", "Workflow not found", langchain.ModelNotFoundError),
    Row(409, "conflict", "It is in use.", INVALID),
    Row(412, "human_input_form_expired", "The form has expired.", INVALID),
    Row(413, "file_too_large", "", INVALID),
    Row(413, "request_entity_too_large", "The data value transmitted exceeds the capacity limit.", INVALID),
    Row(415, "unsupported_file_type", "File type not allowed.", INVALID),
    Row(415, "unsupported_media_type", "Did not attempt to load JSON data", INVALID),
    Row(429, "too_many_requests", "Too many requests", langchain.ModelRateLimitError, retryable=True),
    Row(429, "rate_limit_error", "Workflow execution quota limit reached for tenant t", langchain.ModelRateLimitError),
    Row(500, "internal_server_error", "Something broke", langchain.ModelAPIError, retryable=True),
    Row(500, "unknown", "Internal Server Error", langchain.ModelAPIError, retryable=True),
    Row(502, "", "", langchain.ModelAPIError, retryable=True),
    Row(503, "", "", langchain.ModelAPIError, retryable=True),
    Row(504, "", "", langchain.ModelAPIError, retryable=True),
]
BY_CODE = [row for row in ROWS if row.code]
HTML = [(413, INVALID, False), (429, langchain.ModelRateLimitError, True), (502, langchain.ModelAPIError, True)]


def named(row: Row) -> str:
    return f"{row.status}-{row.code or 'no code'}-{row.message[:12]}"


@contextmanager
def serving(*scripts: Script) -> Iterator[FaultServer]:
    with FaultServer(*scripts) as server:
        yield server


@contextmanager
def model_of(server: FaultServer, **options: Any) -> Iterator[ChatDify]:
    """A model that asks once and leaves trying again to others."""
    with dify.Dify("app-test", base_url=server.url, user="ann", max_retries=0, trust_env=False) as client:
        yield ChatDify(client=client, **options)


def refusal(row: Row) -> Script:
    body = {"code": row.code, "message": row.message, "status": row.status} if row.code else b"<html>bad gateway</html>"
    return (closing(answer(row.status, body)),)


def failing(row: Row, *first: bytes) -> Script:
    """A stream that ends with an `error` event."""
    event = frame("error", code=row.code, message=row.message, status=row.status, task_id="t-1", message_id="m-1")
    return (head(), chunk(*first, event), LAST)


def error_of(model: Any, server: FaultServer, seen: list[Any]) -> langchain.ModelError:
    """What the call ends with, after exactly one request."""
    with pytest.raises(langchain.ModelError) as caught:
        seen.extend(model.stream("Hi"))
    assert len(server.requests) == 1
    assert isinstance(caught.value, DifyError)
    return caught.value


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_as_an_answer(row: Row) -> None:
    """Check 21: by HTTP."""
    with serving(refusal(row)) as server, model_of(server) as model:
        error = error_of(model, server, [])
    assert isinstance(error, row.kind)
    assert error.is_retryable is row.retryable
    assert isinstance(error, dify.APIError)
    assert (error.status, error.code) == (row.status, row.code)


@pytest.mark.parametrize("row", BY_CODE, ids=named)
def test_as_the_first_event(row: Row) -> None:
    """Check 21: in a stream, before anything was said."""
    with serving(failing(row)) as server, model_of(server) as model:
        seen: list[Any] = []
        error = error_of(model, server, seen)
    assert isinstance(error, row.kind)
    assert error.is_retryable is row.retryable
    assert isinstance(error, dify.APIError) and error.in_stream
    assert seen == []


@pytest.mark.parametrize("row", BY_CODE, ids=named)
def test_behind_words(row: Row) -> None:
    """Check 21: the same class behind words, and nothing of it may be tried again."""
    with serving(failing(row, CHAT.began)) as server, model_of(server) as model:
        seen: list[Any] = []
        error = error_of(model, server, seen)
    assert isinstance(error, row.kind)
    assert error.is_retryable is False
    assert "".join(chunk.text for chunk in seen) == "Hel"


@pytest.mark.parametrize(("status", "kind", "retryable"), HTML)
def test_pages_of_a_proxy(status: int, kind: type[Exception], retryable: bool) -> None:
    """Check 21: what stands before Dify answers without a code."""
    page = answer(status, b"<html>no</html>", Content_Type="text/html")
    with serving((page,)) as server, model_of(server) as model:
        error = error_of(model, server, [])
    assert isinstance(error, kind)
    assert error.is_retryable is retryable


def test_a_bare_error_event() -> None:
    """Check 21: an event without a code says 500 and means that the run was refused: trying again is of no use."""
    bare = frame("error", message="Workflow not published", status=500)
    with serving((head(), chunk(bare), LAST)) as server, model_of(server) as model:
        assert error_of(model, server, []).is_retryable is False


@pytest.mark.parametrize("garbage", [b"data: {\n\n", b'data: ["x"]\n\n'], ids=["half an object", "a list"])
def test_what_is_no_event(garbage: bytes) -> None:
    """The run may go on behind a frame that nobody can read: it is not asked for again."""
    with serving((head(), chunk(CHAT.began, garbage), LAST)) as server, model_of(server) as model:
        assert error_of(model, server, []).is_retryable is False


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_text_models_say_the_same(row: Row) -> None:
    """Check 21: `DifyLLM` raises as `ChatDify` does."""
    with serving(refusal(row)) as server:
        with dify.Dify("app-test", base_url=server.url, user="ann", max_retries=0, trust_env=False) as client:
            error = error_of(DifyLLM(client=client, prompt_key="query"), server, [])
    assert isinstance(error, row.kind)
    assert error.is_retryable is row.retryable


def agent_of(model: ChatDify) -> Any:
    retry = ModelRetryMiddleware(max_retries=2, initial_delay=0.0, jitter=False)
    return create_agent(model, tools=[], middleware=[retry])


ASKED = {"messages": [("user", "Hi")]}
GOOD: Script = (head(), chunk(CHAT.whole), LAST)


def tried(scripts: Sequence[Script]) -> tuple[str | type[Exception], int]:
    """What an agent with retry middleware comes to, and how often Dify was asked."""
    with serving(*scripts) as server, model_of(server) as model:
        try:
            outcome: Any = agent_of(model).invoke(ASKED)["messages"][-1].text
        except langchain.ModelError as error:
            outcome = type(error)
        return outcome, len(server.requests)


RETRIED = [row for row in ROWS if row.retryable]
NOT_RETRIED = [row for row in ROWS if not row.retryable]


@pytest.mark.parametrize("row", RETRIED, ids=named)
def test_retry_middleware_tries_again(row: Row) -> None:
    """Check 21: among others the 429 of a full queue, and its twin with status 400."""
    assert tried([refusal(row), refusal(row), GOOD]) == ("Hello", 3)


@pytest.mark.parametrize("row", NOT_RETRIED, ids=named)
def test_retry_middleware_gives_up(row: Row) -> None:
    """Check 21: among others the 429 of a used up quota."""
    outcome, requests = tried([refusal(row), GOOD])
    assert requests == 1
    assert isinstance(outcome, type) and issubclass(outcome, row.kind)


def test_retry_middleware_never_repeats_words() -> None:
    """Check 21: a server error behind words is nobody's to try again."""
    broken = Row(500, "internal_server_error", "Something broke", langchain.ModelAPIError)
    outcome, requests = tried([failing(broken, CHAT.began), GOOD])
    assert requests == 1
    assert isinstance(outcome, type) and issubclass(outcome, langchain.ModelAPIError)
