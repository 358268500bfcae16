"""Where the recordings are, and what their cassettes say about each stream: path, query, server version.

Two places: `cassettes/` of this repository, and a larger collection beside it where there is one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).parents[2]
CURATED = ROOT / "cassettes"
COLLECTION = ROOT.parent / "shared" / "wire"

_EXCHANGE = re.compile(r"(?m)^- request:\n")
_URI = re.compile(r"(?m)^    uri: (\S+)")
_STREAMED = re.compile(r"(?m)^      - text/event-stream")
_VERSION = re.compile(r"(?mi)^      x-version:\n      - (\S+)")
_NUMBER = re.compile(r"\.(\d+)$")


@dataclass(frozen=True)
class Recording:
    """One recorded stream.

    Attributes:
        path: The raw bytes.
        route: Path of its request behind `/v1`.
        query: Query parameters of its request.
        version: The `X-Version` header of its answer.
    """

    path: Path
    route: str
    query: dict[str, list[str]]
    version: str

    @property
    def id(self) -> str:
        return f"{self.path.parent.name}/{self.path.stem}"

    @property
    def body(self) -> bytes:
        return self.path.read_bytes()

    @property
    def kind(self) -> str:
        """`message`, `workflow`, or `events` for a run that is followed by its id."""
        if self.route.endswith("/events"):
            return "events"
        return "message" if "-messages" in self.route else "workflow"

    @property
    def snapshot(self) -> bool:
        """Whether the stream begins with the state of a run that was joined late."""
        return self.query.get("include_state_snapshot") == ["true"]

    @property
    def pause_ends(self) -> bool:
        """Whether the server closes at a pause."""
        return self.query.get("continue_on_pause") != ["true"]


@lru_cache(maxsize=None)
def streams_of(cassette: Path) -> list[tuple[str, str]]:
    """URI and server version of every streamed answer, in order; read as text, because YAML takes its time."""
    parts = _EXCHANGE.split(cassette.read_text("utf-8"))[1:]
    return [(_first(_URI, part), _first(_VERSION, part)) for part in parts if _STREAMED.search(part)]


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


def recording(path: Path) -> Recording:
    """The recording of a `.sse` file: the n-th of a scenario is the n-th streamed answer of its cassette."""
    number = _NUMBER.search(path.stem)
    cassette = path.with_name(_NUMBER.sub("", path.stem) + ".yaml")
    # A cassette with several streams may hold only one of them as a file without a number: the first.
    uri, version = streams_of(cassette)[int(number[1]) - 1 if number else 0]
    parts = urlsplit(uri)
    return Recording(path, parts.path.removeprefix("/v1"), parse_qs(parts.query), version)


@lru_cache(maxsize=None)
def recordings() -> list[Recording]:
    """Every stream of both places; those in both once."""
    curated = sorted(CURATED.glob("*/*.sse"))
    known = {path.read_bytes() for path in curated}
    more = [path for path in sorted(COLLECTION.glob("*/*.sse")) if path.read_bytes() not in known]
    return [recording(path) for path in [*curated, *more]]


def frames(body: bytes) -> list[dict[str, Any]]:
    """The JSON objects of a body, by nothing but `split`: what the servers of the recordings send is that plain."""
    blocks = body.split(b"\n\n")[:-1]
    return [json.loads(block[6:]) for block in blocks if block.startswith(b"data: ")]


def boundaries(body: bytes) -> list[int]:
    """Positions behind every complete block, 0 included."""
    positions = [0]
    while (found := body.find(b"\n\n", positions[-1])) >= 0:
        positions.append(found + 2)
    return positions
