"""No connection: what is raised, that it says `started=False`, and how often it is tried."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from dify_integrations import AsyncDify, ConnectFailed, RetryPolicy, Timeouts, TLSFailed
from tests.faults.certificates import unknown_authority
from tests.faults.conftest import Serve
from tests.faults.server import FaultServer
from tests.faults.sides import QUICK, Side
from tests.faults.wire import CHAT, LAST, WORKFLOW, answer, chunk, head, ok

Call = Callable[[AsyncDify], Awaitable[Any]]
CALLS: dict[str, Call] = {
    "repeatable": lambda dify: dify.app.info(),
    "chat": lambda dify: dify.chat.send("hi"),
    "chat stream": lambda dify: CHAT.start(dify).open(),
    "workflow": lambda dify: dify.workflows.run({}),
    "blocking": lambda dify: dify.workflows.run({}, response_mode="blocking"),
}


@pytest.fixture(params=CALLS.values(), ids=list(CALLS))
def call(request: pytest.FixtureRequest) -> Call:
    """Calls of every kind; none of them can have started."""
    chosen: Call = request.param
    return chosen


@pytest.fixture
def closed_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


class Waits:
    """Counts the waits between attempts, which are what a retry can be seen by when there is no server."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        for side in ("_sync", "_async"):
            monkeypatch.setattr(f"dify_integrations.{side}.transport.sleep", self._async if side == "_async" else self._sync)

    def _sync(self, seconds: float) -> None:
        self.count += 1

    async def _async(self, seconds: float) -> None:
        self.count += 1


def test_refused(any_side: Side, call: Call, closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused connection is tried three times, generations included, and names the host."""
    waits = Waits(monkeypatch)
    error = any_side.error(call, f"http://127.0.0.1:{closed_port}/v1")
    assert isinstance(error, ConnectFailed)
    assert error.started is False
    assert f"127.0.0.1:{closed_port}" in error.message
    assert waits.count == 2


def test_refused_without_retries(side: Side, closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """`max_retries=0` tries once."""
    waits = Waits(monkeypatch)
    url = f"http://127.0.0.1:{closed_port}/v1"
    assert isinstance(side.error(CALLS["chat"], url, retry=RetryPolicy(max_retries=0)), ConnectFailed)
    assert waits.count == 0


def test_a_server_that_comes_up_is_reached(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """A generation refused twice succeeds when the server listens at the third attempt, and is posted once."""
    server = FaultServer((head(), chunk(CHAT.whole), LAST))
    server.listen_later()
    waits = 0

    def sleep(_: float) -> None:
        nonlocal waits
        waits += 1
        if waits == 2:
            server.__enter__()

    async def async_sleep(seconds: float) -> None:
        sleep(seconds)

    monkeypatch.setattr("dify_integrations._sync.transport.sleep", sleep)
    monkeypatch.setattr("dify_integrations._async.transport.sleep", async_sleep)
    try:
        result = side.run(lambda dify: dify.chat.send("hi"), server.url)
    finally:
        server.__exit__(None, None, None)
    assert (result.text, result.attempts, len(server.requests)) == ("Hello", 3, 1)


@pytest.fixture
def no_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A resolver that knows no name but addresses, so that no query leaves the machine."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: Any, *rest: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        if not name.endswith(".invalid"):
            return real(host, *rest, **named)
        asked.append(name)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    yield asked


def test_unknown_name(any_side: Side, call: Call, no_names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A host name nobody knows: not started, named, retried."""
    waits = Waits(monkeypatch)
    error = any_side.error(call, "https://dify.invalid/v1")
    assert isinstance(error, ConnectFailed)
    assert error.started is False
    assert "dify.invalid" in error.message
    assert set(no_names) == {"dify.invalid"}
    assert waits.count == 2


def test_full_listen_queue(side: Side) -> None:
    """A server too busy to accept: the connect clock runs out, not started."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        try:
            clocks = Timeouts(connect_s=0.08)
            error = side.error(CALLS["chat"], f"http://127.0.0.1:{port}/v1", timeout=clocks, retry=RetryPolicy(max_retries=0))
        finally:
            for filler in fillers:
                filler.close()
    assert isinstance(error, ConnectFailed)
    assert error.started is False


def test_tls_to_a_plain_port(any_side: Side, call: Call, serve: Serve) -> None:
    """https to a port that talks plain HTTP is a TLS failure, tried once."""
    server = serve(ok(), on_accept=[(answer(400, b"plain HTTP"),)])
    error = any_side.error(call, server.url.replace("http:", "https:"))
    assert isinstance(error, TLSFailed)
    assert error.started is False
    assert server.accepted == 1


def test_certificate_of_an_unknown_authority(any_side: Side, call: Call, serve: Serve, tls: tuple[ssl.SSLContext, str]) -> None:
    """An unknown authority is a TLS failure, tried once, and the message says how to pass one."""
    server = serve(ok(), tls=tls[0])
    error = any_side.error(call, server.url)
    assert isinstance(error, TLSFailed)
    assert error.started is False
    assert "verify=" in error.message
    assert server.accepted == 1


def test_certificate_for_another_host(side: Side, serve: Serve, tls: tuple[ssl.SSLContext, str]) -> None:
    """A trusted certificate of another host is refused all the same."""
    server = serve(ok(), tls=tls[0])
    trust = ssl.create_default_context(cafile=tls[1])
    url = server.url.replace("127.0.0.1", "localhost")
    assert isinstance(side.error(CALLS["repeatable"], url, verify=trust), TLSFailed)


def test_an_authority_of_ones_own(side: Side, serve: Serve, tls: tuple[ssl.SSLContext, str]) -> None:
    """`verify=` with the authority makes the same server work."""
    server = serve(ok(), tls=tls[0])
    trust = ssl.create_default_context(cafile=tls[1])
    assert side.run(lambda dify: dify.app.info(), server.url, verify=trust).name == "app"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """A server's context and the certificate to trust."""
    context, certificate = unknown_authority(tmp_path_factory.mktemp("tls"))
    return context, str(certificate)


def test_no_free_connection(any_side: Side, serve: Serve) -> None:
    """A pool used up by open streams: the second call says what to do, and did not start."""
    server = serve((head(), chunk(CHAT.began), lambda connection: connection.wait(None)))

    async def body(dify: AsyncDify) -> None:
        async with CHAT.start(dify):
            with pytest.raises(ConnectFailed, match="max_connections") as caught:
                await dify.app.info()
            assert caught.value.started is False

    any_side.run(body, server.url, max_connections=1, timeout=Timeouts(pool_s=0.05), retry=QUICK)
    assert len(server.requests) == 1


def test_workflow_refused_names_no_partial(side: Side, closed_port: int) -> None:
    """Nothing arrived, so nothing is attached."""
    error = side.error(lambda dify: WORKFLOW.start(dify).finish(), f"http://127.0.0.1:{closed_port}/v1", retry=QUICK)
    assert error.partial is None
