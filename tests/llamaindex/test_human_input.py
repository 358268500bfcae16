"""A run that waits for a person inside an agent or workflow: an event, one start, one submission, whoever goes on and where."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent, ToolCallResult
from llama_index.core.workflow import Context, Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent, Workflow, step

from dify_integrations.local import App, Cut, Fail, LocalDify, Outputs, Pause, Pauses, Text, Turn, UntilFollowed
from llamaindex_dify import DifyWorkflowTool
from llamaindex_dify.errors import DifyPausedError
from llamaindex_dify.events import DifyHumanInputRequest, DifyHumanInputResponse
from tests.llamaindex.reviewing import COMMENT, agent_of, brain, review

ROOT = Path(__file__).parents[2]
TOPIC = [{"text-input": {"variable": "topic", "required": False}}]
Answer = Callable[[DifyHumanInputRequest], Event]


class Stage:
    """A server with an app that asks a person, and one that is an agent's brain."""

    def __init__(self, script: Any = review, *arguments: dict[str, Any], say: Any = None) -> None:
        self.tool = App("editor", "workflow", script, inputs_form=TOPIC, description="Writes.")
        self.brain = App("brain", "chat", say or brain(*arguments))
        self.server = LocalDify([self.tool, self.brain])

    def __enter__(self) -> Stage:
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()

    def agent(self) -> FunctionAgent:
        return agent_of(self.server.base_url, self.brain.api_key, self.tool.api_key)

    def workflow_tool(self, **options: Any) -> DifyWorkflowTool:
        return DifyWorkflowTool.from_app(api_key=self.tool.api_key, base_url=self.server.base_url, user="ada", **options)

    @property
    def counts(self) -> tuple[int, int]:
        """Workflows started, forms submitted."""
        posts = [request.path for request in self.server.requests if request.method == "POST"]
        return sum(path.endswith("/workflows/run") for path in posts), sum("/form/human_input/" in path for path in posts)


def approve(request: DifyHumanInputRequest) -> Event:
    return request.answer("approve", comment=f"Good {request.forms[0]['node_title']}")


async def answered(workflow: Any, answer: Answer = approve, **given: Any) -> tuple[Any, list[Event]]:
    """Run to the end, answering every request."""
    handler = workflow.run(**(given or {"user_msg": "go"}))
    events = []
    async for event in handler.stream_events():
        events.append(event)
        if isinstance(event, DifyHumanInputRequest):
            handler.ctx.send_event(answer(event))
    return await handler, events


def requests(events: list[Event]) -> list[DifyHumanInputRequest]:
    return [event for event in events if isinstance(event, DifyHumanInputRequest)]


def results(events: list[Event]) -> list[ToolCallResult]:
    return [event for event in events if isinstance(event, ToolCallResult)]


@pytest.mark.parametrize("kind", ["agent", "workflow"])
def test_an_agent_asks_and_goes_on(kind: str) -> None:
    """Check 17: the pause of a tool's run starts the workflow and submits the form exactly once."""
    with Stage() as stage:
        agent = stage.agent()
        said, events = asyncio.run(answered(agent if kind == "agent" else AgentWorkflow([agent])))
        assert stage.counts == (1, 1)
    (asked,) = requests(events)
    assert isinstance(asked, InputRequiredEvent)
    assert isinstance(approve(asked), HumanResponseEvent)
    assert (asked.tool_name, asked.prefix) == ("editor", "Review: Publish?")
    assert asked.forms[0]["form_token"] == asked.form_token
    (result,) = results(events)
    assert result.tool_output.content == "approve: Good Review"
    assert result.tool_output.raw_output["workflow_run_id"] == asked.workflow_run_id
    assert result.tool_id == asked.tool_id != ""
    assert "approve: Good Review" in str(said)


@pytest.mark.filterwarnings("ignore:Skipping serialization of known unserializable key:Warning")
def test_another_process_goes_on() -> None:
    """Check 17: the same when the `Context` is saved as JSON and another process restores it."""

    async def until_asked(stage: Stage) -> tuple[dict[str, Any], dict[str, Any]]:
        handler, answer = stage.agent().run(user_msg="go"), {}
        async for event in handler.stream_events():
            if isinstance(event, DifyHumanInputRequest):
                answer = event.answer("approve", comment="Later").model_dump()
                break
        saved: dict[str, Any] = handler.ctx.to_dict()
        await handler.cancel_run()
        with suppress(Exception):
            await handler
        return saved, answer

    with Stage() as stage:
        context, answer = asyncio.run(until_asked(stage))
        saved = json.dumps(context)
        assert stage.counts == (1, 0)
        assert not any(app.api_key in saved for app in (stage.tool, stage.brain))
        given = {
            "base_url": stage.server.base_url,
            "brain": stage.brain.api_key,
            "tool": stage.tool.api_key,
            "context": json.loads(saved),
            "answer": answer,
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.llamaindex.reviewing"],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
            timeout=60,
        )
        assert "approve: Later" in done.stdout, done.stderr
        assert stage.counts == (1, 1)


