"""Every recorded exchange about conversations, feedback, annotations, the app and its log, over a real connection.

The recorded answer is served as it came; the client must send what was recorded, and lose nothing of the answer.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from dify_integrations import AsyncDify, DifyError, RetryPolicy
from tests.client.serving import Asked, asked, script
from tests.faults.server import FaultServer
from tests.faults.sides import Side
from tests.wire.app_routes import ROUTES, as_sent
from tests.wire.calls import Call, Unreachable, _Asked
from tests.wire.outcomes import Answered, Outcome, check
from tests.wire.playing import CASSETTES, exchanges, name_of

_MINE = re.compile(r"uri: \S+/v1/(conversations|messages/[^?\s]+/|app/|apps/|end-users/|meta|site|workflows/logs)")


@dataclass
class Exchange:
    """A recorded request as the client would send it, the call that does, and the answer."""

    asked: Asked
    call: Call
    answered: Answered


def exchanges_of(path: Path) -> list[Exchange]:
    found = []
    for method, uri, headers, body, answered in exchanges(path):
        route = urlsplit(uri).path.removeprefix("/v1")
        query = dict(parse_qsl(urlsplit(uri).query))
        for verb, pattern, build in ROUTES:
            match = re.fullmatch(pattern, route)
            if verb == method and match:
                try:
                    call = build(match, _Asked(query, headers, body))
                except Unreachable:
                    continue
                sent = as_sent(method, route, query, json.loads(body or b"null"))
                found.append(Exchange(Asked(method, route, *sent), call, answered))
    return found


RECORDED = [path for path in CASSETTES if _MINE.search(path.read_text("utf-8"))]
PLAYED = {path: found for path in RECORDED if (found := exchanges_of(path))}


@pytest.fixture(params=["sync", "asyncio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients."""
    return Side(request.param)


@pytest.mark.parametrize("path", PLAYED, ids=name_of)
def test_recorded_exchanges(path: Path, side: Side) -> None:
    """What is sent is what was recorded; what comes back is what was answered."""
    played = PLAYED[path]

    async def body(dify: AsyncDify) -> None:
        for one in played:
            outcome = Outcome()
            try:
                outcome.value = await attrgetter(one.call.method)(dify)(*one.call.args, **one.call.kwargs)
            except DifyError as error:
                outcome.error = error
            if one.answered.body and outcome.value is None and outcome.error is None:  # it only says that it was done
                assert json.loads(one.answered.body) == {"result": "success"}
            elif outcome.value is not None or outcome.error is not None:
                check(one.call, one.answered, outcome)

    with FaultServer(*(script(one.answered) for one in played)) as server:
        side.run(body, server.url, retry=RetryPolicy(max_retries=0))
    assert asked(server) == [one.asked for one in played]


def test_all_of_them_were_recorded() -> None:
    """No route of the table goes untried, on old servers and new ones."""
    tried = {one.call.method for found in PLAYED.values() for one in found}
    assert len(tried) == len(ROUTES)
    answered = {one.call.method for found in PLAYED.values() for one in found if one.answered.status < 300}
    assert answered == tried
