"""Arguments by kind of field: what a model is shown, what it may send, what Dify gets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from dify_integrations.bridge.argument_types import default_for, note_for, schema_for, type_for
from dify_integrations.bridge.form import FormField, form_of
from dify_integrations.files import FileInput
from dify_integrations.models.apps import AppParameters

TYPES = ["image", "document", "audio", "video", "custom"]
BOTH = ["local_file", "remote_url"]


def field(kind: str, **item: Any) -> FormField:
    (made,) = form_of(AppParameters(user_input_form=[{kind: {"variable": "x", **item}}]))
    return made


def sent(made: FormField, value: Any, *, optional: bool = False) -> Any:
    """The value as the argument's type gives it."""
    return TypeAdapter(type_for(made, optional=optional)).validate_python(value)


def address(description: str = "http(s) address of the file") -> dict[str, Any]:
    return {"type": "string", "description": description}


def by_url(types: list[str]) -> dict[str, Any]:
    kind = {"type": "string", "enum": types}
    return {"type": "object", "properties": {"url": address(), "type": kind}, "required": ["url"]}


def by_id(types: list[str], needed: list[str]) -> dict[str, Any]:
    kind = {"type": "string", "enum": types}
    upload = address("id of an uploaded file")
    return {"type": "object", "properties": {"upload_file_id": upload, "type": kind}, "required": needed}


@pytest.mark.parametrize(
    ("made", "schema"),
    [
        (field("text-input", max_length=48), {"type": "string", "maxLength": 48}),
        (field("paragraph", max_length=0), {"type": "string"}),
        (field("select", options=["a", "b"], max_length=48), {"type": "string", "enum": ["a", "b"]}),
        (field("select", options=[]), {"type": "string"}),
        (field("number", max_length=48), {"type": "number"}),
        (field("checkbox"), {"type": "boolean"}),
        (field("file"), {"anyOf": [address(), by_url(TYPES), by_id(TYPES, ["upload_file_id", "type"])]}),
        (
            field("file", max_length=5, allowed_file_types=["image"], allowed_file_upload_methods=BOTH),
            {"anyOf": [address(), by_url(["image"]), by_id(["image"], ["upload_file_id"])]},
        ),
        (
            field("file", allowed_file_types=["image"], allowed_file_upload_methods=["remote_url"]),
            {"anyOf": [address(), by_url(["image"])]},
        ),
        (
            field("file-list", max_length=3, allowed_file_types=["image"], allowed_file_upload_methods=["local_file"]),
            {"type": "array", "items": {"anyOf": [by_id(["image"], ["upload_file_id"])]}, "maxItems": 3},
        ),
        (
            field("file-list", allowed_file_upload_methods=["remote_url"]),
            {"type": "array", "items": {"anyOf": [address(), by_url(TYPES)]}},
        ),
        (field("json_object"), {"type": "object"}),
        (
            field("json_object", json_schema='{"$schema": "draft-07", "properties": {"a": {"type": "integer"}}}'),
            {"type": "object", "properties": {"a": {"type": "integer"}}},
        ),
        (field("json_object", json_schema={"$ref": "#/definitions/a", "definitions": {"a": {}}}), {"type": "object"}),
        (field("hologram"), {}),
    ],
    ids=lambda value: value.kind if isinstance(value, FormField) else "",
)
def test_the_schema_shown_is_the_contracts(made: FormField, schema: Any) -> None:
    """The same for a demanded argument and for one that may be left out."""
    assert schema_for(made) == schema
    for optional in (False, True):
        assert TypeAdapter(type_for(made, optional=optional)).json_schema() == schema


def test_references_would_point_elsewhere_so_the_schema_becomes_words() -> None:
    made = field("json_object", json_schema={"$ref": "#/definitions/a", "definitions": {"a": {"title": "Größe"}}})
    assert note_for(made) == 'JSON schema: {"$ref": "#/definitions/a", "definitions": {"a": {"title": "Größe"}}}'
    assert note_for(field("json_object", json_schema={"type": "object"})) == note_for(field("number")) == ""


URL = "https://example.org/a.png"
FILE = field("file", allowed_file_types=["image", "document"], allowed_file_upload_methods=BOTH)
IMAGE = field("file", allowed_file_types=["image"], allowed_file_upload_methods=BOTH)
LIST = field("file-list", allowed_file_types=["image"], max_length=2)
OBJECT = field("json_object", json_schema={"type": "object"})


@pytest.mark.parametrize(
    ("made", "value", "result"),
    [
        (field("text-input"), "x", "x"),
        (field("text-input"), "", ""),
        (field("text-input"), 5, "5"),
        (field("paragraph"), 2.5, "2.5"),
        (field("paragraph"), True, "true"),
        (field("paragraph"), False, "false"),
        (field("select", options=["1", "2"]), 1, "1"),
        (field("select", options=[]), "anything", "anything"),
        (field("number"), 5, 5),
        (field("number"), 2.5, 2.5),
        (field("number"), "5", 5),
        (field("number"), "-2.5", -2.5),
        (field("number"), 10**400, 10**400),
        (field("checkbox"), True, True),
        (field("checkbox"), "no", False),
        (field("json_object"), {"a": 1}, {"a": 1}),
        (field("json_object"), '{"a": "ü"}', {"a": "ü"}),
        (field("hologram"), [1, {"a": None}], [1, {"a": None}]),
        (FILE, URL, FileInput("image", url=URL)),
        (FILE, {"url": URL}, FileInput("image", url=URL)),
        (FILE, {"url": URL, "type": "document"}, FileInput("document", url=URL)),
        (FILE, {"transfer_method": "remote_url", "remote_url": URL}, FileInput("image", url=URL)),
        (
            FILE,
            " https://example.org/report.PDF?size=1#page=2 ",
            FileInput("document", url="https://example.org/report.PDF?size=1#page=2"),
        ),
        (FILE, "https://example.org/download", FileInput("image", url="https://example.org/download")),
        (field("file"), "https://example.org/download", FileInput("custom", url="https://example.org/download")),
        (FILE, {"upload_file_id": "u1", "type": "document"}, FileInput("document", upload_file_id="u1")),
        (IMAGE, {"upload_file_id": "u1"}, FileInput("image", upload_file_id="u1")),
        (IMAGE, FileInput("video", content=b"x"), FileInput("video", content=b"x")),
        (LIST, [URL, {"upload_file_id": "u1"}], [FileInput("image", url=URL), FileInput("image", upload_file_id="u1")]),
        (LIST, URL, [FileInput("image", url=URL)]),
        (LIST, {"upload_file_id": "u1"}, [FileInput("image", upload_file_id="u1")]),
        (LIST, [], []),
    ],
    ids=lambda value: value.kind if isinstance(value, FormField) else repr(value)[:30],
)
def test_what_dify_gets(made: FormField, value: Any, result: Any) -> None:
    got = sent(made, value)
    assert got == result
    assert type(got) is type(result)
    assert sent(made, got, optional=True) == result


