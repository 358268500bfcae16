"""Steps of a graph that are run again around a call that can be interrupted: never a second start."""

from __future__ import annotations

from typing import Any, TypedDict

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ToolRetryMiddleware
from langchain_core.messages import AIMessage, ToolCall
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, RetryPolicy

from dify_integrations import InvalidArgument, RunFailed, RunStopped, StreamStalled
from dify_integrations.local import App, Fail, Outputs, Pause, Silence, Text, Turn
from langchain_dify import DifyCancelToken, DifyWorkflow
from tests.langchain.conftest import Serve
from tests.langchain.test_pausing import BOTH, Calls, State, ask, counts, node_graph, review, yes

THREE = RetryPolicy(initial_interval=0.001, max_attempts=3, jitter=False, retry_on=Exception)


def asking(serve: Serve, app: App, **fields: Any) -> tuple[Any, DifyWorkflow]:
    served = serve(app)
    return served, served.keep(DifyWorkflow(**served.connection(), on_pause="interrupt", **fields))


def retried(workflow: Any) -> Any:
    graph = StateGraph(State).add_node("review", workflow, retry_policy=THREE)
    return graph.add_edge(START, "review").add_edge("review", END).compile(checkpointer=InMemorySaver())


@BOTH
def test_a_retry_does_not_ask_the_person_again(serve: Serve, asynchronous: bool) -> None:
    """The run failed behind the form: every attempt sees that, none starts another."""

    def script(turn: Turn) -> Any:
        yield Pause("Go on?", until_followed=True)
        yield Fail("the press is broken")

    served, workflow = asking(serve, App("editor", "workflow", script))
    graph = retried(workflow)
    ask(graph, {"topic": "x"}, asynchronous)
    with pytest.raises(RunFailed, match="the press is broken"):
        ask(graph, Command(resume={"action": "approve"}), asynchronous)
    assert counts(served) == (1, 1)


def test_a_retry_follows_a_run_that_fell_silent(serve: Serve) -> None:
    """It may go on without us, so no attempt starts it again."""
    served, workflow = asking(serve, App("editor", "workflow", lambda turn: [Text("x"), Silence()]), timeout=0.2)
    with pytest.raises(StreamStalled):
        ask(retried(workflow), {"topic": "x"}, asynchronous=False)
    assert counts(served) == (1, 0)


def test_a_retry_finds_the_calls_in_their_order(serve: Serve) -> None:
    """Among calls of one step and subgraphs of its own."""
    served, workflow = asking(serve, review())
    failures = ["once"]
    builder: Any = StateGraph(State)
    own = builder.add_node("own", lambda _: {"topic": "own"}).add_edge(START, "own").compile()

    def work(state: State) -> State:
        topic = own.invoke({})["topic"]
        texts = [workflow.invoke({})["text"] for _ in range(2)]
        if failures:
            raise ConnectionError(failures.pop())
        return {"text": f"{topic}, {', '.join(texts)}"}

    graph = retried(work)
    ask(graph, {"topic": "x"}, asynchronous=False)
    ask(graph, yes("one"), asynchronous=False)
    assert ask(graph, yes("two"), asynchronous=False)["text"] == "own, approve: one, approve: two"
    assert counts(served) == (2, 2)


@BOTH
def test_a_subgraph_that_keeps_nothing(serve: Serve, asynchronous: bool) -> None:
    """LangGraph would run it anew from its start with every answer."""
    served, workflow = asking(serve, review())
    inner = StateGraph(State).add_node("review", workflow).add_edge(START, "review")  # type: ignore[type-var]
    forgetful = inner.compile(checkpointer=False)
    graph = StateGraph(State).add_node("sub", forgetful).add_edge(START, "sub").compile(checkpointer=InMemorySaver())
    with pytest.raises(InvalidArgument, match="checkpointer=False"):
        ask(graph, {"topic": "x"}, asynchronous)
    assert counts(served) == (0, 0)


