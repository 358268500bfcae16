"""Chat apps as tools: a question, a conversation per run of a workflow or agent."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent, ToolCallResult
from llama_index.core.bridge.pydantic import BaseModel
from llama_index.core.tools import FunctionTool, ToolOutput
from llama_index.core.workflow import Context, StartEvent, StopEvent, Workflow, step

from dify_integrations import ConversationNotFound, Dify, InvalidArgument
from dify_integrations.local import App, Fail, Gate, LocalDify, Pause, Text, Turn
from llamaindex_dify import DifyChatLLM, DifyChatTool
from llamaindex_dify.events import DifyHumanInputRequest, DifyTextDeltaEvent

Serve = Callable[..., Any]
FORM = [{"text-input": {"variable": "tone", "required": False}}]


def echo(turn: Turn) -> list[Text]:
    return [Text(f"{turn.query}?")]


def tool_of(served: Any, **options: Any) -> DifyChatTool:
    known = {"api_key": served.app.api_key, "base_url": served.server.base_url, "user": "ada"}
    return DifyChatTool.from_app(**{**known, **options})


class Asking(Workflow):
    """Asks the tool these questions, one after the other or at once."""

    @step
    async def ask(self, ev: StartEvent) -> StopEvent:
        if ev.get("together", default=False):
            return StopEvent(result=await asyncio.gather(*(ev.tool.acall(each) for each in ev.questions)))
        return StopEvent(result=[await ev.tool.acall(each) for each in ev.questions])


def ask(tool: DifyChatTool, *questions: str, workflow: Workflow | None = None, **given: Any) -> list[ToolOutput]:
    async def asked() -> list[ToolOutput]:
        return list(await (workflow or Asking(timeout=30)).run(tool=tool, questions=questions, **given))

    return asyncio.run(asked())


def conversations(outputs: list[ToolOutput]) -> list[str]:
    return [output.raw_output["conversation_id"] for output in outputs]


@pytest.mark.parametrize("mode", ["chat", "agent-chat", "advanced-chat"])
def test_it_asks_the_app(serve: Serve, mode: str) -> None:
    """Check 1: a FunctionTool; the question and the form's variables are its arguments."""
    served = serve(echo, mode, inputs_form=FORM, description="Answers.")
    tool = tool_of(served)
    assert FunctionTool in type(tool).__mro__
    assert list(tool.metadata.get_parameters_dict()["properties"]) == ["query", "tone"]
    for output in (tool("Why", tone="dry"), asyncio.run(tool.acall(query="Why", tone="dry"))):
        assert output.content == "Why?"
        assert output.raw_output["conversation_id"]
        assert not output.is_error
    assert [sent["query"] for sent in served.sent] == ["Why", "Why"]
    assert served.sent[0]["inputs"]["tone"] == "dry"
    assert served.sent[0]["auto_generate_name"] is False


def test_the_calls_of_a_run_are_one_conversation(serve: Serve) -> None:
    """And another run has another."""
    served = serve(echo)
    first = conversations(ask(tool_of(served), "a", "b", "c"))
    second = conversations(ask(tool_of(served), "a"))
    assert len(set(first)) == 1
    assert set(first).isdisjoint(second)
    assert [sent.get("conversation_id") or "" for sent in served.sent] == ["", first[0], first[0], ""]


def test_runs_with_one_context_go_on(serve: Serve) -> None:
    """Also when it was saved and restored in between."""
    served = serve(echo)
    tool, workflow = tool_of(served), Asking(timeout=30)

    async def twice() -> list[ToolOutput]:
        context: Context[Any] = Context(workflow)
        first = await workflow.run(ctx=context, tool=tool, questions=["a"])
        restored: Context[Any] = Context.from_dict(workflow, json.loads(json.dumps(context.to_dict())))
        return [*first, *await workflow.run(ctx=restored, tool=tool, questions=["b"])]

    assert len(set(conversations(asyncio.run(twice())))) == 1


def test_calls_at_once_do_not_talk_past_each_other(serve: Serve) -> None:
    outputs = ask(tool_of(serve(echo)), "a", "b", together=True)
    assert [output.content for output in outputs] == ["a?", "b?"]
    assert len(set(conversations(outputs))) == 2


def test_tools_of_one_name_do_not_share_a_conversation(serve: Serve) -> None:
    """Other apps and other end users, in one `Context`: each goes on in its own."""
    served, other = serve(echo), serve(echo)
    tools = [tool_of(served), tool_of(served, user="bob"), tool_of(other)]
    workflow = Asking(timeout=30)

    async def through() -> list[ToolOutput]:
        context: Context[Any] = Context(workflow)
        outputs: list[ToolOutput] = []
        for tool in (*tools, *tools):
            outputs += list(await workflow.run(ctx=context, tool=tool, questions=["a"]))
        return outputs

    outputs = asyncio.run(through())
    assert [output.content for output in outputs] == ["a?"] * 6
    first, second = conversations(outputs[:3]), conversations(outputs[3:])
    assert first == second
    assert [sent.get("conversation_id") or "" for sent in (*served.sent, *other.sent)] == ["", "", *first[:2], "", first[2]]


def test_every_call_can_be_a_new_conversation(serve: Serve) -> None:
    served = serve(echo)
    assert len(set(conversations(ask(tool_of(served, conversation="new"), "a", "b")))) == 2
    tool = tool_of(served)
    assert len(set(conversations([tool("a"), tool("b")]))) == 2  # outside of a workflow there is no run to share


