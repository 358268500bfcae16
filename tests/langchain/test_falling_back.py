"""Who takes over when an app fails, what is never asked twice, and what goes on behind a broken stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core import exceptions as langchain
from langchain_core.output_parsers import StrOutputParser

from dify_integrations import StreamInterrupted
from dify_integrations.local import App, Cut, Drop, Fail, LocalDify, Node, Reasoning, Say, Text, UntilFollowed
from langchain_dify import ChatDify, DifyWorkflow
from tests.faults.server import FaultServer, Script
from tests.faults.wire import answer, chunk, closing, frame, head
from tests.langchain.conftest import Served, saying

FINE = "fine words"
WRITES: list[Say] = [Text("one "), Text("two "), Cut(), Text("lost "), UntilFollowed(), Text("four")]
APPS: dict[str, tuple[str, list[Say]]] = {
    "good": ("chat", [Text("fine "), Text("words")]),
    "mute": ("chat", [Fail("overloaded", code="internal_server_error", status=500)]),
    "mute flow": ("advanced-chat", [Node("code", "Code", status="failed", error="division by zero")]),
    "worded": ("chat", [Text("one "), Fail("overloaded", code="internal_server_error", status=500)]),
    "thoughtful": ("advanced-chat", [Node("llm", "LLM", inside=[Reasoning("hm"), Fail("overloaded")])]),
    "lost": ("chat", [Text("one "), Drop()]),
    "broken flow": ("advanced-chat", [Node("start", "Start"), Node("llm", "Write", inside=WRITES)]),
    "broken workflow": ("workflow", WRITES),
}


@pytest.fixture(scope="module")
def server() -> Iterator[LocalDify]:
    apps: list[App] = [saying(*says, mode=mode, name=name) for name, (mode, says) in APPS.items()]
    with LocalDify(apps) as running:
        yield running


@pytest.fixture
def served(server: LocalDify) -> Iterator[Served]:
    made = Served(server)
    yield made
    made.close()


@pytest.fixture
def fake() -> Iterator[Callable[..., FaultServer]]:
    """Starts servers on plain sockets."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield lambda *scripts: stack.enter_context(FaultServer(*scripts))


def sent(served: Served, before: int = 0) -> int:
    """How many turns and runs were asked for."""
    asked = [request for request in served.server.requests if request.path.endswith(("/chat-messages", "/workflows/run"))]
    return len(asked) - before


ERROR: Script = (
    head(Connection="close"),
    chunk(frame("error", code="internal_server_error", message="m", status=500, task_id="t")),
)
FIRST: dict[str, Script] = {
    "refused": (closing(answer(429, {"code": "too_many_requests", "message": "m", "status": 429})),),
    "bad gateway": (closing(answer(502, b"<html>")),),
    "an error as the first event": ERROR,
    "nothing at all": (head(Connection="close"),),
    "no answer": (),
}


@pytest.mark.parametrize("how", FIRST)
@pytest.mark.parametrize("chained", [False, True], ids=["model", "chain"])
def test_takes_over_before_words(served: Served, fake: Callable[..., FaultServer], how: str, chained: bool) -> None:
    """Check 22: whatever fails before the first content, the fallback streams instead; nothing was told before."""
    failing = fake(FIRST[how] or (b"",))
    first: Any = served.keep(ChatDify(api_key="app-x", base_url=failing.url, user="ann", max_retries=0))
    second: Any = served.chat("good")
    if chained:
        first, second = first | StrOutputParser(), second | StrOutputParser()
    chunks = list(first.with_fallbacks([second]).stream("Hi"))
    assert "".join(chunk if chained else chunk.text for chunk in chunks) == FINE
    assert len(failing.requests) == 1
    if not chained:
        assert {chunk.response_metadata.get("finish_reason") for chunk in chunks} == {None, "stop"}


@pytest.mark.anyio
@pytest.mark.parametrize("how", FIRST)
async def test_takes_over_before_words_async(served: Served, fake: Callable[..., FaultServer], how: str) -> None:
    """Check 22: and in an async stream."""
    failing = fake(FIRST[how] or (b"",))
    first = served.keep(ChatDify(api_key="app-x", base_url=failing.url, user="ann", max_retries=0))
    model = first.with_fallbacks([served.chat("good")])
    assert "".join([chunk.text async for chunk in model.astream("Hi")]) == FINE
    assert len(failing.requests) == 1


