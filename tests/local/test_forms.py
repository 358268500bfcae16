"""Forms: how they are shown and submitted, who may do so, and what the main branch does otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from dify_integrations.local import App, Node, Pause, Text
from tests.local import wire
from tests.local.asking import ASK, NOTE, resumed, waiting
from tests.local.conftest import Serve, script
from tests.local.flows import FORMS, form, named, run_id, said, settled, submit

MAIN = "1.14.3"


def test_a_form_is_shown_as_recorded(serve: Serve) -> None:
    served, paused = waiting(serve)
    asked = form(paused)
    reply = served.call("GET", f"{FORMS}/{asked['form_token']}", app="app")
    real = wire.recorded_body("human_input_pause", "GET", "/form/human_input/0UwT8LEn3z97jKYpI06xYb")
    wire.assert_same_keys(reply.json(), real)
    assert reply.json()["form_content"] == ASK.form_content
    assert reply.json()["user_actions"] == asked["actions"]
    assert not reply.content.endswith(b"\n")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("app", "token"), [("app", "no-such-token"), ("other", None)])
def test_a_form_of_somebody_else_is_not_found(serve: Serve, method: str, app: str, token: str | None) -> None:
    served, paused = waiting(serve)
    path = f"{FORMS}/{token or form(paused)['form_token']}"
    body = {"action": "approve", "inputs": {"note": "x"}, "user": "ann"}
    reply = served.call(method, path, app=app, json=body if method == "POST" else None)
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
    assert reply.json()["message"].startswith("Form not found.")


def test_a_form_outside_of_the_web_app_has_a_token_that_nobody_can_use(serve: Serve) -> None:
    served, paused = waiting(serve, said=script(Pause(display_in_ui=False)))
    assert form(paused)["display_in_ui"] is False
    assert submit(served, form(paused)["form_token"]).status_code == 404


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"action": "no_such_action", "inputs": {"note": "x"}}, "invalid_form_data", "Invalid action: no_such_action"),
        ({"action": "approve", "inputs": {}}, "invalid_form_data", "Missing required inputs: note"),
        ({"inputs": {"note": "x"}}, "invalid_param", "HumanInputFormSubmitPayload\naction\n  Field required [type=missing"),
        ({"action": "approve"}, "invalid_param", "HumanInputFormSubmitPayload\ninputs\n  Field required [type=missing"),
        ({"action": 1, "inputs": 2}, "invalid_param", "2 validation errors for HumanInputFormSubmitPayload"),
        ({"action": "approve", "inputs": {"note": "x"}, "user": ""}, "invalid_param", "Arg user must be provided."),
    ],
)
def test_a_wrong_submission_is_refused_and_the_form_stays_open(serve: Serve, body: Any, code: str, words: str) -> None:
    served, paused = waiting(serve)
    path = f"{FORMS}/{form(paused)['form_token']}"
    reply = served.call("POST", path, app="app", json={"user": "ann", **body})
    assert (reply.status_code, reply.json()["code"]) == (400, code)
    assert words in reply.json()["message"]
    assert served.call("GET", path, app="app").status_code == 200


def test_a_body_that_is_no_json_is_refused(serve: Serve) -> None:
    served, paused = waiting(serve)
    headers = {**served.headers("app"), "content-type": "application/json"}
    url = f"{served.server.base_url}{FORMS}/{form(paused)['form_token']}"
    reply = served.http.post(url, content=b"{bad", headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (400, "bad_request")


def test_a_form_is_submitted_once_by_anybody(serve: Serve) -> None:
    served, paused = waiting(serve)
    token, form_id = form(paused)["form_token"], form(paused)["form_id"]
    assert submit(served, token, user="somebody-else", note="x").status_code == 200
    for reply in (submit(served, token, note="x"), served.call("GET", f"{FORMS}/{token}", app="app")):
        assert reply.status_code == 412
        assert reply.json() == {
            "code": "human_input_form_submitted",
            "message": f"This form has already been submitted by another user, form_id={form_id}",
            "status": 412,
        }


def test_an_expired_form_takes_no_answer(serve: Serve) -> None:
    served, paused = waiting(serve, said=script(Pause(expires_s=0)))
    token, form_id = form(paused)["form_token"], form(paused)["form_id"]
    for reply in (submit(served, token), served.call("GET", f"{FORMS}/{token}", app="app")):
        assert reply.status_code == 412
        text = f"This form has expired, form_id={form_id}"
        assert reply.json() == {"code": "human_input_form_expired", "message": text, "status": 412}


def test_a_value_of_a_wrong_type_is_taken_and_fails_the_run(serve: Serve) -> None:
    served, paused = waiting(serve)
    after = resumed(served, paused, note=5)
    real = wire.events(wire.recorded("human_input_form_wrong_types.2"))
    assert wire.pattern(after) == wire.pattern(real)
    wire.assert_known_frames(after, real)
    error = "HumanInput file list input expects a string, output_variable_name=note, got=int"
    assert (after[-1]["data"]["status"], after[-1]["data"]["error"]) == ("failed", error)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_older_servers_have_no_forms(serve: Serve, method: str) -> None:
    reply = serve(App("app"), version="1.13.3").call(method, f"{FORMS}/x", app="app", json={})
    assert (reply.status_code, reply.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_the_history_shows_the_forms(serve: Serve) -> None:
    for version, folder in (("1.14.2", "1.14.2"), (MAIN, "1.14")):
        served, paused = waiting(serve, "advanced-chat", said=script(Text("x"), ASK), version=version)
        path = f"/messages?user=ann&conversation_id={paused[1]['conversation_id']}"
        before = served.call("GET", path, app="app").json()
        resumed(served, paused, note="x")
        after = served.call("GET", path, app="app").json()
        shown = [page["data"][0]["extra_contents"][0] for page in (before, after)]
        assert [content["submitted"] for content in shown] == [False, True]
        wire.assert_same_keys(before, wire.recorded_body("human_input_chatflow_approve", "GET", "/messages", folder))
        real = wire.recorded_body("human_input_chatflow_mid", "GET", "/messages", folder)
        wire.assert_same_keys(after, real)
        assert (shown[1]["form_definition"] is None) == (version != MAIN)
        assert "submitted_data" in shown[1]["form_submission_data"] or version != MAIN


# --- the main branch --------------------------------------------------------------------------------------------------


def test_the_main_branch_repeats_the_text_and_never_streams_the_rest(serve: Serve) -> None:
    says = script(Text("Before. "), Node("answer", "Answer"), ASK, Text("After."))
    served, paused = waiting(serve, "advanced-chat", said=says, version=MAIN)
    after = resumed(served, paused, note="x")
    real = wire.events(wire.recorded("human_input_chatflow_mid.2", "1.14"))
    assert wire.pattern(after) == wire.pattern(real)
    wire.assert_known_frames(after, real, version="1.14")
    assert said(after) == "Before. "
    assert settled(served, run_id(paused))["outputs"]["answer"] == "Before. After."
    path = f"/messages?user=ann&conversation_id={paused[1]['conversation_id']}"
    (message,) = served.call("GET", path, app="app").json()["data"]
    assert message["answer"] == "Before. Before. "


def test_the_main_branch_says_everything_when_nothing_was_said_before(serve: Serve) -> None:
    served, paused = waiting(serve, "advanced-chat", said=script(ASK, Text("After.")), version=MAIN)
    assert said(resumed(served, paused, note="x")) == "After."


TYPED: list[dict[str, Any]] = [
    NOTE,
    {"output_variable_name": "rating", "type": "select", "option_source": {"type": "constant", "value": ["good", "bad"]}},
    {"output_variable_name": "doc", "type": "file"},
    {"output_variable_name": "pics", "type": "file-list", "number_limits": 3},
]
REMOTE = {"type": "image", "transfer_method": "remote_url", "url": "http://127.0.0.1:1/cat.png"}


def test_the_main_branch_repeats_what_was_submitted(serve: Serve) -> None:
    text = "{{#$output.rating#}} {{#$output.doc#}} {{#$output.pics#}}"
    served, paused = waiting(serve, said=script(Pause(text, inputs=TYPED)), version=MAIN)
    upload = served.call("POST", "/files/upload", app="app", data={"user": "ann"}, files={"file": ("n.txt", b"abc", "text/plain")})
    local = {"type": "document", "transfer_method": "local_file", "upload_file_id": upload.json()["id"]}
    (filled,) = named(resumed(served, paused, note="n", rating="good", doc=local, pics=[REMOTE]), "human_input_form_filled")
    assert filled["rendered_content"] == "good [file] [1 files]"
    assert filled["submitted_data"]["doc"]["filename"] == "n.txt"
    assert (filled["submitted_data"]["pics"][0]["url"], filled["submitted_data"]["note"]) == (REMOTE["url"], "n")
    real = wire.events(wire.recorded("human_input_twice_one_stream.2", "1.14"))
    (theirs,) = named(real, "human_input_form_filled")[1:]
    assert list(filled["submitted_data"]["doc"]) == list(theirs["submitted_data"]["doc"])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"rating": "not an option"}, "Invalid value for select input 'rating': not an option"),
        ({"doc": "not a file"}, "Invalid value for file input 'doc': expected mapping"),
        ({"pics": ["not a file"]}, "Invalid value for file-list input 'pics'"),
    ],
)
def test_the_main_branch_checks_typed_inputs(serve: Serve, wrong: dict[str, Any], words: str) -> None:
    served, paused = waiting(serve, said=script(Pause(inputs=TYPED)), version=MAIN)
    values = {"note": "n", "rating": "good", "doc": REMOTE, "pics": []}
    reply = submit(served, form(paused)["form_token"], **{**values, **wrong})
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_form_data")
    assert reply.json()["message"].startswith(words)
