"""A form as arguments: harmless names for the framework, the app's own for Dify."""

from __future__ import annotations

import inspect
import json
import keyword
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from dify_integrations.bridge.tool_schema import FormField, argument_schema, form_of, tool_name, unique_names, variables_model
from dify_integrations.errors import InvalidArgument
from dify_integrations.files import FileInput
from dify_integrations.models.apps import AppParameters

WIRE = Path(__file__).parents[2].parent / "shared" / "wire"
PROPERTY = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,63}")


def form(*entries: tuple[str, dict[str, Any]]) -> tuple[FormField, ...]:
    return form_of(AppParameters(user_input_form=[{kind: item} for kind, item in entries]))


def texts(*variables: str, **item: Any) -> tuple[FormField, ...]:
    return form(*(("text-input", {"variable": variable, **item}) for variable in variables))


@pytest.mark.parametrize(
    ("variable", "argument"),
    [
        ("topic", "topic"),
        ("Topic_2", "Topic_2"),
        ("config", "input_config"),
        ("run_manager", "input_run_manager"),
        ("self", "input_self"),
        ("schema", "input_schema"),
        ("json", "input_json"),
        ("copy", "input_copy"),
        ("model_config", "input_model_config"),
        ("model_name", "input_model_name"),
        ("runtime", "input_runtime"),
        ("ctx", "input_ctx"),
        ("class", "input_class"),
        ("_x", "x"),
        ("__init__", "init"),
        ("_self", "input_self"),
        ("a-b", "a_b"),
        ("2nd", "input_2nd"),
        ("Météo", "Meteo"),
        ("城市", "input_1"),
        ("城市 name", "name"),
        ("😀", "input_1"),
        ("x" * 100, "x" * 52),
    ],
)
def test_every_variable_gets_a_harmless_name_and_reaches_dify_intact(variable: str, argument: str) -> None:
    schema = argument_schema("tool", texts(variable, required=True))
    assert schema.names == {argument: variable}
    assert list(schema.model.model_json_schema()["properties"]) == [argument]
    assert schema.inputs_of({argument: "v"}) == {variable: "v"}
    shown = schema.model.model_json_schema()["properties"][argument]
    assert ("variable" in shown.get("description", "")) is (variable != argument)


def test_names_that_become_equal_are_numbered_and_harmless_ones_stay() -> None:
    schema = argument_schema("tool", texts("a-b", "a b", "a_b", "_a_b", "城", "市"))
    assert schema.names == {"a_b_2": "a-b", "a_b_3": "a b", "a_b": "a_b", "a_b_4": "_a_b", "input_5": "城", "input_6": "市"}


def test_of_equal_variables_the_first_counts() -> None:
    schema = argument_schema("tool", form(("number", {"variable": "x"}), ("paragraph", {"variable": "x"})))
    assert schema.model.model_json_schema()["properties"]["x"]["type"] == "number"


_VARIABLES = st.text(min_size=1, max_size=12) | st.sampled_from(
    [*keyword.kwlist, *dir(BaseModel), "config", "run_manager", "self", "a-b", "a_b", "_a_b", "query", "input_1", "城市"]
)


@settings(max_examples=150)
@given(st.lists(_VARIABLES, max_size=8, unique=True), st.booleans())
def test_any_variables_become_a_model_every_framework_can_live_with(variables: list[str], query: bool) -> None:
    """Valid keyword arguments, nothing of pydantic's shadowed, no variable lost."""
    schema = argument_schema("tool", texts(*variables, required=True), query=query)
    names = list(schema.model.model_json_schema().get("properties", {}))
    assert names == list(schema.names)
    assert all(PROPERTY.fullmatch(name) and not keyword.iskeyword(name) and not hasattr(BaseModel, name) for name in names)
    inspect.Signature([inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names])
    expected = dict.fromkeys([*(["query"] if query else []), *variables], "v")
    assert schema.inputs_of(dict.fromkeys(names, "v")) == expected


FULL = form(
    ("text-input", {"variable": "name", "label": "Name", "required": True, "max_length": 20}),
    ("paragraph", {"variable": "notes", "label": "Notes", "hint": "Anything else.", "default": ""}),
    ("select", {"variable": "tone", "label": "tone", "options": ["formal", "casual"], "default": "casual"}),
    ("number", {"variable": "count", "label": "Count"}),
    ("checkbox", {"variable": "brief", "default": False}),
    ("file", {"variable": "doc", "allowed_file_types": ["document"], "allowed_file_upload_methods": ["remote_url"]}),
    ("file-list", {"variable": "pics", "allowed_file_types": ["image"], "max_length": 2}),
    ("json_object", {"variable": "meta", "json_schema": '{"type": "object", "properties": {"a": {"type": "string"}}}'}),
    ("hologram", {"variable": "odd"}),
)


