"""The cassettes of both places as exchanges, and the calls of the client that play them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from tests.wire.calls.base import Asked, Unreachable
from tests.wire.calls.table import Made, call_for
from tests.wire.outcomes import Answered
from tests.wire.recordings import COLLECTION, CURATED

CASSETTES = sorted(CURATED.glob("*/*.yaml"))
# Another host, another prefix and other keys than recorded: none of them matters.
OPTIONS: dict[str, Any] = {
    "api_key": "app-test",
    "dataset_api_key": "dataset-test",
    "base_url": "http://127.0.0.1:9/some/where/v1",
    "max_retries": 0,
}


def every_cassette() -> list[Path]:
    """The cassettes of this repository, and of the collection those that are not among them."""
    known = {path.read_bytes() for path in CASSETTES}
    return [*CASSETTES, *(path for path in sorted(COLLECTION.glob("*/*.yaml")) if path.read_bytes() not in known)]


@lru_cache(maxsize=None)
def exchanges(path: Path) -> list[tuple[str, str, dict[str, str], bytes, Answered]]:
    """Method, URI, headers and body of every request, and its answer."""
    loaded = yaml.load(path.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return [
        (request["method"], request["uri"], _headers(request), _bytes(request["body"]), _answered(exchange["response"]))
        for exchange in loaded["interactions"]
        for request in [exchange["request"]]
    ]


@lru_cache(maxsize=None)
def reachable(path: Path) -> dict[int, Made]:
    """How the client makes the exchanges of a cassette, by their numbers."""
    made: dict[int, Made] = {}
    for number, (method, uri, headers, body, _) in enumerate(exchanges(path)):
        try:
            made[number] = call_for(Asked(method, uri, headers, body))
        except Unreachable:
            continue
    return made


def name_of(path: Path) -> str:
    """How tests call a cassette."""
    return f"{path.parent.name}/{path.stem}"


def left_out(path: Path, *played: int) -> set[int]:
    """Numbers of the exchanges that are not played."""
    return set(range(len(exchanges(path)))) - set(played)


def _answered(response: dict[str, Any]) -> Answered:
    return Answered(response["status"]["code"], _headers(response), _bytes(response["body"]["string"]))


def _headers(message: dict[str, Any]) -> dict[str, str]:
    return {name.lower(): values[0] for name, values in message["headers"].items()}


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
