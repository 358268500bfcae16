"""The eight methods of an LLM: the same answer from each, told once, with nothing in it that is not for telling."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.base.llms.types import CitationBlock, ThinkingBlock
from llama_index.core.llms import LLM, ChatMessage, ChatResponse

from dify_integrations import FileInput, InvalidArgument
from dify_integrations.local import Gate, Reasoning, Replace, Sources, Text
from llamaindex_dify import DifyCancelToken, DifyModerationError

Serve = Callable[..., Any]
HELLO = [ChatMessage(role="user", content="Hello")]
METHODS = ["chat", "stream_chat", "achat", "astream_chat", "complete", "stream_complete", "acomplete", "astream_complete"]
STREAMS = [method for method in METHODS if "stream" in method]


def asked(llm: LLM, method: str, **options: Any) -> list[Any]:
    """All responses of a method; one when it does not stream."""
    said: Any = HELLO if "chat" in method else "Hello"
    ask = getattr(llm, method)

    async def awaited() -> list[Any]:
        answer = await ask(said, **options)
        return [chunk async for chunk in answer] if "stream" in method else [answer]

    if method.startswith("a"):
        return asyncio.run(awaited())
    answer = ask(said, **options)
    return list(answer) if "stream" in method else [answer]


def text_of(response: Any) -> str:
    return str((response.message.content if isinstance(response, ChatResponse) else response.text) or "")


def about(response: Any) -> dict[str, Any]:
    told = response.message if isinstance(response, ChatResponse) else response
    dify: dict[str, Any] = told.additional_kwargs["dify"]
    return dify


@pytest.mark.parametrize("method", STREAMS)
def test_an_empty_answer_is_one_chunk(serve: Serve, method: str) -> None:
    """Checks 2 and 20: no chunk at all breaks core's completion stream, and chat engines store no answer."""
    (chunk,) = asked(serve(lambda _: []).llm(), method)
    assert (text_of(chunk), chunk.delta) == ("", "")
    assert about(chunk)["conversation_id"]


@pytest.mark.parametrize("method", METHODS)
def test_a_call_is_told_once(serve: Serve, told: Any, method: str) -> None:
    """Check 3: one start, one end and one span, of the method's own kind; `complete` calls no `chat`."""
    asked(serve(lambda _: [Text("a"), Text("b")]).llm(), method)
    counted = Counter(name for name in told.names() if name.startswith("LLM") and "InProgress" not in name)
    kind = "Chat" if "chat" in method else "Completion"
    assert counted == {f"LLM{kind}StartEvent": 1, f"LLM{kind}EndEvent": 1}
    assert [span.id_.split("-")[0] for span in told.ended] == [f"DifyChatLLM.{method}"]


@pytest.mark.parametrize("method", METHODS)
def test_files_and_tokens_go_past_whoever_listens(serve: Serve, told: Any, method: str) -> None:
    """Check 4: handlers may send what they hear anywhere; the app gets it all the same."""
    served = serve()
    file = FileInput.from_bytes(b"the-secret-recipe", "recipe.txt")
    asked(served.llm(), method, files=[file], cancel=DifyCancelToken(), user="bob")
    heard = [event.model_dump(mode="json") for event in told.events]
    assert "secret-recipe" not in json.dumps(heard)
    (arguments,) = told.spans.arguments
    assert arguments["kwargs"] == {"files": [{"type": "document", "filename": "recipe.txt"}], "user": "bob"}
    (start,) = [event for event in told.events if event.class_name().endswith("StartEvent")]
    assert start.additional_kwargs == {"files": [{"type": "document", "filename": "recipe.txt"}], "user": "bob"}
    (sent,) = [request.json for request in served.server.requests if request.path.endswith("/chat-messages")]
    assert sent["files"][0]["transfer_method"] == "local_file"


def test_named_arguments_are_the_same(serve: Serve) -> None:
    """Core hands them on as positional ones."""
    llm = serve(lambda turn: [Text(turn.query)]).llm()
    assert text_of(llm.chat(messages=HELLO, user="bob")) == "Hello"
    assert text_of(list(llm.stream_complete(prompt="Hello", formatted=True))[-1]) == "Hello"


# -- replaced answers

MODERATED = [Reasoning("hm"), Text("bad "), Text("words"), Replace("I cannot say that.")]


@pytest.mark.parametrize("method", METHODS)
def test_a_replaced_answer_can_be_an_error(serve: Serve, method: str) -> None:
    """With the replacement, and with the response it would have been."""
    llm = serve(lambda _: MODERATED).llm(on_replace="raise")
    with pytest.raises(DifyModerationError, match="moderation") as caught:
        asked(llm, method)
    assert caught.value.replacement == "I cannot say that."
    assert text_of(caught.value.response) == "I cannot say that."
    assert caught.value.result is not None and caught.value.result.text_replaced


@pytest.mark.parametrize("method", STREAMS)
def test_a_buffered_stream_never_says_what_is_withdrawn(serve: Serve, method: str) -> None:
    """Third-party chat engines store the deltas."""
    (chunk,) = asked(serve(lambda _: MODERATED).llm(on_replace="buffer"), method)
    assert (chunk.delta, text_of(chunk)) == ("I cannot say that.", "I cannot say that.")
    assert chunk.additional_kwargs["thinking_delta"].strip() == "hm"
    (chunk,) = asked(serve(lambda _: [Text("fine "), Text("words")]).llm(on_replace="buffer"), method)
    assert (chunk.delta, text_of(chunk)) == ("fine words", "fine words")


