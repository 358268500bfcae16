"""What can be read back: conversations, messages, runs, apps, uploads, datasets; shapes as recorded."""

from __future__ import annotations

from typing import Any

import pytest

from dify_integrations.local import App, Dataset, Node, Outputs, Pause, Text, Tool, Turn
from tests.local import wire
from tests.local.conftest import Serve, Served, script

NOBODY = "00000000-0000-4000-8000-00000000dead"


def echo(turn: Turn) -> list[Text]:
    return [Text(f"{len(turn.history) + 1}: {turn.query}")]


def talk(served: Served, *queries: str, **options: Any) -> str:
    """A conversation of some turns; its id."""
    thread = ""
    for query in queries:
        body = served.generate(streaming=False, query=query, conversation_id=thread, **options).json()
        thread = body["conversation_id"]
    return thread


def test_a_script_sees_the_history_of_its_conversation(serve: Serve) -> None:
    histories: list[Any] = []

    def said(turn: Turn) -> list[Text]:
        histories.append(turn.history)
        return echo(turn)

    talk(serve(App("app", script=said)), "one", "two")
    assert histories == [(), (("one", "1: one"),)]


def test_messages_are_paged_backwards_and_read_forwards(serve: Serve) -> None:
    served = serve(App("app", script=echo, inputs_form=[{"text-input": {"variable": "name"}}]))
    thread = talk(served, "a", "b", "c")
    path = f"/messages?user=ann&conversation_id={thread}&limit=2"
    newest = served.call("GET", path, app="app").json()
    assert [message["query"] for message in newest["data"]] == ["b", "c"]
    assert (newest["limit"], newest["has_more"]) == (2, True)
    older = served.call("GET", f"{path}&first_id={newest['data'][0]['id']}", app="app").json()
    assert [message["query"] for message in older["data"]] == ["a"]
    assert older["has_more"] is False
    assert newest["data"][0]["inputs"] == {"name": None}
    wire.assert_same_keys(newest, wire.recorded_body("messages_pagination", "GET", "/messages"))


def test_thoughts_and_sources_of_a_message_are_kept(serve: Serve) -> None:
    served = serve(
        App("app", "agent-chat", script(Text("Wait. "), Tool("clock", {}, "noon"), Text("It is noon."))),
        App("rag", "advanced-chat", datasets=[Dataset("D", {"a.txt": "Apples are red."})]),
    )
    thread = wire.events(served.generate("app").content)[0]["conversation_id"]
    kept = served.call("GET", f"/messages?user=ann&conversation_id={thread}", app="app").json()
    wire.assert_same_keys(kept, wire.recorded_body("agent_multi_turn", "GET", "/messages"))
    assert [thought["tool"] for thought in kept["data"][0]["agent_thoughts"]] == ["clock", ""]
    thread = served.generate("rag", streaming=False, query="apples?").json()["conversation_id"]
    kept = served.call("GET", f"/messages?user=ann&conversation_id={thread}", app="rag").json()
    wire.assert_same_keys(kept, wire.recorded_body("chatflow_stop", "GET", "/messages"))
    assert kept["data"][0]["retriever_resources"][0]["content"] == "Apples are red."


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("user=ann", 400, "conversation_id\n  Field required"),
        (f"user=ann&conversation_id={NOBODY}", 404, "Conversation Not Exists."),
        ("user=ann&conversation_id={id}&first_id=bogus", 400, "must be a valid UUID"),
        (f"user=ann&conversation_id={{id}}&first_id={NOBODY}", 404, "First Message Not Exists."),
        ("user=ann&conversation_id={id}&limit=0", 400, "greater than or equal to 1"),
        ("user=ann&conversation_id={id}&limit=500", 400, "less than or equal to 100"),
        ("user=bob&conversation_id={id}", 404, "Conversation Not Exists."),
        ("conversation_id={id}", 404, "Conversation Not Exists."),
    ],
)
def test_wrong_questions_about_messages(serve: Serve, query: str, status: int, words: str) -> None:
    served = serve(App("app", script=echo))
    response = served.call("GET", f"/messages?{query.format(id=talk(served, 'a'))}", app="app")
    assert response.status_code == status
    assert words in response.json()["message"]


def test_conversations_are_paged_by_the_last_one_seen(serve: Serve) -> None:
    served = serve(App("app", script=echo, opening_statement="Welcome"))
    for query in ("first", "second", "a third one that is long"):
        talk(served, query)
    page = served.call("GET", "/conversations?user=ann&limit=2", app="app").json()
    assert [thread["name"] for thread in page["data"]] == ["a third one that is …", "second"]
    assert page["has_more"] is True
    path = f"/conversations?user=ann&limit=2&last_id={page['data'][-1]['id']}"
    rest = served.call("GET", path, app="app").json()
    assert [thread["name"] for thread in rest["data"]] == ["first"]
    assert rest["has_more"] is False
    oldest = served.call("GET", "/conversations?user=ann&sort_by=created_at", app="app").json()
    assert oldest["data"][0]["name"] == "first"
    wire.assert_same_keys(page, wire.recorded_body("conversations", "GET", "/conversations"))


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("user=ann&sort_by=bogus", 400, "Input should be 'created_at'"),
        ("user=ann&limit=101", 400, "less than or equal to 100"),
        ("user=ann&limit=x", 400, "valid integer"),
        ("user=ann&last_id=bogus", 400, "must be a valid UUID"),
        (f"user=ann&last_id={NOBODY}", 404, "Last Conversation Not Exists."),
    ],
)
def test_wrong_questions_about_conversations(serve: Serve, query: str, status: int, words: str) -> None:
    response = serve().call("GET", f"/conversations?{query}", app="chat")
    assert response.status_code == status
    assert words in response.json()["message"]