def test_the_schema_a_model_sees() -> None:
    schema = argument_schema("My tool", FULL, query=True).model.model_json_schema()
    assert schema["title"] == "My_tool"
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["query", "name"]
    shown = schema["properties"]
    assert shown["query"] == {"type": "string", "title": "Query", "description": "What to ask or tell the app"}
    assert shown["name"] == {"type": "string", "maxLength": 20, "title": "Name", "description": "Name"}
    assert shown["notes"] == {"type": "string", "title": "Notes", "description": "Notes: Anything else."}
    assert shown["tone"] == {"type": "string", "enum": ["formal", "casual"], "default": "casual", "title": "tone"}
    assert shown["count"] == {"type": "number", "title": "Count", "description": "Count"}
    assert shown["brief"] == {"type": "boolean", "default": False, "title": "brief"}
    assert [shape["type"] for shape in shown["doc"]["anyOf"]] == ["string", "object"]
    assert (shown["pics"]["type"], shown["pics"]["maxItems"]) == ("array", 2)
    assert shown["meta"] == {"type": "object", "properties": {"a": {"type": "string"}}, "title": "meta"}
    assert shown["odd"] == {"title": "odd"}


def test_arguments_become_inputs() -> None:
    schema = argument_schema("tool", FULL, query=True)
    arguments = {
        "query": "Hi",
        "name": 7,
        "notes": None,
        "tone": "",
        "count": "3",
        "doc": "https://example.org/a.pdf",
        "pics": [{"upload_file_id": "u1"}],
        "meta": '{"a": "b"}',
    }
    assert schema.inputs_of(arguments) == {
        "query": "Hi",
        "name": "7",
        "tone": "casual",
        "count": 3,
        "brief": False,
        "doc": FileInput("document", url="https://example.org/a.pdf"),
        "pics": [FileInput("image", upload_file_id="u1")],
        "meta": {"a": "b"},
    }


def test_checked_arguments_can_be_checked_again() -> None:
    """LangChain validates with the model before the tool sees them, and passes every optional one as None."""
    schema = argument_schema("tool", FULL)
    once = schema.model.model_validate({"name": "x", "doc": "https://example.org/a.pdf"})
    arguments = {name: getattr(once, name) for name in schema.names}
    assert schema.inputs_of(arguments) == schema.inputs_of({"name": "x", "doc": "https://example.org/a.pdf"})


def test_a_default_is_not_shared_between_calls() -> None:
    schema = argument_schema("tool", form(("json_object", {"variable": "meta", "default": {"a": []}})))
    for arguments in ({}, {"meta": None}):
        schema.inputs_of(arguments)["meta"]["a"].append(1)
    assert schema.inputs_of({}) == {"meta": {"a": []}}


