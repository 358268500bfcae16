"""`cancel`, from another thread or task: whoever waits for the run is told at once, and the run is asked to stop, once."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from dify_integrations import AsyncDify, Dify, Ended, FileInput, RetryPolicy, RunStopped
from tests.faults.certificates import unknown_authority
from tests.faults.conftest import Serve
from tests.faults.server import FaultServer, Script, hold, keep, repeat
from tests.faults.sides import CLOCKS, KEY, QUICK, Side, Veil
from tests.faults.wire import CHAT, LAST, Kind, answer, chunk, head, ok

AT_ONCE_S = 1.0
"""From `cancel` to the reader's exception: shows that nobody waits for the silent server, on a busy machine too."""


class Canceller:
    """Cancels a run from a thread of its own as soon as `when` holds."""

    def __init__(self, run: Any, when: Callable[[], object]) -> None:
        self.run = run._plain if isinstance(run, Veil) else run
        self.at = 0.0
        self._when = when
        self._thread = threading.Thread(target=self._work, name="canceller")
        self._thread.start()

    def _work(self) -> None:
        end = time.monotonic() + 5
        while not self._when() and time.monotonic() < end:
            time.sleep(0.001)
        time.sleep(0.02)  # the reader has begun to wait
        self.at = time.monotonic()
        self.run.cancel()

    def took(self) -> float:
        """Seconds from the call till now."""
        self._thread.join()
        return time.monotonic() - self.at


async def stopped(work: Callable[[], Awaitable[Any]]) -> RunStopped:
    """The `RunStopped` that work ends with; nothing else will do."""
    with pytest.raises(RunStopped) as caught:
        await work()
    return caught.value


def test_a_silent_stream(any_side: Side, kind: Kind, serve: Serve) -> None:
    """The reader waits for the next event: it is told what there is, one stop goes out, and the connection is not used again."""
    server = serve((head(), chunk(kind.began), hold), (head(), chunk(kind.whole), LAST))
    seen: list[Any] = []

    async def body(dify: AsyncDify) -> None:
        run = kind.start(dify)

        async def work() -> None:
            async for item in run.items():
                seen.append(item)

        canceller = Canceller(run, lambda: seen)
        error = await stopped(work)
        assert canceller.took() < AT_ONCE_S
        assert error.result is not None
        assert (error.result.text, error.result.status) == ("Hel", "stopped")
        assert run.result.status == "stopped"
        assert seen[-1] == Ended("stopped")
        assert server.wait_until(lambda: server.left and server.stops)
        assert (await kind.start(dify).finish()).text == "Hello"

    any_side.run(body, server.url, max_connections=1)
    assert [stop.path for stop in server.stops] == [kind.stop_path]
    assert server.requests[0].connection != server.requests[1].connection


def test_before_the_head(any_side: Side, kind: Kind, serve: Serve) -> None:
    """The answer has not begun: the reader leaves at once, and there is no task to stop yet."""
    server = serve((hold,), ok())

    async def body(dify: AsyncDify) -> None:
        run = kind.start(dify)
        canceller = Canceller(run, lambda: server.requests)
        error = await stopped(run.finish)
        assert canceller.took() < AT_ONCE_S
        assert error.result is not None and error.result.status == "stopped"
        assert server.wait_until(lambda: server.left)
        assert (await dify.app.info()).name == "app"

    any_side.run(body, server.url, max_connections=1)
    assert server.stops == []
    assert len(server.requests) == 2


def test_before_the_head_on_a_used_connection(any_side: Side, kind: Kind, serve: Serve) -> None:
    """The same on a connection from the pool, which tells nobody that it was taken."""
    server = serve(ok(), (hold,))

    async def body(dify: AsyncDify) -> None:
        await dify.app.info()
        run = kind.start(dify)
        canceller = Canceller(run, lambda: len(server.requests) == 2)
        await stopped(run.finish)
        assert canceller.took() < AT_ONCE_S

    any_side.run(body, server.url)
    assert server.accepted == 1


def test_before_it_was_opened(any_side: Side, kind: Kind, serve: Serve) -> None:
    """Then it never sends, however it is opened."""
    server = serve(ok())

    async def body(dify: AsyncDify) -> None:
        first, second, third = (kind.start(dify) for _ in range(3))
        for run in (first, second, third):
            Canceller(run, lambda: True).took()
        await stopped(first.finish)
        await stopped(second.open)
        await stopped(second.open)  # whoever enters what was opened for them is told as well
        with pytest.raises(RunStopped):
            async with third:
                raise AssertionError("a cancelled run was entered")
        assert first.result.status == second.result.status == "stopped"

    any_side.run(body, server.url)
    assert server.accepted == 0


