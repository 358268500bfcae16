"""A run that waits for a person inside LangGraph: an interrupt, one start, one submission, whoever goes on and wherever."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any, TypedDict

import pytest
from langchain.agents import create_agent
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolCall
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command

from dify_integrations import Dify, InvalidArgument
from dify_integrations.local import App, Cut, Fail, Filled, Node, Outputs, Pause, Pauses, Text, Turn, UntilFollowed
from langchain_dify import DifyChatTool, DifyWorkflow
from tests.langchain.conftest import Recorder, Serve, Served

COMMENT = {"type": "paragraph", "output_variable_name": "comment"}


def review(*titles: str, mode: str = "workflow") -> App:
    """Asks one person after the other and tells what they decided."""

    def script(turn: Turn) -> Any:
        said = []
        for title in titles or ("Review",):
            filled: Filled = yield Pause("Publish?", title=title, inputs=[COMMENT], until_followed=True)
            said.append(f"{filled.action}: {filled.inputs['comment']}")
        yield Outputs({"text": "; ".join(said)}) if mode == "workflow" else Text("; ".join(said))

    return App("editor", mode, script)


def yes(comment: str = "Good") -> Command[Any]:
    return Command(resume={"action": "approve", "inputs": {"comment": comment}})


def counts(served: Served, app: str = "/workflows/run") -> tuple[int, int]:
    """Workflows started, forms submitted."""
    posts = [request.path for request in served.server.requests if request.method == "POST"]
    return sum(path.endswith(app) for path in posts), sum("/form/human_input/" in path for path in posts)


class Calls(GenericFakeChatModel):
    """A model whose answers are known, and that takes tools."""

    def bind_tools(self, *_: Any, **__: Any) -> Any:
        return self


def agent(tool: BaseTool, saver: Any, *calls: str, **arguments: Any) -> Any:
    """An agent that makes these calls of the tool and then says what came out."""
    asked = [ToolCall(name=tool.name, args=arguments, id=call) for call in calls or ("call-1",)]
    messages = [AIMessage("", tool_calls=asked), AIMessage("done")]
    return create_agent(Calls(messages=iter(messages)), [tool], checkpointer=saver)


class State(TypedDict, total=False):
    topic: str
    text: str


def node_graph(workflow: DifyWorkflow, saver: Any) -> Any:
    graph = StateGraph(State).add_node("review", workflow)  # type: ignore[type-var]
    return graph.add_edge(START, "review").add_edge("review", END).compile(checkpointer=saver)


def ask(graph: Any, given: Any, asynchronous: bool, **configurable: Any) -> Any:
    config = {"configurable": {"thread_id": "1", **configurable}}
    return asyncio.run(graph.ainvoke(given, config)) if asynchronous else graph.invoke(given, config)


BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


@BOTH
def test_an_agent_asks_and_goes_on(serve: Serve, asynchronous: bool) -> None:
    """Check 25: the pause of a tool's run starts the workflow and submits the form exactly once."""
    served = serve(review())
    tool = served.tool(name="publish", description="Publishes.", on_pause="interrupt")
    graph = agent(tool, InMemorySaver())
    waiting = ask(graph, {"messages": [("user", "go")]}, asynchronous)
    (asked,) = [interrupt.value for interrupt in waiting["__interrupt__"]]
    assert (asked["type"], asked["tool"], asked["tool_call_id"]) == ("dify.human_input", "publish", "call-1")
    assert asked["forms"][0]["content"] == "Publish?"
    assert asked["forms"][0]["form_token"]
    assert counts(served) == (1, 0)
    done = ask(graph, yes(), asynchronous)
    answer = next(message for message in done["messages"] if message.type == "tool")
    assert answer.content == "approve: Good"
    assert answer.artifact["workflow_run_id"] == asked["workflow_run_id"]
    assert done["messages"][-1].content == "done"
    assert counts(served) == (1, 1)


