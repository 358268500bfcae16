"""Answers that are data: by schema in the prompt without function calling, by a tool call with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core import Response
from llama_index.core.llms import ChatMessage
from llama_index.core.program import LLMTextCompletionProgram
from llama_index.core.prompts import PromptTemplate
from llama_index.core.query_engine import CustomQueryEngine, RouterQueryEngine
from llama_index.core.selectors import LLMSingleSelector, PydanticSingleSelector
from llama_index.core.tools import QueryEngineTool
from llama_index.core.types import BasePydanticProgram, PydanticProgramMode
from pydantic import BaseModel

from dify_integrations.local import Say, Text
from llamaindex_dify import DifyCompletionLLM

Serve = Callable[..., Any]


class Song(BaseModel):
    """A song."""

    name: str
    year: int


PROMPT = PromptTemplate("A song about {topic}.")
SONG = Song(name="Blue", year=1971)
JSON = SONG.model_dump_json()
CALL = f'<tool_calls>\n{{"name": "Song", "arguments": {JSON}}}\n</tool_calls>'
REPLIES = {"off": JSON, "prompt": CALL}
BOTH = pytest.mark.parametrize("mode", ["off", "prompt"])
# Core streams objects out of texts in later releases than our oldest one.
STREAMED = LLMTextCompletionProgram.stream_call is not BasePydanticProgram.stream_call
STREAMING = pytest.mark.parametrize("mode", ["off", "prompt"] if STREAMED else ["prompt"])


def saying(reply: str, size: int = 4) -> Callable[[Any], list[Say]]:
    return lambda _: [Text(reply[at : at + size]) for at in range(0, len(reply), size)]


def asked(serve: Serve, mode: str) -> Any:
    return serve(saying(REPLIES[mode])).llm(tool_calling=mode)


@BOTH
def test_a_prompt_gives_an_object(serve: Serve, mode: str) -> None:
    """Check 14: the schema goes out, in the prompt or as a tool that must be called."""
    served = serve(saying(REPLIES[mode]))
    assert served.llm(tool_calling=mode).structured_predict(Song, PROMPT, topic="love") == SONG
    query = served.sent[0]["query"]
    assert "A song about love." in query and '"year"' in query
    assert ("you must use a tool" in query) == (mode == "prompt")


@BOTH
@pytest.mark.anyio
async def test_a_prompt_gives_an_object_async(serve: Serve, mode: str) -> None:
    """Check 14: the same without blocking."""
    assert await asked(serve, mode).astructured_predict(Song, PROMPT, topic="love") == SONG


@STREAMING
def test_an_object_grows_while_it_is_streamed(serve: Serve, mode: str) -> None:
    """Check 14: the last one is whole; without function calling it grows on the way."""
    objects = list(asked(serve, mode).stream_structured_predict(Song, PROMPT, topic="love"))
    assert (objects[-1].name, objects[-1].year) == ("Blue", 1971)
    assert mode == "prompt" or objects[0] != objects[-1]


@STREAMING
@pytest.mark.anyio
async def test_an_object_grows_while_it_is_streamed_async(serve: Serve, mode: str) -> None:
    """Check 14: the same without blocking."""
    stream = await asked(serve, mode).astream_structured_predict(Song, PROMPT, topic="love")
    objects = [one async for one in stream]
    assert (objects[-1].name, objects[-1].year) == ("Blue", 1971)


@pytest.mark.filterwarnings("ignore:The `json` method is deprecated")  # core's own StructuredLLM calls it
@STREAMING
@pytest.mark.anyio
async def test_a_structured_llm_answers_in_objects(serve: Serve, mode: str) -> None:
    """Check 14: `as_structured_llm` by chat, complete and their streams."""
    llm = asked(serve, mode).as_structured_llm(Song)
    question = [ChatMessage(content="A song.")]
    whole = [llm.chat(question), await llm.achat(question), llm.complete("A song."), await llm.acomplete("A song.")]
    assert [response.raw for response in whole] == [SONG] * 4
    assert json.loads(whole[0].message.content) == SONG.model_dump()
    *_, last = llm.stream_chat(question)
    chunks = [chunk async for chunk in await llm.astream_chat(question)]
    for raw in (last.raw, chunks[-1].raw):
        assert raw is not None and (raw.name, raw.year) == ("Blue", 1971)


@BOTH
def test_the_text_program_works_in_either_case(serve: Serve, mode: str) -> None:
    """Check 14: `PydanticProgramMode.LLM`, with JSON in the answer."""
    llm = serve(saying(JSON)).llm(tool_calling=mode, pydantic_program_mode=PydanticProgramMode.LLM)
    assert llm.structured_predict(Song, PROMPT, topic="love") == SONG
    program = LLMTextCompletionProgram.from_defaults(output_cls=Song, prompt=PROMPT, llm=llm)
    assert program(topic="love") == SONG


def test_words_instead_of_an_object_are_asked_about_and_then_an_error(serve: Serve) -> None:
    """Check 14: one more try; then core says that there was no call."""
    served = serve(saying("I know no song."))
    with pytest.raises(ValueError, match="at least one tool call"):
        served.llm(tool_calling="prompt").structured_predict(Song, PROMPT, topic="love")
    assert len(served.sent) == 2
    replies = iter(["A nice one?", CALL])
    patient = serve(lambda _: [Text(next(replies))])
    assert patient.llm(tool_calling="prompt").structured_predict(Song, PROMPT, topic="love") == SONG


@BOTH
def test_completion_apps_give_objects_too(serve: Serve, mode: Any) -> None:
    """Check 14: their prompts are texts."""
    form = [{"paragraph": {"variable": "query", "required": True, "max_length": 9_000}}]
    served = serve(saying(REPLIES[mode]), "completion", inputs_form=form)
    llm = DifyCompletionLLM(api_key=served.app.api_key, base_url=served.server.base_url, user="ada", tool_calling=mode)
    assert llm.structured_predict(Song, PROMPT, topic="love") == SONG


class Saying(CustomQueryEngine):
    """Answers with its name."""

    name: str

    def custom_query(self, query_str: str) -> Response:
        return Response(response=f"{self.name}: {query_str}")


SELECTORS: dict[str, tuple[Any, str]] = {
    "off": (LLMSingleSelector, '[{"choice": 2, "reason": "it asks for a price"}]'),
    "prompt": (
        PydanticSingleSelector,
        '<tool_calls>\n{"name": "SingleSelection", "arguments": {"index": 2, "reason": "it asks for a price"}}\n</tool_calls>',
    ),
}


@BOTH
def test_a_router_chooses(serve: Serve, mode: str) -> None:
    """Check 14: `RouterQueryEngine` with the selector that fits the flag."""
    selector, reply = SELECTORS[mode]
    llm = serve(saying(reply)).llm(tool_calling=mode)
    tools = [
        QueryEngineTool.from_defaults(Saying(name=name), description=f"Knows {name}.", name=name) for name in ("rules", "prices")
    ]
    router = RouterQueryEngine(selector=selector.from_defaults(llm=llm), query_engine_tools=tools, llm=llm)
    assert str(router.query("How much?")) == "prices: How much?"
