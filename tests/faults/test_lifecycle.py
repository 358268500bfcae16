"""One client in several loops, threads and processes; use after close; sharing of connections."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dify_integrations import AsyncDify, Dify, InvalidArgument
from tests.faults.conftest import Serve
from tests.faults.server import Connection, keep
from tests.faults.sides import CLOCKS, KEY, QUICK, Side
from tests.faults.wire import CHAT, LAST, Kind, answer, chunk, head, ok

ROOT = Path(__file__).parents[2]
OPTIONS: dict[str, Any] = {"api_key": KEY, "user": "ann", "retry": QUICK, "timeout": CLOCKS, "trust_env": False}


def test_two_loops_one_after_the_other(kind: Kind, serve: Serve) -> None:
    """`asyncio.run` twice with one client; the sockets of the first end with its loop."""
    server = serve((head(), chunk(kind.whole), LAST, keep))
    dify = AsyncDify(base_url=server.url, **OPTIONS)

    async def twice() -> list[str]:
        return [(await kind.start(dify).finish()).text for _ in range(2)]

    assert asyncio.run(twice()) == ["Hello"] * 2
    assert server.wait_until(lambda: len(server.left) == server.accepted)
    first = server.accepted
    assert asyncio.run(twice()) == ["Hello"] * 2
    assert server.wait_until(lambda: len(server.left) == server.accepted > first)


def test_a_loop_per_thread(kind: Kind, serve: Serve) -> None:
    """One async client in two threads' loops at once."""
    server = serve((head(), chunk(kind.began), 0.01, chunk(kind.more, kind.ended), LAST, keep))
    dify = AsyncDify(base_url=server.url, **OPTIONS)
    meet = threading.Barrier(2)

    async def work() -> list[str]:
        meet.wait()
        return [result.text for result in await asyncio.gather(*(kind.start(dify).finish() for _ in range(5)))]

    with ThreadPoolExecutor(2) as pool:
        answers = [future.result() for future in [pool.submit(lambda: asyncio.run(work())) for _ in range(2)]]
    assert answers == [["Hello"] * 5] * 2
    assert server.wait_until(lambda: len(server.left) == server.accepted)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # whoever closes such a loop leaves what is in it to the collector
def test_loops_that_are_closed_but_never_shut_down(kind: Kind, serve: Serve) -> None:
    """As LlamaIndex' `asyncio_run` does in a running loop: the client keeps no connections of those that have gone."""
    server = serve((head(), chunk(kind.whole), LAST, keep))
    dify = AsyncDify(base_url=server.url, **OPTIONS)

    async def ask() -> str:
        return (await kind.start(dify).finish()).text

    for _ in range(5):
        loop = asyncio.new_event_loop()
        assert loop.run_until_complete(ask()) == "Hello"
        loop.close()
        del loop
    assert asyncio.run(ask()) == "Hello"
    gc.collect()
    assert server.wait_until(lambda: len(server.left) == server.accepted == 6)


def test_forgotten_client_while_its_loop_goes_on(kind: Kind, serve: Serve) -> None:
    """A collector that finds a client in a cycle leaves its idle connections to be closed, instead of warning of them."""
    server = serve((head(), chunk(kind.whole), LAST, keep))

    async def forgotten() -> None:
        dify = AsyncDify(base_url=server.url, **OPTIONS)
        assert (await kind.start(dify).finish()).text == "Hello"
        cycle: list[Any] = [dify]
        cycle.append(cycle)

    async def main() -> None:
        await forgotten()
        gc.collect()
        assert await asyncio.to_thread(server.wait_until, lambda: len(server.left) == server.accepted == 1)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        asyncio.run(main())
        gc.collect()
    assert [str(warning.message) for warning in told] == []


def test_forgotten_async_client_as_its_loop_ends(kind: Kind, serve: Serve) -> None:
    """A client made inside `main()` is forgotten while its loop ends; none of its idle connections is left to the collector."""
    server = serve((head(), chunk(kind.began), 0.01, chunk(kind.more, kind.ended), LAST, keep))

    async def main() -> list[str]:
        dify = AsyncDify(base_url=server.url, **OPTIONS)
        return [result.text for result in await asyncio.gather(*(kind.start(dify).finish() for _ in range(5)))]

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert asyncio.run(main()) == ["Hello"] * 5
        gc.collect()
    assert [str(warning.message) for warning in told] == []
    assert server.wait_until(lambda: len(server.left) == server.accepted == 5)


