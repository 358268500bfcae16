"""What of two JSON answers is compared: keys, types, the values a server decides, the length of a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.local import wire

# Differences of any recording that mean nothing, by path.
TOLERATED = {
    "metadata.usage.time_to_first_token": "null when the scripted model sent one piece only",
    "metadata.usage.time_to_generate": "null when the scripted model sent one piece only",
}
# Fields whose values are decided by the server, not by app or clock.
VALUES = {"code", "event", "has_more", "job_status", "limit", "mode", "page", "params", "rating", "result", "status", "total"}
HEADERS = ("www-authenticate", "cache-control", "accept-ranges", "content-disposition", "x-content-type-options")


def differences(ours: Any, theirs: Any, tolerated: Mapping[str, str], path: str = "") -> Iterator[str]:
    """Where two JSON values differ in keys, types, decided values and lengths of pages."""
    if any(path == known or path.endswith("." + known) for known in tolerated):
        return
    if _type(ours) != _type(theirs):
        yield f"{path or 'body'} is {_type(ours)}, recorded {_type(theirs)}"
    elif isinstance(ours, dict):
        yield from _object_differences(ours, theirs, tolerated, path)
    elif isinstance(ours, list):
        if path == "data" and len(ours) != len(theirs):
            yield f"{len(ours)} entries, recorded {len(theirs)}"
        for index, item in enumerate(ours[: len(theirs) or 0]):
            yield from differences(item, theirs[index], tolerated, path)
    elif path.rpartition(".")[2] in VALUES and ours != theirs:
        yield f"{path} is {ours!r}, recorded {theirs!r}"


def _object_differences(ours: Any, theirs: Any, tolerated: Mapping[str, str], path: str) -> Iterator[str]:
    if path.rpartition(".")[2] in wire.FREE:
        return
    for name in sorted(ours.keys() | theirs.keys()):
        inner = f"{path}.{name}" if path else name
        if name in ours and name in theirs:
            yield from differences(ours[name], theirs[name], tolerated, inner)
        elif not any(inner == known or inner.endswith("." + known) for known in tolerated):
            yield f"{inner} is {'extra' if name in ours else 'missing'}"


def _type(value: Any) -> str:
    return next(name for _, name in wire.types(value))
