"""Answers as data: every method and kind of schema, one repair at most, and honest ends."""

from __future__ import annotations

import asyncio
import json
import pickle
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.exceptions import ModelError, OutputParserException
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from pydantic import BaseModel, Field
from pydantic.v1 import BaseModel as BaseModelV1
from typing_extensions import NotRequired, TypedDict

from dify_integrations import InvalidArgument
from dify_integrations.local import Gate, Pause, Replace, Say, Text, Turn, tokens
from langchain_dify import ChatDify
from langchain_dify.errors import DifyRefusalError
from tests.langchain.conftest import Recorder, Serve, Served, answering


class City(BaseModel):
    """A city."""

    name: str
    people: int = Field(ge=0)


class OldCity(BaseModelV1):
    """A city."""

    name: str
    people: int


class CityDict(TypedDict):
    """A city."""

    name: str
    people: int


SCHEMA = City.model_json_schema()
TOOL = {"name": "City", "description": "A city.", "parameters": {key: SCHEMA[key] for key in ("type", "properties", "required")}}
SCHEMAS = {"pydantic": City, "pydantic v1": OldCity, "TypedDict": CityDict, "JSON schema": SCHEMA, "OpenAI function": TOOL}
METHODS = ["json_schema", "function_calling", "json_mode"]
PARIS: dict[str, Any] = {"name": "Paris", "people": 2}
BAD = {"name": "Paris", "people": "many"}
ASKED_AGAIN = "could not be used"


def written(value: Any, method: str, schema: Any = City) -> str:
    """The value as an app's model writes it."""
    if method != "function_calling":
        return f"Sure!\n```json\n{json.dumps(value)}\n```"
    name = "City" if isinstance(schema, dict) else schema.__name__
    call = json.dumps({"name": name, "arguments": value})
    return f"<tool_calls>\n{call}\n</tool_calls>"


def serving(serve: Serve, *texts: str, mode: str = "chat") -> Served:
    """An app that says the first text, and the next one each time it is complained of; the last one for ever."""

    def answer(turn: Turn) -> Sequence[Say]:
        said = turn.query.count(ASKED_AGAIN) + sum(ASKED_AGAIN in query for query, _ in turn.history)
        return [*tokens(texts[min(said, len(texts) - 1)])]

    return serve(answering(answer, mode))


def plain(value: Any) -> Any:
    return value.dict() if isinstance(value, BaseModelV1) else value.model_dump() if isinstance(value, BaseModel) else value


@pytest.mark.anyio
@pytest.mark.parametrize("include_raw", [False, True])
@pytest.mark.parametrize("kind", SCHEMAS)
@pytest.mark.parametrize("method", METHODS)
async def test_every_method_schema_and_way_to_call(serve: Serve, method: Any, kind: str, include_raw: bool) -> None:
    """Check 15: method × schema × include_raw, by invoke, ainvoke, stream and astream, one request each."""
    schema: Any = SCHEMAS[kind]
    served = serving(serve, written(PARIS, method, schema))
    model = served.chat().with_structured_output(schema, method=method, include_raw=include_raw)
    results: list[Any] = [model.invoke("A city?"), await model.ainvoke("A city?")]
    results += [list(model.stream("A city?"))[-1], [piece async for piece in model.astream("A city?")][-1]]
    assert len(served.bodies()) == 4
    for result in results:
        if include_raw:
            assert isinstance(result["raw"], AIMessage) and result["parsing_error"] is None
            result = result["parsed"]
        assert type(result) is (schema if kind.startswith("pydantic") else dict)
        assert plain(result) == PARIS


@pytest.mark.anyio
@pytest.mark.parametrize("kind", SCHEMAS)
@pytest.mark.parametrize("method", METHODS)
async def test_a_bad_answer_is_repaired_in_one_request(serve: Serve, method: Any, kind: str) -> None:
    """Check 15: the second request goes into the same conversation and says what was wrong, and nothing else again."""
    schema: Any = SCHEMAS[kind]
    served = serving(serve, written(BAD, method, schema), written(PARIS, method, schema))
    model = served.chat().with_structured_output(schema, method=method)
    results = [model.invoke("A city?"), await model.ainvoke("A city?")]
    results += [list(model.stream("A city?"))[-1], [piece async for piece in model.astream("A city?")][-1]]
    assert [plain(result) for result in results] == [PARIS] * 4
    bodies = served.bodies()
    assert len(bodies) == 8
    for first, second in zip(bodies[::2], bodies[1::2], strict=True):
        assert "conversation_id" not in first and second["conversation_id"]
        assert "people: " in second["query"] and ASKED_AGAIN in second["query"]
        assert "A city?" not in second["query"] and '"properties"' not in second["query"]


