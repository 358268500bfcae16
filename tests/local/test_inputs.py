"""Validation of form inputs and files, with Dify's words."""

from __future__ import annotations

from typing import Any

import pytest

from dify_integrations.local import App, Text, Turn
from tests.local.conftest import Serve, script

FORM: list[dict[str, dict[str, Any]]] = [
    {"text-input": {"variable": "name", "max_length": 5}},
    {"paragraph": {"variable": "bio"}},
    {"select": {"variable": "tone", "options": ["calm", "wild"], "default": "calm"}},
    {"number": {"variable": "age"}},
    {"checkbox": {"variable": "agree"}},
    {"file": {"variable": "doc"}},
    {"file-list": {"variable": "pics", "max_length": 2}},
    {"json_object": {"variable": "meta"}},
    {"external_data_tool": {"variable": "weather"}},
]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"name": "too long"}, "name in input form must be less than 5 characters"),
        ({"name": 5}, "(type 'text-input') name in input form must be a string"),
        ({"bio": []}, "(type 'paragraph') bio in input form must be a string"),
        ({"tone": "loud"}, "tone in input form must be one of the following: ['calm', 'wild']"),
        ({"tone": ""}, "tone in input form must be one of the following: ['calm', 'wild']"),
        ({"tone": 1}, "(type 'select') tone in input form must be a string"),
        ({"age": "old"}, "age in input form must be a valid number"),
        ({"doc": "x"}, "doc in input form must be a file"),
        ({"pics": {}}, "pics in input form must be a list of files"),
        ({"pics": [{}, {}, {}]}, "pics in input form must be less than 2 files"),
        ({"meta": "{}"}, "meta in input form must be a dict"),
    ],
)
@pytest.mark.parametrize("mode", ["chat", "workflow"])
def test_a_value_that_does_not_fit_is_refused(serve: Serve, mode: str, inputs: dict[str, Any], message: str) -> None:
    served = serve(App("app", mode, script(Text("a")), FORM))
    response = served.generate(streaming=False, inputs=inputs)
    assert response.status_code == 400
    assert response.json() == {"code": "invalid_param", "message": message, "status": 400}


def test_a_number_of_a_wrong_type_crashes_as_in_dify(serve: Serve) -> None:
    response = serve(App("app", "chat", script(Text("a")), FORM)).generate(streaming=False, inputs={"age": [1]})
    assert (response.status_code, response.json()["code"]) == (500, "unknown")


@pytest.mark.parametrize("mode", ["completion", "chat", "advanced-chat", "workflow"])
def test_a_missing_required_value_is_refused(serve: Serve, mode: str) -> None:
    served = serve(App("app", mode, script(Text("a")), [{"text-input": {"variable": "x", "required": True}}]))
    assert served.generate(streaming=False).json()["message"] == "x is required in input form"
    assert served.generate(streaming=False, inputs={"x": ""}).status_code == 200


@pytest.mark.parametrize(
    ("mode", "given", "seen"),
    [
        ("chat", {}, {"tone": None}),
        ("workflow", {}, {"tone": "calm"}),
        ("chat", {"age": "42"}, {"age": 42}),
        ("chat", {"age": "4.5"}, {"age": 4.5}),
        ("chat", {"age": " "}, {"age": None}),
        ("chat", {"agree": "yes"}, {"agree": True}),
        ("chat", {"agree": "off"}, {"agree": False}),
        ("chat", {"agree": 1}, {"agree": True}),
        ("chat", {"agree": "perhaps"}, {"agree": "perhaps"}),
        ("chat", {"doc": ""}, {"doc": None}),
        ("chat", {"meta": {"k": 1}}, {"meta": {"k": 1}}),
        ("chat", {"bio": "a\x00b"}, {"bio": "ab"}),
    ],
)
def test_values_are_coerced_and_defaults_applied_as_the_mode_does(
    serve: Serve, mode: str, given: dict[str, Any], seen: dict[str, Any]
) -> None:
    turns: list[Turn] = []

    def said(turn: Turn) -> list[Text]:
        turns.append(turn)
        return [Text("a")]

    served = serve(App("app", mode, said, FORM))
    assert served.generate(streaming=False, inputs={**given, "unknown": 1}).status_code == 200
    assert {name: turns[0].inputs[name] for name in seen} == seen
    assert set(turns[0].inputs) == {"name", "bio", "tone", "age", "agree", "doc", "pics", "meta"}


def upload(served: Any, *, user: str = "ann") -> str:
    reply = served.call("POST", "/files/upload", app="app", data={"user": user}, files={"file": ("a.png", b"x", "image/png")})
    return str(reply.json()["id"])


def test_an_uploaded_file_reaches_the_script(serve: Serve) -> None:
    turns: list[Turn] = []

    def said(turn: Turn) -> list[Text]:
        turns.append(turn)
        return [Text("a")]

    served = serve(App("app", "chat", said))
    file = {"type": "image", "transfer_method": "local_file", "upload_file_id": upload(served)}
    frames = served.generate(files=[file, {"type": "image"}, {"type": "image", "transfer_method": "remote_url"}])
    assert frames.status_code == 200
    assert list(turns[0].files) == [file]
    assert '"filename":"a.png"' in frames.text


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ({"type": "banana", "transfer_method": "remote_url", "url": "http://x"}, "'banana' is not a valid FileType"),
        ({"type": "image", "transfer_method": "local_file", "upload_file_id": "nope"}, "Invalid upload file"),
    ],
)
def test_a_wrong_file_is_refused(serve: Serve, file: dict[str, str], message: str) -> None:
    response = serve(App("app", script=script(Text("a")))).generate(files=[file])
    assert (response.status_code, response.json()["message"]) == (400, message)


def test_somebody_elses_upload_is_refused(serve: Serve) -> None:
    served = serve(App("app", script=script(Text("a"))))
    file = {"type": "image", "transfer_method": "local_file", "upload_file_id": upload(served, user="bob")}
    assert served.generate(files=[file]).json()["message"] == "Invalid upload file"


def test_too_many_images_are_refused(serve: Serve) -> None:
    image = {"type": "image", "transfer_method": "remote_url", "url": "http://x/a.png"}
    response = serve(App("app", script=script(Text("a")))).generate(files=[image] * 4)
    assert response.json()["message"] == "Number of image files exceeds the maximum limit 3"


def test_files_are_ignored_when_the_app_takes_none(serve: Serve) -> None:
    served = serve(App("app", script=script(Text("a")), files=False))
    assert served.generate(files=[{"type": "banana", "transfer_method": "local_file"}]).status_code == 200
    assert served.call("GET", "/parameters", app="app").json()["file_upload"] == {"enabled": False}
