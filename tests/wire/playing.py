"""The curated cassettes as exchanges, and the calls of the client that play them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from tests.wire.calls import Call, Unreachable, call_for
from tests.wire.outcomes import Answered
from tests.wire.recordings import CURATED

CASSETTES = sorted(CURATED.glob("*/*.yaml"))
# Another host, another prefix and other keys than recorded: none of them matters.
OPTIONS: dict[str, Any] = {
    "api_key": "app-test",
    "dataset_api_key": "dataset-test",
    "base_url": "http://127.0.0.1:9/some/where/v1",
    "max_retries": 0,
}


@lru_cache(maxsize=None)
def exchanges(path: Path) -> list[tuple[str, str, dict[str, str], bytes, Answered]]:
    """Method, URI, headers and body of every request, and its answer."""
    loaded = yaml.load(path.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return [
        (request["method"], request["uri"], _headers(request), _bytes(request["body"]), _answered(exchange["response"]))
        for exchange in loaded["interactions"]
        for request in [exchange["request"]]
    ]


def reachable(path: Path) -> dict[int, Call]:
    """The calls that make the exchanges of a cassette, by their numbers."""
    calls: dict[int, Call] = {}
    for number, (method, uri, headers, body, _) in enumerate(exchanges(path)):
        try:
            calls[number] = call_for(method, uri, headers, body)
        except Unreachable:
            continue
    return calls


def name_of(path: Path) -> str:
    """How tests call a cassette."""
    return f"{path.parent.name}/{path.stem}"


def left_out(path: Path, *played: int) -> set[int]:
    """Numbers of the exchanges that are not in `played`, by default of those no call can make."""
    return set(range(len(exchanges(path)))) - set(played or reachable(path))


def _answered(response: dict[str, Any]) -> Answered:
    return Answered(response["status"]["code"], _headers(response), _bytes(response["body"]["string"]))


def _headers(message: dict[str, Any]) -> dict[str, str]:
    return {name.lower(): values[0] for name, values in message["headers"].items()}


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
