"""The canary: a key that must not turn up anywhere it was not sent to."""

from __future__ import annotations

import copy
import inspect
import logging
import pickle
import traceback
from typing import Any

import pytest

from dify_integrations import AsyncDify, Dify, DifyError, RunResult, errors
from dify_integrations.models.indexing import IndexingStatus
from tests.faults.server import FaultServer, hold, reset
from tests.faults.sides import KEY, Side
from tests.faults.wire import CHAT, answer, chunk, head

CANARY = "CANARY"
CLASSES = [cls for cls in vars(errors).values() if inspect.isclass(cls) and issubclass(cls, DifyError)]


def texts_of(value: BaseException) -> list[str]:
    """Everything an error says, its causes included; what the server sent as its result is the caller's data."""
    chain: list[BaseException] = []
    current: BaseException | None = value
    while current is not None:
        chain.append(current)
        current = current.__cause__ or current.__context__
    shown = [text for error in chain for text in (str(error), repr(error), repr(error.args))]
    return [*shown, repr({**vars(value), "partial": None}), *traceback.format_exception(value)]


@pytest.mark.parametrize("side", [Side("sync"), Side("asyncio")], ids=str)
def test_errors_and_logs(side: Side, caplog: pytest.LogCaptureFixture) -> None:
    """Servers that break, refuse and quote the key: neither errors nor our log show it."""
    caplog.set_level(logging.DEBUG, logger="dify_integrations")
    quoted = {"code": "unauthorized", "message": f"bad key {KEY}", "status": 401}
    scripts: list[Any] = [
        (reset,),
        (answer(401, quoted),),
        (answer(429),),
        (answer(500, f"<p>Bearer {KEY}</p>".encode()),),
        (answer(200, f"<p>{KEY}</p>".encode()),),
        (head(), chunk(CHAT.began)),
        (head(), chunk(b"data: " + KEY.encode() + b"\n\n"), hold),
        (head(), chunk(b'data: {"event": "error", "code": "x", "message": "key ' + KEY.encode() + b'"}\n\n')),
    ]
    for script in scripts:
        with FaultServer(script) as server:
            error = side.error(lambda dify: dify.chat.send("hi"), server.url)
        for text in texts_of(error):
            assert CANARY not in text
        error.partial = None
        assert CANARY.encode() not in pickle.dumps(error)
    assert caplog.records
    for record in caplog.records:
        if record.name == "dify_integrations":
            assert CANARY not in record.getMessage()


@pytest.mark.parametrize("make", [Dify, AsyncDify], ids=["sync", "async"])
def test_clients_and_runs(make: Any) -> None:
    """Neither the client nor its parts show the key or can be pickled."""
    dify = make(KEY, dataset_api_key="dataset-CANARYcanary", base_url="http://127.0.0.1:1/v1", user="ann")
    run = dify.chat.stream("hi")
    for value in (dify, dify.settings, run, run.result, dify.chat, dify._transport, dify.settings.api_key):
        assert CANARY not in repr(value)
        assert CANARY not in str(value)
    assert CANARY not in repr(vars(dify))
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(dify)
    with pytest.raises(TypeError):
        pickle.dumps(dify.settings)
    assert copy.deepcopy(dify.settings).key_for("app") == KEY


def made(cls: type[DifyError]) -> DifyError:
    """One of each, with everything it can hold."""
    partial = RunResult(text="Hel", task_id="t-1")
    if issubclass(cls, errors.APIError):
        return cls("no", status=400, code="x", params="y", retry_after_s=1.5, in_stream=True, partial=partial)
    if issubclass(cls, errors.StreamInterrupted):
        return cls("no", ids={"task_id": "t-1"}, partial=partial)
    if issubclass(cls, errors.TransportError):
        return cls("no", started=False, partial=partial)
    if issubclass(cls, errors.RunError):
        return cls("no", result=partial)
    if issubclass(cls, errors.IndexingError):
        return cls("no", statuses=[IndexingStatus(id="d-1", indexing_status="error")])
    return cls("no", partial=partial)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_survives_a_pickle(cls: type[DifyError]) -> None:
    """Class, text and fields; also a copy."""
    error = made(cls)
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(other) is cls
        assert (str(other), other.args, vars(other)) == (str(error), error.args, vars(error))
