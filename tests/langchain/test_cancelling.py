"""A cancel token ends Dify calls from outside: models, workflows and tools, alone and in chains, also while they are silent."""

from __future__ import annotations

import asyncio
import copy
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.exceptions import ModelTimeoutError
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableParallel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph

from dify_integrations import DifyError, InvalidArgument, RunStopped, Timeouts
from dify_integrations._stop import SENDER
from dify_integrations.local import App, Gate, LocalDify, Outputs, Say, Text
from langchain_dify import DifyCancelToken
from langchain_dify.errors import DifyToolStoppedError
from tests.langchain.conftest import Recorder, Served

AT_ONCE_S = 1.0
"""Shows that nobody waits for the silent app, on a busy machine too; `test_how_soon` measures."""
CANCELLED = "one "
"""What the apps say before they fall silent."""


@pytest.fixture(scope="module")
def server() -> Iterator[LocalDify]:
    """Apps of three modes that begin to speak and then wait for ever."""
    never = threading.Event()
    silent: list[Say] = [Text(CANCELLED), Gate(never), Text("two")]
    apps = [App(mode, mode, lambda turn: silent) for mode in ("chat", "advanced-chat", "completion")]
    apps.append(App("workflow", "workflow", lambda turn: [Text(CANCELLED), Gate(never), Outputs({"text": "one two"})]))
    apps.append(App("quick", "chat", lambda turn: [Text("done")]))
    with LocalDify(apps) as running:
        yield running
        never.set()


@pytest.fixture
def served(server: LocalDify) -> Iterator[Served]:
    made = Served(server)
    yield made
    made.close()


def made(served: Served, kind: str) -> Any:
    """One of the runnables that talk to an app, and its input."""
    if kind == "ChatDify":
        return served.chat("chat"), "Hi"
    if kind == "chatflow":
        return served.chat("advanced-chat"), "Hi"
    if kind == "DifyLLM":
        return served.llm("completion", prompt_key="query"), "Hi"
    if kind == "DifyWorkflow":
        return served.keep(_workflow(served)), {}
    return served.tool("workflow", description="Says something."), {}


def _workflow(served: Served) -> Any:
    from langchain_dify import DifyWorkflow

    return DifyWorkflow(**served.connection("workflow"))


KINDS = ["ChatDify", "chatflow", "DifyLLM", "DifyWorkflow", "DifyWorkflowTool"]


class Later:
    """Cancels from another thread, as soon as what the app says first was read."""

    def __init__(self, served: Served, token: DifyCancelToken, running: int = 1) -> None:
        SENDER.flush(5)  # stops of earlier calls
        self._server, self._token = served.server, token
        self._before = len(self._server.stops)
        self._running = running
        self.at = 0.0
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        end = time.monotonic() + 5
        while not self._all_wait() and time.monotonic() < end:
            time.sleep(0.001)
        self.at = time.monotonic()
        self._token.cancel()

    def _all_wait(self) -> bool:
        """Whether every run has read the first words, behind which there is nothing to read."""
        return [run.result.text for run in self._token._runs] == [CANCELLED] * self._running

    def took(self) -> float:
        """Seconds from the cancel till now."""
        now = time.monotonic()
        self._thread.join()
        return now - self.at

    def stops(self) -> list[str]:
        """The users of the stop calls since then."""
        SENDER.flush(5)  # one too many would be among them
        return [stop.user for stop in self._server.stops[self._before :]]


def with_token(token: Any) -> Any:
    return {"configurable": {"dify_cancel": token}}


def ended(call: Callable[[], Any]) -> Any:
    """What a cancelled call gives, or the stop it raises."""
    try:
        return call()
    except (RunStopped, DifyToolStoppedError) as error:
        return error


async def aended(call: Awaitable[Any]) -> Any:
    try:
        return await call
    except (RunStopped, DifyToolStoppedError) as error:
        return error


def assert_cancelled(kind: str, outcome: Any) -> None:
    """Models answer with what they had; workflows raise, and so do tools, in the way of tools."""
    if kind in ("ChatDify", "chatflow"):
        assert outcome.text == CANCELLED
        assert outcome.response_metadata["finish_reason"] == "stopped"
    elif kind == "DifyLLM":
        assert outcome == CANCELLED
    else:
        assert type(outcome) is (RunStopped if kind == "DifyWorkflow" else DifyToolStoppedError)
        assert outcome.result is not None
        assert (outcome.result.status, outcome.result.text) == ("stopped", CANCELLED)