@pytest.mark.anyio
@pytest.mark.parametrize("method", METHODS)
async def test_a_second_bad_answer_is_an_error(serve: Serve, method: Any) -> None:
    """Check 15: two requests and no more, then the error with the answer in it; with include_raw it is told, not raised."""
    served = serving(serve, written(BAD, method))
    model = served.chat().with_structured_output(City, method=method)
    for _ in range(2):
        with pytest.raises(OutputParserException, match="people: Input should be a valid integer.*workflow with typed") as caught:
            model.invoke("A city?")
        assert "many" in str(caught.value.llm_output)
    with pytest.raises(OutputParserException):
        await model.ainvoke("A city?")
    with pytest.raises(OutputParserException):
        list(model.stream("A city?"))
    assert len(served.bodies()) == 8
    told = served.chat().with_structured_output(City, method=method, include_raw=True).invoke("A city?")
    assert isinstance(told, dict) and told["parsed"] is None and isinstance(told["parsing_error"], OutputParserException)
    assert len(served.bodies()) == 10


def test_no_json_at_all_is_repaired(serve: Serve) -> None:
    served = serving(serve, "I would rather not.", written(PARIS, "json_schema"))
    assert served.chat().with_structured_output(City).invoke("A city?") == City(**PARIS)
    assert "no JSON" in served.bodies()[1]["query"]


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ("I would rather not.", "does not call City"),
        ('<tool_calls>\n{"name": "City", "arguments": 7 8}\n</tool_calls>', "cannot be read"),
        ('<tool_calls>\n{"name": "Town", "arguments": {"name": "Paris"}}\n</tool_calls>', "does not call City"),
    ],
)
def test_no_call_that_can_be_read_is_repaired_once(serve: Serve, bad: str, told: str) -> None:
    served = serving(serve, bad, written(PARIS, "function_calling"))
    model = served.chat().with_structured_output(City, method="function_calling")
    assert model.invoke("A city?") == City(**PARIS)
    assert len(served.bodies()) == 2 and told in served.bodies()[1]["query"]


def test_without_conversations_everything_is_said_again(serve: Serve) -> None:
    served = serving(serve, written(BAD, "json_schema"), written(PARIS, "json_schema"))
    model = served.chat(conversation="stateless").with_structured_output(City)
    assert model.invoke("A city?") == City(**PARIS)
    second = served.bodies()[1]
    assert "conversation_id" not in second
    assert all(text in second["query"] for text in ("A city?", '"properties"', "many", ASKED_AGAIN))


def test_arguments_of_a_tool_without_the_call_are_taken(serve: Serve) -> None:
    served = serving(serve, json.dumps(PARIS))
    model = served.chat().with_structured_output(City, method="function_calling")
    assert model.invoke("A city?") == City(**PARIS) and len(served.bodies()) == 1


# -- what the app is told


def test_the_schema_is_told_before_the_question(serve: Serve) -> None:
    served = serving(serve, json.dumps(PARIS))
    served.chat().with_structured_output(City).invoke([HumanMessage("A city?")])
    query = served.bodies()[0]["query"]
    assert query.endswith("\n\nA city?") and json.dumps(SCHEMA, ensure_ascii=False) in query


def test_json_mode_leaves_the_shape_to_the_prompt(serve: Serve) -> None:
    served = serving(serve, json.dumps(PARIS))
    served.chat().with_structured_output(City, method="json_mode").invoke("A city?")
    query = served.bodies()[0]["query"]
    assert "JSON" in query and "people" not in query


