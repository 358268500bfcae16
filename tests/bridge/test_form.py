"""Forms of every kind and version."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dify_integrations.bridge.form import FormField, form_of, prompt_variable
from dify_integrations.core.jsonio import JsonObject
from dify_integrations.models.apps import AppParameters

WIRE = Path(__file__).parents[2].parent / "shared" / "wire"


def fields(*entries: dict[str, Any]) -> tuple[FormField, ...]:
    return form_of(AppParameters(user_input_form=list(entries)))


def test_a_full_field() -> None:
    item: JsonObject = {
        "variable": "topic",
        "label": " Topic ",
        "type": "text-input",
        "required": True,
        "default": "AI",
        "max_length": 48,
        "options": [],
        "hide": True,
        "hint": "one word",
    }
    assert fields({"text-input": item}) == (
        FormField("topic", "text-input", "Topic", "one word", True, "AI", (), 48, True, None, item),
    )


def test_a_bare_field() -> None:
    """Old servers leave out nearly everything."""
    assert fields({"paragraph": {"variable": "x"}}) == (
        FormField("x", "paragraph", "", "", False, None, (), None, False, None, {"variable": "x"}),
    )


def test_the_order_is_the_forms_and_unknown_kinds_are_kept() -> None:
    form = fields({"number": {"variable": "b"}}, {"hologram": {"variable": "a"}}, {"checkbox": {"variable": "c"}})
    assert [(field.variable, field.kind) for field in form] == [("b", "number"), ("a", "hologram"), ("c", "checkbox")]


def test_what_the_server_fills_itself_is_left_out() -> None:
    assert fields({"external_data_tool": {"variable": "weather", "type": "api", "config": {}}}) == ()


def test_fields_without_a_wrapper_and_several_in_one() -> None:
    form = fields(
        {"variable": "a", "type": "select", "options": ["x"]},
        {"variable": "b"},
        {"number": {"variable": "c"}, "checkbox": {"variable": "d"}},
    )
    assert [(field.variable, field.kind) for field in form] == [
        ("a", "select"),
        ("b", "text-input"),
        ("c", "number"),
        ("d", "checkbox"),
    ]


@pytest.mark.parametrize("entry", [{}, {"number": None}, {"number": {}}, {"number": {"variable": ""}}, {"number": {"variable": 1}}])
def test_what_has_no_variable_is_no_field(entry: dict[str, Any]) -> None:
    assert fields(entry) == ()


@pytest.mark.parametrize(("given", "limit"), [(5, 5), (0, None), (-1, None), (None, None), (True, None), ("5", None)])
def test_only_a_positive_number_is_a_limit(given: Any, limit: int | None) -> None:
    assert fields({"paragraph": {"variable": "x", "max_length": given}})[0].max_length == limit


@pytest.mark.parametrize(
    ("label", "text"), [("Name", "Name"), ({"en_US": "Name", "zh_Hans": "名"}, "Name"), ({"en_US": 1}, ""), (None, ""), (3, "")]
)
def test_labels(label: Any, text: str) -> None:
    assert fields({"paragraph": {"variable": "x", "label": label}})[0].label == text


def test_the_first_help_text_counts() -> None:
    (field,) = fields({"paragraph": {"variable": "x", "description": "", "hint": None, "placeholder": "type here"}})
    assert field.description == "type here"


@pytest.mark.parametrize(("given", "options"), [(["a", "b"], ("a", "b")), ([1, None, 2.5], ("1", "2.5")), (None, ()), ("a", ())])
def test_options(given: Any, options: tuple[str, ...]) -> None:
    assert fields({"select": {"variable": "x", "options": given}})[0].options == options


@pytest.mark.parametrize(
    ("given", "schema"),
    [
        ({"type": "object"}, {"type": "object"}),
        ('{"type": "object", "title": "ü"}', {"type": "object", "title": "ü"}),
        ("{broken", None),
        ("[1]", None),
        ("", None),
        ({}, None),
        (None, None),
    ],
)
def test_schemas_are_objects_or_json_strings(given: Any, schema: Any) -> None:
    assert fields({"json_object": {"variable": "x", "json_schema": given}})[0].schema == schema


def recorded() -> Iterator[dict[str, Any]]:
    """What real servers answered to `GET /parameters`."""
    for path in sorted(WIRE.glob("*/*app*.yaml")):
        for exchange in (yaml.safe_load(path.read_text()) or {}).get("interactions", []):
            if "/parameters" in exchange["request"]["uri"] and exchange["response"]["status"]["code"] == 200:
                yield json.loads(exchange["response"]["body"]["string"])


@pytest.mark.skipif(not WIRE.is_dir(), reason="recordings are not on this machine")
def test_recorded_forms() -> None:
    bodies = list(recorded())
    forms = [form_of(AppParameters.model_validate(body)) for body in bodies]
    assert [len(form) for form in forms] == [len(body["user_input_form"]) for body in bodies]
    kinds = {field.kind for form in forms for field in form}
    assert kinds == {"text-input", "paragraph", "select", "number", "checkbox", "file", "file-list", "json_object"}
    assert all(field.raw["variable"] == field.variable and field.label for form in forms for field in form)


def _text_field(name: str, *, required: bool = False, kind: str = "paragraph") -> dict[str, Any]:
    return {kind: {"variable": name, "label": name, "required": required}}


@pytest.mark.parametrize(
    ("form", "taken", "expected"),
    [
        ([], (), "query"),
        ([_text_field("topic"), _text_field("query")], (), "query"),
        ([_text_field("topic"), _text_field("query")], ("query",), "topic"),
        ([_text_field("tone"), _text_field("topic", required=True)], (), "topic"),
        ([_text_field("tone"), _text_field("topic", kind="text-input")], (), "tone"),
        ([_text_field("tone"), _text_field("topic")], ("tone",), "topic"),
        ([{"number": {"variable": "n", "required": True}}, _text_field("topic")], (), "topic"),
    ],
)
def test_the_variable_that_takes_a_prompt(form: list[dict[str, Any]], taken: tuple[str, ...], expected: str) -> None:
    """`query`, else the first required text, else the first text; what has a value already is not asked."""
    assert prompt_variable(form_of(AppParameters(user_input_form=form)), taken) == expected