@pytest.mark.parametrize("arguments", [({"topic": "a"}, {"topic": "b"}), ({"topic": "a"}, {"topic": "a"})], ids=["two", "equal"])
def test_calls_at_once_are_asked_apart(arguments: tuple[dict[str, Any], ...]) -> None:
    """Check 17: two pauses in parallel, also of calls with the same arguments, each with an answer of its own."""
    with Stage(review, *arguments) as stage:
        _, events = asyncio.run(answered(stage.agent(), lambda asked: asked.answer("approve", comment=asked.tool_id)))
        assert stage.counts == (2, 2)
    assert len({asked.workflow_run_id for asked in requests(events)}) == 2
    given = {result.tool_id: result.tool_output.content for result in results(events)}
    assert given == {result.tool_id: f"{result.tool_kwargs['topic']}; approve: {result.tool_id}" for result in results(events)}


def test_a_run_may_ask_again() -> None:
    """Check 17: one request for each pause of the same run."""
    with Stage(lambda turn: review(turn, "Editor", "Lawyer")) as stage:
        _, events = asyncio.run(answered(stage.agent()))
        assert stage.counts == (1, 2)
    assert [asked.forms[0]["node_title"] for asked in requests(events)] == ["Editor", "Lawyer"]
    assert results(events)[0].tool_output.content == "approve: Good Editor; approve: Good Lawyer"


def test_an_answer_that_cannot_be_is_asked_for_again() -> None:
    """Check 17: also twice the same mistake; the reason is told, and nothing submitted."""
    given = [{"action": "maybe"}, {"action": "maybe"}, "yes"]

    def answer(asked: DifyHumanInputRequest) -> Event:
        return DifyHumanInputResponse(form_token=asked.form_token, response=given.pop(0)) if given else approve(asked)

    with Stage() as stage:
        _, events = asyncio.run(answered(stage.agent(), answer))
        assert stage.counts == (1, 1)
    first, *errors = [asked.error or "" for asked in requests(events)]
    assert first == ""
    assert ["no action 'maybe'" in error for error in errors] == [True, True, False]
    assert results(events)[0].tool_output.content == "approve: Good Review"


def test_a_form_that_dify_refuses() -> None:
    """Check 17: one that is delivered elsewhere; the person is told, and says when it was answered."""

    def script(_: Turn) -> Any:
        filled = yield Pause("Publish?", display_in_ui=False, expires_s=0.3)
        yield Outputs({"text": f"expired: {filled.expired}"})

    def answer(asked: DifyHumanInputRequest) -> Event:
        response = {"submitted": True} if asked.error else {"action": "approve"}
        return DifyHumanInputResponse(form_token=asked.form_token, response=response)

    with Stage(script) as stage:
        _, events = asyncio.run(answered(stage.agent(), answer))
        assert stage.counts == (1, 1)
    assert (requests(events)[1].error or "").startswith("Dify refused the answer: ")
    assert results(events)[0].tool_output.content == "expired: True"


def test_a_failure_behind_the_form_is_an_output() -> None:
    """Check 17: as without a pause, and nothing is left behind."""

    def script(_: Turn) -> Any:
        yield Pause("Go on?", until_followed=True)
        yield Fail("the press is broken")

    with Stage(script) as stage:
        _, events = asyncio.run(answered(stage.agent(), lambda asked: asked.answer("approve")))
        assert stage.counts == (1, 1)
    assert results(events)[0].tool_output.is_error
    assert "the press is broken" in results(events)[0].tool_output.content


def test_a_form_answered_elsewhere_is_no_error() -> None:
    """Check 17: the run is followed all the same."""

    def answer(asked: DifyHumanInputRequest) -> Event:
        with stage.workflow_tool()._clients.sync as dify:
            dify.forms.submit(asked.form_token, action="reject", inputs={"comment": "By mail"})
        return approve(asked)

    with Stage(lambda turn: _asked_once(turn)) as stage:
        _, events = asyncio.run(answered(stage.agent(), answer))
    assert results(events)[0].tool_output.content == "reject: By mail"


