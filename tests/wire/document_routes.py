"""From a recorded request about knowledge bases, documents or retrieval to the call that sends the same.

In the shape of `calls.py`: `ROUTES` are rows of its table, `as_sent` what the client adds or leaves out on purpose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from dify_integrations import FileInput, InvalidArgument, ProcessRule, RetrievalModel
from tests.wire.calls import BAD_LIMIT, BAD_MODEL, NO_QUERY, Call, Unreachable, _Asked

Json = dict[str, Any]
Build = Callable[[re.Match[str], _Asked], Call]

BAD_CHOICE = "the client refuses words the server refuses, or ignores"
BAD_NAME = "the client refuses names the server refuses"
BAD_RULE = "the client refuses rules the server refuses"
NO_NAME = "name and text are arguments that must be given"
NO_IDS = "the client refuses no ids, and the ids are an argument that must be given"
NO_FILE = "the file is an argument that must be given"
NO_DATA = "what goes with a file is a JSON object"
OLD_METADATA = "doc_type and doc_metadata were fields of 0.15; no later server knows them"
NO_CHANGE = "the client refuses a change of nothing"

_KB = r"/datasets/([0-9a-f-]{36}|bogus)"
_LISTS = re.compile(rf"/datasets|{_KB}/documents")


def parts(headers: Json, body: bytes) -> dict[str, tuple[str | None, str, bytes]]:
    """The parts of a multipart body: name to file name, media type and content."""
    boundary = str(headers["content-type"]).partition("boundary=")[2]
    found = {}
    for part in body.split(b"--" + boundary.encode())[1:-1]:
        head, _, content = part[2:-2].partition(b"\r\n\r\n")
        labels = dict(re.findall(r'(name|filename)="([^"]*)"', head.decode()))
        kind = re.search(r"Content-Type: (\S+)", head.decode())
        found[labels["name"]] = (labels.get("filename"), kind[1] if kind else "text/plain", content)
    return found


def as_sent(method: str, path: str, query: Json, body: Json) -> tuple[str, str, Json, Json]:
    """A recorded request without the differences the client makes on purpose.

    Page and page size are always named, with the server's defaults; there is no `user`; nulls are left out, and rules are
    complete; present spellings come first.
    """
    query = {name: value for name, value in query.items() if name != "user"}
    body.pop("user", None)
    if method == "GET" and _LISTS.fullmatch(path):
        query = {"page": "1", "limit": "20", **query}
    path = re.sub(r"/(create|update)_by_(file|text)$", r"/\1-by-\2", path).replace("/hit-testing", "/retrieve")
    body = _without_null(body)
    for rule in (body.get("process_rule"), body.get("data", {}).get("process_rule")):
        for name in ("segmentation", "subchunk_segmentation"):
            if rule and name in rule.get("rules", {}):
                rule["rules"][name].setdefault("chunk_overlap", 0)
    if path.endswith("/update-by-file"):
        method, path = "PATCH", path.removesuffix("/update-by-file")
    return method, path, query, body


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_null(entry) for name, entry in value.items() if entry is not None}
    return value


def _page(method: str) -> Build:
    def build(match: re.Match[str], asked: _Asked) -> Call:
        query: Json = {name: value for name, value in asked.query.items() if name != "user"}
        for name in {"page", "limit"} & query.keys():
            if not query[name].isdecimal():
                raise Unreachable(BAD_LIMIT)
            query[name] = int(query[name])
        if not 1 <= query.get("limit", 20) <= 100:
            raise Unreachable(BAD_LIMIT)
        if "tag_ids" in query:
            query["tag_ids"] = [query["tag_ids"]]
        if "include_all" in query:
            query["include_all"] = query["include_all"] == "true"
        if query.get("status", "available") not in ("queuing", "indexing", "paused", "error", "available", "disabled", "archived"):
            raise Unreachable(BAD_CHOICE)
        return Call(method, match.groups(), query)

    return build


def _arguments(body: Json) -> Json:
    """Settings with their models, as callers give them."""
    if {"doc_type", "doc_metadata"} & body.keys():
        raise Unreachable(OLD_METADATA)
    found = dict(body)
    if "pre_processing_rules" not in body.get("process_rule", {}).get("rules", {"pre_processing_rules": []}):
        raise Unreachable(BAD_RULE)
    try:
        if "process_rule" in found:
            found["process_rule"] = ProcessRule.model_validate(found["process_rule"])
        if "retrieval_model" in found:
            found["retrieval_model"] = RetrievalModel.model_validate(found["retrieval_model"])
    except InvalidArgument as error:
        raise Unreachable(BAD_RULE) from error
    return found


def _create(_: re.Match[str], asked: _Asked) -> Call:
    body = asked.json()
    if not 1 <= len(body.get("name", "")) <= 40:
        raise Unreachable(BAD_NAME)
    return Call("datasets.create", (body.pop("name"),), _arguments(body))


def _update(match: re.Match[str], asked: _Asked) -> Call:
    body = asked.json()
    body.pop("user", None)
    return Call("datasets.update", match.groups(), _arguments(body))


def _retrieve(match: re.Match[str], asked: _Asked) -> Call:
    body = asked.json()
    if not str(body.get("query") or "").strip():
        raise Unreachable(NO_QUERY)
    model = body.get("retrieval_model")
    if model is not None and not {"search_method", "reranking_enable", "top_k", "score_threshold_enabled"} <= model.keys():
        raise Unreachable(BAD_MODEL)
    return Call("datasets.retrieve", (match[1], body.pop("query")), _arguments(body))


def _create_text(match: re.Match[str], asked: _Asked) -> Call:
    body = asked.json()
    if not {"name", "text"} <= body.keys():
        raise Unreachable(NO_NAME)
    return Call("datasets.documents.create_by_text", match.groups(), _arguments(body))


def _update_text(match: re.Match[str], asked: _Asked) -> Call:
    body = asked.json()
    body.pop("user", None)
    if "text" in body and "name" not in body:
        raise Unreachable(NO_NAME)
    return Call("datasets.documents.update_by_text", match.groups(), _arguments(body))


def _file(asked: _Asked) -> tuple[FileInput, Json]:
    if not str(asked.headers.get("content-type")).startswith("multipart/"):
        raise Unreachable(NO_FILE)
    found = parts(asked.headers, asked.body)
    if "file" not in found:
        raise Unreachable(NO_FILE)
    filename, mime_type, content = found["file"]
    if not filename:
        raise Unreachable(NO_FILE)
    try:
        data = json.loads(found["data"][2]) if "data" in found else {}
    except ValueError as error:
        raise Unreachable(NO_DATA) from error
    return FileInput.from_bytes(content, filename, mime_type=mime_type), _arguments(data)


def _create_file(match: re.Match[str], asked: _Asked) -> Call:
    file, data = _file(asked)
    return Call("datasets.documents.create_by_file", (match[1], file), data)


def _update_file(match: re.Match[str], asked: _Asked) -> Call:
    file, data = _file(asked)
    if "indexing_technique" in data:
        raise Unreachable("no server changes the technique in an update")
    return Call("datasets.documents.update_by_file", match.groups(), {"file": file, **data})


def _get(match: re.Match[str], asked: _Asked) -> Call:
    query = {name: value for name, value in asked.query.items() if name != "user"}
    if query.get("metadata", "all") not in ("all", "only", "without"):
        raise Unreachable(BAD_CHOICE)
    return Call("datasets.documents.get", match.groups(), query)


def _zip(match: re.Match[str], asked: _Asked) -> Call:
    ids = asked.json().get("document_ids")
    if not ids:
        raise Unreachable(NO_IDS)
    return Call("datasets.documents.download_zip", (match[1], ids))


def _set_status(match: re.Match[str], asked: _Asked) -> Call:
    ids = asked.json().get("document_ids")
    if match[2] not in ("enable", "disable", "archive", "un_archive"):
        raise Unreachable(BAD_CHOICE)
    if ids is None:
        raise Unreachable(NO_IDS)
    return Call("datasets.documents.set_status", (match[1], match[2], ids))


def _plain(method: str) -> Build:
    return lambda match, _: Call(method, match.groups())


ROUTES: list[tuple[str, str, Build]] = [
    ("POST", r"/datasets", _create),
    ("GET", r"/datasets", _page("datasets.list")),
    ("GET", _KB, _plain("datasets.get")),
    ("PATCH", _KB, _update),
    ("DELETE", _KB, _plain("datasets.delete")),
    ("POST", rf"{_KB}/(?:retrieve|hit-testing)", _retrieve),
    ("POST", rf"{_KB}/document/create[-_]by[-_]text", _create_text),
    ("POST", rf"{_KB}/document/create[-_]by[-_]file", _create_file),
    ("GET", rf"{_KB}/documents", _page("datasets.documents.list")),
    ("GET", rf"{_KB}/documents/([^/]+)", _get),
    ("DELETE", rf"{_KB}/documents/([^/]+)", _plain("datasets.documents.delete")),
    ("POST", rf"{_KB}/documents/([^/]+)/update[-_]by[-_]text", _update_text),
    ("POST", rf"{_KB}/documents/([^/]+)/update[-_]by[-_]file", _update_file),
    ("GET", rf"{_KB}/documents/([^/]+)/download", _plain("datasets.documents.download_url")),
    ("GET", rf"{_KB}/documents/([^/]+)/indexing-status", _plain("datasets.documents.indexing_status")),
    ("POST", rf"{_KB}/documents/download-zip", _zip),
    ("PATCH", rf"{_KB}/documents/status/([^/]+)", _set_status),
]