@pytest.mark.parametrize("query", ["", "?user=nobody"])
def test_nobody_has_no_conversations(serve: Serve, query: str) -> None:
    served = serve(App("app", script=echo))
    talk(served, "a")
    page = served.call("GET", f"/conversations{query}", app="app").json()
    assert page == {"limit": 20, "has_more": False, "data": []}


def test_a_deleted_conversation_is_gone(serve: Serve) -> None:
    served = serve(App("app", script=echo))
    thread = talk(served, "a")
    path = f"/conversations/{thread}"
    assert served.call("DELETE", path, app="app").status_code == 415
    assert served.call("DELETE", path, app="app", json={"user": "bob"}).status_code == 404
    deleted = served.call("DELETE", path, app="app", json={"user": "ann"})
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert served.call("DELETE", path, app="app", json={"user": "ann"}).status_code == 404
    assert served.generate(conversation_id=thread).status_code == 404


def test_suggested_questions(serve: Serve) -> None:
    served = serve(App("on", script=echo, suggested_questions=["More?"]), App("off", script=echo, suggested_questions=None))
    on, off = (served.generate(name, streaming=False).json()["message_id"] for name in ("on", "off"))
    reply = served.call("GET", f"/messages/{on}/suggested?user=ann", app="on")
    assert reply.json() == {"result": "success", "data": ["More?"]}
    refused = served.call("GET", f"/messages/{off}/suggested?user=ann", app="off")
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_request")
    assert served.call("GET", f"/messages/{on}/suggested?user=bob", app="on").status_code == 404
    assert served.call("GET", f"/messages/{NOBODY}/suggested?user=ann", app="on").status_code == 404
    assert served.call("GET", f"/messages/{on}/suggested", app="on").json()["code"] == "invalid_param"


@pytest.mark.parametrize(
    ("mode", "recording", "path"),
    [
        ("chat", "messages_pagination", "/chat-messages"),
        ("completion", "completion_blocking", "/completion-messages"),
        ("workflow", "workflow_blocking", "/workflows/run"),
        ("advanced-chat", "chatflow_workflow_id", "/chat-messages"),
    ],
)
def test_a_blocking_answer_has_the_recorded_keys(serve: Serve, mode: str, recording: str, path: str) -> None:
    served = serve(App("app", mode, script(Text("a"))))
    body = served.generate(streaming=False).json()
    wire.assert_same_keys(body, wire.recorded_body(recording, "POST", path))
    assert body.get("answer", body.get("data", {}).get("outputs", {}).get("text")) == "a"


def test_blocking_is_the_default(serve: Serve) -> None:
    served = serve(App("app", script=echo))
    reply = served.call("POST", "/chat-messages", app="app", json={"query": "x", "inputs": {}, "user": "ann"})
    assert reply.json()["answer"] == "1: x"


def test_a_paused_blocking_workflow_has_the_recorded_keys(serve: Serve) -> None:
    served = serve(App("app", "workflow", script(Text("a"), Pause())))
    body = served.generate(streaming=False).json()
    wire.assert_same_keys(body, wire.recorded_body("human_input_blocking", "POST", "/workflows/run"))
    assert (body["data"]["status"], body["data"]["paused_nodes"]) == ("paused", ["human"])


def test_a_paused_blocking_chatflow_says_so(serve: Serve) -> None:
    served = serve(App("app", "advanced-chat", script(Text("so far"), Pause())))
    body = served.generate(streaming=False).json()
    assert (body["event"], body["answer"], body["data"]["status"]) == ("workflow_paused", "so far", "paused")
    assert body["data"]["workflow_run_id"] == body["workflow_run_id"]


def test_the_detail_of_a_run(serve: Serve) -> None:
    form = [{"text-input": {"variable": "topic"}}]
    served = serve(App("app", "workflow", script(Text("a"), Outputs({"x": 1})), form), App("other", "workflow"))
    run_id = served.generate("app", streaming=False, inputs={"topic": "猫"}).json()["workflow_run_id"]
    detail = served.call("GET", f"/workflows/run/{run_id}", app="app").json()
    recorded = wire.recorded_body("workflow_run_detail", "GET", "*")
    wire.assert_same_keys(detail, recorded)
    assert (detail["status"], detail["outputs"]) == ("succeeded", {"x": 1})
    assert '"topic": "\\u732b"' in detail["inputs"]
    assert served.call("GET", f"/workflows/run/{run_id}", app="other").status_code == 404