@BOTH
@pytest.mark.parametrize("mode", ["invoke", "messages"])
def test_a_node_asks_and_goes_on(serve: Serve, asynchronous: bool, mode: str) -> None:
    """Check 25: the same for a workflow that is a node, also where LangGraph streams the node."""
    served = serve(review())
    graph = node_graph(served.keep(DifyWorkflow(**served.connection(), on_pause="interrupt")), InMemorySaver())
    config: RunnableConfig = {"configurable": {"thread_id": "1"}}

    def go(given: Any) -> Any:
        if mode == "invoke":
            return ask(graph, given, asynchronous)
        if asynchronous:
            asyncio.run(_drain(graph.astream(given, config, stream_mode=mode)))
        else:
            list(graph.stream(given, config, stream_mode=mode))
        return graph.get_state(config).values

    go({"topic": "kayaks"})
    assert graph.get_state(config).next == ("review",)
    assert counts(served) == (1, 0)
    assert go(yes())["text"] == "approve: Good"
    assert counts(served) == (1, 1)


async def _drain(stream: Any) -> None:
    async for _ in stream:
        pass


class Disk(InMemorySaver):
    """A saver as another process finds it: everything went through bytes."""

    @classmethod
    def after_restart(cls, saver: InMemorySaver) -> Disk:
        stored = pickle.dumps((_plain(saver.storage), _plain(saver.writes), dict(saver.blobs)))
        fresh = cls()
        storage, writes, blobs = pickle.loads(stored)  # noqa: S301  # our own bytes
        for thread, spaces in storage.items():
            for space, checkpoints in spaces.items():
                fresh.storage[thread][space].update(checkpoints)
        for place, written in writes.items():
            fresh.writes[place].update(written)
        fresh.blobs.update(blobs)
        return fresh


def _plain(value: Any) -> Any:
    return {name: _plain(entry) for name, entry in value.items()} if isinstance(value, dict) else value


@BOTH
def test_the_answer_arrives_in_another_process(serve: Serve, asynchronous: bool) -> None:
    """Check 25: graph, tool, client and saver are new; what was done is not done again, and the starter's user is asked for."""
    served, saver = serve(review()), InMemorySaver()
    tool = served.tool(name="publish", description="Publishes.", on_pause="interrupt")
    ask(agent(tool, saver), {"messages": [("user", "go")]}, asynchronous, dify_user="eve")
    again = served.tool(name="publish", description="Publishes.", on_pause="interrupt")
    new = create_agent(Calls(messages=iter([AIMessage("done")])), [again], checkpointer=Disk.after_restart(saver))
    done = ask(new, yes(), asynchronous)
    assert done["messages"][-2].content == "approve: Good"
    assert counts(served) == (1, 1)
    followed = [request for request in served.server.requests if request.path.endswith("/events")]
    assert [request.query["user"] for request in followed] == ["eve"]


@BOTH
def test_a_run_that_pauses_twice(serve: Serve, asynchronous: bool) -> None:
    """The second pause is a second interrupt, of the same run."""
    served = serve(review("Editor", "Lawyer"))
    graph = node_graph(served.keep(DifyWorkflow(**served.connection(), on_pause="interrupt")), InMemorySaver())
    first = ask(graph, {"topic": "kayaks"}, asynchronous)["__interrupt__"][0].value
    second = ask(graph, yes("one"), asynchronous)["__interrupt__"][0].value
    assert [value["forms"][0]["node_title"] for value in (first, second)] == ["Editor", "Lawyer"]
    assert first["workflow_run_id"] == second["workflow_run_id"]
    assert ask(graph, yes("two"), asynchronous)["text"] == "approve: one; approve: two"
    assert counts(served) == (1, 2)


def both(turn: Turn) -> Any:
    """Two forms at once."""
    filled = yield Pauses(
        [Pause("A?", title="A", id="a", until_followed=True), Pause("B?", title="B", id="b", until_followed=True)]
    )
    yield Outputs({"text": " ".join(form.action for form in filled)})