@pytest.mark.parametrize(
    ("made", "value", "reason"),
    [
        (field("text-input", max_length=3), "four", "at most 3 characters"),
        (field("text-input"), None, "valid string"),
        (field("text-input"), ["x"], "valid string"),
        (field("select", options=["a", "b"]), "c", "'a' or 'b'"),
        (field("select", options=["a", "b"]), "", "'a' or 'b'"),
        (field("number"), "five", "must be a number"),
        (field("number"), "", "must be a number"),
        (field("number"), "nan", "must be a number"),
        (field("number"), "9" * 5000, "must be a number"),
        (field("number"), float("inf"), "must be a number"),
        (field("number"), True, "must be a number"),
        (field("checkbox"), "perhaps", "valid boolean"),
        (field("json_object"), "{broken", "must be a JSON object"),
        (field("json_object"), "[1]", "valid dictionary"),
        (FILE, "/etc/passwd", "must be an http"),
        (FILE, "file:///etc/passwd", "must be an http"),
        (FILE, "C:\\secret.txt", "must be an http"),
        (FILE, "data:image/png;base64,AAAA", "must be an http"),
        (FILE, "https://", "must be an http"),
        (FILE, "https://[broken/a.png", "must be an http"),
        (FILE, {"path": "/etc/passwd"}, 'must be an http(s) address or {"upload_file_id": …}'),
        (FILE, {"url": URL, "type": "video"}, "takes files of type image or document"),
        (FILE, "https://example.org/a.mp4", "image or document, not video"),
        (FILE, {"upload_file_id": "u1"}, 'needs a "type"'),
        (FILE, {"upload_file_id": 5}, "must be an http"),
        (FILE, 5, "must be an http"),
        (field("file", allowed_file_upload_methods=["remote_url"]), {"upload_file_id": "u"}, "must be an http(s) address"),
        (field("file", allowed_file_upload_methods=["local_file"]), URL, 'must be {"upload_file_id": …}'),
        (LIST, [URL, URL, URL], "at most 2 items"),
        (LIST, ["/etc/passwd"], "must be an http"),
    ],
    ids=lambda value: value.kind if isinstance(value, FormField) else repr(value)[:30],
)
def test_what_is_refused(made: FormField, value: Any, reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        sent(made, value)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("made", "value", "result"),
    [
        (field("text-input"), None, None),
        (field("text-input"), "", ""),
        (field("number"), " ", None),
        (field("select", options=["a"]), "", None),
        (field("select", options=["", "a"]), "", ""),
        (FILE, "", None),
        (OBJECT, "", None),
        (field("checkbox"), "", None),
        (field("hologram"), "", None),
    ],
    ids=lambda value: value.kind if isinstance(value, FormField) else repr(value),
)
def test_blanks_are_not_given_except_for_texts(made: FormField, value: Any, result: Any) -> None:
    assert sent(made, value, optional=True) == result


@pytest.mark.parametrize(
    ("made", "default"),
    [
        (field("text-input", default="AI"), "AI"),
        (field("text-input", default=5), "5"),
        (field("text-input", default=""), None),
        (field("text-input"), None),
        (field("text-input", default="too long", max_length=3), None),
        (field("select", options=["a"], default="a"), "a"),
        (field("select", options=["a"], default="b"), None),
        (field("select", options=["a"], default=""), None),
        (field("number", default="5"), 5),
        (field("number", default=0), 0),
        (field("number", default=""), None),
        (field("number", default="many"), None),
        (field("checkbox", default=False), False),
        (field("json_object", default='{"a": 1}'), {"a": 1}),
        (field("file", default={"url": URL}), None),
        (field("file-list", default=[URL]), None),
        (field("hologram", default=[1]), [1]),
    ],
    ids=lambda value: value.kind if isinstance(value, FormField) else repr(value),
)
def test_defaults_the_server_would_take(made: FormField, default: Any) -> None:
    """An empty string is how Dify's forms say "none"; wrong ones would make every run fail."""
    assert default_for(made) == default
    assert type(default_for(made)) is type(default)


@settings(max_examples=150)
@given(st.text(), st.sampled_from([FILE, IMAGE, field("file")]))
def test_no_text_names_a_local_file(text: str, made: FormField) -> None:
    for value in (text, {"url": text}, {"path": text}, {"upload_file_id": text, "type": "image"}, {"content": text}):
        try:
            file = sent(made, value)
        except ValidationError:
            continue
        assert not file.is_local
        assert file.upload_file_id == text or file.url.startswith(("http://", "https://"))