@pytest.mark.parametrize(
    ("response_format", "told"),
    [
        ({"type": "json_object"}, "Answer with one JSON object"),
        ({"type": "json_schema", "json_schema": {"name": "City", "schema": SCHEMA}}, '"people"'),
        (City, '"people"'),
        ({"type": "text"}, ""),
    ],
)
def test_response_format_is_honoured(serve: Serve, response_format: Any, told: str) -> None:
    served = serving(serve, f"```json\n{json.dumps(PARIS)}\n```" if told else json.dumps(PARIS))
    model = served.chat().bind(response_format=response_format)
    assert json.loads(model.invoke("A city?").text) == PARIS
    assert json.loads("".join(chunk.text for chunk in model.stream("A city?"))) == PARIS
    query = served.bodies()[0]["query"]
    assert told in query and (told or query == "A city?")


@pytest.mark.parametrize("response_format", ["json", {"type": "xml"}, {"type": "json_schema"}, {"json_schema": {"schema": {}}}])
def test_another_response_format_is_refused(serve: Serve, response_format: Any) -> None:
    served = serving(serve, "{}")
    with pytest.raises(InvalidArgument, match="response_format"):
        served.chat().invoke("A city?", response_format=response_format)
    assert served.bodies() == []


def test_a_method_or_schema_that_does_not_exist_is_refused(serve: Serve) -> None:
    model = serving(serve, "{}").chat()
    with pytest.raises(InvalidArgument, match="method is"):
        model.with_structured_output(City, method="xml")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="schema is"):
        model.with_structured_output("City")  # type: ignore[arg-type]


def test_arguments_of_every_call(serve: Serve) -> None:
    served = serving(serve, written(BAD, "json_schema"), written(PARIS, "json_schema"))
    model = served.chat().with_structured_output(City, inputs={"tone": "dry"})
    assert model.invoke("A city?", user="bob") == City(**PARIS)
    assert [(body["inputs"], body["user"]) for body in served.bodies()] == [({"tone": "dry"}, "bob")] * 2


def test_strict_converts_nothing(serve: Serve) -> None:
    served = serving(serve, json.dumps({"name": "Paris", "people": "2"}))
    assert served.chat().with_structured_output(City).invoke("A city?") == City(**PARIS)
    with pytest.raises(OutputParserException, match="valid integer"):
        served.chat().with_structured_output(City, strict=True).invoke("A city?")


def test_a_schema_without_a_name(serve: Serve) -> None:
    schema = {"type": "object", "properties": {"people": {"type": "integer"}}, "required": ["people"]}
    served = serving(serve, "{}", '{"people": 3}')
    assert served.chat().with_structured_output(schema).invoke("How many?") == {"people": 3}
    assert "people: is missing" in served.bodies()[1]["query"]


class Loose(TypedDict, total=False):
    """A city, or less."""

    name: str
    people: int


class Partly(TypedDict):
    """A city."""

    name: str
    people: NotRequired[int]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("schema", [Loose, Partly])
def test_keys_that_may_be_missing(serve: Serve, schema: Any, method: Any) -> None:
    served = serving(serve, written({"name": "Paris"}, method, schema))
    model = served.chat().with_structured_output(schema, method=method)
    assert model.invoke("A city?") == {"name": "Paris"} and len(served.bodies()) == 1


def test_what_comes_out_is_known(serve: Serve) -> None:
    model = serve([]).chat()
    assert model.with_structured_output(City).get_output_jsonschema()["title"] == "City"
    assert model.with_structured_output(City, include_raw=True).get_output_jsonschema()["type"] == "object"
    chain = ChatPromptTemplate.from_template("{country}") | model.with_structured_output(City)
    assert list(chain.get_input_jsonschema()["properties"]) == ["country"] and "structured_City" in chain.get_graph().draw_mermaid()


# -- streaming, tracing, ends


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["TypedDict", "JSON schema"])
async def test_dictionaries_grow(serve: Serve, kind: str) -> None:
    """Check 15: streamed, each piece says at least what the one before said."""
    served = serving(serve, f"Here: {json.dumps({'name': 'Paris on the Seine', 'people': 2})} Enjoy!")
    model = served.chat().with_structured_output(SCHEMAS[kind])  # type: ignore[arg-type]
    pieces: list[Any] = list(model.stream("A city?"))
    assert len(pieces) > 3 and pieces[-1] == {"name": "Paris on the Seine", "people": 2}
    assert all(later["name"].startswith(sooner["name"]) for sooner, later in zip(pieces, pieces[1:]))
    assert len({json.dumps(piece) for piece in pieces}) == len(pieces)
    assert [piece async for piece in model.astream("A city?")] == pieces


