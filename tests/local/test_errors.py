"""Refusals: keys, modes, users, bodies, ids, unknown routes, each with the recorded envelope."""

from __future__ import annotations

from typing import Any

import pytest

from dify_integrations.local import App, Fail, Node, Text
from tests.local.conftest import Serve, script

NOBODY = "00000000-0000-4000-8000-00000000dead"
CHAT = {"query": "hi", "inputs": {}, "user": "ann"}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, "Authorization header must be provided and start with 'Bearer'"),
        ("app-without-scheme", "Authorization header must be provided and start with 'Bearer'"),
        ("Basic abc", "Authorization scheme must be 'Bearer'"),
        ("Bearer app-wrong", "Access token is invalid"),
    ],
)
@pytest.mark.parametrize("path", ["/info", "/datasets"])
def test_a_wrong_key_is_a_401(serve: Serve, path: str, header: str | None, message: str) -> None:
    served = serve()
    headers = {"Authorization": header} if header else {}
    response = served.http.get(served.server.base_url + path, headers=headers)
    assert response.status_code == 401
    assert response.json() == {"code": "unauthorized", "message": message, "status": 401}
    assert response.headers["www-authenticate"] == 'Bearer realm="api"'


def test_the_two_kinds_of_keys_do_not_open_each_others_doors(serve: Serve) -> None:
    served = serve()
    assert served.call("GET", "/datasets", app="chat").status_code == 401
    assert served.call("GET", "/info").status_code == 401


def test_the_scheme_is_case_insensitive(serve: Serve) -> None:
    served = serve()
    headers = {"Authorization": f"bearer {served.server.app('chat').api_key}"}
    assert served.http.get(served.server.base_url + "/info", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("app", "method", "path", "code"),
    [
        ("chat", "POST", "/completion-messages", "app_unavailable"),
        ("chat", "POST", "/workflows/run", "not_workflow_app"),
        ("completion", "POST", "/chat-messages", "not_chat_app"),
        ("workflow", "POST", "/chat-messages", "not_chat_app"),
        ("chatflow", "POST", "/workflows/run", "not_workflow_app"),
        ("workflow", "POST", "/completion-messages", "app_unavailable"),
        ("workflow", "GET", "/conversations", "not_chat_app"),
        ("completion", "GET", f"/messages?conversation_id={NOBODY}", "not_chat_app"),
        ("chat", "GET", f"/workflows/run/{NOBODY}", "not_workflow_app"),
        ("chat", "POST", f"/workflows/tasks/{NOBODY}/stop", "not_workflow_app"),
        ("chat", "POST", f"/completion-messages/{NOBODY}/stop", "app_unavailable"),
        ("completion", "POST", f"/chat-messages/{NOBODY}/stop", "not_chat_app"),
        ("completion", "GET", f"/messages/{NOBODY}/suggested?user=ann", "not_chat_app"),
        ("workflow", "DELETE", f"/conversations/{NOBODY}", "not_chat_app"),
    ],
)
def test_a_route_of_another_mode_is_a_400(serve: Serve, app: str, method: str, path: str, code: str) -> None:
    body = None if method == "GET" else CHAT
    response = serve().call(method, path, app=app, json=body)
    assert (response.status_code, response.json()["code"]) == (400, code)


@pytest.mark.parametrize("user", [None, ""])
@pytest.mark.parametrize(
    ("app", "path"),
    [
        ("chat", "/chat-messages"),
        ("completion", "/completion-messages"),
        ("workflow", "/workflows/run"),
        ("chat", "/chat-messages/x/stop"),
        ("workflow", "/workflows/tasks/x/stop"),
    ],
)
def test_a_missing_user_is_a_400(serve: Serve, app: str, path: str, user: str | None) -> None:
    body = {**CHAT, "user": user}
    response = serve().call("POST", path, app=app, json=body)
    assert response.status_code == 400
    assert response.json() == {"code": "invalid_param", "message": "Arg user must be provided.", "status": 400}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"inputs": {}}, ["1 validation error for ChatRequestPayload\nquery\n  Field required [type=missing"]),
        ({"query": "x"}, ["inputs\n  Field required"]),
        ({}, ["2 validation errors", "inputs\n", "query\n"]),
        ({"query": "x", "inputs": []}, ["inputs\n  Input should be a valid dictionary"]),
        ({**CHAT, "response_mode": "bogus"}, ["response_mode\n  Input should be 'blocking' or 'streaming'"]),
        ({**CHAT, "conversation_id": "bogus"}, ["Value error, conversation_id must be a valid UUID"]),
    ],
)
def test_a_wrong_body_is_explained_as_pydantic_does(serve: Serve, body: dict[str, Any], words: list[str]) -> None:
    response = serve().call("POST", "/chat-messages", app="chat", json={"user": "ann", **body})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_param")
    assert all(part in response.json()["message"] for part in words)