def test_closed_with_the_client(any_side: Side, serve: Serve) -> None:
    """Leaving the client's block closes idle connections."""
    server = serve(ok())
    any_side.run(lambda dify: dify.app.info(), server.url)
    assert server.wait_until(lambda: len(server.left) == 1)


def test_forgotten_sync_client(serve: Serve) -> None:
    """A sync client nobody closed closes its connections when it is forgotten, without a warning."""
    server = serve(ok())
    dify = Dify(base_url=server.url, **OPTIONS)
    dify.app.info()
    del dify
    assert server.wait_until(lambda: len(server.left) == 1)


def test_use_after_close(any_side: Side, kind: Kind, serve: Serve) -> None:
    """A closed client says so, for calls and runs, and closing twice is fine."""
    server = serve(ok())

    async def body(dify: AsyncDify) -> None:
        await dify.app.info()
        await dify.aclose()
        await dify.aclose()
        with pytest.raises(InvalidArgument, match="closed"):
            await dify.app.info()
        with pytest.raises(InvalidArgument, match="closed"):
            await kind.start(dify).finish()

    any_side.run(body, server.url)
    assert len(server.requests) == 1


def test_with_options_shares_connections(side: Side, serve: Serve) -> None:
    """A copy is cheap: another user and key on the same connection, and the first client unchanged."""
    server = serve((head(), chunk(CHAT.whole), LAST, keep), ok())

    async def body(dify: AsyncDify) -> None:
        other = dify.with_options(user="bob", api_key="app-OTHERotherOTHERother", headers={"X-Tenant": "b"})
        await other.chat.send("hi")
        await dify.app.info()

    side.run(body, server.url)
    first, second = server.requests
    assert json.loads(first.body)["user"] == "bob"
    assert (first.headers["authorization"], first.headers["x-tenant"]) == ("Bearer app-OTHERotherOTHERother", "b")
    assert second.headers["authorization"] == f"Bearer {KEY}"
    assert "x-tenant" not in second.headers
    assert first.connection == second.connection


FORK = """
import os, sys
from dify_integrations import Dify
dify = Dify(sys.argv[1], base_url=sys.argv[2], user="ann", trust_env=False)
assert dify.app.info().name == "app"
child = os.fork()
assert dify.app.info().name == "app"
if child:
    assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork_with_a_live_client(serve: Serve) -> None:
    """The child opens a connection of its own; the parent goes on with its."""
    server = serve(ok())
    command = [sys.executable, "-W", "error", "-c", FORK, KEY, server.url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert [request.connection for request in server.requests].count(0) == 2
    assert {request.connection for request in server.requests} == {0, 1}


EXIT = """
import sys
from dify_integrations import Dify
dify = Dify(sys.argv[1], base_url=sys.argv[2], user="ann", trust_env=False)
for event in dify.chat.stream("hi"):
    break
"""


def test_the_interpreter_ends_at_once(serve: Serve) -> None:
    """A script that breaks out and ends: the stop call still arrives, and nothing is printed."""
    server = serve((head(), chunk(CHAT.began), lambda connection: connection.wait(None)))
    command = [sys.executable, "-W", "error", "-c", EXIT, KEY, server.url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(server.stops) == 1


def test_many_threads_on_one_client(serve: Serve) -> None:
    """16 threads, 20 calls each: every answer belongs to its question, every request to its user."""

    def echo(connection: Connection) -> None:
        query = json.loads(connection.server.last[connection.number].body)["query"].encode()
        connection.send(head() + chunk(CHAT.whole.replace(b'"Hel"', b'"%s "' % query)) + LAST)

    server = serve((echo, keep))

    def work(number: int) -> None:
        user = f"user-{number}"
        mine = dify.with_options(headers={"X-User": user}) if number % 2 else dify
        for turn in range(20):
            result = mine.chat.send(f"{number}.{turn}", user=user)
            assert result.text == f"{number}.{turn} lo"

    with Dify(base_url=server.url, **OPTIONS) as dify, ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))
    assert len(server.requests) == 320
    for request in server.requests:
        body = json.loads(request.body)
        assert body["user"] == f"user-{body['query'].partition('.')[0]}"
        assert request.headers.get("x-user", body["user"]) == body["user"]
    assert server.accepted <= 32


def test_cookies_are_not_kept(side: Side, serve: Serve) -> None:
    """A shared jar would mix tenants."""
    server = serve((answer(200, {"name": "app"}, Set_Cookie="session=ann; Path=/"), keep))

    async def body(dify: AsyncDify) -> None:
        await dify.app.info()
        await dify.app.info()

    side.run(body, server.url)
    assert "cookie" not in server.requests[1].headers
