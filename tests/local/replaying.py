"""Plays a recorded cassette against LocalDify and compares every answer with the recorded one.

Write a scenario row and hand it to `play`:

    Scenario(
        "1.14.2/conversations",                  # version folder and name; the folder says which release is emulated
        apps=lambda: [App("app", "chat")],       # what the server hosts, made anew for every play
        datasets=lambda: [Dataset("Docs")],      # datasets that existed before the first exchange
        ids={"<recorded uuid>": lambda server: server.dataset("Docs").id},   # what was never an answer of the recording
        app_of={3: "other"},                     # exchange 3 was made with another app's key; default: the first app
        keys={4: "app-WRONG"},                   # exchange 4 had this key, which the recording does not show
        during={2: (1, "message")},              # exchange 2 was made while stream 1 was open, after its first `message`;
                                                 # "message x3" is after its third
        cut={5: "the client left"},              # stream 5 has no end: leave it where the recording or the connection ends
        again={8: "the run must have ended"},    # exchange 8 is repeated until it is answered as recorded
        unordered={6: "another graph"},          # stream 6: frames are compared, their order is not
        left_out={7: "a rate limit of the lab"}, # exchanges that are not made, each with its reason
        tolerated={"data.created_by": "..."},    # differences that are meant, by path, each with its reason; a path that
                                                 # begins with a number and a blank (`8 has_more`) is of that exchange only
        releases={2: EVENT},                     # an event a script waits for (`Gate`), set when exchange 2 was made
        options={"silence_s": 0.05},             # arguments of LocalDify
    )

The exchanges are made in order, over real loopback. Ids, batches, tokens and addresses are learned by walking the recorded
and the local answer side by side, and replaced in everything sent later. Compared are: status, content type, the headers in
`comparing.HEADERS`, HTML bodies whole; of JSON: keys, types, the values of the fields in `comparing.VALUES` and the length of
`data`; of streams: the order of events (repeats folded), their keys in order, and that no type occurs which that release
never sent.

A path names fields joined by dots, lists seen through; a tolerated path also fits at the end of a longer one.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from dify_integrations.local import App, Dataset, LocalDify
from tests.local import wire
from tests.local.comparing import HEADERS, TOLERATED, differences
from tests.local.recorded import Exchange, beginning, exchanges, frames, named

_PATIENCE_S = 5.0
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ID_KEYS = re.compile(r"(^|_)(id|batch|token|url|access_token|cursor)$")
_NOT_SENT = {"accept-encoding", "authorization", "connection", "content-length", "host", "transfer-encoding"}


@dataclass(frozen=True)
class Scenario:
    """One cassette and how it is played; see the module's description."""

    cassette: str
    apps: Callable[[], Sequence[App]] = lambda: [App("app")]
    datasets: Callable[[], Sequence[Dataset]] = list
    ids: Mapping[str, str | Callable[[LocalDify], str]] = field(default_factory=dict)
    app_of: Mapping[int, str] = field(default_factory=dict)
    keys: Mapping[int, str] = field(default_factory=dict)
    during: Mapping[int, tuple[int, str]] = field(default_factory=dict)
    cut: Mapping[int, str] = field(default_factory=dict)
    again: Mapping[int, str] = field(default_factory=dict)
    unordered: Mapping[int, str] = field(default_factory=dict)
    left_out: Mapping[int, str] = field(default_factory=dict)
    tolerated: Mapping[str, str] = field(default_factory=dict)
    releases: Mapping[int, threading.Event] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.cassette

    @property
    def folder(self) -> str:
        return self.cassette.partition("/")[0]

    @property
    def version(self) -> str:
        """The main branch calls itself 1.14.2 too; LocalDify calls it 1.14.3."""
        return {"1.14": "1.14.3"}.get(self.folder, self.folder)


