"""Every recorded exchange about knowledge bases, documents and retrieval, over a real connection.

The recorded answer is served as it came; the client must send what was recorded, and lose nothing of the answer.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from dify_integrations import AsyncDify, DifyError, RetryPolicy
from dify_integrations.files import Download
from tests.client.serving import script
from tests.faults.server import FaultServer
from tests.faults.sides import Side
from tests.wire.calls import Call, Unreachable, _Asked
from tests.wire.document_routes import ROUTES, as_sent, parts
from tests.wire.outcomes import Answered, Outcome, check
from tests.wire.playing import CASSETTES, exchanges
from tests.wire.recordings import COLLECTION

Sent = tuple[str, str, dict[str, Any], dict[str, Any]]
_MINE = re.compile(r"uri: \S+/datasets")
OLDER = {"datasets.documents.download_url": 1}
"""Further addresses of calls that old servers refused on a recording."""
_DONE = {b"", b"204", b'{"result": "success"}'}


@dataclass
class Exchange:
    """A recorded request as the client would send it, the call that does, and the answer."""

    sent: Sent
    call: Call
    answered: Answered


def request_of(method: str, address: str, headers: dict[str, Any], body: bytes) -> Sent:
    """Method, path, query and fields, of JSON and multipart alike."""
    url = urlsplit(address)
    kind = str(headers.get("content-type", ""))
    fields: dict[str, Any] = {}
    if kind.startswith("multipart/"):
        fields = dict(parts(headers, body))
        if "data" in fields:
            fields["data"] = json.loads(fields["data"][2])
    elif body and "json" in kind:
        fields = json.loads(body)
    return method, url.path.removeprefix("/v1"), dict(parse_qsl(url.query)), fields


def exchanges_of(path: Path) -> list[Exchange]:
    found = []
    for method, uri, headers, body, answered in exchanges(path):
        route = urlsplit(uri).path.removeprefix("/v1")
        for verb, pattern, build in ROUTES:
            match = re.fullmatch(pattern, route)
            if verb != method or not match:
                continue
            try:
                call = build(match, _Asked(dict(parse_qsl(urlsplit(uri).query)), headers, body))
            except Unreachable:
                break
            found.append(Exchange(as_sent(*request_of(method, uri, headers, body)), call, answered))
            break
    return found


def played() -> dict[str, list[Exchange]]:
    """The exchanges of every cassette, of this repository and of the collection beside it where there is one."""
    paths = [*CASSETTES, *sorted(COLLECTION.glob("*/*.yaml"))]
    return {
        f"{path.parent.name}/{path.stem}": found
        for path in paths
        if _MINE.search(path.read_text("utf-8")) and (found := exchanges_of(path))
    }


PLAYED = played()


@pytest.fixture(params=["sync", "asyncio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients."""
    return Side(request.param)


@pytest.mark.parametrize("name", PLAYED)
def test_recorded_exchanges(name: str, side: Side) -> None:
    """What is sent is what was recorded; what comes back is what was answered."""
    played = PLAYED[name]

    async def body(dify: AsyncDify) -> None:
        for one in played:
            outcome = Outcome()
            try:
                outcome.value = await attrgetter(one.call.method)(dify)(*one.call.args, **one.call.kwargs)
            except DifyError as error:
                outcome.error = error
            judge(one, outcome)

    with FaultServer(*(act for one in played for act in script_of(one))) as server:
        side.run(body, server.url, retry=RetryPolicy(max_retries=0), dataset_api_key="dataset-x")
    requests = [request_of(one.method, one.path, one.headers, one.body) for one in server.requests]
    firsts = [number for number, one in enumerate(played) for _ in script_of(one)]
    assert [request for number, request in enumerate(requests) if number == firsts.index(firsts[number])] == [
        one.sent for one in played
    ]


def script_of(one: Exchange) -> list[Any]:
    """The answer, as often as the client asks: where an address is missing, it tries the older ones."""
    missing = one.answered.status == 405 or (one.answered.status == 404 and "html" in one.answered.headers["content-type"])
    return [script(one.answered)] * (1 + missing * OLDER.get(one.call.method, 0))


def judge(one: Exchange, outcome: Outcome) -> None:
    """Nothing of the answer is lost, and errors are what the contract says."""
    body = one.answered.body.strip()
    if one.answered.status < 300 and body in _DONE:
        assert (outcome.value, outcome.error) == (None, None)
    elif isinstance(outcome.value, Download):
        assert outcome.value.content == one.answered.body
        assert outcome.value.mime_type == "application/zip"
    else:
        check(one.call, one.answered, outcome)


@pytest.mark.parametrize("name", sorted({one.call.method for found in PLAYED.values() for one in found}))
def test_each_call_was_answered_by_a_real_server(name: str) -> None:
    """Not only refused."""
    assert any(one.call.method == name and one.answered.status < 300 for found in PLAYED.values() for one in found)


def test_all_of_them_were_recorded() -> None:
    """No route of the table goes untried."""
    assert len({one.call.method for found in PLAYED.values() for one in found}) == len(ROUTES)
