"""Text models: completion apps, and chat apps asked one thing at a time."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, cast

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.exceptions import ModelError
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.graph import StateGraph

from dify_integrations import BadRequest, FileInput
from dify_integrations.local import App, Fail, Gate, Replace, Say, Text, Turn, tokens
from langchain_dify import DifyLLM
from tests.langchain.conftest import Recorder, Serve, saying

WORDS = [Text("one "), Text("two")]


def form(*variables: str, required: bool = True) -> list[dict[str, dict[str, object]]]:
    return [{"paragraph": {"variable": name, "label": name, "required": required}} for name in variables]


def completing(*says: Text | Gate | Replace, variables: tuple[str, ...] = ("prompt",)) -> App:
    return App("app", "completion", lambda turn: says, form(*variables))


async def text_of(llm: DifyLLM, way: str, prompt: str, **options: Any) -> str:
    """The text, asked for one of the four ways."""
    if way == "invoke":
        return llm.invoke(prompt, **options)
    if way == "ainvoke":
        return await llm.ainvoke(prompt, **options)
    if way == "stream":
        return "".join(llm.stream(prompt, **options))
    return "".join([text async for text in llm.astream(prompt, **options)])


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


def test_generation_info(serve: Serve) -> None:
    result = serve(completing(*WORDS)).llm().generate(["Hi"])
    info = result.generations[0][0].generation_info
    assert info is not None and info["finish_reason"] == "stop"
    assert info["dify"]["message_id"] and info["dify"]["usage"]["completion_tokens"] == 2


def test_replacement(serve: Serve) -> None:
    assert serve(completing(*WORDS, Replace("No."))).llm().invoke("Hi") == "No."


@pytest.mark.anyio
@pytest.mark.parametrize("way", ["invoke", "stream", "ainvoke", "astream"])
async def test_stop_sequence_cuts_the_text_and_stops_the_task(serve: Serve, way: str) -> None:
    """Dify has no such parameter: the rest is not waited for, and the server told to leave it."""
    served = serve(completing(Text("one "), Text("END"), Gate(threading.Event()), Text("two")))
    llm = served.llm(stop=["END"])
    assert await text_of(llm, way, "Hi") == "one "
    assert await asyncio.to_thread(served.server.wait_until, lambda server: len(server.stops) == 1)
    (stop,) = served.server.stops
    assert stop.user == "ann" and stop.path.endswith(f"/completion-messages/{stop.task_id}/stop")
    assert await text_of(served.llm(), way, "Hi", stop=["one"]) == ""


# -- tokens


@pytest.mark.anyio
@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
@pytest.mark.parametrize(("streaming", "told"), [(False, []), (True, ["one ", "two"])])
async def test_invoke_tells_tokens_only_when_streaming(
    serve: Serve, recorder: Recorder, way: str, streaming: bool, told: list[str]
) -> None:
    """Check 2 for text models: once per text, never on a plain `invoke`."""
    llm = serve(completing(*WORDS)).llm(streaming=streaming)
    assert await text_of(llm, way, "Hi", config={"callbacks": [recorder]}) == "one two"
    assert recorder.tokens == told and recorder.open == []


@pytest.mark.anyio
async def test_invoke_inside_streamed_events_tells_every_token_once(serve: Serve, recorder: Recorder) -> None:
    """Check 2 for text models: core never makes a text model stream; it listens when somebody streams what is around it."""
    llm = serve(completing(*WORDS)).llm()

    async def ask(text: str, config: RunnableConfig) -> str:
        return await llm.ainvoke(text, config)  # Python 3.10 does not hand it on by itself

    def ask_sync(text: str) -> str:
        return llm.invoke(text)

    for chain in (RunnableLambda(ask), RunnableLambda(ask_sync)):
        events = [event async for event in chain.astream_events("Hi", version="v2", config={"callbacks": [recorder]})]
        told = [event["data"].get("chunk") for event in events if event["event"] == "on_llm_stream"]
        assert [getattr(chunk, "text", chunk) for chunk in told] == ["one ", "two"]
    assert recorder.tokens == ["one ", "two"] * 2 and recorder.open == []


@pytest.mark.anyio
async def test_streamed_events_of_the_model_itself(serve: Serve, recorder: Recorder) -> None:
    """Check 2 for text models: `astream_events` on the model."""
    llm = serve(completing(*WORDS)).llm()
    events = [event async for event in llm.astream_events("Hi", version="v2", config={"callbacks": [recorder]})]
    told = [event["data"].get("chunk") for event in events if event["event"] == "on_llm_stream"]
    assert [text for chunk in told if (text := getattr(chunk, "text", chunk))] == ["one ", "two"]
    assert recorder.tokens == ["one ", "two"]


def test_graph_that_streams_messages_shows_no_text_models(serve: Serve) -> None:
    """LangGraph takes chat models only; a text model must not disturb it."""
    llm = serve(completing(*WORDS)).llm()
    graph: Any = StateGraph(cast("Any", dict))
    graph.add_node("write", lambda state: {"text": llm.invoke(state["prompt"])})
    graph.set_entry_point("write")
    told = list(graph.compile().stream({"prompt": "Hi"}, stream_mode=["messages", "updates"]))
    assert told == [("updates", {"write": {"text": "one two"}})]


def test_tokens_are_told_before_they_are_handed_over(serve: Serve, recorder: Recorder) -> None:
    heard = []
    for text in serve(completing(*WORDS)).llm().stream("Hi", config={"callbacks": [recorder]}):
        heard.append((text, list(recorder.tokens)))
    assert heard[:2] == [("one ", ["one "]), ("two", ["one ", "two"])]


# -- several prompts


def test_chat_app_is_asked_afresh_every_time(serve: Serve) -> None:
    served = serve(saying(*tokens("Hello there")))
    llm = served.llm(mode="chat")
    assert llm.batch(["a", "b"]) == ["Hello there"] * 2
    assert sorted(body["query"] for body in served.bodies()) == ["a", "b"]
    assert not any(body.get("conversation_id") for body in served.bodies())


@pytest.mark.anyio
async def test_every_input_of_a_batch_is_a_run_of_its_own(serve: Serve, recorder: Recorder) -> None:
    """One that fails fails alone, each has its user, and what happens in Dify is told below it."""

    def answer(turn: Turn) -> list[Say]:
        if turn.inputs["prompt"] == "bad":
            return [Fail("the model refused")]
        return [Text(f"{turn.inputs['prompt']} for {turn.user}")]

    llm = serve(App("app", "completion", answer, form("prompt"))).llm()
    configs: list[RunnableConfig] = [
        {"callbacks": [recorder], "configurable": {"dify_user": user}} for user in ("bob", "eve", "kim")
    ]
    told: dict[str, Any] = {"return_exceptions": True}
    for answers in (llm.batch(["a", "bad", "c"], configs, **told), await llm.abatch(["a", "bad", "c"], configs, **told)):
        first, second, third = cast("list[Any]", answers)
        assert (first, third) == ("a for bob", "c for kim")
        assert isinstance(second, ModelError) and "the model refused" in str(second)
    assert len(recorder.ended) == 4 and len(recorder.failed) == 2


@pytest.mark.anyio
async def test_several_prompts_in_one_generate(serve: Serve) -> None:
    llm = serve(App("app", "completion", lambda turn: [Text(turn.inputs["prompt"])], form("prompt"))).llm()
    for result in (llm.generate(["a", "b", "c"]), await llm.agenerate(["a", "b", "c"])):
        assert [generation.text for (generation,) in result.generations] == ["a", "b", "c"]
        ids = [(generation.generation_info or {})["dify"]["message_id"] for (generation,) in result.generations]
        assert len(set(ids)) == 3


# -- what belongs to a call


@pytest.mark.anyio
@pytest.mark.parametrize("way", ["invoke", "stream", "ainvoke", "astream"])
async def test_inputs_files_and_user_of_a_call(serve: Serve, way: str) -> None:
    """The prompt goes into the variable that has no value yet; the user may come from the config."""
    served = serve(completing(*WORDS, variables=("lang", "text")))
    file = FileInput.from_url("https://example.org/cat.png")
    told: dict[str, Any] = {"inputs": {"lang": "en"}, "files": [file], "config": {"configurable": {"dify_user": "bob"}}}
    await text_of(served.llm(), way, "Hi", **told)
    await text_of(served.llm(), way, "Hi", inputs={"lang": "en"}, user="eve", config=told["config"])
    first, second = served.bodies("/completion-messages")
    assert first["inputs"] == second["inputs"] == {"lang": "en", "text": "Hi"}
    assert (first["user"], second["user"]) == ("bob", "eve")
    assert first["files"][0]["url"] == "https://example.org/cat.png" and not second.get("files")


@pytest.mark.anyio
@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
async def test_cached_texts_belong_to_app_user_and_inputs(serve: Serve, way: str) -> None:
    """Check 5 for text models: core's key for them knows no keyword arguments."""
    served = serve(
        App(
            "app",
            "completion",
            lambda turn: [Text(f"{turn.inputs.get('lang')} {turn.user}")],
            form("prompt", "lang", required=False),
        ),
        App("other", "completion", lambda turn: [Text("other")], form("prompt")),
    )
    cache = InMemoryCache()
    llm, other = served.llm("app", cache=cache), served.llm("other", cache=cache)
    calls: list[dict[str, Any]] = [
        {},
        {"inputs": {"lang": "de"}},
        {"inputs": {"lang": "en"}},
        {"user": "bob"},
        {"config": {"configurable": {"dify_user": "eve"}}},
    ]
    expected = ["None ann", "de ann", "en ann", "None bob", "None eve"]
    for _ in range(2):
        assert [await text_of(llm, way, "Hi", **call) for call in calls] == expected
        assert await text_of(other, way, "Hi") == "other"
    assert len(served.bodies("/completion-messages")) == len(calls) + 1
    for name in ("a", "b", "a"):
        await text_of(llm, way, "Hi", files=[FileInput.from_url(f"https://example.org/{name}.png")])
    assert len(served.bodies("/completion-messages")) == len(calls) + 3
    for _ in range(2):
        await text_of(llm, way, "Hi", files=[FileInput.from_bytes(b"words", filename="a.txt")])
    assert len(served.bodies("/completion-messages")) == len(calls) + 5


def test_wrong_kind_of_app_is_an_error(serve: Serve) -> None:
    with pytest.raises(BadRequest):
        serve(saying(*WORDS)).llm().invoke("Hi")


def test_tokens_are_counted_without_transformers_or_by_a_counter_of_ones_own(serve: Serve) -> None:
    served = serve(completing(*WORDS))
    assert 0 < served.llm().get_num_tokens("some words here") < 10
    assert served.llm(custom_get_token_ids=lambda text: [ord(letter) for letter in text]).get_num_tokens("abc") == 3


def test_titles_of_conversations_that_nobody_reads_are_not_asked_for(serve: Serve) -> None:
    """They cost the app's owner a call of a model each."""
    served = serve(saying(*tokens("Hello")))
    served.llm(mode="chat").invoke("Hi")
    assert served.bodies()[0]["auto_generate_name"] is False
