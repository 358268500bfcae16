"""Text models that are left before their end: one stop for the right user, and every run closed from the inside out."""

from __future__ import annotations

import asyncio
import threading

import pytest

from dify_integrations.local import App, Gate, Node, Text
from tests.langchain.conftest import Recorder, Serve, Served, saying

NODE = "model model > chain dify:workflow > chain dify:LLM"


def endless() -> App:
    """A chatflow whose node never comes to its end."""
    return saying(Node("llm", "LLM", inside=[Text("one "), Gate(threading.Event()), Text("two")]), mode="advanced-chat")


def stopped(served: Served) -> list[str]:
    """The users of the stops, after the first has arrived."""
    served.server.wait_until(lambda server: bool(server.stops))
    return [stop.user for stop in served.server.stops]


def test_leaving_a_stream(serve: Serve, recorder: Recorder) -> None:
    """Check 19 for text models: closed."""
    served = serve(endless())
    stream = served.llm(mode="chat").stream("Hi", config={"callbacks": [recorder], "configurable": {"dify_user": "bob"}})
    assert next(stream) == "one "
    stream.close()
    assert recorder.tree()[-1] == NODE and recorder.open == []
    assert stopped(served) == ["bob"]


@pytest.mark.anyio
@pytest.mark.parametrize("how", ["aclose", "timeout"])
async def test_leaving_an_async_stream(serve: Serve, recorder: Recorder, how: str) -> None:
    """Check 19 for text models: closed, and cancelled by a clock."""
    served = serve(endless())
    stream = served.llm(mode="chat").astream("Hi", config={"callbacks": [recorder], "configurable": {"dify_user": "bob"}})
    assert await anext(stream) == "one "
    if how == "aclose":
        await stream.aclose()
    else:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(anext(stream), 0.05)
    assert recorder.tree()[-1] == NODE and recorder.open == []
    assert await asyncio.to_thread(stopped, served) == ["bob"]


@pytest.mark.anyio
async def test_an_end_and_an_error_stop_nothing(serve: Serve, recorder: Recorder) -> None:
    served = serve(saying(Node("llm", "LLM", inside=[Text("one")]), mode="advanced-chat"))
    llm = served.llm(mode="chat")
    assert "".join(llm.stream("Hi", config={"callbacks": [recorder]})) == "one"
    assert [text async for text in llm.astream("Hi", config={"callbacks": [recorder]}) if text] == ["one"]
    assert served.server.stops == [] and recorder.open == []