def test_the_limit_of_steps_is_the_callers_own(serve: Serve) -> None:
    """A graph of one step may have a limit of one."""
    served, workflow = asking(serve, review("Editor", "Lawyer"))
    graph = node_graph(workflow, InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}, "recursion_limit": 1}
    for given in ({"topic": "x"}, yes("one")):
        assert "__interrupt__" in graph.invoke(given, config)
    assert graph.invoke(yes("two"), config)["text"] == "approve: one; approve: two"
    assert counts(served) == (1, 2)


def test_inner_steps_are_not_streamed(serve: Serve) -> None:
    """With `subgraphs=True` a user interface sees the graph's own steps, and the workflow's in its node."""
    _, workflow = asking(serve, review())
    graph = node_graph(workflow, InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    told = []
    for given in ({"topic": "x"}, yes()):
        told += list(graph.stream(given, config, stream_mode=["updates", "values", "custom"], subgraphs=True))
    assert {(place, mode) for place, mode, _ in told} == {((), "updates"), ((), "values"), ((), "custom")}
    assert [list(update) for _, mode, update in told if mode == "updates"] == [["__interrupt__"], ["review"]]


class Looping(TypedDict, total=False):
    text: str
    rounds: int


def test_every_visit_of_a_node_is_a_run_of_its_own(serve: Serve) -> None:
    """A loop in the graph, and the same thread asked twice."""
    served, workflow = asking(serve, review())
    builder: Any = StateGraph(Looping)
    builder.add_node("review", workflow)
    builder.add_node("count", lambda state: {"rounds": state.get("rounds", 0) + 1})
    builder.add_edge(START, "review").add_edge("review", "count")
    builder.add_conditional_edges("count", lambda state: END if state["rounds"] % 2 == 0 else "review", ["review", END])
    graph = builder.compile(checkpointer=InMemorySaver())
    texts = []
    for given in ({}, yes("1"), yes("2"), {"text": ""}, yes("3"), yes("4")):
        texts.append(ask(graph, given, asynchronous=False).get("text"))
    assert texts == [None, "approve: 1", "approve: 2", "", "approve: 3", "approve: 4"]
    assert counts(served) == (4, 4)


def test_from_an_earlier_checkpoint(serve: Serve) -> None:
    """Going back before the node is another run; the one that was answered stays as it is."""
    served, workflow = asking(serve, review())
    graph = node_graph(workflow, InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    ask(graph, {"topic": "x"}, asynchronous=False)
    ask(graph, yes("one"), asynchronous=False)
    before = next(state for state in graph.get_state_history(config) if state.next == ("review",))
    assert "__interrupt__" in graph.invoke(None, before.config)
    assert ask(graph, yes("two"), asynchronous=False)["text"] == "approve: two"
    assert counts(served) == (2, 2)


def test_going_on_without_an_answer(serve: Serve) -> None:
    """The graph asks the same again, and nothing is sent."""
    served, workflow = asking(serve, App("editor", "workflow", lambda turn: [Pause("Go on?"), Outputs({"text": "done"})]))
    graph = node_graph(workflow, InMemorySaver())
    ask(graph, {"topic": "x"}, asynchronous=False)
    for _ in range(2):
        assert "__interrupt__" in ask(graph, None, asynchronous=False)
    assert counts(served) == (1, 0)


@BOTH
def test_a_runnable_that_retries_takes_no_pause_for_a_failure(serve: Serve, asynchronous: bool) -> None:
    """LangGraph's interrupt is an exception, and `with_retry` retries of every one."""
    served, workflow = asking(serve, review())
    retrying: Any = workflow.with_retry(wait_exponential_jitter=False)
    graph = StateGraph(State).add_node("review", retrying).add_edge(START, "review")
    compiled: Any = graph.compile(checkpointer=InMemorySaver())
    assert len(ask(compiled, {"topic": "x"}, asynchronous)["__interrupt__"]) == 1
    assert counts(served) == (1, 0)
    assert ask(compiled, yes(), asynchronous)["text"] == "approve: Good"
    assert counts(served) == (1, 1)


@BOTH
def test_an_agent_whose_middleware_retries(serve: Serve, asynchronous: bool) -> None:
    """A failure behind the form is told to the model; the person is not asked again."""

    def script(turn: Turn) -> Any:
        yield Pause("Go on?", until_followed=True)
        yield Fail("the press is broken")

    served = serve(App("editor", "workflow", script))
    tool = served.tool(name="publish", description="Publishes.", on_pause="interrupt")
    call = AIMessage("", tool_calls=[ToolCall(name="publish", args={}, id="1")])
    again = ToolRetryMiddleware(max_retries=2, initial_delay=0.001, jitter=False)
    model = Calls(messages=iter([call, AIMessage("done")]))
    graph: Any = create_agent(model, [tool], checkpointer=InMemorySaver(), middleware=[again])
    ask(graph, {"messages": [("user", "go")]}, asynchronous)
    done = ask(graph, Command(resume={"action": "approve"}), asynchronous)
    assert "the press is broken" in done["messages"][-2].content
    assert counts(served) == (1, 1)


def test_calls_of_a_loop_are_not_taken_for_one_another(serve: Serve) -> None:
    """One that failed is over for the next, which is called with something else."""

    def script(turn: Turn) -> Any:
        if turn.inputs["topic"] == "bad":
            yield Fail("no")
        yield Pause("Go on?", until_followed=True)
        yield Outputs({"text": turn.inputs["topic"]})

    form = [{"text-input": {"variable": "topic", "label": "Topic", "required": True}}]
    served, workflow = asking(serve, App("editor", "workflow", script, form))

    def work(state: State) -> State:
        texts = []
        for topic in ("bad", "good", "better"):
            try:
                texts.append(workflow.invoke({"topic": topic})["text"])
            except RunFailed:
                texts.append("failed")
        return {"text": ", ".join(texts)}

    graph = StateGraph(State).add_node("work", work).add_edge(START, "work").compile(checkpointer=InMemorySaver())
    go_on: Any = Command(resume={"action": "approve"})
    for given in ({"topic": "x"}, go_on):
        assert "__interrupt__" in ask(graph, given, asynchronous=False)
    done = ask(graph, go_on, asynchronous=False)
    assert done["text"] == "failed, good, better"
    asked = [body["inputs"]["topic"] for body in served.bodies("/workflows/run")]
    assert [asked.count(topic) for topic in ("good", "better")] == [1, 1]


@BOTH
def test_nothing_is_submitted_by_a_call_that_was_cancelled(serve: Serve, asynchronous: bool) -> None:
    """An approval cannot be taken back. The answer is kept, and submitted when the graph goes on."""
    served, workflow = asking(serve, review())
    graph, token = node_graph(workflow, InMemorySaver()), DifyCancelToken()
    ask(graph, {"topic": "x"}, asynchronous, dify_cancel=token)
    token.cancel()
    with pytest.raises(RunStopped):
        ask(graph, yes(), asynchronous, dify_cancel=token)
    assert counts(served) == (1, 0)
    assert ask(graph, None, asynchronous)["text"] == "approve: Good"
    assert counts(served) == (1, 1)


def test_somebody_else_goes_on(serve: Serve) -> None:
    """A process with another end user answers; the starter's run is followed all the same."""
    served, workflow = asking(serve, review())
    saver = InMemorySaver()
    ask(node_graph(workflow, saver), {"topic": "x"}, asynchronous=False)
    boss = served.keep(DifyWorkflow(**{**served.connection(), "user": "boss"}, on_pause="interrupt"))
    assert ask(node_graph(boss, saver), yes(), asynchronous=False)["text"] == "approve: Good"
    assert counts(served) == (1, 1)
    assert [body["user"] for body in served.bodies("") if "action" in (body or {})] == ["boss"]
