"""Leaving a call early, in every way there is: Dify is asked to stop that run once, for the call's own user; otherwise never."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import anyio
import pytest
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnablePassthrough

from dify_integrations import DifyError
from dify_integrations.local import Drop, Fail, Gate, LocalDify, Node, Outputs, Say, Text
from langchain_dify import DifyWorkflow
from tests.langchain.conftest import Recorder, Served, saying

USER = {"configurable": {"dify_user": "bob"}}
NODE: list[Say] = [Node("code", "Code", status="failed", error="division by zero")]


@pytest.fixture(scope="module")
def server() -> Iterator[LocalDify]:
    """For every kind of app one that begins and falls silent, one that ends well, and some that end badly."""
    never = threading.Event()
    apps = []
    for mode in ("chat", "completion", "workflow"):
        last: list[Say] = [Outputs({"text": "one two"})] if mode == "workflow" else []
        bad: list[Say] = NODE if mode == "workflow" else [Text("one "), Fail("overloaded")]
        apps += [
            saying(Text("one "), Gate(never), *last, mode=mode, name=f"silent-{mode}"),
            saying(Text("one two"), *last, mode=mode, name=f"good-{mode}"),
            saying(*bad, mode=mode, name=f"bad-{mode}"),
            saying(Text("one "), Drop(), mode=mode, name=f"lost-{mode}"),
        ]
    with LocalDify(apps) as running:
        yield running
        never.set()


@pytest.fixture
def served(server: LocalDify) -> Iterator[Served]:
    made = Served(server)
    yield made
    made.close()


def made(served: Served, kind: str, app: str = "silent") -> tuple[Any, Any]:
    """A runnable of a kind, and what it is asked."""
    if kind == "ChatDify":
        return served.chat(f"{app}-chat"), "Hi"
    if kind == "DifyLLM":
        return served.llm(f"{app}-completion", prompt_key="query"), "Hi"
    if kind == "DifyWorkflow":
        return served.keep(DifyWorkflow(**served.connection(f"{app}-workflow"))), {}
    return served.tool(f"{app}-workflow", description="Says something."), {}


STREAMING = ["ChatDify", "DifyLLM", "DifyWorkflow"]
KINDS = [*STREAMING, "DifyWorkflowTool"]


class Stops:
    """The stop calls of one test."""

    def __init__(self, served: Served) -> None:
        self._server = served.server
        self._before = len(self._server.stops)

    @property
    def users(self) -> list[str]:
        return [stop.user for stop in self._server.stops[self._before :]]

    def one_of_bob(self) -> bool:
        """Whether there is exactly one, and it is for the call's user."""
        came = self._server.wait_until(lambda server: len(server.stops) > self._before)
        twice = self._server.wait_until(lambda server: len(server.stops) > self._before + 1, 0.1)
        return came and not twice and self.users == ["bob"]

    def none(self) -> bool:
        return not self._server.wait_until(lambda server: len(server.stops) > self._before, 0.1)


# -- sync


def close(stream: Any) -> None:
    stream.close()


