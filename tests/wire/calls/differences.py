"""Where the client's requests differ from the recorded ones on purpose; the server's answer is the same.

Each function changes a recorded request into the client's.
"""

from __future__ import annotations

from typing import Any

from tests.wire.calls.base import Difference, Part, Sent


def page_size_named(sent: Sent) -> None:
    """The page size is always named, with the server's default."""
    _default(sent, "limit", "20")


def page_named(sent: Sent) -> None:
    """The page is always named, with the server's default."""
    _default(sent, "page", "1")


def _default(sent: Sent, name: str, value: str) -> None:
    if name not in dict(sent.query):
        sent.query.append((name, value))


def no_user(sent: Sent) -> None:
    """`user` goes only where Dify reads it."""
    sent.query = [(name, value) for name, value in sent.query if name != "user"]
    if isinstance(sent.body, dict):
        sent.body.pop("user", None)


def no_body(sent: Sent) -> None:
    """Without a field there is no body."""
    if sent.body == {}:
        sent.body = None


def no_empty_conversation(sent: Sent) -> None:
    """A new conversation is asked for without an id, not with an empty one."""
    if isinstance(sent.body, dict) and sent.body.get("conversation_id") == "":
        del sent.body["conversation_id"]


def trace_in_body(sent: Sent) -> None:
    """The trace id goes with the body, not with the query; servers read both."""
    sent.body |= {name: value for name, value in sent.query if name == "trace_id"}
    sent.query = [(name, value) for name, value in sent.query if name != "trace_id"]


def no_nulls(sent: Sent) -> None:
    """Fields that are null are left out: 1.12 takes them, later servers validate some of them away."""
    sent.body = _without_nulls(sent.body)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(entry) for name, entry in value.items() if entry is not None}
    return value


def whole_rules(sent: Sent) -> None:
    """How chunks overlap is always said, with the server's default."""
    rules = sent.body.get("process_rule", {}).get("rules", {})
    for name in ("segmentation", "subchunk_segmentation"):
        if name in rules:
            rules[name].setdefault("chunk_overlap", 0)


def whole_rules_in_data(sent: Sent) -> None:
    """As `whole_rules`, of what goes with a file."""
    for data in _data(sent):
        whole_rules(Sent("", "", [], data))


def no_technique(sent: Sent) -> None:
    """An update does not name the technique, which it cannot change."""
    for data in _data(sent):
        data.pop("indexing_technique", None)


def _data(sent: Sent) -> list[Any]:
    return [part.content for part in sent.body if isinstance(part, Part) and part.name == "data"]


def partial_update_named(sent: Sent) -> None:
    """Whether other values are kept is always said, with the server's default."""
    for entry in sent.body["operation_data"]:
        entry.setdefault("partial_update", False)


def published_named(sent: Sent) -> None:
    """Which version is meant is always said, with the server's default."""
    _default(sent, "is_published", "true")


def both_tag_names(sent: Sent) -> None:
    """A tag that is taken away is named in the old way and in the new one."""
    tag_id = sent.body["tag_ids"][0] if sent.body.get("tag_ids") else sent.body["tag_id"]
    sent.body |= {"tag_id": tag_id, "tag_ids": [tag_id]}


LISTED: tuple[Difference, ...] = (page_named, page_size_named, no_user)
"""Of lists with page numbers."""

STAND_IN = b"small"
_DROPPED = b"dropped by the recorder"


def is_dropped(body: bytes) -> bool:
    """Whether the recorder kept only a note of a body of many megabytes."""
    return _DROPPED in body


def big_body(sent: Sent) -> None:
    """A body that the recorder dropped for its size: another file, for the same refusal."""
    if isinstance(sent.body, bytes) and is_dropped(sent.body):
        sent.body = [
            Part("user", None, "text/plain", b"ann"),
            Part("file", "big.bin", "application/octet-stream", STAND_IN),
        ]