@pytest.mark.parametrize("kind", KINDS)
def test_invoke(served: Served, kind: str) -> None:
    """Check 20: the token interrupts a blocked read at once, and exactly one stop goes out."""
    runnable, asked = made(served, kind)
    token = DifyCancelToken()
    later = Later(served, token)
    outcome = ended(lambda: runnable.invoke(asked, with_token(token)))
    assert later.took() < AT_ONCE_S
    assert_cancelled(kind, outcome)
    assert later.stops() == ["ann"]


@pytest.mark.anyio
@pytest.mark.parametrize("kind", KINDS)
async def test_ainvoke(served: Served, kind: str) -> None:
    """Check 20: so it does for a task, from a thread."""
    runnable, asked = made(served, kind)
    token = DifyCancelToken()
    later = Later(served, token)
    outcome = await aended(runnable.ainvoke(asked, with_token(token)))
    assert later.took() < AT_ONCE_S
    assert_cancelled(kind, outcome)
    assert await asyncio.to_thread(later.stops) == ["ann"]


def test_how_soon(served: Served) -> None:
    """Check 20: within 200 ms, the best of five; a busy machine may take its time once."""
    model, took = served.chat("chat"), []
    for _ in range(5):
        token = DifyCancelToken()
        later = Later(served, token)
        model.invoke("Hi", with_token(token))
        took.append(later.took())
    assert min(took) < 0.2


@pytest.mark.anyio
async def test_how_soon_a_task_is_told(served: Served) -> None:
    """Check 20: within 200 ms in a task, too."""
    model, took = served.chat("chat"), []
    for _ in range(5):
        token = DifyCancelToken()
        later = Later(served, token)
        await model.ainvoke("Hi", with_token(token))
        took.append(later.took())
    assert min(took) < 0.2


@pytest.mark.parametrize("kind", KINDS[:4])
def test_stream(served: Served, kind: str) -> None:
    """Check 20: a blocked stream ends, with what had been said."""
    runnable, asked = made(served, kind)
    token, chunks = DifyCancelToken(), []
    later = Later(served, token)
    stop = ended(lambda: chunks.extend(runnable.stream(asked, with_token(token))))
    assert later.took() < AT_ONCE_S
    assert later.stops() == ["ann"]
    assert_cancelled(kind, stop if kind == "DifyWorkflow" else _added(chunks))


@pytest.mark.anyio
@pytest.mark.parametrize("kind", KINDS[:4])
async def test_astream(served: Served, kind: str) -> None:
    """Check 20: and an async one."""
    runnable, asked = made(served, kind)
    token, chunks = DifyCancelToken(), []

    async def read() -> None:
        async for chunk in runnable.astream(asked, with_token(token)):
            chunks.append(chunk)

    later = Later(served, token)
    stop = await aended(read())
    assert later.took() < AT_ONCE_S
    assert await asyncio.to_thread(later.stops) == ["ann"]
    assert_cancelled(kind, stop if kind == "DifyWorkflow" else _added(chunks))


def _added(chunks: list[Any]) -> Any:
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk
    return whole


def chain_of(model: Any) -> Any:
    return ChatPromptTemplate.from_template("Say {what}") | model | StrOutputParser()


@pytest.mark.parametrize("streaming", [False, True], ids=["invoke", "stream"])
def test_chain(served: Served, streaming: bool) -> None:
    """Check 20: the config of a chain reaches the model in it."""
    chain, token = chain_of(served.chat("chat")), DifyCancelToken()
    later = Later(served, token)
    config = with_token(token)
    text = "".join(chain.stream({"what": "it"}, config)) if streaming else chain.invoke({"what": "it"}, config)
    assert later.took() < AT_ONCE_S
    assert text == CANCELLED
    assert later.stops() == ["ann"]


@pytest.mark.anyio
async def test_async_chain(served: Served) -> None:
    """Check 20: in an async chain, too, and cancelled by a task of the same loop."""
    chain, token = chain_of(served.chat("chat")), DifyCancelToken()
    read: list[str] = []
    began = 0.0
    async for text in chain.astream({"what": "it"}, with_token(token)):
        read.append(text)
        if text == CANCELLED:
            asyncio.get_running_loop().call_later(0.05, token.cancel)
            began = time.monotonic()
    assert time.monotonic() - began < 0.05 + AT_ONCE_S
    assert "".join(read) == CANCELLED