def _asked_once(_: Turn) -> Any:
    filled = yield Pause("Publish?", inputs=[COMMENT])
    yield Outputs({"text": f"{filled.action}: {filled.inputs['comment']}"})


def test_a_stream_that_breaks_behind_the_form_is_followed_again() -> None:
    """Check 17: the answer was given; nobody is asked a second time, and nothing starts anew."""

    def script(_: Turn) -> Any:
        filled = yield Pause("Publish?", until_followed=True)
        yield from (Cut(), UntilFollowed(), Outputs({"text": filled.action}))

    with Stage(script) as stage:
        _, events = asyncio.run(answered(stage.agent(), lambda asked: asked.answer("approve")))
        assert stage.counts == (1, 1)
    assert results(events)[0].tool_output.content == "approve"


def test_several_forms_are_one_request() -> None:
    """Check 17: forms of parallel branches are answered by their nodes; what is left out is asked for again."""

    def both(_: Turn) -> Any:
        one, two = yield Pauses([Pause("A?", id="a", title="A"), Pause("B?", id="b", title="B")])
        yield Outputs({"text": f"{one.action} {two.action}"})

    def answer(asked: DifyHumanInputRequest) -> Event:
        first = asked.forms[0]
        action = "approve" if first["node_id"] == "a" else "reject"
        return DifyHumanInputResponse(form_token=asked.form_token, response={first["node_id"]: {"action": action}})

    with Stage(both) as stage:
        _, events = asyncio.run(answered(stage.agent(), answer))
        assert stage.counts == (1, 2)
    assert [len(asked.forms) for asked in requests(events)] == [2, 1]
    assert results(events)[0].tool_output.content == "approve reject"


@pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")
def test_a_react_agent_asks_too() -> None:
    """Check 17: agents without function calling."""

    def say(turn: Turn) -> list[Text]:
        done = "Observation:" in turn.query.rpartition("go")[2]
        return [Text("Thought: done\nAnswer: published" if done else "Thought: ask\nAction: editor\nAction Input: {}")]

    with Stage(say=say) as stage:
        llm = stage.agent().llm.model_copy(update={"tool_calling": "off"})
        said, events = asyncio.run(answered(ReActAgent(tools=[stage.workflow_tool()], llm=llm)))
        assert stage.counts == (1, 1)
    assert len(requests(events)) == 1
    assert str(said) == "published"


def test_a_workflow_of_ones_own_asks() -> None:
    """Checks 17 and 20: a step that calls the tool is run again from its top, the workflow is not."""

    class Publishing(Workflow):
        @step
        async def publish(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result=(await ev.tool.acall(topic="kayaks")).content)

    with Stage() as stage:
        said, events = asyncio.run(answered(Publishing(timeout=30), tool=stage.workflow_tool()))
        assert stage.counts == (1, 1)
    assert len(requests(events)) == 1
    assert said == "kayaks; approve: Good Review"


@pytest.mark.parametrize("ask", [True, False])
def test_where_nobody_can_be_asked_the_pause_is_a_result(ask: bool) -> None:
    """Check 17: outside of a workflow, in code without an event loop, and with ask=False."""
    with Stage() as stage:
        tool = stage.workflow_tool(ask=ask)
        outputs = [tool.call(), asyncio.run(tool.acall())]
        if not ask:
            _, events = asyncio.run(answered(FunctionAgent(tools=[tool], llm=stage.agent().llm)))
            assert requests(events) == []
            outputs.append(results(events)[0].tool_output)
    for output in outputs:
        assert "waits for a person" in output.content
        assert output.raw_output["status"] == "paused"
        assert output.raw_output["pause"]["forms"][0]["form_token"]
        assert not output.is_error


def test_or_it_is_raised() -> None:
    """Check 17: on_pause="raise"."""
    with Stage() as stage:
        tool = stage.workflow_tool(on_pause="raise")
        with pytest.raises(DifyPausedError) as raised:
            tool.call()
        assert raised.value.result is not None
        assert raised.value.result.pause is not None
        with pytest.raises(DifyPausedError):
            asyncio.run(tool.acall())


def test_nothing_is_left_in_the_context() -> None:
    """Check 17: what a call kept goes with its end."""

    async def kept(stage: Stage) -> Any:
        agent = stage.agent()
        context: Context[Any] = Context(agent)
        await answered(agent, user_msg="go", ctx=context)
        return await context.store.get("dify")

    with Stage() as stage:
        assert asyncio.run(kept(stage)) == {"calls": {}}