def test_models_come_once(serve: Serve) -> None:
    served = serving(serve, json.dumps(PARIS))
    assert list(served.chat().with_structured_output(City).stream("A city?")) == [City(**PARIS)]
    assert list(served.chat().with_structured_output(CityDict, method="function_calling").stream("A city?")) == [PARIS]


@pytest.mark.anyio
async def test_a_stream_that_is_left_is_stopped(serve: Serve) -> None:
    served = serve([Text('{"name": "Paris'), Gate(threading.Event())])
    model = served.chat().with_structured_output(CityDict)
    stream: Any = model.stream("A city?")
    assert next(stream) == {"name": "Paris"}
    stream.close()
    assert served.server.wait_until(lambda server: len(server.stops) == 1)
    astream: Any = model.astream("A city?")
    assert await anext(astream) == {"name": "Paris"}
    await astream.aclose()
    assert await asyncio.to_thread(served.server.wait_until, lambda server: len(server.stops) == 2)


def test_both_requests_are_runs_below_one(serve: Serve, recorder: Recorder) -> None:
    served = serving(serve, written(BAD, "json_schema"), written(PARIS, "json_schema"))
    chain = ChatPromptTemplate.from_template("A city in {country}?") | served.chat().with_structured_output(City)
    assert chain.invoke({"country": "France"}, {"callbacks": [recorder]}) == City(**PARIS)
    assert [run.rpartition(" > ")[0].rpartition("chain ")[2] for run in recorder.tree() if run.endswith("model model")] == [
        "structured_City"
    ] * 2
    assert recorder.open == []


def test_a_replaced_answer_is_a_refusal(serve: Serve) -> None:
    """Check 23 for data: never the moderator's words as a value, and no second request."""
    served = serve([*tokens(json.dumps(PARIS)), Replace("I cannot say that.")])
    model = served.chat().with_structured_output(City)
    for call in (model.invoke, lambda question: list(model.stream(question))):
        with pytest.raises(DifyRefusalError) as caught:
            call("A city?")
        assert isinstance(caught.value, ModelError) and caught.value.replacement == "I cannot say that."
        assert isinstance(caught.value.raw, AIMessage)
    told: Any = served.chat().with_structured_output(City, include_raw=True).invoke("A city?")
    assert isinstance(told["parsing_error"], DifyRefusalError) and told["parsed"] is None
    assert len(served.bodies()) == 3


def test_an_app_that_waits_for_a_person_is_not_complained_of(serve: Serve) -> None:
    served = serve([Text("One moment."), Pause()], mode="advanced-chat")
    with pytest.raises(OutputParserException, match="waits for a person"):
        served.chat().with_structured_output(City).invoke("A city?")
    assert len(served.bodies()) == 1


@pytest.mark.anyio
async def test_the_stand_in_obeys_the_schema(serve: Serve) -> None:
    class Country(BaseModel):
        """A country."""

        capital: City
        motto: str | None = None

    model = serve().chat("chat").with_structured_output(Country)
    result = await model.ainvoke("How many live in Paris, 7 or 8?")
    assert isinstance(result, Country) and result.capital.people == 7


@pytest.mark.parametrize(
    "schema", [City, OldCity, CityDict, {"title": "City", "type": "object"}], ids=["model", "v1", "dict", "json"]
)
def test_a_model_of_the_environment_travels_with_its_schema(serve: Serve, monkeypatch: pytest.MonkeyPatch, schema: Any) -> None:
    """As core's own chains of a model and a parser do."""
    served = serve([Text('{"name": "Paris", "people": 7}')])
    connection = served.connection()
    for name in ("api_key", "base_url", "user"):
        monkeypatch.setenv(f"DIFY_{name.upper()}", connection[name])
    arrived = pickle.loads(pickle.dumps(ChatDify().with_structured_output(schema)))  # noqa: S301  # our own bytes
    served.keep(arrived._bound.bound)
    value = arrived.invoke("A city?")
    assert (value["people"] if isinstance(value, dict) else value.people) == 7
