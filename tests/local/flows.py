"""What the tests of followed and paused runs have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.local import wire
from tests.local.conftest import Served

Frames = list[dict[str, Any]]
FORMS = "/form/human_input"


def run_id(frames: Frames) -> str:
    """The run of a stream, from its second frame."""
    return str(frames[1]["workflow_run_id"])


def named(frames: Frames, event: str) -> Frames:
    """The `data` of all frames of one event."""
    return [frame["data"] for frame in frames if frame["event"] == event]


def form(frames: Frames) -> dict[str, Any]:
    """The last form a stream asked for."""
    return named(frames, "human_input_required")[-1]


def said(frames: Frames) -> str:
    """The text of a stream."""
    return "".join(frame.get("answer") or frame.get("data", {}).get("text", "") for frame in frames)


def generated(served: Served, **body: Any) -> Frames:
    """The frames of one run, read to its end."""
    return wire.events(served.generate(**body).content)


def detail(served: Served, run: str) -> dict[str, Any]:
    """What the run is now."""
    app = served.server.apps[0].name
    return dict(served.call("GET", f"/workflows/run/{run}", app=app).json())


def settled(served: Served, run: str) -> dict[str, Any]:
    """What the run is when it has ended or waits."""
    while (shown := detail(served, run))["status"] == "running":
        pass
    return shown


@contextmanager
def following(served: Served, run: str, user: str = "ann", **query: str) -> Iterator[httpx.Response]:
    """The open stream of a run's events; whoever holds it is subscribed."""
    path = f"{served.server.base_url}/workflow/{run}/events"
    headers = served.headers(served.server.apps[0].name)
    with served.http.stream("GET", path, params={"user": user, **query}, headers=headers) as response:
        yield response


def followed(served: Served, run: str, **query: str) -> Frames:
    """The events of a run, read to the end of the stream."""
    with following(served, run, **query) as response:
        return wire.events(response.read())


def submit(served: Served, token: str, action: str = "approve", *, user: str = "ann", **inputs: Any) -> httpx.Response:
    """Answer a form."""
    body = {"action": action, "inputs": inputs, "user": user}
    return served.call("POST", f"{FORMS}/{token}", app=served.server.apps[0].name, json=body)


def cut_off(served: Served, **body: Any) -> Frames:
    """The frames of a run until its connection broke."""
    seen = b""
    with served.stream(**body) as response:
        try:
            for chunk in response.iter_raw():
                seen += chunk
        except httpx.RemoteProtocolError:
            return wire.events(seen)
    raise AssertionError(f"the connection ended properly: {seen!r}")
