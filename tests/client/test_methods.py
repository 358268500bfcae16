"""Every method of the client against LocalDify, and over an httpx client of one's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import anyio
import httpx
import pytest

from dify_integrations import AsyncDify, Dify, FileInput, InvalidArgument
from dify_integrations.local import App, LocalDify, Text, Wait
from tests.faults.server import FaultServer
from tests.faults.sides import Side
from tests.faults.wire import CHAT, WORKFLOW, Kind, ok


@pytest.fixture(params=["sync", "asyncio", "trio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients, the async one under both loops."""
    return Side(request.param)


def test_the_demo_apps(side: Side) -> None:
    """Everything the client can do, against a server of its own."""
    with LocalDify() as server:
        keys = {app.mode: app.api_key for app in server.apps}
        dataset = server.datasets[0].id

        async def body(dify: AsyncDify) -> None:
            chat = dify.with_options(api_key=keys["chat"])
            first = await chat.chat.send("What is Dify?")
            assert first.status == "succeeded"
            assert first.text
            second = await chat.chat.send("And then?", conversation_id=first.conversation_id)
            assert second.conversation_id == first.conversation_id
            page = await chat.messages.list(first.conversation_id)
            assert [message.query for message in page.data] == ["What is Dify?", "And then?"]
            assert (await chat.chat.send("Blocking?", response_mode="blocking")).text
            assert (await chat.app.info()).name
            await chat.app.parameters()
            await chat.chat.stop("t-unknown")
            uploaded = await chat.files.upload(FileInput.from_bytes(b"abc", "a.txt"))
            assert uploaded.as_input().upload_file_id == uploaded.id
            knowledge = dify.with_options(dataset_api_key=server.dataset_api_key)
            assert (await knowledge.datasets.get(dataset)).id == dataset
            await knowledge.datasets.retrieve(dataset, "Dify")

        side.run(body, server.base_url)


@pytest.mark.parametrize("mode", ["chat", "agent-chat", "advanced-chat", "completion", "workflow"])
def test_streams_of_every_mode(side: Side, mode: str) -> None:
    """Events, items and text of a run agree with its result."""
    app = App("tested", mode=mode, script=lambda _: (Text("Hello there"),))

    def start(dify: AsyncDify) -> Any:
        if mode == "workflow":
            return dify.workflows.stream({})
        return dify.completion.stream({"query": "hi"}) if mode == "completion" else dify.chat.stream("hi")

    async def body(dify: AsyncDify) -> None:
        async with start(dify) as run:
            text = "".join([piece async for piece in run.text()])
        assert run.result.status == "succeeded"
        assert text == run.result.text

    with LocalDify([app]) as server:
        side.run(body, server.base_url, api_key=app.api_key)
        assert server.stops == []


def test_leaving_a_run(side: Side) -> None:
    """LocalDify sees the client leave and gets the stop of that task."""
    app = App("tested", mode="chat", script=lambda _: (Text("one two"), Wait(30.0), Text("three")))

    async def body(dify: AsyncDify) -> str:
        async with dify.chat.stream("hi") as run:
            iterator = run.text()
            await iterator.__anext__()
            await iterator.aclose()  # type: ignore[attr-defined]  # a generator, typed as an iterator
        return run.result.task_id

    with LocalDify([app]) as server:
        task_id = side.run(body, server.base_url, api_key=app.api_key)
        assert server.wait_until(lambda local: bool(local.stops))
        assert [stop.task_id for stop in server.stops] == [task_id]


def respond(kind: Kind, seen: list[httpx.Request]) -> Callable[[httpx.Request], httpx.Response]:
    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.url.path.endswith("/stop"):
            return httpx.Response(200, json={"result": "success"})
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=kind.whole)

    return handler


@pytest.mark.parametrize("kind", [CHAT, WORKFLOW], ids=lambda kind: kind.name)
def test_a_client_of_ones_own(kind: Kind) -> None:
    """Its transport carries everything, stop calls included; its headers join ours; it stays open."""
    seen: list[httpx.Request] = []
    with httpx.Client(transport=httpx.MockTransport(respond(kind, seen)), headers={"X-Own": "1"}, auth=("u", "p")) as client:
        with Dify("app-x", base_url="https://dify.test/v1", user="ann", http_client=client) as dify:
            run: Any = dify.chat.stream("hi") if kind is CHAT else dify.workflows.stream({})
            with run:
                for _ in run:
                    break
        assert not client.is_closed
    assert [request.url.path for request in seen] == [kind.path, kind.stop_path]
    assert json.loads(seen[1].content) == {"user": "ann"}
    for request in seen:
        assert (request.headers["authorization"], request.headers["x-own"]) == ("Bearer app-x", "1")


@pytest.mark.parametrize("kind", [CHAT, WORKFLOW], ids=lambda kind: kind.name)
def test_an_async_client_of_ones_own(kind: Kind) -> None:
    """The same, async."""
    seen: list[httpx.Request] = []

    async def body() -> None:
        transport = httpx.MockTransport(respond(kind, seen))
        async with httpx.AsyncClient(transport=transport) as client:
            async with AsyncDify("app-x", base_url="https://dify.test/v1", user="ann", http_client=client) as dify:
                async with kind.start(dify) as run:
                    async for _ in run:
                        break
                assert (await kind.start(dify).finish()).text == "Hello"
            assert not client.is_closed

    anyio.run(body)
    assert [request.url.path for request in seen] == [kind.path, kind.stop_path, kind.path]


@pytest.mark.parametrize("task_id", ["a/../../console/api", "a?x=1", "a#b", "%2e%2e", "%2F", "a b", "ü", "\\\\evil"])
def test_ids_cannot_leave_their_place(side: Side, task_id: str) -> None:
    """An id reaches the server as one segment, whatever is in it."""
    with FaultServer(ok()) as server:
        side.run(lambda dify: dify.chat.stop(task_id), server.url)
    [stop] = server.stops
    assert stop.path == f"/v1/chat-messages/{quote(task_id, safe='')}/stop"


@pytest.mark.parametrize("task_id", ["", " ", ".", "..", "a\r\nX: y", "a\nb"])
def test_refused_ids(side: Side, task_id: str) -> None:
    """What cannot be a segment is refused before anything is sent."""
    assert isinstance(side.error(lambda dify: dify.chat.stop(task_id), "http://127.0.0.1:1/v1"), InvalidArgument)


def test_datasets_of_local_dify_need_their_key(side: Side) -> None:
    """Without the knowledge key nothing is sent."""
    with LocalDify() as server:

        async def body(dify: AsyncDify) -> None:
            with pytest.raises(InvalidArgument, match="dataset_api_key"):
                await dify.datasets.get("d")

        side.run(body, server.base_url)
        assert server.requests == []
