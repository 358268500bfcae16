"""Bytes for scripts: heads, bodies, event frames of a chat and of a workflow, written by hand from the contract."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dify_integrations import AsyncDify, AsyncRun
from tests.faults.server import Act, keep

PING = b"event: ping\n\n"
LAST = b"0\r\n\r\n"


def answer(status: int, body: bytes | dict[str, Any] = b"", **headers: str) -> bytes:
    """A whole answer; a dict is sent as JSON. Header names with `_` for `-`."""
    if isinstance(body, dict):
        headers.setdefault("Content_Type", "application/json")
        body = json.dumps(body).encode()
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status} Whatever", *lines, f"Content-Length: {len(body)}"])
    return head.encode("latin-1") + b"\r\n\r\n" + body


def closing(data: bytes) -> bytes:
    """An answer that says that its connection ends, as it does: a repetition must not meet the dying one (see test_pool)."""
    return data.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


def ok(body: dict[str, Any] | None = None) -> tuple[Act, ...]:
    """A script: the answer of `/info`, on a connection that is kept."""
    return (answer(200, {"name": "app"} if body is None else body), keep)


def head(
    framing: str = "Transfer-Encoding: chunked", content_type: str = "text/event-stream; charset=utf-8", **headers: str
) -> bytes:
    """The head of a stream's answer."""
    lines = ["HTTP/1.1 200 OK", f"Content-Type: {content_type}", framing]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(filter(None, lines)).encode() + b"\r\n\r\n"


def chunk(*parts: bytes) -> bytes:
    """One chunk of a chunked body."""
    data = b"".join(parts)
    return b"%x\r\n%s\r\n" % (len(data), data)


def frame(event: str, **fields: Any) -> bytes:
    """One event."""
    return b"data: " + json.dumps({"event": event, **fields}).encode() + b"\n\n"


@dataclass(frozen=True)
class Kind:
    """A kind of run: how to start it, what its server says, where a stop goes."""

    name: str
    start: Callable[[AsyncDify], AsyncRun]
    path: str
    stop_path: str
    began: bytes
    more: bytes
    ended: bytes
    failed: bytes
    ids: dict[str, str]

    @property
    def whole(self) -> bytes:
        """The body of a good stream; its text is "Hello"."""
        return PING + self.began + self.more + self.ended


_CHAT = {"task_id": "t-1", "message_id": "m-1", "conversation_id": "c-1", "created_at": 1}
_FLOW = {"task_id": "t-1", "workflow_run_id": "r-1"}
_RUN = {"id": "r-1", "workflow_id": "w-1", "created_at": 1}

CHAT = Kind(
    name="chat",
    start=lambda dify: dify.chat.stream("hi"),
    path="/v1/chat-messages",
    stop_path="/v1/chat-messages/t-1/stop",
    began=frame("message", id="m-1", answer="Hel", **_CHAT),
    more=frame("message", id="m-1", answer="lo", **_CHAT),
    ended=frame("message_end", id="m-1", metadata={}, **_CHAT),
    failed=frame("error", message="model down", code="completion_request_error", status=400, message_id="m-1"),
    ids={"task_id": "t-1", "conversation_id": "c-1", "message_id": "m-1"},
)
WORKFLOW = Kind(
    name="workflow",
    start=lambda dify: dify.workflows.stream({}),
    path="/v1/workflows/run",
    stop_path="/v1/workflows/tasks/t-1/stop",
    began=frame("workflow_started", data=_RUN, **_FLOW) + frame("text_chunk", data={"text": "Hel"}, **_FLOW),
    more=frame("text_chunk", data={"text": "lo"}, **_FLOW),
    ended=frame("workflow_finished", data={**_RUN, "status": "succeeded", "outputs": {"x": 1}}, **_FLOW),
    failed=frame("workflow_finished", data={**_RUN, "status": "failed", "error": "node broke", "outputs": {}}, **_FLOW),
    ids={"task_id": "t-1", "workflow_run_id": "r-1"},
)
FLOW_STARTED = frame("workflow_started", data=_RUN, **_CHAT, workflow_run_id="r-1")
FLOW_SUCCEEDED = frame(
    "workflow_finished", data={**_RUN, "status": "succeeded", "outputs": {"answer": "Hello"}}, **_CHAT, workflow_run_id="r-1"
)