def test_a_conversation_that_is_gone_is_told_and_forgotten(serve: Serve) -> None:
    """The next call begins another."""
    served = serve(echo)
    tool, workflow = tool_of(served), Asking(timeout=30)

    async def through() -> list[ToolOutput]:
        context: Context[Any] = Context(workflow)
        outputs: list[ToolOutput] = list(await workflow.run(ctx=context, tool=tool, questions=["a"]))
        with Dify(served.app.api_key, base_url=served.server.base_url, user="ada") as dify:
            dify.conversations.delete(outputs[0].raw_output["conversation_id"])
        return [*outputs, *await workflow.run(ctx=context, tool=tool, questions=["b", "c"])]

    first, gone, last = asyncio.run(through())
    assert isinstance(gone.exception, ConversationNotFound)
    assert last.content == "c?"
    assert last.raw_output["conversation_id"] != first.raw_output["conversation_id"]


def test_a_failed_turn_keeps_the_conversation(serve: Serve) -> None:
    served = serve(lambda turn: [Text("so "), Fail("overloaded")] if turn.query == "b" else echo(turn))
    a, b, c = ask(tool_of(served), "a", "b", "c")
    assert (a.is_error, b.is_error, c.is_error) == (False, True, False)
    assert len(set(conversations([a, c]))) == 1


def test_a_cancelled_turn_keeps_the_conversation(serve: Serve) -> None:
    """Of a step that does not wait for ever."""
    served = serve(lambda turn: [Text("so "), Gate(threading.Event())] if turn.query == "b" else echo(turn))
    tool = tool_of(served)

    class Impatient(Workflow):
        @step
        async def ask(self, ev: StartEvent) -> StopEvent:
            first = await tool.acall("a")
            late = asyncio.ensure_future(tool.acall("b"))
            assert await asyncio.to_thread(served.server.wait_until, lambda _: len(served.sent) == 2)
            late.cancel()
            await asyncio.wait([late])
            return StopEvent(result=[first, await tool.acall("c")])

    assert len(set(conversations(ask(tool, workflow=Impatient(timeout=30))))) == 1


class Typed(BaseModel):
    """A state of the user's own, with a place for ours."""

    dify: dict[str, Any] = {}


class Strict(BaseModel):
    """One without."""

    count: int = 0


class TypedAsking(Workflow):
    @step
    async def ask(self, ctx: Context[Typed], ev: StartEvent) -> StopEvent:
        return StopEvent(result=[await ev.tool.acall(each) for each in ev.questions])


class StrictAsking(Workflow):
    @step
    async def ask(self, ctx: Context[Strict], ev: StartEvent) -> StopEvent:
        return StopEvent(result=[await ev.tool.acall(each) for each in ev.questions])


@pytest.mark.parametrize(("workflow", "different"), [(TypedAsking, 1), (StrictAsking, 2)], ids=["place", "none"])
def test_a_typed_state_needs_a_place(serve: Serve, workflow: type[Workflow], different: int) -> None:
    """Without the field, calls are conversations of their own."""
    outputs = ask(tool_of(serve(echo)), "a", "b", workflow=workflow(timeout=30))
    assert len(set(conversations(outputs))) == different


def test_workflows_are_no_chat(serve: Serve) -> None:
    with pytest.raises(InvalidArgument, match="mode workflow; DifyChatTool runs chat, agent and chatflow apps"):
        tool_of(serve(None, "workflow"))


CALL = '<tool_calls>\n{"name": "app", "arguments": {"query": "QUESTION"}}\n</tool_calls>'


def brain(turn: Turn) -> list[Text]:
    """Asks the tool two things, one after the other."""
    results = turn.query.split("</system>")[-1].count("<tool_result")
    return [Text(CALL.replace("QUESTION", ("first", "second")[results]) if results < 2 else "Done.")]


@pytest.mark.anyio
async def test_an_agent_delegates(serve: Serve) -> None:
    """One conversation of the app; its words are in the agent's stream while they come, if wanted."""
    with LocalDify([mind := App("brain", "chat", brain)]) as server:
        llm = DifyChatLLM(api_key=mind.api_key, base_url=server.base_url, user="ada", tool_calling="prompt")
        handler = FunctionAgent(tools=[tool_of(serve(echo), stream_events=["text"])], llm=llm).run(user_msg="go")
        events = [event async for event in handler.stream_events()]
        assert str(await handler) == "Done."
    results = [event.tool_output for event in events if isinstance(event, ToolCallResult)]
    assert [result.content for result in results] == ["first?", "second?"]
    assert len(set(conversations(results))) == 1
    deltas = [event for event in events if isinstance(event, DifyTextDeltaEvent)]
    assert "".join(delta.delta for delta in deltas) == "first?second?"
    assert {delta.tool_name for delta in deltas} == {"app"}
    assert len({delta.tool_id for delta in deltas}) == 2


@pytest.mark.anyio
async def test_a_chatflow_asks_a_person(serve: Serve) -> None:
    """Check 17: one message, one submission, and the next call goes on in its conversation."""

    def script(turn: Turn) -> Any:
        if turn.query == "first":
            filled = yield Pause("Say so?", until_followed=True)
            yield Text(f"{filled.action}d")
        else:
            yield Text("and on")

    served = serve(script, "advanced-chat")
    with LocalDify([mind := App("brain", "chat", brain)]) as server:
        llm = DifyChatLLM(api_key=mind.api_key, base_url=server.base_url, user="ada", tool_calling="prompt")
        handler = FunctionAgent(tools=[tool_of(served)], llm=llm).run(user_msg="go")
        results = []
        async for event in handler.stream_events():
            if isinstance(event, DifyHumanInputRequest):
                handler.ctx.send_event(event.answer("approve"))
            if isinstance(event, ToolCallResult):
                results.append(event.tool_output)
        assert str(await handler) == "Done."
    assert [result.content for result in results] == ["approved", "and on"]
    assert len(set(conversations(results))) == 1
    assert [sent["query"] for sent in served.sent if "query" in sent] == ["first", "second"]