@pytest.mark.parametrize(
    ("arguments", "reasons"),
    [
        ({}, ["argument 'name': Field required"]),
        ({"name": None}, ["argument 'name': Input should be a valid string"]),
        ({"name": "x", "nmae": 1}, ["argument 'nmae': no such argument; there are: name, notes, tone, count"]),
        ({"name": "x", "tone": "rude"}, ["argument 'tone': Input should be 'formal' or 'casual'"]),
        ({"name": "x", "pics": ["/etc/passwd"]}, ["argument 'pics.0': must be an http(s) address"]),
        (
            {"name": "x" * 21, "count": "many"},
            ["argument 'name': String should have at most 20", "argument 'count': must be a number"],
        ),
    ],
)
def test_what_is_wrong_is_named(arguments: dict[str, Any], reasons: list[str]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        argument_schema("tool", FULL).inputs_of(arguments)
    assert all(reason in str(caught.value) for reason in reasons)
    assert "\n" not in str(caught.value)


def test_a_tool_without_arguments_says_so() -> None:
    schema = argument_schema("tool", ())
    assert schema.inputs_of({}) == {}
    with pytest.raises(InvalidArgument, match="there are: none"):
        schema.inputs_of({"x": 1})


def test_pinned_variables_are_not_offered() -> None:
    schema = argument_schema("tool", texts("a", "b", required=True, default="x"), fixed=["b"])
    assert schema.names == {"a": "a"}
    assert schema.inputs_of({}) == {"a": "x"}


def test_hidden_fields_are_filled_but_not_offered_unless_demanded() -> None:
    schema = argument_schema(
        "tool",
        form(
            ("text-input", {"variable": "a", "hide": True}),
            ("text-input", {"variable": "b", "hide": True, "default": "x"}),
            ("text-input", {"variable": "c", "hide": True, "required": True, "default": "y"}),
            ("text-input", {"variable": "d", "hide": True, "required": True}),
        ),
    )
    assert schema.names == {"d": "d"}
    assert schema.inputs_of({"d": "z"}) == {"b": "x", "c": "y", "d": "z"}


def test_an_unknown_kind_that_is_demanded_may_be_anything() -> None:
    schema = argument_schema("tool", form(("hologram", {"variable": "odd", "required": True})))
    assert schema.model.model_json_schema()["required"] == ["odd"]
    assert schema.inputs_of({"odd": [1]}) == {"odd": [1]}
    assert schema.inputs_of({"odd": None}) == {}


def test_query_stands_for_a_variable_of_that_name() -> None:
    schema = argument_schema("tool", texts("query", "topic", required=True), query=True)
    assert schema.names == {"query": "query", "topic": "topic"}
    assert schema.inputs_of({"query": "Hi", "topic": "x"}) == {"query": "Hi", "topic": "x"}
    without = argument_schema("tool", texts("query", required=True))
    assert without.names == {"query": "query"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Weather-Bot_2", "Weather-Bot_2"),
        ("My great app!", "My_great_app"),
        ("Météo à Paris", "Meteo_a_Paris"),
        ("  --x--  ", "x"),
        ("天气 v2", "v2"),
        ("handoff", "handoff_tool"),
        ("Handoff!", "Handoff_tool"),
        ("handoff to me", "handoff_to_me"),
        ("", "dify_app"),
        (" \n", "dify_app"),
        ("x" * 100, "x" * 64),
    ],
)
def test_tool_names(text: str, name: str) -> None:
    assert tool_name(text) == name


def test_names_without_a_latin_letter_differ() -> None:
    assert tool_name("天气") != tool_name("翻译")


@settings(max_examples=150)
@given(st.text())
def test_any_text_gives_a_name_every_provider_accepts(text: str) -> None:
    name = tool_name(text)
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name)
    assert name.lower() != "handoff"
    assert tool_name(name) == name


def recorded() -> Iterator[AppParameters]:
    """What real servers answered to `GET /parameters`."""
    for path in sorted(WIRE.glob("*/*app*.yaml")):
        for exchange in (yaml.safe_load(path.read_text()) or {}).get("interactions", []):
            if "/parameters" in exchange["request"]["uri"] and exchange["response"]["status"]["code"] == 200:
                yield AppParameters.model_validate(json.loads(exchange["response"]["body"]["string"]))


@pytest.mark.skipif(not WIRE.is_dir(), reason="recordings are not on this machine")
def test_recorded_forms_become_arguments() -> None:
    """With what is required given, every recorded form yields inputs its server takes."""
    values = {"text-input": "x", "paragraph": "x", "number": 1, "checkbox": True, "json_object": {}}
    seen = 0
    for parameters in recorded():
        fields = form_of(parameters)
        schema = argument_schema("app", fields)
        by_variable = {field.variable: field for field in fields}
        required = schema.model.model_json_schema().get("required", [])
        demanded = {name: by_variable[schema.names[name]] for name in required}
        inputs = schema.inputs_of({name: values.get(field.kind) or field.options[0] for name, field in demanded.items()})
        assert {field.variable for field in fields if field.required} <= inputs.keys() <= by_variable.keys()
        assert all(value in by_variable[name].options for name, value in inputs.items() if by_variable[name].kind == "select")
        assert "" not in inputs.values()
        seen += len(fields)
    assert seen > 30


@given(st.lists(st.sampled_from(["a", "a_2", "b" * 64, "b" * 62 + "_2"])))
def test_names_offered_together_differ(names: list[str]) -> None:
    unique = unique_names(names)
    assert len(set(unique)) == len(names) and all(len(name) <= 64 for name in unique)
    assert unique[:1] == names[:1]


@given(st.lists(st.sampled_from(["topic", "config", "input_config", "_x", "x", "schema", "城市"]), unique=True, min_size=1))
def test_callers_that_are_no_models_use_the_variables_own_names(variables: list[str]) -> None:
    schema = argument_schema("app", texts(*variables, required=True))
    values = {variable: f"value of {variable}" for variable in variables}
    model = variables_model(schema)
    assert list(model.model_json_schema()["properties"]) == variables
    assert model.model_validate(values).model_dump(by_alias=True) == values
    assert schema.inputs_of(schema.arguments_of(values)) == values
    by_argument = {argument: values[variable] for argument, variable in schema.names.items()}
    assert model.model_validate(by_argument) == model.model_validate(values)
