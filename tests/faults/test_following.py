"""Faults on the way behind a break: a run with `resume=True` keeps its clocks, its connections and its ids."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import anyio
import pytest

from dify_integrations import AsyncDify, DeadlineExceeded, Dify, StreamConsumed, StreamInterrupted, UnexpectedContent
from tests.faults.conftest import Serve
from tests.faults.server import Connection, hold
from tests.faults.sides import CLOCKS, KEY, Side
from tests.faults.wire import WORKFLOW, answer, chunk, frame, head

BROKEN = (head(), chunk(WORKFLOW.began))
DEADLINE_S = 0.6
LIMITED = replace(CLOCKS, deadline_s=DEADLINE_S)


def finish(dify: AsyncDify) -> Any:
    return dify.workflows.stream({}, resume=True).finish()


def test_the_deadline_stands_while_a_run_is_followed(any_side: Side, serve: Serve) -> None:
    """The break comes late, and nobody answers the question for the rest."""
    server = serve((*BROKEN, DEADLINE_S * 0.6), (hold,))
    began = time.monotonic()
    error = any_side.error(finish, server.url, timeout=LIMITED)
    took = time.monotonic() - began
    assert isinstance(error, DeadlineExceeded)
    assert error.partial is not None
    assert error.partial.text == "Hel"
    assert took < DEADLINE_S * 1.3
    assert len(server.requests) == 2


def test_the_deadline_stands_behind_the_end(any_side: Side, serve: Serve) -> None:
    """The run is over, and nobody answers how it ended: what its own last event says is enough."""
    ended = frame("workflow_finished", task_id="t-1", data={"id": "r-1", "status": "succeeded", "outputs": {"x": "Hello"}})
    server = serve(BROKEN, (head(), chunk(ended)), (hold,))
    began = time.monotonic()
    assert any_side.run(finish, server.url, timeout=LIMITED).text == "Hello"
    assert time.monotonic() - began < DEADLINE_S * 1.3


def test_a_page_in_the_place_of_events(any_side: Side, serve: Serve) -> None:
    """A proxy's page is no reason to stop the run; the break is what is raised, with the run's ids."""
    server = serve(BROKEN, (answer(200, b"<html>log in</html>", Content_Type="text/html"),))
    error = any_side.error(finish, server.url)
    assert isinstance(error, StreamInterrupted)
    assert isinstance(error.__cause__, UnexpectedContent)
    assert error.ids["workflow_run_id"] == "r-1"
    assert server.stops == []


class Gate:
    """Holds an answer back until the test opens it."""

    def __init__(self) -> None:
        self.asked, self.open = threading.Event(), threading.Event()

    def __call__(self, _: Connection) -> None:
        self.asked.set()
        assert self.open.wait(5)


@pytest.mark.parametrize("before", [(), (BROKEN,)], ids=["opened", "followed"])
def test_closed_by_another_thread_meanwhile(serve: Serve, before: Any) -> None:
    """An answer that comes when nobody wants it any more is not left open."""
    gate = Gate()
    server = serve(*before, (gate, head(), chunk(WORKFLOW.began), hold))
    with Dify(KEY, base_url=server.url, user="ann", trust_env=False, timeout=CLOCKS) as dify:
        run = dify.workflows.stream({}, resume=True)
        ended: list[BaseException] = []

        def read() -> None:
            try:
                run.finish()
            except StreamConsumed as error:
                ended.append(error)

        reader = threading.Thread(target=read)
        reader.start()
        assert gate.asked.wait(5)
        run.close()
        gate.open.set()
        reader.join(5)
        assert len(ended) == 1
        assert server.wait_until(lambda: server.left)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("before", [(), (BROKEN,)], ids=["opened", "followed"])
def test_closed_by_another_task_meanwhile(serve: Serve, before: Any, backend: str) -> None:
    """The same with tasks."""
    gate = Gate()
    server = serve(*before, (gate, head(), chunk(WORKFLOW.began), hold))

    async def main() -> None:
        async with AsyncDify(KEY, base_url=server.url, user="ann", trust_env=False, timeout=CLOCKS) as dify:
            run = dify.workflows.stream({}, resume=True)

            async def read() -> None:
                with pytest.raises(StreamConsumed):
                    await run.finish()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(read)
                assert await anyio.to_thread.run_sync(gate.asked.wait, 5)
                await run.aclose()
                gate.open.set()
            assert await anyio.to_thread.run_sync(server.wait_until, lambda: server.left)

    anyio.run(main, backend=backend)