@pytest.mark.parametrize("app", ["mute", "mute flow"])
def test_takes_over_from_an_app_that_fails(served: Served, app: str) -> None:
    """Check 22: a failed run without words, too; by LangChain's kind of error."""
    model = served.chat(app).with_fallbacks([served.chat("good")], exceptions_to_handle=(langchain.ModelError,))
    assert "".join(chunk.text for chunk in model.stream("Hi")) == FINE
    assert model.invoke("Hi").text == FINE


@pytest.mark.parametrize("app", ["worded", "lost", "thoughtful"])
def test_raises_behind_content(served: Served, app: str) -> None:
    """Check 22: behind the first content the failure is told, and the turn is not sent again, by nobody."""
    before = sent(served)
    model = served.chat(app).with_fallbacks([served.chat("good")])
    seen: list[Any] = []
    with pytest.raises(langchain.ModelError) as caught:
        seen.extend(model.stream("Hi"))
    assert [chunk.text for chunk in seen] == ([""] if app == "thoughtful" else ["one "])
    assert caught.value.is_retryable is False
    assert sent(served, before) == 1


@pytest.mark.anyio
@pytest.mark.parametrize("app", ["worded", "lost", "thoughtful"])
async def test_raises_behind_content_async(served: Served, app: str) -> None:
    """Check 22: nor in an async stream."""
    before = sent(served)
    model = served.chat(app).with_fallbacks([served.chat("good")])
    seen: list[Any] = []

    async def read() -> None:
        async for piece in model.astream("Hi"):
            seen.append(piece)

    with pytest.raises(langchain.ModelError):
        await read()
    assert len(seen) == 1
    assert sent(served, before) == 1


def test_the_first_chunk_has_content(served: Served) -> None:
    """Check 22: a chunk without any would commit to an app that has said nothing yet."""
    first = next(served.chat("good").stream("Hi"))
    assert first.text == "fine "


# -- broken streams


def test_invoke_goes_on(served: Served) -> None:
    """Check 22: the whole answer, of one turn."""
    before = sent(served)
    assert served.chat("broken flow", resume=True).invoke("Hi").text == "one two lost four"
    assert sent(served, before) == 1


@pytest.mark.parametrize("per_call", [False, True], ids=["field", "per call"])
def test_stream_goes_on(served: Served, per_call: bool) -> None:
    """Check 22: every word once and in order, on one request."""
    before = sent(served)
    model = served.chat("broken flow", resume=not per_call)
    options: dict[str, Any] = {"resume": True} if per_call else {}
    chunks = list(model.stream("Hi", **options))
    assert [chunk.text for chunk in chunks[:2]] == ["one ", "two "]
    assert "".join(chunk.text for chunk in chunks) == "one two lost four"
    assert chunks[-1].response_metadata["finish_reason"] == "stop"
    assert sent(served, before) == 1


@pytest.mark.anyio
async def test_astream_goes_on(served: Served) -> None:
    """Check 22: also async, and in a chain."""
    chain = served.chat("broken flow", resume=True) | StrOutputParser()
    assert "".join([text async for text in chain.astream("Hi")]) == "one two lost four"
    assert (await served.chat("broken flow").ainvoke("Hi", resume=True)).text == "one two lost four"


def test_without_resume_it_is_an_error(served: Served) -> None:
    """Check 22: with what had arrived, and not sent again."""
    before = sent(served)
    with pytest.raises(StreamInterrupted) as caught:
        served.chat("broken flow").invoke("Hi")
    assert caught.value.partial is not None
    assert caught.value.partial.text == "one two "
    assert sent(served, before) == 1


def test_workflow_goes_on(served: Served) -> None:
    """Check 22: `DifyWorkflow` per call."""
    before = sent(served)
    workflow = served.keep(DifyWorkflow(**served.connection("broken workflow")))
    whole = {"text": "one two lost four"}
    assert workflow.invoke({}, resume=True) == whole
    pieces: list[Any] = list(workflow.stream({}, resume=True))
    added = pieces[0]
    for piece in pieces[1:]:
        added = added + piece
    assert added == whole
    assert sent(served, before) == 2
