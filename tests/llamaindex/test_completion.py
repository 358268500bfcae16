"""Completion apps: the prompt goes into a variable, which is looked up once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.llms import ChatMessage
from llama_index.core.prompts import PromptTemplate

from dify_integrations.local import Text, Turn
from llamaindex_dify import DifyCompletionLLM

Serve = Callable[..., Any]


def text(name: str, *, required: bool = False, kind: str = "paragraph") -> dict[str, Any]:
    return {kind: {"variable": name, "label": name, "required": required, "max_length": 4_000}}


def echo(turn: Turn) -> list[Text]:
    return [Text(f"{name}={value};") for name, value in turn.inputs.items() if value]


def llm_of(served: Any, **options: Any) -> DifyCompletionLLM:
    return DifyCompletionLLM(api_key=served.app.api_key, base_url=served.server.base_url, user="ada", **options)


def test_the_prompt_goes_into_its_variable(serve: Serve) -> None:
    """The form is looked up once, not for every call."""
    served = serve(echo, "completion", inputs_form=[text("topic", required=True), text("tone")])
    llm = llm_of(served, inputs={"tone": "dry"})
    assert llm.complete("cats").text == "topic=cats;tone=dry;"
    assert asyncio.run(llm.acomplete("dogs", inputs={"tone": "wet"})).text == "topic=dogs;tone=wet;"
    assert [request.path for request in served.server.requests if request.method == "GET"] == ["/v1/parameters"]


def test_the_variable_can_be_named(serve: Serve) -> None:
    """Then nothing is looked up."""
    served = serve(echo, "completion", inputs_form=[text("a"), text("b")])
    assert llm_of(served, prompt_variable="b").complete("cats").text == "b=cats;"
    assert [request.method for request in served.server.requests] == ["POST"]


def test_the_prompt_takes_no_place_that_a_call_fills(serve: Serve) -> None:
    """What the call gives is not overwritten, and naming a variable counts from then on."""
    served = serve(echo, "completion", inputs_form=[text("topic", required=True), text("tone"), text("length")])
    llm = llm_of(served)
    assert llm.complete("cats").text == "topic=cats;"
    assert llm.complete("dry", inputs={"topic": "cats"}).text == "topic=cats;tone=dry;"
    assert asyncio.run(llm.acomplete("dry", inputs={"topic": "cats"})).text == "topic=cats;tone=dry;"
    llm.prompt_variable = "length"
    assert llm.complete("short", inputs={"topic": "cats"}).text == "topic=cats;length=short;"


def test_it_is_no_chat_model_but_takes_messages(serve: Serve) -> None:
    """Templates come as text; a single user message is sent word for word."""
    llm = llm_of(serve(echo, "completion", inputs_form=[text("query")]))
    assert llm.predict(PromptTemplate("Name a {thing}."), thing="cat") == "query=Name a cat.;"
    assert llm.chat([ChatMessage(content="Hi")]).message.content == "query=Hi;"
    chunks = [chunk.delta for chunk in llm.stream_complete("Hi")]
    assert chunks == ["query=Hi;", ""]


@pytest.mark.anyio
async def test_it_streams_async(serve: Serve) -> None:
    llm = llm_of(serve(echo, "completion", inputs_form=[text("query")]))
    assert [chunk.delta async for chunk in await llm.astream_complete("Hi")] == ["query=Hi;", ""]
