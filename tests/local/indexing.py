"""How fast documents were indexed while a recording was made, so that LocalDify can be as fast when it is played."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from tests.local.recorded import exchanges


def as_recorded(cassette: str) -> Callable[[object], Sequence[str]]:
    """The `indexing` argument of LocalDify: for every document made or changed, the statuses that were seen of it."""
    seen: list[list[str]] = []
    latest: dict[str, list[str]] = {}
    for exchange in exchanges(cassette):
        answer = _json(exchange.answer)
        if not isinstance(answer, dict) or exchange.status != 200:
            continue
        if "batch" in answer and "document" in answer:
            latest[answer["batch"]] = [_step(answer["document"])]
            seen.append(latest[answer["batch"]])
        elif exchange.uri.endswith("/indexing-status"):
            batch = exchange.uri.split("/")[-2]
            if batch in latest:
                latest[batch].append(_step(answer["data"][0]))
    steps = iter(seen)
    return lambda _document: next(steps)


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _step(document: dict[str, str]) -> str:
    status = document["indexing_status"]
    return f"error: {document['error']}" if status == "error" else status
