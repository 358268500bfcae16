"""Core's `llms/test_callbacks`, `test_function_calling`, `test_predict_and_call` and `test_structured_llm`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.agent.react.formatter import ReActChatFormatter
from llama_index.core.agent.react.output_parser import ReActOutputParser
from llama_index.core.base.llms.types import ToolCallBlock
from llama_index.core.callbacks import CallbackManager, EventPayload
from llama_index.core.llms import ChatMessage
from llama_index.core.program.function_program import get_function_tool
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel, Field

from tests.llamaindex.test_callbacks import Debugging
from tests.llamaindex.upstream.adapter import Upstream, call, says

Start = Callable[..., Upstream]


def echo(upstream: Start, **options: Any) -> Any:
    """An LLM that repeats what it was asked."""
    return upstream(lambda messages, **_: says(messages[-1].content or "")).llm(**options)


# -- callbacks


@pytest.mark.parametrize("method", ["complete", "acomplete", "stream_complete", "astream_complete"])
def test_a_prompt_is_given_once(upstream: Start, method: str) -> None:
    """Check 20: by position or by name, not both and not neither; deltas make the text."""
    llm = echo(upstream)

    async def text(*args: Any, **kwargs: Any) -> str:
        told = getattr(llm, method)(*args, **kwargs)
        told = await told if method.startswith("a") else told
        if "stream" not in method:
            return str(told.text)
        return "".join([chunk.delta async for chunk in told] if method.startswith("a") else [chunk.delta for chunk in told])

    assert [asyncio.run(text("test prompt")), asyncio.run(text(prompt="test prompt"))] == ["test prompt"] * 2
    with pytest.raises(TypeError):
        asyncio.run(text("test prompt", prompt="test prompt"))
    with pytest.raises(ValueError):
        asyncio.run(text())


def test_callbacks_are_told_of_the_model_and_no_secret(upstream: Start) -> None:
    """Check 20: what describes the LLM in a payload is enough for tracers, and holds no key."""
    heard = Debugging()
    llm = echo(upstream, callback_manager=CallbackManager([heard]))
    llm.complete("test prompt")
    ((start, _),) = [[event.payload or {} for event in pair] for pair in heard.get_llm_inputs_outputs()]
    told = start[EventPayload.SERIALIZED]
    assert llm.api_key.get_secret_value() not in json.dumps(told)
    assert "api_key" not in told
    payload = llm.to_payload()
    assert {name: payload[name] for name in ("class_name", "model", "model_name")} == {
        "class_name": "dify_chat_llm",
        "model": llm.metadata.model_name,
        "model_name": llm.metadata.model_name,
    }


# -- function calling


class Person(BaseModel):
    """A person."""

    name: str = Field(description="Person name")


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_tool_that_fails_is_an_output_or_an_error(upstream: Start, asynchronous: bool) -> None:
    """Check 20: `predict_and_call` with arguments that do not fit: an output that says so, or an error for those who want one.

    The tools alone, without a message, are enough to ask.
    """
    llm = upstream(lambda *_, **__: says("", call("Person"))).llm()

    def predict(**options: Any) -> Any:
        given = {"tools": [get_function_tool(Person)], **options}
        return asyncio.run(llm.apredict_and_call(**given)) if asynchronous else llm.predict_and_call(**given)

    response = predict()
    assert [output.is_error for output in response.sources] == [True]
    assert "name" in response.response
    with pytest.raises(ValueError):
        predict(error_on_tool_error=True)


@pytest.mark.parametrize("given", [{}, {"react_chat_formatter": ReActChatFormatter(), "output_parser": ReActOutputParser()}])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_without_function_calling_react_calls(upstream: Start, given: dict[str, Any], asynchronous: bool) -> None:
    """Check 20: the action of ReAct's words runs the tool, with a formatter and a parser of one's own or without."""
    app = upstream([says("Thought: do it\nAction: tool\nAction Input: {}\n")])
    tool = FunctionTool.from_defaults(lambda: "hello!!", name="tool", description="Says hello.")
    asked = {"tools": [tool], "user_msg": ChatMessage(content="run tool"), "chat_history": [], **given}
    llm = app.llm(tool_calling="off")
    response = asyncio.run(llm.apredict_and_call(**asked)) if asynchronous else llm.predict_and_call(**asked)
    assert (response.response, [source.content for source in response.sources]) == ("hello!!", ["hello!!"])
    assert "Says hello." in str(app.asked[0].said)


# -- structured

BRACES = "a {person}, {{twice}}, {{{{often}}}}, {'json': [{}]}"


@pytest.mark.parametrize("tool_calling", ["off", "prompt"])
def test_braces_are_words(upstream: Start, tool_calling: str) -> None:
    """Check 20: what looks like a template in a message of a structured LLM reaches the app as it is."""
    called = ToolCallBlock(tool_name="Person", tool_kwargs={"name": "Ada"})
    ada = says("", called) if tool_calling == "prompt" else says('{"name": "Ada"}')
    app = upstream(lambda *_, **__: ada)
    llm = app.llm(tool_calling=tool_calling).as_structured_llm(Person)
    history = [ChatMessage(role="system", content=BRACES), ChatMessage(content=BRACES)]
    for response in (llm.chat(history), asyncio.run(llm.achat(history)), llm.complete(BRACES)):
        assert response.raw == Person(name="Ada")
    assert [sum(text.count(BRACES) for _, text in asked.said) for asked in app.asked] == [2, 2, 1]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_data_that_does_not_fit_is_an_error(upstream: Start, asynchronous: bool) -> None:
    """Check 20: and never a response with something else in `raw`."""
    llm = upstream(lambda *_, **__: says("", call("Person", age=3))).llm().as_structured_llm(Person)
    question = [ChatMessage(content="Who?")]
    with pytest.raises((ValueError, TypeError, AttributeError)):  # the last one in our oldest core
        asyncio.run(llm.achat(question)) if asynchronous else llm.chat(question)
