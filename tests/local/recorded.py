"""The exchanges of a cassette, and streams as frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.local import wire


@dataclass(frozen=True)
class Exchange:
    """One recorded request and its answer."""

    method: str
    uri: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    answer_headers: Mapping[str, str]
    answer: bytes

    @property
    def streams(self) -> bool:
        return self.answer_headers.get("content-type", "").startswith("text/event-stream")


def cassette(name: str) -> Path:
    """The file of a cassette; a test is skipped when neither collection has it."""
    folder, _, scenario = name.partition("/")
    found = wire.place(folder, f"{scenario}.yaml")
    if found is None:
        pytest.skip(f"the recording {name} is neither in cassettes/ nor in the larger collection")
    return found


def exchanges(name: str) -> list[Exchange]:
    """The exchanges of a cassette."""
    return _loaded(cassette(name))


@lru_cache(maxsize=8)
def _loaded(path: Path) -> list[Exchange]:
    document = yaml.load(path.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return [_exchange(entry["request"], entry["response"]) for entry in document["interactions"]]


def _exchange(request: dict[str, Any], response: dict[str, Any]) -> Exchange:
    sent, received = _headers(request["headers"]), _headers(response["headers"])
    body, answer = _bytes(request["body"]), _bytes(response["body"]["string"])
    return Exchange(request["method"], request["uri"], sent, body, response["status"]["code"], received, answer)


def _headers(headers: Mapping[str, list[str]]) -> dict[str, str]:
    return {name.lower(): values[0] for name, values in headers.items()}


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""


def frames(body: bytes) -> list[dict[str, Any]]:
    """The whole frames of a stream."""
    end = body.rfind(b"\n\n") + 2
    return wire.events(body[:end]) if end >= 2 else []


def beginning(body: bytes, wanted: list[str]) -> bytes:
    """As many frames of a stream as have the wanted pattern."""
    blocks = body.split(b"\n\n")[:-1]
    while blocks and wire.pattern(frames(_joined(blocks))) != wanted:
        blocks.pop()
    return _joined(blocks)


def _joined(blocks: list[bytes]) -> bytes:
    return b"".join(block + b"\n\n" for block in blocks)


def named(events: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The frames of one event."""
    return [frame for frame in events if frame["event"] == name]
