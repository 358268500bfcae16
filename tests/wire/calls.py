"""From a recorded request to the call of the public client that must send the same, or the reason why there is none."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from dify_integrations.errors import InvalidArgument
from dify_integrations.files import FileInput
from dify_integrations.models.retrieval import RetrievalModel

Json = dict[str, Any]


@dataclass
class Call:
    """A call of the client: `method` such as `chat.send`, with its arguments."""

    method: str
    args: tuple[Any, ...] = ()
    kwargs: Json = field(default_factory=dict)

    @property
    def streams(self) -> bool:
        """Whether it could also be made with `stream`."""
        return self.method in ("chat.send", "completion.send", "workflows.run") and "response_mode" not in self.kwargs

    @property
    def kind(self) -> str:
        return "workflow" if self.method == "workflows.run" else "message"


class Unreachable(Exception):
    """No call of the client sends this request; the text says why."""


LATER = "its resource is a later part of the client"
NEVER = "no client sends this; it was recorded to see the refusal"

# Methods, path (`{}` is one segment, `**` any rest), and why nothing of the client sends it.
NOT_REACHABLE: list[tuple[str, str, str]] = [
    ("GET", "/conversations", LATER),
    ("GET POST PUT DELETE", "/conversations/**", LATER),
    ("GET POST", "/messages/{}/**", LATER),
    ("GET", "/app/feedbacks", LATER),
    ("GET", "/meta", LATER),
    ("GET", "/site", LATER),
    ("POST", "/audio-to-text", LATER),
    ("POST", "/text-to-audio", LATER),
    ("GET POST PUT DELETE", "/apps/**", LATER),
    ("GET", "/files/{}/**", LATER),
    ("GET", "/workflows/logs", LATER),
    ("GET", "/workflow/{}/events", LATER),
    ("GET POST", "/form/human_input/{}", LATER),
    ("GET", "/end-users/{}", LATER),
    ("GET POST", "/datasets", LATER),
    ("GET POST PATCH DELETE", "/datasets/tags", LATER),
    ("POST", "/datasets/tags/**", LATER),
    ("PATCH DELETE", "/datasets/{}", LATER),
    ("POST", "/datasets/{}/hit-testing", "an alias of retrieve"),
    ("POST", "/datasets/{}/document/**", LATER),
    ("GET", "/datasets/{}/documents", LATER),
    ("GET POST PATCH DELETE", "/datasets/{}/documents/**", LATER),
    ("GET POST", "/datasets/{}/metadata", LATER),
    ("POST PATCH DELETE GET", "/datasets/{}/metadata/**", LATER),
    ("GET", "/datasets/{}/tags", LATER),
    ("GET POST", "/datasets/{}/pipeline/**", LATER),
    ("POST", "/datasets/pipeline/file-upload", LATER),
    ("GET", "/workspaces/**", LATER),
    ("GET", "/", NEVER),
    ("GET PUT OPTIONS", "/chat-messages", NEVER),
    ("PUT", "/completion-messages", NEVER),
    ("HEAD", "/info", NEVER),
    ("GET", "/nope", NEVER),
    ("GET", "/no-such-endpoint", NEVER),
]

NO_JSON = "the client sends JSON objects only"
NO_USER = "the client always names the user"
NO_QUERY = "the client sends no empty query"
NO_INPUTS = "the client always sends the inputs, as an object"
NO_MODE = "the client always names the response mode, and only those there are"
BAD_FILE = "a file object that FileInput does not make"
BAD_UPLOAD = "an upload without file or user, or with more than one file"
BAD_MODEL = "RetrievalModel always has its four required fields, and only methods and operators there are"
NO_CONVERSATION = "the client always names the conversation"
NO_TRACE_QUERY = "the client sends trace_id in the body"
BAD_LIMIT = "the client refuses limits the server refuses"
NO_SESSION = "trace_session_id is no argument of the client"


def call_for(method: str, uri: str, headers: Json, body: bytes) -> Call:
    """The call that sends this request.

    Raises:
        Unreachable: There is none.
    """
    path = urlsplit(uri).path.removeprefix("/v1")
    for row in NOT_REACHABLE:
        if fits(row, method, path):
            raise Unreachable(row[2])
    for verb, pattern, build in _ROUTES:
        match = re.fullmatch(pattern, path)
        if verb == method and match:
            return build(match, _Asked(dict(parse_qsl(urlsplit(uri).query)), headers, body))
    raise LookupError(f"neither a route of the client nor in NOT_REACHABLE: {method} {path}")


def fits(row: tuple[str, str, str], method: str, path: str) -> bool:
    """Whether a row of NOT_REACHABLE is about this request."""
    pattern = re.escape(row[1]).replace(r"\{\}", "[^/]+").replace(r"\*\*", ".+")
    return method in row[0].split() and re.fullmatch(pattern, path) is not None


def as_the_client_would(uri: str, body: bytes) -> tuple[str, bytes]:
    """A recorded request without the differences the client makes on purpose; the server's answer is the same.

    - the page size of `/messages` is always named, with the server's default
    - `/info` and `/parameters` go without the `user` that old documentation asks for
    - an empty `conversation_id` and null entries of `retrieval_model` are left out
    """
    parts = urlsplit(uri)
    query = dict(parse_qsl(parts.query))
    if parts.path == "/v1/messages":
        query.setdefault("limit", "20")
    if parts.path in ("/v1/info", "/v1/parameters"):
        query.pop("user", None)
    try:
        value = json.loads(body or b"null")
    except ValueError:
        return uri, body
    if isinstance(value, dict):
        if value.get("conversation_id") == "":
            del value["conversation_id"]
        if isinstance(value.get("retrieval_model"), dict):
            value["retrieval_model"] = {k: v for k, v in value["retrieval_model"].items() if v is not None}
        body = json.dumps(value).encode()
    return parts._replace(query=urlencode(query)).geturl(), body


@dataclass
class _Asked:
    query: dict[str, str]
    headers: Json
    body: bytes

    def json(self) -> Json:
        try:
            value = json.loads(self.body or b"null")
        except ValueError:
            value = None
        if not isinstance(value, dict) or "application/json" not in str(self.headers.get("content-type")):
            raise Unreachable(NO_JSON)
        return value


def _send(_: re.Match[str], asked: _Asked) -> Call:
    if asked.query:
        raise Unreachable(NO_TRACE_QUERY)
    kwargs = _run(asked.json())
    query = kwargs.get("query")
    if not isinstance(query, str) or not (query.strip() or kwargs.get("files")):
        raise Unreachable(NO_QUERY)
    if not kwargs.get("conversation_id"):
        kwargs.pop("conversation_id", None)
    return Call("chat.send", (kwargs.pop("query"),), kwargs)


def _complete(_: re.Match[str], asked: _Asked) -> Call:
    kwargs = _run(asked.json())
    return Call("completion.send", (kwargs.pop("inputs"),), kwargs)


def _execute(match: re.Match[str], asked: _Asked) -> Call:
    kwargs = _run(asked.json())
    if match.groups():
        kwargs["workflow_id"] = match[1]
    return Call("workflows.run", (kwargs.pop("inputs"),), kwargs)


def _run(body: Json) -> Json:
    """The arguments of a generation from its body."""
    kwargs = dict(body)
    mode = kwargs.pop("response_mode", None)
    reasons = {
        NO_USER: not body.get("user"),
        NO_INPUTS: not isinstance(body.get("inputs"), dict),
        NO_MODE: mode not in ("streaming", "blocking"),
        NO_SESSION: "trace_session_id" in body,
    }
    for reason, holds in reasons.items():
        if holds:
            raise Unreachable(reason)
    kwargs["inputs"] = {name: _input(value) for name, value in body["inputs"].items()}
    if "files" in body:
        if not isinstance(body["files"], list) or not body["files"]:
            raise Unreachable(BAD_FILE)
        kwargs["files"] = [_file(entry) for entry in body["files"]]
    if mode == "blocking":
        kwargs["response_mode"] = mode
    return kwargs


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


def _stop(area: str) -> Callable[[re.Match[str], _Asked], Call]:
    def build(match: re.Match[str], asked: _Asked) -> Call:
        user = asked.json().get("user")
        if not user:
            raise Unreachable(NO_USER)
        return Call(f"{area}.stop", (match[1],), {"user": user})

    return build


def _upload(_match: re.Match[str], asked: _Asked) -> Call:
    boundary = re.search(r"boundary=(\S+)", str(asked.headers.get("content-type")))
    parts = asked.body.split(b"--" + boundary[1].encode())[1:-1] if boundary else []
    user, files = None, []
    for part in parts:
        head, _, content = part[2:-2].partition(b"\r\n\r\n")
        filename, mime = re.search(rb'filename="([^"]*)"', head), re.search(rb"Content-Type: (\S+)", head)
        if filename and mime:
            files.append(FileInput.from_bytes(content, filename[1].decode() or "?", mime_type=mime[1].decode()))
        elif b'name="user"' in head:
            user = content.decode()
    if user is None or len(files) != 1 or b'name="file"' not in asked.body or b'filename=""' in asked.body:
        raise Unreachable(BAD_UPLOAD)
    return Call("files.upload", (files[0],), {"user": user})


def _retrieve(match: re.Match[str], asked: _Asked) -> Call:
    body = asked.json()
    if not isinstance(body.get("query"), str) or not body["query"].strip():
        raise Unreachable(NO_QUERY)
    model = body.get("retrieval_model")
    if model is None:
        return Call("datasets.retrieve", (match[1], body["query"]))
    if not {"search_method", "reranking_enable", "top_k", "score_threshold_enabled"} <= model.keys():
        raise Unreachable(BAD_MODEL)
    try:
        return Call("datasets.retrieve", (match[1], body["query"]), {"retrieval_model": RetrievalModel.model_validate(model)})
    except InvalidArgument as error:
        raise Unreachable(BAD_MODEL) from error


def _messages(_: re.Match[str], asked: _Asked) -> Call:
    kwargs: Json = dict(asked.query)
    if not kwargs.get("user"):
        raise Unreachable(NO_USER)
    if not kwargs.get("conversation_id"):
        raise Unreachable(NO_CONVERSATION)
    limit = int(kwargs.pop("limit", 20))
    if not 1 <= limit <= 100:
        raise Unreachable(BAD_LIMIT)
    return Call("messages.list", (kwargs.pop("conversation_id"),), {**kwargs, "limit": limit})


_ROUTES: list[tuple[str, str, Callable[[re.Match[str], _Asked], Call]]] = [
    ("POST", r"/chat-messages", _send),
    ("POST", r"/completion-messages", _complete),
    ("POST", r"/workflows/run", _execute),
    ("POST", r"/workflows/([^/]+)/run", _execute),
    ("POST", r"/chat-messages/([^/]+)/stop", _stop("chat")),
    ("POST", r"/completion-messages/([^/]+)/stop", _stop("completion")),
    ("POST", r"/workflows/tasks/([^/]+)/stop", _stop("workflows")),
    ("POST", r"/files/upload", _upload),
    ("POST", r"/datasets/([^/]+)/retrieve", _retrieve),
    ("GET", r"/datasets/([^/]+)", lambda match, _: Call("datasets.get", (match[1],))),
    ("GET", r"/messages", _messages),
    ("GET", r"/info", lambda *_: Call("app.info")),
    ("GET", r"/parameters", lambda *_: Call("app.parameters")),
    ("GET", r"/workflows/run/([^/]+)", lambda match, _: Call("workflows.detail", (match[1],))),
]