def test_the_outputs_of_a_run_are_those_of_its_end_node(serve: Serve) -> None:
    served = serve(App("app", "workflow", script(Text("a"), Outputs({"x": 1}), Node("end", "Done"))))
    frames = wire.events(served.generate().content)
    ends = [frame["data"]["outputs"] for frame in frames if frame["event"] in {"node_finished", "workflow_finished"}]
    assert ends[-2:] == [{"x": 1}, {"x": 1}]


@pytest.mark.parametrize("name", ["chat", "completion", "agent", "chatflow", "workflow"])
def test_an_app_introduces_itself(serve: Serve, name: str) -> None:
    served = serve()
    info = served.call("GET", "/info", app=name).json()
    assert list(info) == ["name", "description", "tags", "mode", "author_name"]
    assert (info["name"], info["mode"]) == (name, served.server.app(name).mode)
    assert served.call("GET", "/meta", app=name).json() == {"tool_icons": {}}


def test_the_parameters_have_the_recorded_keys(serve: Serve) -> None:
    form = [{"select": {"variable": "tone", "options": ["a"]}}]
    served = serve(App("app", inputs_form=form, opening_statement="Hello"))
    shown = served.call("GET", "/parameters", app="app").json()
    recorded = wire.recorded_body("app_info_all", "GET", "/parameters", version="1.12.1")
    assert list(shown) == list(recorded)
    assert list(shown["system_parameters"]) == list(recorded["system_parameters"])
    assert shown["opening_statement"] == "Hello"
    assert shown["user_input_form"] == [{"select": {"label": "tone", "required": False, "variable": "tone", "options": ["a"]}}]


def test_an_upload_has_the_recorded_keys(serve: Serve) -> None:
    served = serve()
    files = {"file": ("名字.TXT", b"hello", "text/plain")}
    reply = served.call("POST", "/files/upload", app="chat", data={"user": "ann"}, files=files)
    assert reply.status_code == 201
    wire.assert_same_keys(reply.json(), wire.recorded_body("files_upload", "POST", "/files/upload", status=201))
    shown = {name: reply.json()[name] for name in ("name", "size", "extension", "mime_type")}
    assert shown == {"name": "名字.TXT", "size": 5, "extension": "txt", "mime_type": "text/plain"}


def test_an_upload_needs_a_file(serve: Serve) -> None:
    served = serve()
    bodies: list[dict[str, Any]] = [{"data": {"user": "ann"}}, {"json": {"user": "ann"}}]
    for options in bodies:
        reply = served.call("POST", "/files/upload", app="chat", **options)
        assert (reply.status_code, reply.json()["code"]) == (400, "no_file_uploaded")


def test_an_upload_has_a_limit(serve: Serve) -> None:
    files = {"file": ("a.txt", b"x" * (15 * 1024 * 1024 + 1), "text/plain")}
    reply = serve().call("POST", "/files/upload", app="chat", files=files)
    assert (reply.status_code, reply.json()) == (413, {"code": "file_too_large", "message": "", "status": 413})


def test_datasets_are_listed_with_the_recorded_keys(serve: Serve) -> None:
    served = serve(App("app"), datasets=[Dataset(f"D{n}", {"a.txt": "x"}, metadata={"a.txt": {"y": n}}) for n in range(3)])
    page = served.call("GET", "/datasets?limit=2").json()
    assert [dataset["name"] for dataset in page["data"]] == ["D0", "D1"]
    assert (page["total"], page["has_more"], page["page"], page["limit"]) == (3, True, 1, 2)
    recorded = wire.recorded_body("dataset_list", "GET", "/datasets")
    recorded["data"] = recorded["data"][1:]
    wire.assert_same_keys(page, recorded)
    assert served.call("GET", "/datasets?page=2&limit=2").json()["data"][0]["name"] == "D2"
    assert served.call("GET", "/datasets?keyword=d1").json()["total"] == 1
    assert served.call("GET", "/datasets?page=x").json()["code"] == "invalid_param"
    one = served.call("GET", f"/datasets/{page['data'][0]['id']}").json()
    assert one == page["data"][0]
    assert served.call("GET", f"/datasets/{NOBODY}").json()["message"] == "Dataset not found."


def test_documents_are_listed_with_the_recorded_keys(serve: Serve) -> None:
    served = serve()
    path = f"/datasets/{served.server.dataset('Handbook').id}/documents"
    page = served.call("GET", f"{path}?limit=2").json()
    assert [document["name"] for document in page["data"]] == ["保修.txt", "streaming.txt"]
    wire.assert_same_keys(page, wire.recorded_body("documents_list", "GET", "*/documents"))
    assert served.call("GET", f"{path}?keyword=ship").json()["data"][0]["name"] == "shipping.txt"
    assert served.call("GET", f"{path}?status=disabled").json()["data"] == []
