"""Text models: completion apps, and chat apps asked one thing at a time."""

from __future__ import annotations

import threading

import pytest
from langchain_core.prompts import PromptTemplate

from dify_integrations import BadRequest
from dify_integrations.local import App, Gate, Replace, Text, tokens
from tests.langchain.conftest import Recorder, Serve, saying

WORDS = [Text("one "), Text("two")]


def form(*variables: str) -> list[dict[str, dict[str, object]]]:
    return [{"paragraph": {"variable": name, "label": name, "required": True}} for name in variables]


def completing(*says: Text | Gate | Replace, variables: tuple[str, ...] = ("prompt",)) -> App:
    return App("app", "completion", lambda turn: says, form(*variables))


def test_prompt_goes_into_the_only_required_text_variable_which_is_asked_for_once(serve: Serve) -> None:
    served = serve(completing(*WORDS))
    llm = served.llm()
    assert [llm.invoke("Hi"), llm.invoke("Ho")] == ["one two"] * 2
    assert [body["inputs"] for body in served.bodies("/completion-messages")] == [{"prompt": "Hi"}, {"prompt": "Ho"}]
    assert len([request for request in served.server.requests if request.path.endswith("/parameters")]) == 1


def test_prompt_key_and_inputs(serve: Serve) -> None:
    served = serve(completing(*WORDS, variables=("lang", "text")))
    served.llm(prompt_key="text", inputs={"lang": "en"}).invoke("Hi")
    served.llm(inputs={"lang": "en"}).invoke("Hi")
    assert [body["inputs"] for body in served.bodies("/completion-messages")] == [{"lang": "en", "text": "Hi"}] * 2


def test_stream_comes_as_it_is_written(serve: Serve, recorder: Recorder) -> None:
    gate = threading.Event()
    llm = serve(completing(Text("one "), Gate(gate), Text("two"))).llm()
    stream = (PromptTemplate.from_template("{x}") | llm).stream({"x": "Hi"}, config={"callbacks": [recorder]})
    assert next(stream) == "one "
    gate.set()
    assert "".join(stream) == "two"
    assert recorder.tokens == ["one ", "two"] and recorder.open == []


@pytest.mark.anyio
async def test_async_stream_tells_every_token_once(serve: Serve, recorder: Recorder) -> None:
    llm = serve(completing(*WORDS)).llm()
    texts = [text async for text in llm.astream("Hi", config={"callbacks": [recorder]})]
    assert [text for text in texts if text] == recorder.tokens == ["one ", "two"]
    assert await llm.ainvoke("Hi") == "one two"


def test_invoke_tells_tokens_only_when_streaming(serve: Serve, recorder: Recorder) -> None:
    served = serve(completing(*WORDS))
    served.llm().invoke("Hi", config={"callbacks": [recorder]})
    assert recorder.tokens == []
    served.llm(streaming=True).invoke("Hi", config={"callbacks": [recorder]})
    assert recorder.tokens == ["one ", "two"]


def test_generation_info(serve: Serve) -> None:
    result = serve(completing(*WORDS)).llm().generate(["Hi"])
    info = result.generations[0][0].generation_info
    assert info is not None and info["finish_reason"] == "stop"
    assert info["dify"]["message_id"] and info["dify"]["usage"]["completion_tokens"] == 2


def test_replacement_and_stop_sequences(serve: Serve) -> None:
    served = serve(completing(*WORDS, Replace("No.")))
    assert served.llm().invoke("Hi") == "No."
    assert serve(completing(*WORDS)).llm(stop=["two"]).invoke("Hi") == "one "


def test_chat_app_is_asked_afresh_every_time(serve: Serve) -> None:
    served = serve(saying(*tokens("Hello there")))
    llm = served.llm(mode="chat")
    assert llm.batch(["a", "b"]) == ["Hello there"] * 2
    assert sorted(body["query"] for body in served.bodies()) == ["a", "b"]
    assert not any(body.get("conversation_id") for body in served.bodies())


@pytest.mark.anyio
async def test_async_batch(serve: Serve) -> None:
    assert await serve(completing(*WORDS)).llm().abatch(["a", "b", "c"]) == ["one two"] * 3


def test_wrong_kind_of_app_is_an_error(serve: Serve) -> None:
    with pytest.raises(BadRequest):
        serve(saying(*WORDS)).llm().invoke("Hi")


def test_tokens_are_counted_without_transformers(serve: Serve) -> None:
    served = serve(completing(*WORDS))
    assert 0 < served.llm().get_num_tokens("some words here") < 10