def test_closing_a_chain_that_core_would_drain(served: Served) -> None:
    """Check 20: core reads a closed sync chain to its end; cancelled before, that end is near."""
    chain, token = chain_of(served.chat("chat")), DifyCancelToken()
    before = len(served.server.stops)
    stream = chain.stream({"what": "it"}, with_token(token))
    while next(stream) != CANCELLED:
        pass
    began = time.monotonic()
    token.cancel()
    stream.close()
    assert time.monotonic() - began < AT_ONCE_S
    assert served.server.wait_until(lambda server: len(server.stops) == before + 1)


def test_one_token_for_many_calls(served: Served) -> None:
    """Check 20: every call of a chain that has the token ends, and each of its runs is stopped once."""
    many = RunnableParallel(a=served.chat("chat"), b=served.llm("completion", prompt_key="query"), c=served.chat("advanced-chat"))
    token = DifyCancelToken()
    later = Later(served, token, running=3)
    outcome = many.invoke("Hi", with_token(token))
    assert later.took() < AT_ONCE_S
    assert (outcome["a"].text, outcome["b"], outcome["c"].text) == (CANCELLED,) * 3
    assert later.stops() == ["ann"] * 3


@pytest.mark.parametrize("kind", KINDS)
def test_later_calls_end_before_they_send(served: Served, kind: str) -> None:
    """Check 20: a token that was cancelled stays so."""
    runnable, asked = made(served, kind)
    token = DifyCancelToken()
    token.cancel()
    before = len(served.server.requests)
    outcome = ended(lambda: runnable.invoke(asked, with_token(token)))
    assert len(served.server.requests) == before
    assert token.cancelled
    if kind in ("ChatDify", "chatflow"):
        assert (outcome.text, outcome.response_metadata["finish_reason"]) == ("", "stopped")
    elif kind == "DifyLLM":
        assert outcome == ""
    else:
        assert isinstance(outcome, RunStopped)


@pytest.mark.parametrize("kind", KINDS[:4])
def test_as_an_argument(served: Served, kind: str) -> None:
    """`cancel=` of one call does the same, also bound."""
    runnable, asked = made(served, kind)
    token = DifyCancelToken()
    later = Later(served, token)
    outcome = ended(lambda: runnable.bind(cancel=token).invoke(asked))
    assert later.took() < AT_ONCE_S
    assert_cancelled(kind, outcome)


def test_the_next_step_of_a_cancelled_chain_is_not_asked(served: Served) -> None:
    """A chain of two calls: the first ends early, the second is not sent."""
    first, second = served.chat("chat"), served.chat("quick")
    chain: Any = first | StrOutputParser() | second
    token = DifyCancelToken()
    later = Later(served, token)
    outcome = chain.invoke("Hi", with_token(token))
    assert later.took() < AT_ONCE_S
    assert outcome.response_metadata["finish_reason"] == "stopped"
    assert [body["query"] for body in served.bodies() if body["query"] == CANCELLED] == []


@pytest.mark.parametrize("kind", KINDS[:3])
def test_what_is_no_token_is_refused(served: Served, kind: str) -> None:
    """Before anything is sent."""
    runnable, asked = made(served, kind)
    before = len(served.server.requests)
    with pytest.raises(InvalidArgument, match="cancel token"):
        runnable.invoke(asked, with_token(lambda: True))
    with pytest.raises(InvalidArgument, match="cancel token"):
        runnable.invoke(asked, cancel="now")
    assert len(served.server.requests) == before


def test_it_is_in_no_trace(served: Served, recorder: Recorder) -> None:
    """Neither a handler's arguments nor metadata tell of it."""
    token = DifyCancelToken()
    config = {**with_token(token), "callbacks": [recorder]}
    chain_of(served.chat("quick")).invoke({"what": "it"}, config)
    served.chat("quick").invoke("Hi", cancel=token, config={"callbacks": [recorder]})
    list(served.chat("quick").stream("Hi", cancel=token, config={"callbacks": [recorder]}))
    assert recorder.seen
    assert "CancelToken" not in repr(recorder.seen)
    assert "cancel" not in repr(recorder.seen)