def test_while_a_file_is_uploaded(any_side: Side, serve: Serve) -> None:
    """What comes before the run's own request is left as well, and the run is not started."""
    server = serve((hold,))

    async def body(dify: AsyncDify) -> None:
        run = dify.chat.stream("hi", files=[FileInput.from_bytes(b"x", "a.txt")])
        canceller = Canceller(run, lambda: server.requests)
        await stopped(run.finish)
        assert canceller.took() < AT_ONCE_S

    any_side.run(body, server.url)
    assert [request.path for request in server.requests] == ["/v1/files/upload"]


def test_in_back_off(any_side: Side, kind: Kind, serve: Serve) -> None:
    """Waiting to send again ends, and nothing is sent again."""
    server = serve((answer(429, b"", Retry_After="30"),))

    async def body(dify: AsyncDify) -> None:
        run = kind.start(dify)
        canceller = Canceller(run, lambda: server.requests)
        await stopped(run.finish)
        assert canceller.took() < AT_ONCE_S

    any_side.run(body, server.url, retry=RetryPolicy())
    assert len(server.requests) == 1


def test_while_connecting(any_side: Side, kind: Kind) -> None:
    """Blocking code connects to the end of its clock, tasks leave at once; nothing is sent, nor tried again."""
    with socket.socket() as listener, ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(4):  # a full queue: nobody else gets in
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)

        async def body(dify: AsyncDify) -> None:
            run = kind.start(dify)
            canceller = Canceller(run, lambda: True)
            await stopped(run.finish)
            assert canceller.took() < (0.3 if any_side.name == "sync" else 0) + AT_ONCE_S

        any_side.run(body, f"http://127.0.0.1:{address[1]}/v1", timeout=replace(CLOCKS, connect_s=0.3))


@pytest.mark.parametrize("shape", ["events", "items", "text"])
def test_a_talking_stream(any_side: Side, kind: Kind, shape: str, serve: Serve) -> None:
    """Cancelled by its own reader between two events: the next step is the end."""
    server = serve((head(), chunk(kind.began, *[kind.more] * 50), repeat(chunk(kind.more), 0.01)))

    async def body(dify: AsyncDify) -> None:
        run = kind.start(dify)
        iterator = run.__aiter__() if shape == "events" else getattr(run, shape)()
        await iterator.__anext__()
        Canceller(run, lambda: True).took()
        rest: list[Any] = []

        async def work() -> None:
            async for entry in iterator:
                rest.append(entry)

        await stopped(work)
        assert len(rest) <= 3  # what belonged to the event at hand, and the end

    any_side.run(body, server.url)
    assert server.wait_until(lambda: server.stops)
    assert len(server.stops) == 1


def test_a_stream_that_nobody_reads(any_side: Side, kind: Kind, serve: Serve) -> None:
    """The stop goes out when `cancel` is called, not when somebody comes to look."""
    server = serve((head(), chunk(kind.began), hold))

    async def body(dify: AsyncDify) -> None:
        async with kind.start(dify) as run:
            iterator = run.items()
            await iterator.__anext__()
            canceller = Canceller(run, lambda: True)
            assert server.wait_until(lambda: server.stops)
            canceller.took()
            with pytest.raises(RunStopped):
                while True:
                    await iterator.__anext__()

    any_side.run(body, server.url)
    assert len(server.stops) == 1


def test_behind_its_end(any_side: Side, kind: Kind, serve: Serve) -> None:
    """Nothing happens: no stop, and the result stays."""
    server = serve((head(), chunk(kind.whole), LAST))

    async def body(dify: AsyncDify) -> None:
        run = kind.start(dify)
        await run.finish()
        Canceller(run, lambda: True).took()
        assert (run.result.text, run.result.status) == ("Hello", "succeeded")

    any_side.run(body, server.url)
    assert server.stops == []


def test_many_times_from_many_threads(any_side: Side, kind: Kind, serve: Serve) -> None:
    """One stop call, whoever asks how often."""
    server = serve((head(), chunk(kind.began), hold))
    seen: list[Any] = []

    async def body(dify: AsyncDify) -> None:
        run = kind.start(dify)

        async def work() -> None:
            async for item in run.items():
                seen.append(item)

        cancellers = [Canceller(run, lambda: seen) for _ in range(8)]
        await stopped(work)
        for canceller in cancellers:
            canceller.took()

    any_side.run(body, server.url)
    assert server.wait_until(lambda: server.stops)
    assert not server.wait_until(lambda: len(server.stops) > 1, 0.1)


def test_leaving_would_not_stop_it(any_side: Side, kind: Kind, serve: Serve) -> None:
    """`stop_on_close` is about leaving; who cancels means it."""
    server = serve((head(), chunk(kind.began), hold))
    seen: list[Any] = []

    async def body(dify: AsyncDify) -> None:
        run = kind.start(dify)

        async def work() -> None:
            async for item in run.items():
                seen.append(item)

        Canceller(run, lambda: seen)
        await stopped(work)
        assert server.wait_until(lambda: server.stops)

    any_side.run(body, server.url, stop_on_close=False)


