"""Leaving a call early, in every way there is: Dify is asked to stop that run once, for its user; otherwise never."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from workflows.errors import WorkflowTimeoutError

from dify_integrations.local import App, Gate, LocalDify, Node, Outputs, Say, Text
from llamaindex_dify import DifyChatLLM, DifyChatTool, DifyCompletionLLM, DifyWorkflowTool
from llamaindex_dify.events import DifyNodeEvent

ROOT = Path(__file__).parents[2]
HI = [ChatMessage(role="user", content="Hi")]
CALL = Text('<tool_calls>\n{"name": "silent-workflow", "arguments": {}}\n</tool_calls>')
SOON_S = 1.0


@pytest.fixture(scope="module")
def server() -> Iterator[LocalDify]:
    """Apps that begin and fall silent, some that end well, and an agent's brain."""
    never = threading.Event()
    silent: list[Say] = [Text("one "), Gate(never)]
    flow: list[Say] = [Node("start", "Start"), Text("one "), Gate(never), Outputs({"text": "one two"})]
    apps = [App(f"silent-{mode}", mode, lambda turn: silent) for mode in ("chat", "completion")]
    apps += [App(f"silent-{mode}", mode, lambda turn: flow, description="Waits.") for mode in ("workflow", "advanced-chat")]
    apps += [App("good-chat", "chat", lambda turn: [Text("one two")]), App("brain", "chat", lambda turn: [CALL])]
    apps.append(App("good-workflow", "workflow", lambda turn: [Outputs({"text": "one two"})], description="Counts."))
    with LocalDify(apps) as running:
        yield running
        never.set()


class Watched:
    """The server, and its stop calls since the test began."""

    def __init__(self, server: LocalDify) -> None:
        self.server = server
        self._stops = len(server.stops)
        self._left = len(server.disconnects)

    def connection(self, app: str) -> dict[str, Any]:
        return {"api_key": self.server.app(app).api_key, "base_url": self.server.base_url, "user": "bob"}

    def llm(self, app: str = "silent-chat", **options: Any) -> DifyChatLLM:
        return DifyChatLLM(**self.connection(app), **options)

    def tool(self, app: str = "silent-workflow") -> DifyWorkflowTool:
        return DifyWorkflowTool.from_app(**self.connection(app))

    def stopped_once(self) -> bool:
        """Whether the server saw the reader go and one stop, soon, for the run's task and user."""
        came = self.server.wait_until(lambda server: len(server.stops) > self._stops, SOON_S)
        twice = self.server.wait_until(lambda server: len(server.stops) > self._stops + 1, 0.1)
        left = self.server.wait_until(lambda server: len(server.disconnects) > self._left, SOON_S)
        stops = self.server.stops[self._stops :]
        right = [stop.task_id for stop in stops] == self.server.disconnects[self._left :]
        return came and left and not twice and right and [stop.user for stop in stops] == ["bob"]

    async def astopped_once(self) -> bool:
        return await asyncio.to_thread(self.stopped_once)

    def never_stopped(self) -> bool:
        return not self.server.wait_until(lambda server: len(server.stops) > self._stops, 0.1)


@pytest.fixture
def watched(server: LocalDify) -> Watched:
    return Watched(server)


def streams(watched: Watched) -> dict[str, Any]:
    completion = DifyCompletionLLM(**watched.connection("silent-completion"))
    chat = watched.llm()
    return {
        "stream_chat": lambda: chat.stream_chat(HI),
        "stream_complete": lambda: completion.stream_complete("Hi"),
        "astream_chat": lambda: chat.astream_chat(HI),
        "astream_complete": lambda: completion.astream_complete("Hi"),
    }


# -- streams