def play(scenario: Scenario) -> list[str]:
    """Make every exchange of a scenario and compare the answers.

    Returns:
        The differences, all of them, each with the number of its exchange.
    """
    with ExitStack() as stack:
        recorded = exchanges(scenario.cassette)
        options = {"version": scenario.version, "silence_s": 0.05, **scenario.options}
        server = stack.enter_context(LocalDify(list(scenario.apps()), list(scenario.datasets()), **options))
        http = stack.enter_context(httpx.Client(timeout=20, trust_env=False))
        player = _Player(scenario, recorded, server, http)
        player.play()
    return player.differences


class _Player:
    """The exchanges of one scenario, what was learned from them, and where the answers differ."""

    def __init__(self, scenario: Scenario, recorded: list[Exchange], server: LocalDify, http: httpx.Client) -> None:
        self.scenario = scenario
        self.recorded = recorded
        self.server = server
        self.http = http
        self.differences: list[str] = []
        self._origin = server.base_url.removesuffix("/v1")
        self._known = {key: value if isinstance(value, str) else value(server) for key, value in scenario.ids.items()}
        for event in scenario.releases.values():
            event.clear()

    def play(self) -> None:
        """Make the exchanges in order; those made while a stream was open are made there."""
        for number in range(len(self.recorded)):
            if number not in self.scenario.left_out and number not in self.scenario.during:
                self._make(number)

    def _make(self, number: int) -> None:
        before, deadline = len(self.differences), time.monotonic() + _PATIENCE_S
        self._ask(number)
        while number in self.scenario.again and len(self.differences) > before and time.monotonic() < deadline:
            del self.differences[before:]
            self._ask(number)

    def _ask(self, number: int) -> None:
        real = self.recorded[number]
        with self.http.stream(real.method, self._url(real.uri), **self._request(number)) as response:
            if real.streams and response.headers.get("content-type", "").startswith("text/event-stream"):
                mine = self._read_stream(number, response)
            else:
                mine = response.read()
        self._compare(number, response, mine)
        if number in self.scenario.releases:
            self.scenario.releases[number].set()

    # --- what is sent ---------------------------------------------------------------------------------------------------

    def _url(self, uri: str) -> str:
        known = self._known.get(uri)
        if known is not None:
            return known if known.startswith("http") else self._origin + known
        parts = urlsplit(uri)
        return self._origin + self._local(parts.path + (f"?{parts.query}" if parts.query else ""))

    def _request(self, number: int) -> dict[str, Any]:
        real = self.recorded[number]
        headers = {name: value for name, value in real.headers.items() if name not in _NOT_SENT}
        return {"headers": {**headers, **self._authorization(number)}, "content": self._body(real)}

    def _authorization(self, number: int) -> dict[str, str]:
        if number in self.scenario.keys:
            return {"authorization": f"Bearer {self.scenario.keys[number]}"}
        given = self.recorded[number].headers.get("authorization")
        if given is None:
            return {}
        app = (
            self.server.app(self.scenario.app_of[number]) if number in self.scenario.app_of else next(iter(self.server.apps), None)
        )
        given = given.replace("app-REDACTED", app.api_key if app else "app-none")
        return {"authorization": given.replace("dataset-REDACTED", self.server.dataset_api_key)}

    def _body(self, real: Exchange) -> bytes:
        try:
            return self._local(real.body.decode()).encode()
        except UnicodeDecodeError:
            return real.body

    def _local(self, text: str) -> str:
        # The longest first: an address holds the id of its file.
        for recorded in sorted(self._known, key=len, reverse=True):
            text = text.replace(recorded, self._known[recorded])
        return text

    # --- what comes back ------------------------------------------------------------------------------------------------

    def _read_stream(self, number: int, response: httpx.Response) -> bytes:
        """Read a stream, making the exchanges that belong inside it; a cut one is left where the recording ends."""
        inside = [(other, event) for other, (stream, event) in self.scenario.during.items() if stream == number]
        wanted = wire.pattern(frames(self.recorded[number].answer))
        body = b""
        for chunk in self._chunks(number, response):
            body += chunk
            seen = frames(body)
            for other, event in list(inside):
                name, _, times = event.partition(" x")
                if len(named(seen, name)) >= int(times or 1):
                    self._learn_stream(frames(self.recorded[number].answer), seen)
                    inside.remove((other, event))
                    self._make(other)
            if number in self.scenario.cut and wire.pattern(seen)[: len(wanted)] == wanted:
                return beginning(body, wanted)
        return body

    def _chunks(self, number: int, response: httpx.Response) -> Iterator[bytes]:
        broken = (httpx.RemoteProtocolError,) if number in self.scenario.cut else ()
        with suppress(*broken):
            yield from response.iter_raw()

    def _compare(self, number: int, response: httpx.Response, mine: bytes) -> None:
        real = self.recorded[number]
        ours, theirs = response.headers, real.answer_headers
        found = _differing("status", response.status_code, real.status)
        found += _differing("content-type", ours.get("content-type"), theirs.get("content-type"))
        for name in HEADERS:
            found += _differing(f"header {name}", name in ours, name in theirs)
        if not found:
            found = self._compare_bodies(number, mine, real)
        self.differences += [f"[{number}] {real.method} {urlsplit(real.uri).path}: {difference}" for difference in found]
        if response.status_code != real.status:
            self.differences.append(f"      {mine[:300]!r}")

    def _compare_bodies(self, number: int, mine: bytes, real: Exchange) -> list[str]:
        kind = real.answer_headers.get("content-type", "").partition(";")[0]
        if real.streams:
            return self._compare_streams(number, frames(mine), frames(real.answer))
        if kind == "application/json" and real.answer:
            if not mine:
                return ["the body is empty"]
            ours, theirs = json.loads(mine), json.loads(real.answer)
            self._learn(theirs, ours)
            return list(differences(ours, theirs, self._tolerated(number)))
        if kind == "text/html" or not real.answer:
            return _differing("body", mine, real.answer)
        return [] if mine else ["the body is empty"]

    def _compare_streams(self, number: int, mine: list[dict[str, Any]], real: list[dict[str, Any]]) -> list[str]:
        self._learn_stream(real, mine)
        found = []
        if number not in self.scenario.unordered:
            found = _differing("events", wire.pattern(mine), wire.pattern(real))
        try:
            wire.assert_known_frames(mine, real, version=self.scenario.folder)
        except (AssertionError, KeyError) as error:
            found.append(f"a frame: {type(error).__name__} {error!s:.1500}")
        return found

    def _tolerated(self, number: int) -> dict[str, str]:
        mine = {path.removeprefix(f"{number} "): reason for path, reason in self.scenario.tolerated.items()}
        return {**TOLERATED, **mine}

    # --- what is learned ------------------------------------------------------------------------------------------------

    def _learn_stream(self, real: list[dict[str, Any]], mine: list[dict[str, Any]]) -> None:
        for event in {frame["event"] for frame in mine}:
            pairs = zip(named(real, event), named(mine, event), strict=False)
            for theirs, ours in pairs:
                self._learn(theirs, ours)

    def _learn(self, theirs: Any, ours: Any, key: str = "") -> None:
        if isinstance(theirs, dict) and isinstance(ours, dict):
            for name in theirs.keys() & ours.keys():
                self._learn(theirs[name], ours[name], name)
        elif isinstance(theirs, list) and isinstance(ours, list):
            for their, our in zip(theirs, ours, strict=False):
                self._learn(their, our, key)
        elif isinstance(theirs, str) and isinstance(ours, str):
            if theirs != ours and len(theirs) > 8 and (_ID_KEYS.search(key) or _UUID.fullmatch(theirs)):
                self._known.setdefault(theirs, ours)


def _differing(what: str, ours: Any, theirs: Any) -> list[str]:
    return [] if ours == theirs else [f"{what} is {ours!r}, recorded {theirs!r}"]
