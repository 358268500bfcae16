"""Connections that the server closed while they were idle, and the pool after a failure."""

from __future__ import annotations

import time

import anyio
import pytest

from dify_integrations import AsyncDify, StreamInterrupted
from tests.faults.conftest import Serve
from tests.faults.server import Connection
from tests.faults.sides import Side
from tests.faults.wire import LAST, Kind, answer, chunk, head, ok


@pytest.mark.parametrize("close_after_s", [0.0, 0.001, 0.005, 0.01, 0.02])
def test_dying_connections_do_not_show(side: Side, close_after_s: float, serve: Serve) -> None:
    """A server that closes kept connections at once, or just around their reuse, causes no error in repeatable calls."""
    server = serve((answer(200, {"name": "app"}), close_after_s))

    async def body(dify: AsyncDify) -> None:
        for _ in range(8):
            assert (await dify.app.info()).name == "app"
            await anyio.sleep(close_after_s)

    side.run(body, server.url)


def test_a_kept_connection_is_reused(side: Side, serve: Serve) -> None:
    """Calls in a row share one connection."""
    server = serve(ok())

    async def body(dify: AsyncDify) -> None:
        for _ in range(3):
            await dify.app.info()

    side.run(body, server.url)
    assert (len(server.requests), server.accepted) == (3, 1)


def test_a_generation_does_not_use_an_old_connection(side: Side, kind: Kind, serve: Serve) -> None:
    """After `keepalive_expiry_s` a new connection is opened: the old one may be dying, and a POST cannot be repeated."""
    server = serve(ok(), (head(), chunk(kind.whole), LAST))

    async def body(dify: AsyncDify) -> None:
        await dify.app.info()
        await anyio.sleep(0.06)
        assert (await kind.start(dify).finish()).text == "Hello"

    side.run(body, server.url, keepalive_expiry_s=0.03)
    assert [request.connection for request in server.requests] == [0, 1]


def test_dify_s_own_server_is_outlived() -> None:
    """Dify's gunicorn closes after 2 s; the default expiry is shorter."""
    assert AsyncDify("app-x", base_url="http://127.0.0.1:1/v1").settings.keepalive_expiry_s < 2


def test_a_race_on_a_generation_raises_once(side: Side, kind: Kind, serve: Serve) -> None:
    """A kept connection that dies after the request was written may have carried it: no second POST."""

    def close_silently(connection: Connection) -> None:
        connection.wait(0.02)

    server = serve(ok(), (close_silently,))

    async def body(dify: AsyncDify) -> None:
        await dify.app.info()
        with pytest.raises(Exception, match="broke") as caught:
            await kind.start(dify).finish()
        assert getattr(caught.value, "started", None) is True

    side.run(body, server.url)
    assert len(server.requests) == 2


def test_the_pool_stays_usable_after_broken_streams(any_side: Side, kind: Kind, serve: Serve) -> None:
    """With one connection at most, every broken stream gives it back."""
    server = serve((head(), chunk(kind.began)))

    async def body(dify: AsyncDify) -> None:
        for _ in range(5):
            with pytest.raises(StreamInterrupted):
                await kind.start(dify).finish()

    began = time.monotonic()
    any_side.run(body, server.url, max_connections=1)
    assert time.monotonic() - began < 1
    assert len(server.requests) == 5


def test_the_pool_stays_usable_after_good_streams(any_side: Side, kind: Kind, serve: Serve) -> None:
    """A stream ends by meaning, before its body does; that too gives the connection back."""
    server = serve((head(), chunk(kind.whole), lambda connection: connection.wait(None)))

    async def body(dify: AsyncDify) -> None:
        for _ in range(5):
            assert (await kind.start(dify).finish()).status == "succeeded"

    any_side.run(body, server.url, max_connections=1)
    assert server.stops == []
