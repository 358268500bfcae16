"""Clients whose server answers every request with one recorded message stream: for the adapters, whose models play it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from dify_integrations import AsyncDify, Dify, DifyError
from tests.wire.expected import Meaning, meaning_of
from tests.wire.recordings import Recording, frames, recordings

MESSAGES = [recording for recording in recordings() if recording.kind == "message"]
"""Recorded streams of chat, agent, chatflow and completion apps."""
CHATS = [recording for recording in MESSAGES if "chat" in recording.route]
"""Those of them that are no completions."""

_OPTIONS: dict[str, Any] = {"api_key": "app-test", "base_url": "http://127.0.0.1:9/v1", "user": "ann", "max_retries": 0}


@dataclass(frozen=True)
class Documented:
    """A stream nobody has recorded yet, as the contract describes it: its events, with the ids of every one."""

    events: Sequence[dict[str, Any]]
    route: str = "/chat-messages"
    version: str = "1.16.0"

    @property
    def body(self) -> bytes:
        ids = {"task_id": "t", "message_id": "m", "conversation_id": "c", "created_at": 1}
        return b"".join(b"data: " + json.dumps({**ids, **event}).encode() + b"\n\n" for event in self.events)


def clients_of(recording: Recording | Documented) -> dict[str, Any]:
    """The `client` and `async_client` of a server that sends the recording, byte for byte."""

    def answer(_: httpx.Request) -> httpx.Response:
        headers = {"content-type": "text/event-stream; charset=utf-8", "x-version": recording.version}
        return httpx.Response(200, headers=headers, content=recording.body)

    transport = httpx.MockTransport(answer)
    return {
        "client": Dify(http_client=httpx.Client(transport=transport), **_OPTIONS),
        "async_client": AsyncDify(http_client=httpx.AsyncClient(transport=transport), **_OPTIONS),
    }


def meaning(recording: Recording) -> Meaning:
    """What the recording says, read from its raw JSON without the package."""
    return meaning_of(frames(recording.body), "message", recording.version)


def outcome(call: Callable[[], Any]) -> Any:
    """What the call gives, or the kind and words of the error it raises."""
    try:
        return call()
    except DifyError as error:
        return type(error), str(error)


def failed(told: Any) -> bool:
    """Whether an outcome is an error."""
    return isinstance(told, tuple)