@pytest.mark.parametrize("together", [True, False])
def test_several_forms_are_answered_by_node(serve: Serve, together: bool) -> None:
    """All at once, or one now and the other when it is asked for again."""
    served = serve(App("editor", "workflow", both))
    graph = node_graph(served.keep(DifyWorkflow(**served.connection(), on_pause="interrupt")), InMemorySaver())
    forms = ask(graph, {"topic": "x"}, asynchronous=False)["__interrupt__"][0].value["forms"]
    assert [form["node_id"] for form in forms] == ["a", "b"]
    answers: list[Any] = [{"a": {"action": "approve"}, forms[1]["form_token"]: {"action": "reject"}}]
    if not together:
        answers = [{"a": {"action": "approve"}}, {"action": "reject"}]
    states = [ask(graph, Command(resume=answer), asynchronous=False) for answer in answers]
    assert states[-1]["text"] == "approve reject"
    assert counts(served) == (1, 2)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (True, "not bool"),
        ({"action": "maybe", "inputs": {"comment": "x"}}, "no action 'maybe', only approve"),
        ({"action": "approve"}, "needs comment"),
        ({"other": {"action": "approve"}}, "no form other"),
    ],
)
def test_an_answer_that_cannot_be_is_asked_for_again(serve: Serve, answer: Any, reason: str) -> None:
    """The person is told what is wrong; nothing was sent, and the right answer goes on."""
    served = serve(review())
    graph = node_graph(served.keep(DifyWorkflow(**served.connection(), on_pause="interrupt")), InMemorySaver())
    ask(graph, {"topic": "x"}, asynchronous=False)
    asked = ask(graph, Command(resume=answer), asynchronous=False)["__interrupt__"][0].value
    assert reason in asked["error"]
    assert counts(served) == (1, 0)
    assert ask(graph, yes(), asynchronous=False)["text"] == "approve: Good"


def test_a_form_somebody_else_submitted(serve: Serve) -> None:
    """Answered in Dify's own page meanwhile: the run is just followed."""
    served = serve(review())
    graph = node_graph(served.keep(DifyWorkflow(**served.connection(), on_pause="interrupt")), InMemorySaver())
    form = ask(graph, {"topic": "x"}, asynchronous=False)["__interrupt__"][0].value["forms"][0]
    with Dify(**served.connection()) as dify:
        dify.forms.submit(form["form_token"], action="reject", inputs={"comment": "No"})
    assert ask(graph, yes(), asynchronous=False)["text"] == "reject: No"


def test_told_that_it_was_answered_elsewhere(serve: Serve) -> None:
    """`submitted` sends nothing."""
    served = serve(review())
    graph = node_graph(served.keep(DifyWorkflow(**served.connection(), on_pause="interrupt")), InMemorySaver())
    form = ask(graph, {"topic": "x"}, asynchronous=False)["__interrupt__"][0].value["forms"][0]
    with Dify(**served.connection()) as dify:
        dify.forms.submit(form["form_token"], action="reject", inputs={"comment": "No"})
    assert ask(graph, Command(resume={"submitted": True}), asynchronous=False)["text"] == "reject: No"
    assert counts(served) == (1, 1)


@BOTH
def test_a_form_that_dify_refuses(serve: Serve, asynchronous: bool) -> None:
    """A form that is delivered elsewhere has no token for this API: the person is told, and says when it was answered."""

    def script(turn: Turn) -> Any:
        filled: Filled = yield Pause("Publish?", display_in_ui=False, expires_s=0.3)
        yield Outputs({"text": f"expired: {filled.expired}"})

    served = serve(App("editor", "workflow", script))
    graph = node_graph(served.keep(DifyWorkflow(**served.connection(), on_pause="interrupt")), InMemorySaver())
    ask(graph, {"topic": "x"}, asynchronous)
    asked = ask(graph, Command(resume={"action": "approve"}), asynchronous)["__interrupt__"][0].value
    assert asked["error"].startswith("Dify refused the answer: ")
    assert ask(graph, Command(resume={"submitted": True}), asynchronous)["text"] == "expired: True"
    assert counts(served) == (1, 1)