def test_it_is_in_no_cache_key(served: Served) -> None:
    """The same question with another token is the same question."""
    model = served.chat("quick", cache=InMemoryCache())
    before = len(served.bodies())
    for token in (DifyCancelToken(), DifyCancelToken()):
        assert model.invoke("Cached?", cancel=token).text == "done"
        assert model.invoke("Cached?", with_token(token)).text == "done"
    assert len(served.bodies()) == before + 1


@pytest.mark.parametrize("kind", KINDS[:3])
def test_what_was_cancelled_is_not_kept_in_a_cache(served: Served, kind: str) -> None:
    """Half an answer is nobody's answer: the same question is asked again."""
    runnable, asked = made(served, kind)
    cached = runnable.model_copy(update={"cache": InMemoryCache()})
    for _ in range(2):
        token = DifyCancelToken()
        later = Later(served, token)
        assert_cancelled(kind, cached.invoke(asked, with_token(token)))
        assert later.took() < AT_ONCE_S
        assert later.stops() == ["ann"]


def test_it_is_in_no_checkpoint(served: Served) -> None:
    """LangGraph keeps what is plain in `configurable`; a token is not."""
    graph: Any = StateGraph(MessagesState)
    graph.add_node("answer", lambda state, config: {"messages": [served.chat("quick").invoke(state["messages"], config)]})
    graph.add_edge(START, "answer")
    saver = InMemorySaver()
    config = {"configurable": {"dify_cancel": DifyCancelToken(), "thread_id": "1"}}
    graph.compile(checkpointer=saver).invoke({"messages": [("user", "Hi")]}, config)
    kept = list(saver.list({"configurable": {"thread_id": "1"}}))
    assert len(kept) == 3
    assert "CancelToken" not in repr(kept)


def test_a_copied_config_has_the_same_token() -> None:
    """Frameworks copy configs; a copy of the token would cancel nothing."""
    token = DifyCancelToken()
    copied = copy.deepcopy(with_token(token))["configurable"]["dify_cancel"]
    assert copied is token
    assert copy.copy(token) is token


@pytest.mark.parametrize("kind", KINDS[:3])
@pytest.mark.parametrize("clocks", [0.2, Timeouts(deadline_s=0.2)], ids=["silence", "deadline"])
def test_a_calls_own_clocks(served: Served, kind: str, clocks: Any) -> None:
    """`timeout` of one call: silence, or the whole of it, ends with LangChain's time-out and what had been said."""
    runnable, asked = made(served, kind)
    began = time.monotonic()
    with pytest.raises(ModelTimeoutError) as caught:
        runnable.invoke(asked, timeout=clocks)
    assert 0.2 <= time.monotonic() - began < 1.0
    assert isinstance(caught.value, DifyError) and caught.value.partial is not None
    assert caught.value.partial.text == CANCELLED


@pytest.mark.anyio
@pytest.mark.parametrize("kind", KINDS[:3])
async def test_a_calls_own_clocks_async(served: Served, kind: str) -> None:
    """The same for a task, and the next call has the model's own clocks again."""
    runnable, asked = made(served, kind)
    with pytest.raises(ModelTimeoutError):
        await runnable.ainvoke(asked, timeout=0.2)
    token = DifyCancelToken()
    later = Later(served, token)
    assert_cancelled(kind, await runnable.ainvoke(asked, cancel=token))
    assert later.took() < AT_ONCE_S


@pytest.mark.anyio
@pytest.mark.parametrize("fields", [{"disable_streaming": True}, {"streaming": False}], ids=["never streams", "streams not"])
async def test_a_stream_that_is_an_invoke_inside_is_cancelled_too(served: Served, fields: dict[str, Any]) -> None:
    """Check 20: core makes one of the other when it may not stream."""
    model, token, before = served.chat("quick", **fields), DifyCancelToken(), len(served.bodies())
    token.cancel()
    assert "".join(chunk.text for chunk in model.stream("Hi", cancel=token)) == ""
    assert "".join([chunk.text async for chunk in model.astream("Hi", cancel=token)]) == ""
    assert len(served.bodies()) == before
    assert model.invoke("Hi").text == "done", "the next call knows nothing of it"
