"""From a recorded request about chunks, metadata, tags, models or pipelines to the call that sends the same.

In the shape of `calls.py`: `ROUTES` are rows of its table, `as_sent` what the client adds or leaves out on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from dify_integrations.models.metadata import DocumentMetadata
from dify_integrations.models.pipelines import LocalFile
from dify_integrations.models.segments import SegmentInput
from tests.wire.calls import BAD_LIMIT, Call, Unreachable, _Asked, _upload

Json = dict[str, Any]
Build = Callable[[re.Match[str], _Asked], Call]

BAD_CHOICE = "the client refuses words the server refuses, or takes for anything"
NO_SEGMENTS = "the client refuses chunks without text, and none at all"
NO_CHANGE = "the client refuses a change of nothing"
NO_TEXT = "the text is an argument that must be given"
NO_NAME = "name and type are arguments that must be given"
NO_TAG = "the client refuses empty ids, and no ids"
NO_VALUES = "the documents are an argument that must be given"
NO_RUN = "what a run needs are arguments that must be given"

_SEGMENT = r"/datasets/([^/]+)/documents/([^/]+)/segments/([^/]+)"
_LISTS = re.compile(r".*/(segments|child_chunks)")


def as_sent(method: str, path: str, query: Json, body: Json) -> tuple[Json, Json]:
    """A recorded query and body without the differences the client makes on purpose.

    Page, page size, `is_published` and `partial_update` are always named, with the server's defaults; there is no `user`;
    a tag that is taken away is named in both ways.
    """
    query = {name: value for name, value in query.items() if name != "user"}
    body = {name: value for name, value in body.items() if name != "user"}
    if method == "GET" and _LISTS.fullmatch(path):
        query = {"page": "1", "limit": "20", **query}
    if path.endswith("/datasource-plugins"):
        query = {"is_published": "true"}
    if path.endswith("/documents/metadata"):
        body = {"operation_data": [{"partial_update": False, **entry} for entry in body["operation_data"]]}
    if path == "/datasets/tags/unbinding":
        tag_id = body.get("tag_id") or body["tag_ids"][0]
        body |= {"tag_id": tag_id, "tag_ids": [tag_id]}
    return query, body


def _page(method: str) -> Build:
    def build(match: re.Match[str], asked: _Asked) -> Call:
        query: Json = {name: value for name, value in asked.query.items() if name != "user"}
        for name in {"page", "limit"} & query.keys():
            query[name] = int(query[name])
        if not 1 <= query.get("limit", 20) <= 100:
            raise Unreachable(BAD_LIMIT)
        return Call(method, match.groups(), query)

    return build


def _create_segments(match: re.Match[str], asked: _Asked) -> Call:
    segments = asked.json().get("segments")
    if not segments or not all(entry.get("content", "").strip() for entry in segments):
        raise Unreachable(NO_SEGMENTS)
    return Call("datasets.segments.create", (*match.groups(), [SegmentInput(**entry) for entry in segments]))


def _update_segment(match: re.Match[str], asked: _Asked) -> Call:
    changes = asked.json().get("segment")
    if not changes:
        raise Unreachable(NO_CHANGE)
    return Call("datasets.segments.update", match.groups(), changes)


def _child_chunk(method: str) -> Build:
    def build(match: re.Match[str], asked: _Asked) -> Call:
        body = asked.json()
        if "content" not in body:
            raise Unreachable(NO_TEXT)
        return Call(f"datasets.child_chunks.{method}", match.groups(), {"content": body["content"]})

    return build


def _create_field(match: re.Match[str], asked: _Asked) -> Call:
    body = asked.json()
    if not {"name", "type"} <= body.keys():
        raise Unreachable(NO_NAME)
    if body["type"] not in ("string", "number", "time"):
        raise Unreachable(BAD_CHOICE)
    return Call("datasets.metadata.create", match.groups(), {"name": body["name"], "type": body["type"]})


def _rename_field(match: re.Match[str], asked: _Asked) -> Call:
    body = asked.json()
    if "name" not in body:
        raise Unreachable(NO_NAME)
    return Call("datasets.metadata.update", match.groups(), {"name": body["name"]})


def _set_built_in(match: re.Match[str], _: _Asked) -> Call:
    if match[2] not in ("enable", "disable"):
        raise Unreachable(BAD_CHOICE)
    return Call("datasets.metadata.set_built_in", match.groups())


def _assign(match: re.Match[str], asked: _Asked) -> Call:
    entries = asked.json().get("operation_data")
    if entries is None:
        raise Unreachable(NO_VALUES)
    return Call("datasets.metadata.assign", (match[1], [DocumentMetadata(**entry) for entry in entries]))


def _create_tag(_: re.Match[str], asked: _Asked) -> Call:
    body = asked.json()
    if "name" not in body:
        raise Unreachable(NO_NAME)
    return Call("datasets.tags.create", (body["name"],))


def _change_tag(method: str) -> Build:
    def build(_: re.Match[str], asked: _Asked) -> Call:
        body = asked.json()
        if not body.get("tag_id"):
            raise Unreachable(NO_TAG)
        return Call(f"datasets.tags.{method}", (body.pop("tag_id"),), body)

    return build


def _bind(method: str) -> Build:
    def build(_: re.Match[str], asked: _Asked) -> Call:
        body = asked.json()
        tag_ids = body.get("tag_ids") or [body.get("tag_id")]
        if not all(tag_ids):
            raise Unreachable(NO_TAG)
        return Call(f"datasets.tags.{method}", (body["target_id"], tag_ids))

    return build


def _models(match: re.Match[str], _: _Asked) -> Call:
    if match[1] == "bogus":
        raise Unreachable(BAD_CHOICE)
    return Call("models.list", match.groups())


def _nodes(match: re.Match[str], asked: _Asked) -> Call:
    assert asked.query.get("is_published", "true") == "true"
    return Call("datasets.pipelines.datasource_plugins", match.groups())


def _run(match: re.Match[str], asked: _Asked) -> Call:
    body = asked.json()
    if "start_node_id" not in body:
        raise Unreachable(NO_RUN)
    items = [LocalFile(**entry) for entry in body.pop("datasource_info_list")]
    assert body.pop("response_mode") == "blocking"
    return Call("datasets.pipelines.run", (match[1], items), body)


def _ask_node(match: re.Match[str], asked: _Asked) -> Call:
    body = asked.json()
    if "datasource_type" not in body:
        raise Unreachable(NO_RUN)
    return Call("datasets.pipelines.run_datasource_node", match.groups(), body)


def _upload_file(match: re.Match[str], asked: _Asked) -> Call:
    body = asked.body
    if b'name="file"' not in body:
        raise Unreachable("an upload without a file")
    # The upload of apps, with a user, is read alike.
    boundary = body.partition(b"\r\n")[0]
    head = b'\r\nContent-Disposition: form-data; name="user"\r\n\r\nann\r\n'
    call = _upload(match, _Asked(asked.query, asked.headers, boundary + head + body))
    return Call("datasets.pipelines.upload_file", call.args)


def _plain(method: str) -> Build:
    return lambda match, _: Call(method, match.groups())


ROUTES: list[tuple[str, str, Build]] = [
    ("POST", r"/datasets/([^/]+)/documents/([^/]+)/segments", _create_segments),
    ("GET", r"/datasets/([^/]+)/documents/([^/]+)/segments", _page("datasets.segments.list")),
    ("GET", _SEGMENT, _plain("datasets.segments.get")),
    ("POST", _SEGMENT, _update_segment),
    ("DELETE", _SEGMENT, _plain("datasets.segments.delete")),
    ("POST", f"{_SEGMENT}/child_chunks", _child_chunk("create")),
    ("GET", f"{_SEGMENT}/child_chunks", _page("datasets.child_chunks.list")),
    ("PATCH", f"{_SEGMENT}/child_chunks/([^/]+)", _child_chunk("update")),
    ("DELETE", f"{_SEGMENT}/child_chunks/([^/]+)", _plain("datasets.child_chunks.delete")),
    ("POST", r"/datasets/([^/]+)/metadata", _create_field),
    ("GET", r"/datasets/([^/]+)/metadata", _plain("datasets.metadata.list")),
    ("GET", r"/datasets/([^/]+)/metadata/built-in", _plain("datasets.metadata.built_in")),
    ("POST", r"/datasets/([^/]+)/metadata/built-in/([^/]+)", _set_built_in),
    ("PATCH", r"/datasets/([^/]+)/metadata/([^/]+)", _rename_field),
    ("DELETE", r"/datasets/([^/]+)/metadata/([^/]+)", _plain("datasets.metadata.delete")),
    ("POST", r"/datasets/([^/]+)/documents/metadata", _assign),
    ("POST", r"/datasets/tags", _create_tag),
    ("GET", r"/datasets/tags", _plain("datasets.tags.list")),
    ("PATCH", r"/datasets/tags", _change_tag("update")),
    ("DELETE", r"/datasets/tags", _change_tag("delete")),
    ("POST", r"/datasets/tags/binding", _bind("bind")),
    ("POST", r"/datasets/tags/unbinding", _bind("unbind")),
    ("GET", r"/datasets/([^/]+)/tags", _plain("datasets.tags.of_dataset")),
    ("GET", r"/workspaces/current/models/model-types/([^/]+)", _models),
    ("POST", r"/datasets/pipeline/file-upload", _upload_file),
    ("GET", r"/datasets/([^/]+)/pipeline/datasource-plugins", _nodes),
    ("POST", r"/datasets/([^/]+)/pipeline/run", _run),
    ("POST", r"/datasets/([^/]+)/pipeline/datasource/nodes/([^/]+)/run", _ask_node),
]
