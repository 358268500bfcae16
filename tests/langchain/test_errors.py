"""Dify's errors are LangChain's too, and say truly whether trying again may help."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from langchain_core import exceptions as langchain
from langchain_core.messages import AIMessage

import dify_integrations as dify
from dify_integrations.local import Drop, Fail, Node, Text
from langchain_dify import errors
from langchain_dify.errors import as_model_error
from tests.langchain.conftest import Recorder, Serve, saying

SOME = dify.RunResult(text="some words")


def api(kind: type[dify.APIError], status: int = 400, **more: Any) -> dify.APIError:
    return kind("m", status=status, **more)


TABLE: list[tuple[dify.DifyError, type[Exception], bool]] = [
    (api(dify.AuthenticationError, 401), langchain.ModelAuthenticationError, False),
    (api(dify.PermissionDenied, 403), langchain.ModelPermissionDeniedError, False),
    (api(dify.BadRequest), langchain.ModelInvalidRequestError, False),
    (api(dify.ProviderError), langchain.ModelInvalidRequestError, False),
    (dify.ProviderError("maximum context length is 8192 tokens", status=400), langchain.ContextOverflowError, False),
    (api(dify.Conflict, 409), langchain.ModelInvalidRequestError, False),
    (api(dify.PayloadTooLarge, 413), langchain.ModelInvalidRequestError, False),
    (api(dify.UnsupportedFileType, 415), langchain.ModelInvalidRequestError, False),
    (api(dify.NotFound, 404), langchain.ModelNotFoundError, False),
    (api(dify.ConversationNotFound, 404), langchain.ModelNotFoundError, False),
    (api(dify.EndpointNotAvailable, 404), langchain.ModelNotFoundError, False),
    (api(dify.TooManyRequests, 429), langchain.ModelRateLimitError, True),
    (api(dify.QuotaExceeded, 429), langchain.ModelRateLimitError, False),
    (api(dify.ServerError, 500), langchain.ModelAPIError, True),
    (api(dify.ServerError, 500, partial=SOME), langchain.ModelAPIError, False),
    (dify.ConnectFailed("m"), langchain.ModelConnectionError, True),
    (dify.ConnectionDropped("m"), langchain.ModelConnectionError, True),
    (dify.ProxyFailed("m"), langchain.ModelConnectionError, True),
    (dify.TLSFailed("m"), langchain.ModelConnectionError, False),
    (dify.StreamInterrupted("m"), langchain.ModelConnectionError, True),
    (dify.StreamInterrupted("m", partial=SOME), langchain.ModelConnectionError, False),
    (dify.StreamStalled("m"), langchain.ModelTimeoutError, True),
    (dify.ReadTimedOut("m"), langchain.ModelTimeoutError, True),
    (dify.DeadlineExceeded("m"), langchain.ModelTimeoutError, True),
    (dify.RunFailed("m"), langchain.ModelError, False),
    (dify.UnexpectedContent("m"), langchain.ModelError, False),
    (dify.MalformedEvent("m"), langchain.ModelError, False),
    (dify.BodyTooLarge("m"), langchain.ModelError, False),
]


@pytest.mark.parametrize(("error", "kind", "retryable"), TABLE, ids=[type(row[0]).__name__ + str(i) for i, row in enumerate(TABLE)])
def test_table(error: dify.DifyError, kind: type[Exception], retryable: bool) -> None:
    same = as_model_error(error)
    assert isinstance(same, (kind, type(error))) and isinstance(same, kind) and isinstance(same, type(error))
    assert isinstance(same, langchain.ModelError) and same.is_retryable is retryable
    assert str(same) == str(error) and same.__dict__.items() >= error.__dict__.items()
    assert type(pickle.loads(pickle.dumps(same))) is type(same)


def test_every_error_of_the_server_and_the_network_has_its_class() -> None:
    def leaves(kind: type[dify.DifyError]) -> list[type[dify.DifyError]]:
        below = [leaf for child in kind.__subclasses__() if child.__module__ == kind.__module__ for leaf in leaves(child)]
        return [kind, *below]

    stay = {
        dify.DifyError,
        dify.InvalidArgument,
        dify.TransportError,
        dify.APIError,
        dify.RateLimited,
        dify.RunError,
        dify.RunStopped,
        dify.ProtocolError,
        dify.StreamConsumed,
    }
    # No model waits for an index.
    apart = (dify.IndexingError,)
    expected = {kind for kind in leaves(dify.DifyError) if not issubclass(kind, apart)} - stay
    assert expected == set(errors._MODEL_ERRORS)


def test_errors_of_ours_alone_stay() -> None:
    error = dify.InvalidArgument("m")
    assert as_model_error(error) is error


def test_wrong_key(serve: Serve, recorder: Recorder) -> None:
    model = serve([Text("x")]).chat(api_key="app-wrong")
    with pytest.raises(langchain.ModelAuthenticationError) as failure:
        model.invoke("Hi", config={"callbacks": [recorder]})
    assert isinstance(failure.value, dify.AuthenticationError)
    assert len(recorder.failed) == 1


@pytest.mark.anyio
async def test_error_in_the_stream_comes_after_what_was_said(serve: Serve) -> None:
    model = serve([Text("one "), Fail("[models] Error: overloaded")]).chat()
    said: list[str] = []
    with pytest.raises(errors.DifyProviderError, match="overloaded") as failure:
        said.extend([chunk.text async for chunk in model.astream("Hi")])
    assert failure.value.partial is not None and failure.value.partial.text == "one "


def test_failed_chatflow(serve: Serve) -> None:
    app = saying(Node("code", "C", status="failed", error="division by zero"), mode="advanced-chat")
    with pytest.raises(errors.DifyRunFailedError, match="division by zero") as failure:
        serve(app).chat().invoke("Hi")
    assert failure.value.result is not None and failure.value.result.steps


def test_lost_connection_is_never_a_short_answer(serve: Serve) -> None:
    with pytest.raises(errors.DifyStreamInterruptedError) as failure:
        serve([Text("one "), Drop()]).chat().invoke("Hi")
    assert failure.value.is_retryable is False


def test_fallback_by_langchains_kind(serve: Serve) -> None:
    served = serve(saying(Fail("no"), name="bad"), saying(Text("fine"), name="good"))
    chain = served.chat("bad").with_fallbacks([served.chat("good")], exceptions_to_handle=(langchain.ModelError,))
    assert chain.invoke("Hi").text == "fine"


def test_text_model_raises_the_same(serve: Serve) -> None:
    with pytest.raises(langchain.ModelInvalidRequestError):
        serve([Text("x")]).llm(prompt_key="prompt").invoke("Hi")


def test_missing_user_is_told_before_sending(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIFY_USER", raising=False)
    served = serve([Text("x")])
    with pytest.raises(dify.InvalidArgument, match="DIFY_USER"):
        served.chat(user=None).invoke("Hi")
    assert served.server.requests == []


def test_a_refusal_is_both_kinds_of_error_and_survives_pickling() -> None:
    error = errors.DifyRefusalError("m", replacement="No.", raw=AIMessage("No."), result=SOME)
    again = pickle.loads(pickle.dumps(error))
    kinds = (dify.RunError, langchain.ModelError, getattr(langchain, "ModelRefusalError", langchain.ModelError))
    assert all(issubclass(type(again), kind) for kind in kinds)
    assert not again.is_retryable
    assert (str(again), again.replacement, again.raw, again.result) == ("m", "No.", AIMessage("No."), SOME)
