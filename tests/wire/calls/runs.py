"""Runs: started, stopped, followed, looked up; and the forms they wait for."""

from __future__ import annotations

from typing import Any

from dify_integrations.files import FileInput
from tests.wire.calls import differences as differ
from tests.wire.calls.base import Asked, Json, Reason, Route, Unreachable, by_ids, given, of_a_user, without_user

NO_QUERY = Reason("the client sends no empty query: servers from 1.13 on take it and fall silent", answered=True)
NO_INPUTS = Reason("the client always sends the inputs, as an object")
NO_MODE = Reason("the client always names the response mode, and only those there are", answered=True)
BAD_FILE = Reason("a file object that FileInput does not make; old servers ignore some", answered=True)
NO_SESSION = Reason("trace_session_id is no argument of the client; servers before it ignore it", answered=True)
NO_ACTION = Reason("a form is answered by pressing one of its buttons")


def _send(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    kwargs = _run(asked)
    query = kwargs.pop("query", None)
    if not isinstance(query, str) or not (query.strip() or kwargs.get("files")):
        raise Unreachable(NO_QUERY)
    if not kwargs.get("conversation_id"):
        kwargs.pop("conversation_id", None)
    return (query,), kwargs


def _start(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    kwargs = _run(asked)
    return (kwargs.pop("inputs"),), kwargs


def _start_version(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    args, kwargs = _start(asked)
    return args, {**kwargs, "workflow_id": asked.ids[0]}


def _run(asked: Asked) -> Json:
    """The arguments of a generation."""
    body = of_a_user(asked.json())
    mode = body.pop("response_mode", None)
    if not isinstance(body.get("inputs"), dict):
        raise Unreachable(NO_INPUTS)
    if mode not in ("streaming", "blocking"):
        raise Unreachable(NO_MODE)
    if "trace_session_id" in body:
        raise Unreachable(NO_SESSION)
    kwargs = body | {"inputs": _inputs(body["inputs"])} | asked.query
    if "files" in body:
        if not isinstance(body["files"], list) or not body["files"]:
            raise Unreachable(BAD_FILE)
        kwargs["files"] = [_file(entry) for entry in body["files"]]
    return kwargs | ({"response_mode": mode} if mode == "blocking" else {})


def _inputs(values: Json) -> Json:
    return {name: _input(value) for name, value in values.items()}


def _input(value: Any) -> Any:
    if isinstance(value, list):
        return [_input(entry) for entry in value]
    try:
        return _file(value)
    except Unreachable:  # inputs may hold any JSON
        return value


def _file(value: Any) -> FileInput:
    if isinstance(value, dict):
        kind = str(value.get("type"))
        file = FileInput(kind, url=value.get("url", ""), upload_file_id=value.get("upload_file_id", ""))
        if file.to_wire() == value and (file.url or file.upload_file_id):
            return file
    raise Unreachable(BAD_FILE)


def _stop(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    return asked.ids, of_a_user(asked.json())


def _follow(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    query = of_a_user(asked.query)
    switches = {name: query.get(name) == "true" for name in ("include_state_snapshot", "continue_on_pause")}
    return asked.ids, {**query, **switches}


def _logs(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    query = {name.replace("__", "_"): value for name, value in without_user(asked.query).items()}
    return (), query | {name: int(query[name]) for name in ("page", "limit") if name in query}


def _submit(asked: Asked) -> tuple[tuple[Any, ...], Json]:
    body = given(of_a_user(asked.json()), "inputs", reason=NO_INPUTS)
    return asked.ids, given(body, "action", reason=NO_ACTION) | {"inputs": _inputs(body["inputs"])}


ROUTES = [
    Route("sendChatMessage", _send, (differ.no_empty_conversation, differ.trace_in_body)),
    Route("createCompletionMessage", _start),
    Route("executeWorkflow", _start),
    Route("runWorkflowById", _start_version),
    Route("stopChatMessageGeneration", _stop),
    Route("stopGenerate", _stop),
    Route("stopWorkflowTaskGeneration", _stop),
    Route("streamWorkflowEvents", _follow),
    Route("getWorkflowRunDetail", by_ids, (differ.no_user,)),
    Route("getWorkflowLogs", _logs, differ.LISTED),
    Route("getChatflowHumanInputForm", by_ids, (differ.no_user,)),
    Route("submitChatflowHumanInputForm", _submit),
]
