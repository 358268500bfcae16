"""Broken runs followed over real connections: LocalDify cuts the stream, the run goes on without anybody listening."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from dify_integrations import AsyncDify, StepFinished, StepStarted, StreamInterrupted
from dify_integrations.local import App, Cut, LocalDify, Node, Outputs, Pause, Text, Turn, UntilFollowed, Wait
from tests.faults.sides import Side


@pytest.fixture(params=["sync", "asyncio", "trio"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both clients, the async one under both loops."""
    return Side(request.param)


def app(mode: str, *says: Any) -> App:
    def script(_: Turn) -> Sequence[Any]:
        return says

    return App("tested", mode=mode, script=script)


BREAKS = (
    Node("start", "Start"),
    Node("llm", "Write", inside=[Text("one "), Text("two "), Cut(), Text("lost "), UntilFollowed(), Text("four "), Text("five")]),
)


@pytest.mark.parametrize("version", ["1.14.2", "1.14.3"])
def test_a_chatflow(side: Side, version: str) -> None:
    """Every word once and in order, and every step once."""
    tested = app("advanced-chat", *BREAKS)

    async def body(dify: AsyncDify) -> None:
        async with dify.chat.stream("hi", resume=True) as run:
            texts = [text async for text in run.text()]
        assert texts[:2] == ["one ", "two "]
        assert "".join(texts) == run.result.text == "one two lost four five"
        assert (run.result.status, bool(run.result.message_id), run.result.usage is not None) == ("succeeded", True, True)

    with LocalDify([tested], version=version) as server:
        side.run(body, server.base_url, api_key=tested.api_key)
        assert server.stops == []


def test_steps(side: Side) -> None:
    """Each is told to start and to end once, those of the break too."""
    tested = app("workflow", Node("start", "Start"), Cut(), Node("code", "Work"), UntilFollowed(), Outputs({"n": 1}))

    async def body(dify: AsyncDify) -> list[Any]:
        async with dify.workflows.stream({}, resume=True) as run:
            items = [item async for item in run.items()]
        assert run.result.outputs == {"n": 1}
        return items

    with LocalDify([tested]) as server:
        items = side.run(body, server.base_url, api_key=tested.api_key)
    for kind in (StepStarted, StepFinished):
        ids = [item.step.id for item in items if isinstance(item, kind)]
        assert len(ids) == len(set(ids)) >= 3


def test_a_pause_behind_a_break(side: Side) -> None:
    """The run is found waiting, with its form; nothing that was said is said again."""
    tested = app("advanced-chat", Text("one "), Cut(), Text("two"), UntilFollowed(), Pause("Go on?"), Text(" three"))

    async def body(dify: AsyncDify) -> None:
        waiting = await dify.chat.send("hi", resume=True)
        assert (waiting.status, waiting.text) == ("paused", "one two")
        assert waiting.pause is not None
        await dify.forms.submit(waiting.pause.forms[0].form_token, action="approve")
        async with dify.workflows.resume(waiting.workflow_run_id, continue_on_pause=True) as run:
            assert (await run.finish()).text == "one two three"

    with LocalDify([tested]) as server:
        side.run(body, server.base_url, api_key=tested.api_key)


def test_without_resume(side: Side) -> None:
    """The break is raised with what there is, and the run can be followed by hand."""
    tested = app("advanced-chat", *BREAKS)

    async def body(dify: AsyncDify) -> None:
        with pytest.raises(StreamInterrupted) as caught:
            await dify.chat.send("hi")
        assert caught.value.partial is not None
        assert caught.value.partial.text == "one two "
        async with dify.workflows.resume(caught.value.ids["workflow_run_id"]) as run:
            assert (await run.finish()).text == "one two lost four five"

    with LocalDify([tested]) as server:
        side.run(body, server.base_url, api_key=tested.api_key)


def test_a_server_without_events(side: Side) -> None:
    """Before 1.14 a broken run cannot be followed; its detail is asked, and the break raised."""
    tested = app("workflow", Text("one"), Cut(), Wait(30.0))

    async def body(dify: AsyncDify) -> None:
        with pytest.raises(StreamInterrupted) as caught:
            await dify.workflows.run({}, resume=True)
        assert "since Dify 1.14.0" in str(caught.value.__cause__)

    with LocalDify([tested], version="1.13.3") as server:
        side.run(body, server.base_url, api_key=tested.api_key)


def test_another_user_cannot_follow(side: Side) -> None:
    tested = app("workflow", Text("one"))

    async def body(dify: AsyncDify) -> None:
        done = await dify.workflows.run({})
        async with dify.workflows.resume(done.workflow_run_id) as run:
            assert (await run.finish()).outputs == done.outputs
        error = None
        try:
            await dify.workflows.resume(done.workflow_run_id, user="eve").finish()
        except Exception as raised:
            error = raised
        assert getattr(error, "status", 0) == 404

    with LocalDify([tested]) as server:
        side.run(body, server.base_url, api_key=tested.api_key)