def test_a_failure_behind_the_form(serve: Serve) -> None:
    """The model reads it with `handle_tool_error`, as without a pause."""

    def script(turn: Turn) -> Any:
        yield Pause("Go on?", until_followed=True)
        yield Fail("the press is broken")

    served = serve(App("editor", "workflow", script))
    tool = served.tool(name="publish", description="Publishes.", on_pause="interrupt", handle_tool_error=True)
    graph = agent(tool, InMemorySaver())
    ask(graph, {"messages": [("user", "go")]}, asynchronous=False)
    answer = ask(graph, Command(resume={"action": "approve"}), asynchronous=False)["messages"][-2]
    assert (answer.status, "the press is broken" in answer.content) == ("error", True)
    assert counts(served) == (1, 1)


@BOTH
def test_a_chatflow_asks_too(serve: Serve, asynchronous: bool) -> None:
    """Check 25, for `DifyChatTool`: one message, one submission, the whole answer; the next call goes on in its conversation."""
    served = serve(review(mode="advanced-chat"))
    made = DifyChatTool.from_app(**served.connection(), name="editor", description="Edits.", on_pause="interrupt")
    graph = agent(served.keep(made), InMemorySaver(), query="Publish it")
    ask(graph, {"messages": [("user", "go")]}, asynchronous)
    done = ask(graph, yes(), asynchronous)
    assert done["messages"][-2].content == "approve: Good"
    assert counts(served, "/chat-messages") == (1, 1)
    made.on_pause = "return"
    config: RunnableConfig = {"configurable": {"thread_id": "1"}}
    call = {"type": "tool_call", "id": "x", "name": "editor", "args": {"query": "Again"}}
    artifact = (asyncio.run(made.ainvoke(call, config)) if asynchronous else made.invoke(call, config)).artifact
    assert artifact["conversation_id"] == done["messages"][-2].artifact["conversation_id"]


@BOTH
def test_calls_of_one_message_in_an_agent(serve: Serve, asynchronous: bool) -> None:
    """Each is a step of its own there: two interrupts, each answered by its id."""
    served = serve(review())
    tool = served.tool(name="publish", description="Publishes.", on_pause="interrupt")
    graph = agent(tool, InMemorySaver(), "call-1", "call-2")
    waiting = ask(graph, {"messages": [("user", "go")]}, asynchronous)["__interrupt__"]
    assert {interrupt.value["tool_call_id"] for interrupt in waiting} == {"call-1", "call-2"}
    resume = {each.id: {"action": "approve", "inputs": {"comment": each.value["tool_call_id"]}} for each in waiting}
    done = ask(graph, Command(resume=resume), asynchronous)
    answers = {message.tool_call_id: message.content for message in done["messages"] if message.type == "tool"}
    assert answers == {"call-1": "approve: call-1", "call-2": "approve: call-2"}
    assert counts(served) == (2, 2)


@BOTH
def test_calls_at_the_same_time_in_one_step_are_refused(serve: Serve, asynchronous: bool) -> None:
    """LangGraph tells them apart by their order only, and at the same time they have none."""
    served = serve(review())
    tool = served.tool(name="publish", description="Publishes.", on_pause="interrupt")
    graph = (
        StateGraph(MessagesState).add_node("tools", ToolNode([tool])).add_edge(START, "tools").compile(checkpointer=InMemorySaver())
    )
    calls = [ToolCall(name="publish", args={}, id=f"call-{number}") for number in (1, 2)]
    with pytest.raises(InvalidArgument, match="a step of its own"):
        # Whichever comes first begins; LangGraph may show its pause first, and then the refusal when it is answered.
        for given in ({"messages": [AIMessage("", tool_calls=calls)]}, yes()):
            ask(graph, given, asynchronous)
    started, submitted = counts(served)
    assert started <= 1
    assert submitted <= 1


