"""From a recorded request to the call of the public client that must send the same, or the reason why there is none.

One table for all operations, in a file per area. Addresses and the client's methods come from the catalogue.
"""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlsplit

from dify_integrations.core.request import KeyKind
from dify_integrations.errors import InvalidArgument
from dify_integrations.operations.catalogue import OPERATIONS, Endpoint
from tests.wire.calls import app, base, conversations, files, knowledge, never, parts, runs
from tests.wire.calls.base import Asked, Call, Difference, Part, Reason, Route, Sent, Unreachable, ids_in
from tests.wire.calls.never import NOT_REACHABLE

AREAS = (runs, conversations, app, files, knowledge, parts)
ROUTES: dict[str, Route] = {route.id: route for area in AREAS for route in area.ROUTES}
REFUSED = Reason("the client refuses arguments that servers refuse")
REASONS = {REFUSED, *(value for place in (base, never, *AREAS) for value in vars(place).values() if isinstance(value, Reason))}
SIGNED = ("/files/{file_id}/file-preview", "/files/tools/{file_id}")
"""Addresses outside the Service API, which answers give out signed."""


@dataclass
class Made:
    """How the client makes a recorded request.

    Attributes:
        id: Dify's operationId; `""` for a file by its signed address.
        call: The call.
        sent: What it sends, as far as the request was recorded.
        before: What it sends before, to addresses that an older server does not know.
        after: What it sends then, when the server does not know this address either.
        key: Which key goes with it.
        differences: Where that differs from the recording.
    """

    id: str
    call: Call
    sent: Sent
    before: list[Sent]
    after: list[Sent]
    key: KeyKind | None
    differences: set[Difference]


def call_for(asked: Asked) -> Made:
    """The call that makes a request.

    Raises:
        Unreachable: There is none.
    """
    for row in NOT_REACHABLE:
        if fits(row, asked):
            raise Unreachable(row[2])
    if any(ids_in(template, asked.path) for template in SIGNED):
        address = asked.uri.partition(urlsplit(asked.uri).netloc)[2]
        return Made("", Call("files.download", (address,)), sent_by(asked), [], [], None, set())
    endpoint, place, ids = _endpoint(asked)
    route = ROUTES[endpoint.id]
    try:
        args, kwargs = route.build(replace(asked, ids=ids))
    except InvalidArgument as error:
        raise Unreachable(REFUSED) from error
    sent = sent_by(asked)
    made = {difference for difference in route.differences if _changes(difference, sent)}
    spellings = [replace(sent, method=verb, path=f"/v1{_filled(path, ids)}") for verb, path in _spellings(endpoint)]
    return Made(endpoint.id, Call(endpoint.call, args, kwargs), sent, spellings[:place], spellings[place + 1 :], endpoint.key, made)


def fits(row: tuple[str, str, Reason], asked: Asked) -> bool:
    """Whether a row of NOT_REACHABLE is about this request."""
    return asked.method in row[0].split() and ids_in(row[1], asked.path) is not None


def sent_by(asked: Asked) -> Sent:
    """A request in a form that can be compared."""
    query = parse_qsl(urlsplit(asked.uri).query, keep_blank_values=True)
    return Sent(asked.method, asked.path, query, _body(asked))


def _changes(difference: Difference, sent: Sent) -> bool:
    """Make a difference, and say whether it is one."""
    before = deepcopy(sent)
    difference(sent)
    return sent != before


def _body(asked: Asked) -> object:
    if asked.headers.get("content-type", "").startswith("multipart/") and asked.body.startswith(b"--"):
        return [_part(part) for part in asked.parts()]
    try:
        return json.loads(asked.body or b"null")
    except ValueError:
        return asked.body


def _part(part: Part) -> Part:
    """A part whose text is JSON by its value."""
    if part.name != "data":
        return part
    try:
        return replace(part, content=json.loads(part.content))
    except ValueError:
        return part


def _endpoint(asked: Asked) -> tuple[Endpoint, int, tuple[str, ...]]:
    """The operation at an address, which of its spellings that is, and the ids in it."""
    found = [
        (endpoint, place, ids)
        for endpoint in OPERATIONS
        if endpoint.id in ROUTES
        for place, (verb, path) in enumerate(_spellings(endpoint))
        if verb == asked.method and (ids := ids_in(f"/v1{path}", asked.path)) is not None
    ]
    if not found:
        raise LookupError(f"neither an operation nor in NOT_REACHABLE: {asked.method} {asked.path}")
    return min(found, key=lambda one: len(one[2]))  # /datasets/tags is no knowledge base


def _spellings(endpoint: Endpoint) -> list[tuple[str, str]]:
    return [(endpoint.method, endpoint.path), *endpoint.older]


def _filled(path: str, ids: tuple[str, ...]) -> str:
    values = iter(ids)
    return "/".join(next(values) if part.startswith("{") else part for part in path.split("/"))
