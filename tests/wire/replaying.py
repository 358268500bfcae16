"""A loopback server that gives recorded answers, and the calls of both clients that ask for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, TypeAlias

import anyio

from dify_integrations import AsyncDify, AsyncRun, Dify, Run
from dify_integrations.errors import DifyError
from tests.faults.server import Connection, FaultServer, Received
from tests.faults.wire import LAST, chunk
from tests.wire.calls.base import Call
from tests.wire.outcomes import Answered, Outcome

KEYS = {"app": "Bearer app-test", "dataset": "Bearer dataset-test", None: None}
OPTIONS: dict[str, Any] = {"api_key": "app-test", "dataset_api_key": "dataset-test", "max_retries": 0, "trust_env": False}
NO_SUCH_ADDRESS = Answered(404, {"content-type": "text/html; charset=utf-8"}, b"<!doctype html>\n<title>404 Not Found</title>\n")
NO_SUCH_VERB = Answered(
    405,
    {"content-type": "application/json"},
    b'{"code": "method_not_allowed", "message": "The method is not allowed for the requested URL.", "status": 405}',
)
_OF_THE_CONNECTION = ("connection", "content-length", "transfer-encoding")

Step: TypeAlias = "tuple[Call, Sequence[Answered], Callable[[Outcome, Sequence[Received]], None]]"
"""A call, what to answer, and what to make of what came and of what was asked."""


class Replayer(FaultServer):
    """Gives the answers it was told, one per request, whatever is asked."""

    def __init__(self) -> None:
        super().__init__([])
        self.answers: list[Answered] = []

    def _answer(self, connection: Connection) -> bool:
        request = connection.read_request()
        self._note(self.requests, request)
        connection.send(to_bytes(self.answers.pop(0)))
        return True

    def take(self) -> list[Received]:
        """What was asked since the last time."""
        taken, self.requests = self.requests, []
        return taken


def to_bytes(answered: Answered) -> bytes:
    """A recorded answer as it goes over the wire; streams in chunks that cut through events."""
    headers = {name: value for name, value in answered.headers.items() if name not in _OF_THE_CONNECTION}
    body = answered.body
    if answered.streamed:
        headers["transfer-encoding"] = "chunked"
        body = b"".join(chunk(body[at : at + 4001]) for at in range(0, len(body), 4001)) + LAST
    elif answered.status != 204:
        headers["content-length"] = str(len(body))
    lines = [f"HTTP/1.1 {answered.status} Recorded", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def in_sync(steps: Sequence[Step], *, items: bool) -> int:
    """Make the calls with `Dify`; with `items`, streaming ones item by item. Tells how many were judged."""
    judged = 0
    with Replayer() as server, Dify(base_url=server.url, **OPTIONS) as dify:
        for call, answers, judge in steps:
            server.answers, outcome = list(answers), Outcome()
            try:
                make(dify, call, outcome, items=items)
            except DifyError as error:
                outcome.error = error
            judge(outcome, server.take())
            judged += 1
    return judged


def in_async(steps: Sequence[Step], *, items: bool) -> int:
    """Make the calls with `AsyncDify`."""

    async def main() -> int:
        judged = 0
        async with AsyncDify(base_url=server.url, **OPTIONS) as dify:
            for call, answers, judge in steps:
                server.answers, outcome = list(answers), Outcome()
                try:
                    await make_async(dify, call, outcome, items=items)
                except DifyError as error:
                    outcome.error = error
                judge(outcome, server.take())
                judged += 1
        return judged

    with Replayer() as server:
        return anyio.run(main)


def make(dify: Dify, call: Call, outcome: Outcome, *, items: bool = False) -> None:
    """Make one call; what it gives, and what a stream gives on the way, goes into `outcome`."""
    value = called(dify, call, items=items)
    if isinstance(value, Run):
        with value as run:
            for item in run.items():
                outcome.items.append(item)
        value = run.result
    outcome.value = value


async def make_async(dify: AsyncDify, call: Call, outcome: Outcome, *, items: bool = False) -> None:
    """As `make`."""
    value = called(dify, call, items=items)
    if isinstance(value, AsyncRun):
        async with value as run:
            async for item in run.items():
                outcome.items.append(item)
        outcome.value = run.result
    else:
        outcome.value = await value


def called(dify: Dify | AsyncDify, call: Call, *, items: bool) -> Any:
    """What the call gives: a value, an awaitable, or an open run; with `items`, of streaming calls the run."""
    if items and call.streams:
        kwargs = {name: value for name, value in call.kwargs.items() if name != "response_mode"}
        return attrgetter(call.method.partition(".")[0] + ".stream")(dify)(*call.args, **kwargs)
    return attrgetter(call.method)(dify)(*call.args, **call.kwargs)