def test_one_after_the_other_in_one_node(serve: Serve) -> None:
    """The first one's result is remembered while the second one waits."""
    served = serve(review(), App("plain", "workflow", lambda turn: [Outputs({"text": "plain"})]))
    plain, asking = (served.keep(DifyWorkflow(**served.connection(name), on_pause="interrupt")) for name in ("plain", "editor"))

    def work(state: State) -> State:
        return {"text": plain.invoke({})["text"] + ", " + asking.invoke({})["text"]}

    graph = StateGraph(State).add_node("work", work).add_edge(START, "work").compile(checkpointer=InMemorySaver())
    graph.invoke({"topic": "x"}, {"configurable": {"thread_id": "1"}}, durability="exit")
    assert graph.invoke(yes(), {"configurable": {"thread_id": "1"}}, durability="exit")["text"] == "plain, approve: Good"
    assert counts(served) == (2, 1)


def test_another_order_is_noticed(serve: Serve) -> None:
    """A node that calls something else when it is run again gets an error, not somebody else's result."""
    served = serve(review(), review().__class__("other", "workflow", review().script))
    workflows = [served.keep(DifyWorkflow(**served.connection(name), on_pause="interrupt")) for name in ("editor", "other")]

    def work(state: State) -> State:
        return {"text": workflows.pop().invoke({})["text"]}

    graph = StateGraph(State).add_node("work", work).add_edge(START, "work").compile(checkpointer=InMemorySaver())
    ask(graph, {"topic": "x"}, asynchronous=False)
    with pytest.raises(InvalidArgument, match="another order"):
        ask(graph, yes(), asynchronous=False)
    assert counts(served) == (1, 0)


@BOTH
@pytest.mark.parametrize("where", ["no graph", "no checkpointer"])
def test_where_nothing_could_go_on(serve: Serve, asynchronous: bool, where: str) -> None:
    """Said before the workflow starts."""
    served = serve(review())
    tool = served.tool(name="publish", description="Publishes.", on_pause="interrupt")
    workflow = served.keep(DifyWorkflow(**served.connection(), on_pause="interrupt"))
    runs: list[Any] = [tool, workflow] if where == "no graph" else [node_graph(workflow, None)]
    for run in runs:
        with pytest.raises(InvalidArgument, match='on_pause="return"'):
            ask(run, {}, asynchronous)
    assert counts(served) == (0, 0)


@BOTH
def test_a_run_without_a_pause(serve: Serve, asynchronous: bool) -> None:
    """Is what it is without the setting, in content, artifact and tree."""
    served = serve(App("editor", "workflow", lambda turn: [Node("llm", "LLM", inside=[Text("x")])]))
    trees, answers = [], []
    for on_pause in ("return", "interrupt"):
        seen = Recorder()
        tool = served.tool(name="publish", description="Publishes.", on_pause=on_pause)
        graph = agent(tool, InMemorySaver())
        config: RunnableConfig = {"configurable": {"thread_id": "1"}, "callbacks": [seen]}
        given = {"messages": [("user", "go")]}
        done = asyncio.run(graph.ainvoke(given, config)) if asynchronous else graph.invoke(given, config)
        trees.append([path[path.index("tool publish") :] for path in seen.tree() if "tool publish" in path])
        answers.append(done["messages"][-2])
        assert seen.open == seen.failed == []
    assert trees[0] == trees[1]
    assert "tool publish > chain dify:workflow > chain dify:LLM" in trees[1]
    assert answers[0].content == answers[1].content
    assert answers[0].artifact.keys() == answers[1].artifact.keys()


def test_a_broken_stream_is_followed(serve: Serve) -> None:
    """The run goes on without us, so it is found again by its id, not started again."""
    served = serve(App("editor", "workflow", lambda turn: [Cut(), UntilFollowed(), Outputs({"text": "all of it"})]))
    graph = node_graph(served.keep(DifyWorkflow(**served.connection(), on_pause="interrupt")), InMemorySaver())
    assert ask(graph, {"topic": "x"}, asynchronous=False)["text"] == "all of it"
    assert counts(served) == (1, 0)