def fail(stream: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        stream.throw(ZeroDivisionError)


@pytest.mark.parametrize("leave", [lambda stream: stream.close(), fail], ids=["close", "error"])
@pytest.mark.parametrize("method", ["stream_chat", "stream_complete"])
def test_leaving_a_stream(watched: Watched, method: str, leave: Callable[[Any], None]) -> None:
    """Check 19: sync close, and an error of the reader's own."""
    stream = streams(watched)[method]()
    assert next(stream).delta == "one "
    leave(stream)
    assert watched.stopped_once()


@pytest.mark.parametrize("method", ["stream_chat", "stream_complete"])
def test_breaking_out_of_a_loop(watched: Watched, method: str) -> None:
    """Check 19: break, with nobody closing anything."""

    def first() -> str:
        for chunk in streams(watched)[method]():
            return str(chunk.delta)
        return ""

    assert first() == "one "
    assert watched.stopped_once()


@pytest.mark.parametrize("method", ["astream_chat", "astream_complete"])
@pytest.mark.anyio
async def test_closing_an_async_stream(watched: Watched, method: str) -> None:
    """Check 19: aclose."""
    stream = await streams(watched)[method]()
    assert (await anext(stream)).delta == "one "
    await stream.aclose()
    assert await watched.astopped_once()


@pytest.mark.parametrize("method", ["astream_chat", "astream_complete"])
@pytest.mark.anyio
async def test_breaking_out_of_an_async_loop(watched: Watched, method: str) -> None:
    """Check 19: the event loop finalises the generator a little later."""

    async def first() -> str:
        async for chunk in await streams(watched)[method]():
            return str(chunk.delta)
        return ""

    assert await first() == "one "
    assert await watched.astopped_once()


@pytest.mark.parametrize("method", ["stream_chat", "stream_complete"])
def test_a_stream_nobody_reads_sends_nothing(watched: Watched, method: str) -> None:
    """Check 19: as with OpenAI's, the request goes with the first next."""
    before = len(watched.server.requests)
    streams(watched)[method]().close()
    assert len(watched.server.requests) == before


# -- tasks


def calls(watched: Watched) -> dict[str, Callable[[], Awaitable[Any]]]:
    async def read() -> None:
        async for _ in await watched.llm().astream_chat(HI):
            pass

    return {
        "achat": lambda: watched.llm().achat(HI),
        "astream_chat": read,
        "acomplete": lambda: DifyCompletionLLM(**watched.connection("silent-completion")).acomplete("Hi"),
        "workflow tool": lambda: watched.tool().acall(),
        "chat tool": lambda: DifyChatTool.from_app(**watched.connection("silent-advanced-chat")).acall("Hi"),
    }


@pytest.mark.parametrize("kind", ["achat", "astream_chat", "acomplete", "workflow tool", "chat tool"])
@pytest.mark.anyio
async def test_cancelling_a_task(watched: Watched, kind: str) -> None:
    """Check 19: while it waits for the silent app."""
    task = asyncio.ensure_future(calls(watched)[kind]())
    assert not (await asyncio.wait([task], timeout=1.0))[0]  # the app stays silent; its first event has been read
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await watched.astopped_once()


# -- agents


def agent(watched: Watched, app: str, **options: Any) -> FunctionAgent:
    """One whose brain falls silent, or calls a workflow that does."""
    llm = watched.llm("silent-chat" if app == "brain" else "brain", tool_calling="prompt")
    return FunctionAgent(tools=[watched.tool()], llm=llm, **options)


@pytest.mark.parametrize("silent", ["brain", "tool"])
@pytest.mark.anyio
async def test_cancelling_the_run_of_an_agent(watched: Watched, silent: str) -> None:
    """Check 19: handler.cancel_run, while the LLM or the tool is at work."""
    handler = agent(watched, silent).run(user_msg="go")
    async for event in handler.stream_events():
        if str(getattr(event, "delta", "")).startswith("one") or isinstance(event, DifyNodeEvent):
            break
    await handler.cancel_run()
    with suppress(Exception):
        await handler
    assert await watched.astopped_once()


@pytest.mark.parametrize("silent", ["brain", "tool"])
@pytest.mark.anyio
async def test_an_agents_time_is_up(watched: Watched, silent: str) -> None:
    """Check 19: timeout= of the agent."""
    with pytest.raises(WorkflowTimeoutError):
        await agent(watched, silent, timeout=0.5).run(user_msg="go")
    assert await watched.astopped_once()


@pytest.mark.filterwarnings("ignore:WorkflowHandler.cancel:DeprecationWarning")
@pytest.mark.parametrize("way", ["handler.cancel", "the awaiting task"])
def test_what_llamaindex_does_not_end(watched: Watched, way: str) -> None:
    """Check 19: `handler.cancel()`, and cancelling who merely awaits an agent, end nothing before the event loop ends."""

    async def leave() -> bool:
        handler = agent(watched, "brain").run(user_msg="go")

        async def wait_for_it() -> None:
            await handler

        task = asyncio.ensure_future(wait_for_it())
        async for event in handler.stream_events():
            if str(getattr(event, "delta", "")).startswith("one"):
                break
        if way == "handler.cancel":
            handler.cancel()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await asyncio.to_thread(watched.never_stopped)

    assert asyncio.run(leave())
    assert watched.stopped_once()


# -- and what ends by itself


def test_two_event_loops_one_object(watched: Watched) -> None:
    """Check 19: asyncio.run twice on the same LLM and the same tool."""
    llm, tool = watched.llm("good-chat"), watched.tool("good-workflow")

    async def both() -> list[str]:
        chunks = [chunk.delta or "" async for chunk in await llm.astream_chat(HI)]
        return ["".join(chunks), str((await llm.achat(HI)).message.content), (await tool.acall()).content]

    assert [asyncio.run(both()) for _ in range(2)] == [["one two"] * 3] * 2
    assert watched.never_stopped()


SCRIPT = """
import asyncio, gc, sys
from llama_index.core.base.llms.types import ChatMessage
from llamaindex_dify import DifyChatLLM, DifyWorkflowTool

base_url, chat, workflow = sys.argv[1:]
llm = DifyChatLLM(api_key=chat, base_url=base_url, user="bob")
tool = DifyWorkflowTool.from_app(api_key=workflow, base_url=base_url, user="bob")
hi = [ChatMessage(role="user", content="Hi")]
kept = []

for chunk in llm.stream_chat(hi):
    break
gc.collect()

async def leave():
    async for chunk in await llm.astream_chat(hi):
        break
    stream = await llm.astream_chat(hi)
    await anext(stream)
    await stream.aclose()
    for work in (llm.achat(hi), tool.acall()):
        task = asyncio.ensure_future(work)
        await asyncio.wait([task], timeout=0.3)
        task.cancel()
        await asyncio.wait([task])
    for stream in (await llm.astream_chat(hi), await llm.astream_complete("Hi")):
        await anext(stream)
        kept.append(stream)  # the loop ends before anybody closes them

for _ in range(3):
    asyncio.run(leave())
gc.collect()
print("left")
"""
NOISE = ("never", "unclosed", "ResourceWarning", "asynchronous generator")


def test_nothing_is_warned_of(watched: Watched) -> None:
    """Check 19: every way of leaving, with warnings as errors: none, no unclosed connection, nothing never retrieved."""
    keys = [watched.server.app(f"silent-{kind}").api_key for kind in ("chat", "workflow")]
    # Core itself warns while it is imported and when agents are made; ours may not.
    command = [sys.executable, "-W", "error::ResourceWarning", "-W", "error::RuntimeWarning", "-X", "dev", "-c", SCRIPT]
    done = subprocess.run(
        [*command, watched.server.base_url, *keys], capture_output=True, text=True, cwd=ROOT, check=False, timeout=90
    )
    assert done.stdout.strip() == "left", done.stderr
    noise = [line for line in done.stderr.splitlines() if any(word in line for word in NOISE)]
    assert noise == []
    assert watched.server.wait_until(lambda server: not server.running)