@pytest.mark.parametrize(
    ("content", "content_type", "status", "code"),
    [
        (b"{not json", "application/json", 400, "bad_request"),
        (b"", "application/json", 400, "bad_request"),
        (b"query=hi", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
        (b"[1,2]", "application/json", 500, "unknown"),
        (b"null", "application/json", 500, "unknown"),
    ],
)
def test_a_body_that_is_no_json_object(serve: Serve, content: bytes, content_type: str, status: int, code: str) -> None:
    served = serve()
    headers = {**served.headers("chat"), "Content-Type": content_type}
    response = served.http.post(served.server.base_url + "/chat-messages", content=content, headers=headers)
    assert (response.status_code, response.json()["code"], response.json()["status"]) == (status, code, status)


@pytest.mark.parametrize(
    "path",
    [
        "/no-such-endpoint",
        "/chat-messages/",
        "/datasets/bogus",
        "/messages/bogus/suggested",
        "/conversations/bogus",
        "/",
    ],
)
def test_an_unknown_route_or_malformed_id_is_an_html_404(serve: Serve, path: str) -> None:
    response = serve().call("GET", path, app="chat")
    assert response.status_code == 404
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.text.startswith("<!doctype html>")


def test_a_wrong_verb_is_a_405(serve: Serve) -> None:
    response = serve().call("GET", "/chat-messages", app="chat")
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")


def test_an_agent_refuses_blocking(serve: Serve) -> None:
    response = serve().generate("agent", streaming=False)
    assert response.status_code == 400
    assert response.json()["message"] == "Agent Chat App does not support blocking mode"


@pytest.mark.parametrize(("app", "streaming"), [("chat", True), ("chat", False), ("agent", True)])
def test_an_unknown_conversation_is_a_404_with_a_suggestion(serve: Serve, app: str, streaming: bool) -> None:
    response = serve().generate(app, streaming=streaming, conversation_id=NOBODY)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    message = response.json()["message"]
    assert message.startswith("Conversation Not Exists. You have requested this URI [/v1/chat-messages]")


def test_a_conversation_belongs_to_its_user_and_its_app(serve: Serve) -> None:
    served = serve(App("one", script=script(Text("a"))), App("two", script=script(Text("b"))))
    thread = served.generate("one", streaming=False).json()["conversation_id"]
    assert served.generate("one", conversation_id=thread).status_code == 200
    assert served.generate("one", conversation_id=thread, user="bob").status_code == 404
    assert served.generate("two", conversation_id=thread).status_code == 404


@pytest.mark.parametrize("conversation_id", ["", None])
def test_an_empty_conversation_id_starts_a_new_one(serve: Serve, conversation_id: str | None) -> None:
    served = serve(App("app", script=script(Text("a"))))
    first, second = (served.generate(streaming=False, conversation_id=conversation_id).json()["conversation_id"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize(
    ("mode", "status", "code", "message"),
    [
        ("chat", 400, "provider_quota_exceeded", "No quota."),
        ("completion", 400, "provider_quota_exceeded", "No quota."),
        ("advanced-chat", 400, "invalid_param", "Run failed: No quota."),
    ],
)
def test_a_failed_blocking_run_is_an_http_error(serve: Serve, mode: str, status: int, code: str, message: str) -> None:
    served = serve(App("app", mode, script(Text("a"), Fail("No quota.", "provider_quota_exceeded"))))
    response = served.generate(streaming=False)
    assert response.status_code == status
    assert response.json() == {"code": code, "message": message, "status": status}


def test_a_failed_blocking_workflow_is_a_200(serve: Serve) -> None:
    served = serve(App("app", "workflow", script(Node("code", "Code", status="failed", error="Boom."))))
    response = served.generate(streaming=False)
    assert response.status_code == 200
    assert (response.json()["data"]["status"], response.json()["data"]["error"]) == ("failed", "Boom.")
    assert response.json()["data"]["outputs"] == {}


def test_a_failed_message_is_kept_with_its_error(serve: Serve) -> None:
    served = serve(App("app", script=script(Text("a"), Fail("Broken."))))
    thread = served.generate().text.split('"conversation_id":"')[1][:36]
    kept = served.call("GET", f"/messages?user=ann&conversation_id={thread}", app="app").json()["data"][0]
    assert (kept["answer"], kept["status"], kept["error"]) == ("", "error", "Broken.")


@pytest.mark.parametrize(
    ("workflow_id", "status", "code"), [("bogus", 400, "bad_request"), (NOBODY, 404, "not_found"), ("own", 200, None)]
)
def test_a_pinned_workflow(serve: Serve, workflow_id: str, status: int, code: str | None) -> None:
    served = serve(App("flow", "workflow", script(Text("a"))), App("chat", "advanced-chat", script(Text("a"))))
    for app in ("flow", "chat"):
        pinned = served.server.app(app).workflow_id if workflow_id == "own" else workflow_id
        if app == "flow":
            body = {"inputs": {}, "user": "ann"}
            response = served.call("POST", f"/workflows/{pinned}/run", app="flow", json=body)
        else:
            response = served.generate("chat", streaming=False, workflow_id=pinned)
        assert response.status_code == status
        assert response.json().get("code") == code


def test_a_malformed_run_id_is_a_crash(serve: Serve) -> None:
    response = serve().call("GET", "/workflows/run/bogus", app="workflow")
    assert (response.status_code, response.json()["code"]) == (500, "unknown")
