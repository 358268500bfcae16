"""Core runs a waiting step again from its top, once for every answer that fits: whatever it runs again, nothing happens twice."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import pytest
from llama_index.core.workflow import Context, Event, StartEvent, StopEvent, Workflow, step
from workflows.context.state_store import DictState, InMemoryStateStore

from dify_integrations.local import App, Fail, Filled, LocalDify, Outputs, Pause, Text, Turn
from llamaindex_dify import DifyChatTool
from llamaindex_dify.events import (
    DifyHumanInputRequest,
    DifyHumanInputResponse,
    DifyNodeEvent,
    DifyTextDeltaEvent,
    DifyWorkflowEvent,
)
from tests.llamaindex.reviewing import review
from tests.llamaindex.test_human_input import Stage, answered, approve, requests


def soon(workflow: Any, *given: Any, **more: Any) -> Any:
    return asyncio.run(asyncio.wait_for(answered(workflow, *given, **more), 10))


def test_any_number_of_refused_answers() -> None:
    """Check 17: each is asked for again, more often than a step has workers, and the good one is heard."""
    answers = iter([*range(6), {"action": "approve", "inputs": {"comment": "at last"}}])

    def answer(request: DifyHumanInputRequest) -> Event:
        return DifyHumanInputResponse(form_token=request.form_token, response=next(answers))

    with Stage() as stage:
        said, events = soon(stage.agent(), answer)
        assert stage.counts == (1, 1)
    assert [asked.error is None for asked in requests(events)] == [True, *[False] * 6]
    assert "approve: at last" in str(said)


class Published(Event):
    content: str


class Waiting(Workflow):
    """One that goes on after the step that asks."""

    def __init__(self) -> None:
        super().__init__(timeout=10)
        self.published: list[str] = []
        self.finish = asyncio.Event()

    @step
    async def publish(self, ev: StartEvent) -> Published:
        return Published(content=(await ev.tool.acall()).content)

    @step
    async def hold(self, ctx: Context[DictState], ev: Published) -> StopEvent:
        self.published.append(ev.content)
        ctx.write_event_to_stream(ev)
        await self.finish.wait()
        return StopEvent(result=self.published)


def test_an_answer_that_comes_twice() -> None:
    """Check 17: two clicks, at once and when all is over: the form is submitted once, and nothing is started again."""

    async def clicked(stage: Stage) -> Any:
        workflow, tool, answers = Waiting(), stage.workflow_tool(), []
        handler = workflow.run(tool=tool)
        async for event in handler.stream_events():
            if isinstance(event, DifyHumanInputRequest):
                answers.append(approve(event))
                for _ in range(2):
                    handler.ctx.send_event(answers[-1])
            if isinstance(event, Published):
                break
        for answer in answers:
            handler.ctx.send_event(answer)
        await tool.acall()  # whatever those began would have been sent before this
        workflow.finish.set()
        return await handler

    with Stage(lambda turn: review(turn, "Editor", "Lawyer")) as stage:
        said = asyncio.run(asyncio.wait_for(clicked(stage), 10))
        assert stage.counts == (1 + 1, 2)
    assert set(said) == {"approve: Good Editor; approve: Good Lawyer"}


class Sequence(Workflow):
    @step
    async def publish(self, ev: StartEvent) -> StopEvent:
        outputs = []
        for topic in ev.topics:
            outputs.append((await ev.tool.acall(topic=topic)).content)
        return StopEvent(result=outputs)


class AtOnce(Workflow):
    @step
    async def publish(self, ev: StartEvent) -> StopEvent:
        outputs = await asyncio.gather(*(ev.tool.acall(topic=topic) for topic in ev.topics))
        return StopEvent(result=[output.content for output in outputs])


def mixed(turn: Turn) -> Generator[Any, Filled, None]:
    """Asks, fails or just writes."""
    topic = str(turn.inputs.get("topic"))
    if topic == "fails":
        yield Fail("boom")
    elif topic == "writes":
        yield Outputs({"text": topic})
    else:
        filled = yield Pause("Publish?", title=topic, until_followed=True)
        yield Outputs({"text": f"{topic} {filled.action}"})


@pytest.mark.parametrize("workflow", [Sequence, AtOnce])
def test_calls_in_one_step(workflow: type[Workflow]) -> None:
    """Check 17: those that are over when another one waits are not made again, whether they failed or not; equal ones are two."""
    topics = ["writes", "a", "fails", "b", "b", "writes"]
    with Stage(mixed) as stage:
        said, events = soon(workflow(timeout=10), lambda asked: asked.answer("approve"), tool=stage.workflow_tool(), topics=topics)
        assert stage.counts == (6, 3)
    assert len(requests(events)) == 3
    assert said[:2] + said[3:] == ["writes", "a approve", "b approve", "b approve", "writes"]
    assert "boom" in said[2]


def test_the_state_is_read_as_often_for_the_last_call_of_a_step_as_for_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check 17: a step that works through a long list does not get slower with every call."""
    read, reads = InMemoryStateStore.get, []

    async def counted(store: Any, path: str, *default: Any, **named: Any) -> Any:
        reads.append(path)
        return await read(store, path, *default, **named)

    monkeypatch.setattr(InMemoryStateStore, "get", counted)
    counts = []
    with Stage(lambda _: [Outputs({"text": "done"})]) as stage:
        tool = stage.workflow_tool()
        for calls in (1, 2, 12):
            reads.clear()
            said, _ = soon(Sequence(timeout=10), tool=tool, topics=[str(number) for number in range(calls)])
            counts.append(len(reads))
            assert said == ["done"] * calls
    one, two, twelve = counts
    assert twelve == one + 11 * (two - one)


def test_nothing_is_told_twice() -> None:
    """Check 16: Dify begins with what was before when a run is followed again; the stream of events goes on behind it."""

    def script(_: Turn) -> Generator[Any, Filled, None]:
        yield Text("one ")
        yield Pause("Go on?", title="First", until_followed=True)
        yield Text("two ")
        yield Pause("Go on?", title="Second", until_followed=True)
        yield Text("three")

    class Asking(Workflow):
        @step
        async def ask(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result=(await ev.tool.acall("Hi")).content)

    app = App("flow", "advanced-chat", script, description="Helps.")
    with LocalDify([app]) as server:
        tool = DifyChatTool.from_app(
            api_key=app.api_key, base_url=server.base_url, user="ada", stream_events=["text", "nodes", "workflow"]
        )
        said, events = soon(Asking(timeout=10), lambda asked: asked.answer("approve"), tool=tool)
    assert said == "one two three"
    assert [event.delta for event in events if isinstance(event, DifyTextDeltaEvent)] == ["one ", "two ", "three"]
    nodes = [(event.title, event.status) for event in events if isinstance(event, DifyNodeEvent) and event.title != "LLM"]
    assert [status for title, status in nodes if title == "Start"] == ["running", "succeeded"]
    for title in ("First", "Second"):
        assert [status for name, status in nodes if name == title] == ["running", "paused", "succeeded"]
    runs = [event.status for event in events if isinstance(event, DifyWorkflowEvent)]
    assert runs == ["running", "paused", "paused", "succeeded"]