def test_a_followed_run(any_side: Side, serve: Serve) -> None:
    """Waiting for a run that is followed behind a break, too."""
    from tests.faults.wire import WORKFLOW

    server = serve((head(), chunk(WORKFLOW.began)), (hold,))

    async def body(dify: AsyncDify) -> None:
        run = dify.workflows.stream({}, resume=True)
        canceller = Canceller(run, lambda: len(server.requests) == 2)
        error = await stopped(run.finish)
        assert canceller.took() < AT_ONCE_S
        assert error.result is not None and error.result.text == "Hel"

    any_side.run(body, server.url)
    assert server.wait_until(lambda: server.stops)
    assert len(server.stops) == 1


def test_over_tls(any_side: Side, tmp_path: Path) -> None:
    """A reader inside a TLS session is woken as well."""
    context, authority = unknown_authority(tmp_path)
    seen: list[Any] = []
    with FaultServer((head(), chunk(CHAT.began), hold), tls=context) as server:

        async def body(dify: AsyncDify) -> None:
            run = CHAT.start(dify)

            async def work() -> None:
                async for item in run.items():
                    seen.append(item)

            canceller = Canceller(run, lambda: seen)
            await stopped(work)
            assert canceller.took() < AT_ONCE_S

        any_side.run(body, server.url, verify=ssl.create_default_context(cafile=str(authority)))


def test_on_a_given_client(any_side: Side, kind: Kind, serve: Serve) -> None:
    """Nobody speaks for a client of the caller's: the reader sends the stop over it."""
    server = serve((head(), chunk(kind.began), hold))
    seen: list[Any] = []
    given: Any = httpx.Client() if any_side.name == "sync" else httpx.AsyncClient()

    async def body(dify: AsyncDify) -> None:
        run = kind.start(dify)

        async def work() -> None:
            async for item in run.items():
                seen.append(item)

        canceller = Canceller(run, lambda: seen)
        await stopped(work)
        assert canceller.took() < AT_ONCE_S
        assert len(server.stops) == 1
        await (given.aclose() if isinstance(given, httpx.AsyncClient) else anyio.to_thread.run_sync(given.close))

    any_side.run(body, server.url, http_client=given)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_over_a_transport_without_sockets(backend: str) -> None:
    """There the waiting task is left by itself."""
    silent = anyio.Event()

    class Body(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield CHAT.began
            await silent.wait()

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/stop"):
            return httpx.Response(200, json={"result": "success"})
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Body())

    async def body() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as given:
            dify = AsyncDify(api_key=KEY, base_url="https://dify.test/v1", user="ann", http_client=given)
            seen: list[Any] = []
            run = CHAT.start(dify)

            async def work() -> None:
                async for item in run.items():
                    seen.append(item)

            canceller = Canceller(run, lambda: seen)
            await stopped(work)
            assert canceller.took() < AT_ONCE_S

    anyio.run(body, backend=backend)


def test_between_tasks_of_one_loop(kind: Kind, serve: Serve) -> None:
    """The canceller may be a task of the reader's own loop."""
    server = serve((head(), chunk(kind.began), hold))

    async def body() -> None:
        async with AsyncDify(api_key=KEY, base_url=server.url, user="ann", trust_env=False, timeout=CLOCKS) as dify:
            run = kind.start(dify)
            reader = asyncio.ensure_future(run.finish())
            while not run.result.text:
                await asyncio.sleep(0.001)
            run.cancel()
            began = time.monotonic()
            with pytest.raises(RunStopped):
                await reader
            assert time.monotonic() - began < AT_ONCE_S
            assert len(asyncio.all_tasks()) == 1

    asyncio.run(body())
    assert server.wait_until(lambda: server.stops)


def test_the_reader_is_cancelled_too(kind: Kind, serve: Serve) -> None:
    """A task that is cancelled while it learns of `cancel` stays cancelled."""
    server = serve((head(), chunk(kind.began), hold))

    async def body() -> None:
        async with AsyncDify(api_key=KEY, base_url=server.url, user="ann", trust_env=False, timeout=CLOCKS) as dify:
            run = kind.start(dify)
            reader = asyncio.ensure_future(run.finish())
            while not run.result.text:
                await asyncio.sleep(0.001)
            run.cancel()
            reader.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reader

    asyncio.run(body())
    assert server.wait_until(lambda: server.stops)
    assert len(server.stops) == 1


def test_its_connection_serves_others_meanwhile(serve: Serve) -> None:
    """A connection that a run gave back, and another call took, is not the run's to break."""
    slow: Script = (0.2, *ok())
    server = serve((head(), chunk(CHAT.whole), LAST, keep), slow)

    with Dify(api_key=KEY, base_url=server.url, user="ann", trust_env=False, timeout=CLOCKS, retry=QUICK) as dify:
        run = dify.chat.stream("hi")
        run.finish()
        with ThreadPoolExecutor() as pool:
            call = pool.submit(dify.app.info)
            assert server.wait_until(lambda: len(server.requests) == 2)
            run.cancel()
            assert call.result().name == "app"
    assert server.accepted == 1
