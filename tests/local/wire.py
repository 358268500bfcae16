"""Real recordings as shapes, and LocalDify's answers as shapes, so that the two can be compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WIRE = ROOT.parent / "shared" / "wire"
CASSETTES = ROOT / "cassettes"

# What scripts, forms and documents decide, not the server.
FREE = {
    "inputs",
    "outputs",
    "process_data",
    "tool_labels",
    "doc_metadata",
    "execution_metadata",
    "resolved_default_values",
}


def recorded(scenario: str, version: str = "1.14.2") -> bytes:
    """The raw bytes of a recorded stream."""
    return _file(version, f"{scenario}.sse").read_bytes()


def recorded_body(scenario: str, method: str, path: str, version: str = "1.14.2", status: int = 200) -> Any:
    """The first recorded JSON body of a route."""
    for exchange in yaml.load(_file(version, f"{scenario}.yaml").read_text("utf-8"), yaml.CSafeLoader)["interactions"]:
        request, response = exchange["request"], exchange["response"]
        called = request["uri"].split("/v1", 1)[-1].split("?")[0]
        matches = called == path or (path.startswith("*") and called.endswith(path[1:]))
        if request["method"] == method and matches and response["status"]["code"] == status:
            if "event-stream" not in response["headers"]["content-type"][0]:
                return json.loads(response["body"]["string"])
    raise LookupError(f"{method} {path} is not in {scenario}")


def _folders(version: str) -> list[Path]:
    """Where recordings of a server may be: the larger collection beside this repository, and its own cassettes."""
    own = {"1.14": "main-2026-06-12"}.get(version, version)
    return [folder for folder in (WIRE / f"dify-{version}", CASSETTES / own) if folder.is_dir()]


def place(version: str, name: str) -> Path | None:
    """The file of a recording, or `None` when neither place has it."""
    return next((folder / name for folder in _folders(version) if folder.joinpath(name).is_file()), None)


def cassettes(version: str) -> set[str]:
    """The names of all cassettes of a server that are on this machine."""
    return {path.stem for folder in _folders(version) for path in folder.glob("*.yaml")}


def _file(version: str, name: str) -> Path:
    found = place(version, name)
    if found is None:
        pytest.skip(f"the recording {name} of {version} is not on this machine")
    return found


def events(stream: bytes) -> list[dict[str, Any]]:
    """The frames of a stream; a ping is shown as an event of that name."""
    assert stream.endswith(b"\n\n")
    return [_frame(frame) for frame in stream.split(b"\n\n")[:-1]]


def _frame(frame: bytes) -> dict[str, Any]:
    if frame == b"event: ping":
        return {"event": "ping"}
    assert frame.startswith(b"data: {")
    assert b"\n" not in frame
    value = json.loads(frame[len(b"data: ") :])
    assert isinstance(value, dict)
    return value


def pattern(frames: list[dict[str, Any]]) -> list[str]:
    """The order of events, repeats folded, nodes with their type."""
    names = [_name(frame) for frame in frames]
    return [name for name, _ in groupby(names)]


def _name(frame: dict[str, Any]) -> str:
    node_type = frame.get("data", {}).get("node_type") if frame["event"].startswith("node_") else None
    return f"{frame['event']}:{node_type}" if node_type else str(frame["event"])


def key_orders(frames: list[dict[str, Any]]) -> dict[str, set[tuple[str, ...]]]:
    """The keys of every event, in order, at the top and inside `data`, `metadata` and `usage`."""
    orders: dict[str, set[tuple[str, ...]]] = {}
    for frame in frames:
        event = frame["event"]
        orders.setdefault(event, set()).add(tuple(frame))
        for name in ("data", "metadata"):
            if isinstance(frame.get(name), dict) and event != "reasoning_chunk":
                orders.setdefault(f"{event}.{name}", set()).add(tuple(frame[name]))
        for resource in frame.get("metadata", {}).get("retriever_resources", []):
            orders.setdefault("retriever_resource", set()).add(tuple(resource))
    return orders


def types(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every (path, JSON type) of a value; lists are seen through, free parts only named."""
    if isinstance(value, dict):
        yield path, "object"
        for key, item in value.items():
            if path and key in FREE:
                continue
            yield from types(item, f"{path}.{key}")
    elif isinstance(value, list):
        yield path, "array"
        for item in value:
            yield from types(item, f"{path}[]")
    else:
        name = {bool: "bool", int: "number", float: "number", str: "string", type(None): "null"}[type(value)]
        yield path, name


def event_types(frames: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Every (event and path, JSON type) of a stream."""
    return {pair for frame in frames for pair in types(frame, frame["event"])}


@lru_cache
def all_event_types(version: str = "1.14.2") -> frozenset[tuple[str, str]]:
    """Every (event and path, JSON type) seen in any stream of a server."""
    streams = [path for folder in _folders(version)[:1] for path in sorted(folder.glob("*.sse"))]
    found: set[tuple[str, str]] = set()
    for path in streams:
        content = path.read_bytes()
        if path.stat().st_size < 400_000 and content.endswith(b"\n\n"):
            found |= event_types(events(content))
    return frozenset(found)


def assert_same_shape(ours: bytes, theirs: bytes, *, version: str = "1.14.2") -> None:
    """Same order of events, same keys in the same order, no type that this server never sent."""
    mine, real = events(ours), events(theirs)
    assert pattern(mine) == pattern(real)
    assert_known_frames(mine, real, version=version)


def assert_known_frames(mine: list[dict[str, Any]], real: list[dict[str, Any]], *, version: str = "1.14.2") -> None:
    """Every frame has the keys of the recorded frames of its event, and only types seen on the wire."""
    expected = key_orders(real)
    for event, orders in key_orders(mine).items():
        assert orders <= expected[event], (event, orders - expected[event])
    unknown = event_types(mine) - all_event_types(version)
    assert not unknown, sorted(unknown)


def assert_same_keys(ours: Any, theirs: Any, path: str = "") -> None:
    """Two JSON values have the same keys in the same order, as far as both go."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if path.rsplit(".", 1)[-1].rstrip("[]") in FREE:
            return
        assert list(ours) == list(theirs), path
        for key in ours:
            assert_same_keys(ours[key], theirs[key], f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and ours and theirs:
        assert_same_keys(ours[0], theirs[0], f"{path}[]")