@pytest.mark.parametrize("on_replace", ["annotate", "buffer"])
def test_masked_thoughts_stand_instead_too(serve: Serve, on_replace: str) -> None:
    """A moderation that masks words gets the thoughts as part of the answer, and so gives them back."""
    script = [Text("<think>damn it</think>So damn."), Replace("<think>*** it</think>So ***.")]
    *_, chunk = serve(lambda _: script).llm(on_replace=on_replace).stream_chat(HELLO)
    thoughts = [block.content for block in chunk.message.blocks if isinstance(block, ThinkingBlock)]
    assert (thoughts, chunk.message.content) == (["*** it"], "So ***.")
    if on_replace == "buffer":
        assert (chunk.additional_kwargs["thinking_delta"], chunk.delta) == ("*** it", "So ***.")


# -- citations


def test_citations_are_blocks_for_those_who_ask(serve: Serve) -> None:
    """By default they are beside the message: a history with such blocks makes other LLMs' converters raise."""
    record = {"document_name": "Rules", "content": "No dogs.", "score": 0.75, "document_id": "d1"}
    served = serve(lambda _: [Text("No."), Sources([record])])
    plain, cited = served.llm().chat(HELLO).message, served.llm(citations="blocks").chat(HELLO).message
    assert [block.block_type for block in plain.blocks] == ["text"]
    assert plain.additional_kwargs["dify"]["citations"] == cited.additional_kwargs["dify"]["citations"]
    (block,) = [block for block in cited.blocks if isinstance(block, CitationBlock)]
    assert (block.title, block.source, getattr(block.cited_content, "text", "")) == ("Rules", "d1", "No dogs.")
    assert block.additional_location_info == {"position": 1}
    assert cited.content == "No."


# -- who asks, and for how long


def test_the_user_can_be_told_at_every_call(serve: Serve) -> None:
    """The object serves everybody; nothing of a user is kept on it, or stored with it."""
    served = serve()
    names = iter(["ada", "bob"])
    llm = served.llm(user=lambda: next(names))
    llm.complete("Hi")
    llm.complete("Hi")
    llm.complete("Hi", user="eve")
    assert [sent["user"] for sent in served.sent] == ["ada", "bob", "eve"]
    assert llm.to_dict()["user"] is None


def test_a_user_that_is_nobody_is_refused(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's turn is never taken for anybody's, such as the environment's user's."""
    monkeypatch.setenv("DIFY_USER", "eve")
    served = serve()
    for llm, options in (
        (served.llm(user=lambda: ""), {}),
        (served.llm(user=lambda: None), {}),
        (served.llm(), {"user": ""}),
        (served.llm(), {"user": ["ada"]}),
    ):
        with pytest.raises(InvalidArgument, match="user"):
            llm.complete("Hi", **options)
    assert served.sent == []


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"files": "a.png"}, "list of FileInput"),
        ({"files": FileInput.from_url("https://example.org/a.png")}, "list of FileInput"),
        ({"inputs": ["a"]}, "inputs"),
        ({"conversation_id": 7}, "conversation_id"),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_arguments_of_wrong_types_are_told_before_the_request(
    serve: Serve, method: str, options: dict[str, Any], complaint: str
) -> None:
    served = serve()
    with pytest.raises(InvalidArgument, match=complaint):
        asked(served.llm(), method, **options)
    assert served.server.requests == []


def test_a_stream_can_be_cancelled_from_outside(serve: Serve) -> None:
    """What had arrived is the answer, which says that it was stopped; Dify is told."""
    served, token = serve(lambda _: [Text("half"), Gate(threading.Event())]), DifyCancelToken()
    stream = served.llm().stream_chat(HELLO, cancel=token)
    assert next(stream).delta == "half"
    token.cancel()
    (final,) = stream
    assert (about(final)["status"], text_of(final)) == ("stopped", "half")
    assert served.server.wait_until(lambda server: bool(server.stops))


@pytest.mark.parametrize("method", [method for method in METHODS if method not in STREAMS])
def test_a_silent_call_can_be_cancelled_from_outside(serve: Serve, method: str) -> None:
    """Also while nothing arrives."""
    served, token = serve(lambda _: [Text("half"), Gate(threading.Event())]), DifyCancelToken()

    def cancel() -> None:
        served.server.wait_until(lambda server: bool(server.requests))
        token.cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    (final,) = asked(served.llm(), method, cancel=token)
    canceller.join()
    assert about(final)["status"] == "stopped"


def test_a_cancelled_token_lets_nothing_begin(serve: Serve) -> None:
    served, token = serve(), DifyCancelToken()
    token.cancel()
    final = served.llm().complete("Hi", cancel=token)
    assert (final.text, final.additional_kwargs["dify"]["status"]) == ("", "stopped")
    assert served.sent == []
    with pytest.raises(InvalidArgument, match="cancel token"):
        served.llm().complete("Hi", cancel="now")


def test_a_call_can_have_clocks_of_its_own(serve: Serve) -> None:
    served = serve(lambda _: [Text("half"), Gate(threading.Event())])
    with pytest.raises(InvalidArgument, match="number of seconds"):
        served.llm().complete("Hi", timeout=-1)
    assert served.sent == []