def fail(stream: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        stream.throw(ZeroDivisionError)


def interrupt(stream: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        stream.throw(KeyboardInterrupt)


@pytest.mark.parametrize("leave", [close, fail, interrupt], ids=lambda leave: leave.__name__)
@pytest.mark.parametrize("kind", STREAMING)
def test_leaving_a_stream(served: Served, recorder: Recorder, kind: str, leave: Callable[[Any], None]) -> None:
    """Check 19: closed, or left by an error or the keyboard: one stop, and no run of the tracer stays open."""
    runnable, asked = made(served, kind)
    stops = Stops(served)
    stream = runnable.stream(asked, {**USER, "callbacks": [recorder]})
    next(stream)
    leave(stream)
    assert recorder.open == []
    assert stops.one_of_bob()


@pytest.mark.parametrize("kind", STREAMING)
def test_breaking_out(served: Served, kind: str) -> None:
    """Check 19: a `break` is enough, for the loop forgets its stream."""
    runnable, asked = made(served, kind)
    stops = Stops(served)
    for _ in runnable.stream(asked, USER):
        break
    assert stops.one_of_bob()


@pytest.mark.parametrize("kind", STREAMING)
def test_in_a_cycle_of_garbage(served: Served, kind: str) -> None:
    """Check 19: a stream that only the collector finds, is stopped when it does."""
    runnable, asked = made(served, kind)
    stops = Stops(served)
    holder: dict[str, Any] = {"stream": runnable.stream(asked, USER)}
    next(holder["stream"])
    holder["self"] = holder
    del holder
    gc.collect()
    assert stops.one_of_bob()


# -- async


async def acancel(runnable: Any, asked: Any, begun: asyncio.Event) -> None:
    task = asyncio.ensure_future(read(runnable, asked, begun))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def await_for(runnable: Any, asked: Any, begun: asyncio.Event) -> None:
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(read(runnable, asked, begun), 0.3)


async def atimeout(runnable: Any, asked: Any, begun: asyncio.Event) -> None:
    with anyio.move_on_after(0.3) as scope:
        await read(runnable, asked, begun)
    assert scope.cancelled_caught


async def aclosed(runnable: Any, asked: Any, begun: asyncio.Event) -> None:
    stream = runnable.astream(asked, USER)
    await anext(stream)
    begun.set()
    await stream.aclose()


async def abroken(runnable: Any, asked: Any, begun: asyncio.Event) -> None:
    async for _ in runnable.astream(asked, USER):
        begun.set()
        break


async def aforgotten(runnable: Any, asked: Any, begun: asyncio.Event) -> None:
    stream = runnable.astream(asked, USER)
    await anext(stream)
    begun.set()
    del stream
    gc.collect()


async def aleft_to_the_loop(runnable: Any, asked: Any, begun: asyncio.Event) -> None:
    """The loop ends while the stream is still held."""
    KEPT.append(runnable.astream(asked, USER))
    await anext(KEPT[-1])
    begun.set()


KEPT: list[Any] = []


async def read(runnable: Any, asked: Any, begun: asyncio.Event) -> None:
    async for _ in runnable.astream(asked, USER):
        begun.set()


WAYS = [acancel, await_for, atimeout, aclosed, abroken, aforgotten, aleft_to_the_loop]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("chained", [False, True], ids=["alone", "in a chain"])
@pytest.mark.parametrize("kind", STREAMING)
def test_leaving_an_async_stream(served: Served, kind: str, chained: bool, way: Callable[..., Awaitable[None]]) -> None:
    """Check 19: the loop ends right behind it; the stop arrives all the same."""
    runnable, asked = made(served, kind)
    if chained:
        runnable = RunnablePassthrough() | runnable | (StrOutputParser() if kind == "ChatDify" else RunnablePassthrough())
    stops = Stops(served)

    async def main() -> None:
        begun = asyncio.Event()
        await way(runnable, asked, begun)
        assert begun.is_set()

    asyncio.run(main())
    KEPT.clear()
    assert stops.one_of_bob()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["cancel", "timeout"])
def test_leaving_a_call(served: Served, recorder: Recorder, kind: str, way: str) -> None:
    """Check 19: `ainvoke` cancelled, or out of time."""
    runnable, asked = made(served, kind)
    stops = Stops(served)

    async def main() -> None:
        call = asyncio.ensure_future(runnable.ainvoke(asked, {**USER, "callbacks": [recorder]}))
        done, _ = await asyncio.wait([call], timeout=0.3)
        assert not done
        if way == "cancel":
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        else:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(call, 0.01)

    asyncio.run(main())
    assert stops.one_of_bob()


# -- nothing to stop


@pytest.mark.parametrize("app", ["good", "bad", "lost"])
@pytest.mark.parametrize("streaming", [False, True], ids=["invoke", "stream"])
@pytest.mark.parametrize("kind", KINDS)
def test_ends_of_their_own(served: Served, kind: str, streaming: bool, app: str) -> None:
    """Check 19: an answer that came to its end, good or bad, is not stopped behind it."""
    runnable, asked = made(served, kind, app)
    stops = Stops(served)
    failure = None
    try:
        list(runnable.stream(asked, USER)) if streaming else runnable.invoke(asked, USER)
    except DifyError as error:
        failure = error
    assert (failure is None) == (app == "good")
    assert stops.none()
