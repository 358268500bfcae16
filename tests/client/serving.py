"""Servers with given answers on loopback, what they were asked, and answers of real servers to give."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.faults.server import Act, FaultServer, Received, keep
from tests.faults.wire import answer
from tests.wire.outcomes import Answered
from tests.wire.playing import exchanges
from tests.wire.recordings import CURATED

HTML_404 = b"<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n"


@dataclass(frozen=True)
class Asked:
    """A request as the server got it, `/v1` left out."""

    method: str
    path: str
    query: dict[str, str]
    body: Any


def script(body: Any, status: int = 200) -> tuple[Act, ...]:
    """An answer of JSON; of a recorded answer its bytes."""
    if isinstance(body, Answered):
        return answer(body.status, body.body, Content_Type=body.headers["content-type"]), keep
    return answer(status, json.dumps(body).encode(), Content_Type="application/json"), keep


def refusal(status: int, code: str, message: str) -> tuple[Act, ...]:
    """An answer with Dify's error envelope."""
    return script({"code": code, "message": message, "status": status}, status)


def absent() -> tuple[Act, ...]:
    """What a server says that is too old for an address."""
    return answer(404, HTML_404, Content_Type="text/html; charset=utf-8"), keep


def asked(server: FaultServer) -> list[Asked]:
    """Everything the server was asked."""
    return [asked_by(request) for request in server.requests]


def asked_by(request: Received) -> Asked:
    parts = urlsplit(request.path)
    query = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    return Asked(request.method, parts.path.removeprefix("/v1"), query, json.loads(request.body) if request.body else None)


def recorded(cassette: str, request: str, status: int = 200) -> list[Answered]:
    """The answers of a curated cassette to requests such as `GET /conversations\\?.*limit=2`, in order."""
    found = [
        answered
        for method, uri, _, _, answered in exchanges(CURATED / f"{cassette}.yaml")
        if re.fullmatch(request, f"{method} {uri.partition('/v1')[2]}") and answered.status == status
    ]
    assert found, f"nothing like {request} in {cassette}"
    return found


def value_of(answered: Answered) -> Any:
    """The JSON of a recorded answer."""
    return json.loads(answered.body)
