"""What the app routes remember: files and their addresses, annotations, ratings, variables, voices, people."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from dify_integrations.local import App, LocalDify, Log, Loop, Node, Say, Text, Tool, Variable
from tests.local import wire
from tests.local.conftest import Serve, Served, script

SETTINGS = {"score_threshold": 0.8, "embedding_provider_name": "local", "embedding_model_name": "words"}
FRAME = b"\xff\xfb\x10\xc4" + bytes(100)


def upload(served: Served, name: str = "a b.txt", content: bytes = b"Hello.") -> dict[str, Any]:
    files = {"file": (name, content, "text/plain")}
    reply = served.call("POST", "/files/upload", app="app", files=files, data={"user": "ann"})
    return dict(reply.json())


def use(served: Served, file_id: str) -> dict[str, Any]:
    file = {"type": "document", "transfer_method": "local_file", "upload_file_id": file_id}
    return dict(served.generate("app", streaming=False, files=[file]).json())


# --- files ----------------------------------------------------------------------------------------------------------------


def test_a_file_can_be_previewed_once_a_message_used_it(serve: Serve) -> None:
    served = serve(App("app"), App("other"))
    file_id = upload(served)["id"]
    before = served.call("GET", f"/files/{file_id}/preview", app="app")
    use(served, file_id)
    shown = served.call("GET", f"/files/{file_id}/preview", app="app")
    foreign = served.call("GET", f"/files/{file_id}/preview", app="other")
    assert (before.status_code, before.json()["code"]) == (404, "file_not_found")
    assert (shown.status_code, shown.content, shown.headers["cache-control"]) == (200, b"Hello.", "public, max-age=3600")
    assert (foreign.status_code, foreign.json()["code"]) == (403, "file_access_denied")


def test_a_preview_as_attachment_is_named_and_typed_as_recorded(serve: Serve) -> None:
    served = serve(App("app"))
    file_id = upload(served)["id"]
    use(served, file_id)
    reply = served.call("GET", f"/files/{file_id}/preview?as_attachment=true", app="app")
    assert reply.headers["content-type"] == "application/octet-stream"
    assert reply.headers["content-disposition"] == "attachment; filename*=UTF-8''a%20b.txt"


def test_the_address_of_an_upload_needs_no_key_and_admits_only_its_file(serve: Serve) -> None:
    now = [1_800_000_000.0]
    served = serve(App("app"), clock=lambda: now[0])
    address, other = upload(served)["source_url"], upload(served)["id"]
    assert served.http.get(address).content == b"Hello."
    refused = [served.http.get(address + "x"), served.http.get(address.replace(address.split("/")[4], other))]
    now[0] += 301
    refused.append(served.http.get(address))
    assert [(reply.status_code, reply.json()["message"]) for reply in refused] == [(403, "Invalid request.")] * 3


def test_the_history_lists_the_files_of_user_and_app(serve: Serve) -> None:
    served = serve(App("app"))
    stored = upload(served)
    thread = use(served, stored["id"])["conversation_id"]
    reply = served.call("GET", "/messages", app="app", params={"conversation_id": thread, "user": "ann"})
    (shown,) = reply.json()["data"][0]["message_files"]
    assert (shown["filename"], shown["size"], shown["belongs_to"]) == ("a b.txt", 6, "user")
    assert served.http.get(shown["url"]).content == b"Hello."


# --- conversations --------------------------------------------------------------------------------------------------------


def test_conversation_variables_begin_as_declared_and_keep_what_is_put(serve: Serve) -> None:
    declared = [Variable("turns", "number", 1), Variable("tags", "array[string]", ["a"])]
    served = serve(App("app", "advanced-chat", conversation_variables=declared))
    thread = served.generate("app", streaming=False).json()["conversation_id"]
    path = f"/conversations/{thread}/variables"
    kept = served.call("GET", path, app="app", params={"user": "ann"}).json()["data"]
    assert [variable["value"] for variable in kept] == ["1", "['a']"]
    put = served.call("PUT", f"{path}/{kept[0]['id']}", app="app", json={"user": "ann", "value": 40})
    wrong = served.call("PUT", f"{path}/{kept[1]['id']}", app="app", json={"user": "ann", "value": [1]})
    assert put.json()["value"] == "40"
    assert wrong.json()["message"] == "Type mismatch: variable 'tags' expects array[string], but got array type"


def test_a_rating_is_listed_until_it_is_taken_back(serve: Serve) -> None:
    served = serve(App("app"))
    message = served.generate("app", streaming=False).json()["message_id"]
    path = f"/messages/{message}/feedbacks"
    for rating in ("like", "dislike"):
        served.call("POST", path, app="app", json={"user": "ann", "rating": rating, "content": "because"})
    listed = served.call("GET", "/app/feedbacks", app="app").json()["data"]
    assert [(entry["rating"], entry["content"]) for entry in listed] == [("dislike", "because")]
    taken, again = (served.call("POST", path, app="app", json={"user": "ann", "rating": None}) for _ in range(2))
    assert (taken.status_code, again.status_code) == (200, 400)
    assert served.call("GET", "/app/feedbacks", app="app").json() == {"data": []}


# --- annotations ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["chat", "agent-chat", "advanced-chat"])
def test_an_annotation_answers_what_is_similar_enough(serve: Serve, mode: str) -> None:
    served = serve(App("app", mode, script(Text("Something else."))), silence_s=0.01)
    question = {"question": "What is the secret word?", "answer": "Sesame."}
    made = served.call("POST", "/apps/annotations", app="app", json=question).json()
    served.call("POST", "/apps/annotation-reply/enable", app="app", json=SETTINGS)
    hit, miss = (wire.events(served.generate("app", query=query).content) for query in ("the SECRET word", "Hello"))
    assert "".join(frame.get("answer", "") for frame in hit) == "Sesame."
    assert "".join(frame.get("answer", "") for frame in miss) == "Something else."
    listed = served.call("GET", "/apps/annotations", app="app").json()["data"]
    assert [(entry["id"], entry["hit_count"]) for entry in listed] == [(made["id"], 1)]


# --- speech ---------------------------------------------------------------------------------------------------------------


def test_speech_is_mp3_frames_as_long_as_the_text(serve: Serve) -> None:
    served = serve(App("app"))
    short, long = (
        served.call("POST", "/text-to-audio", app="app", json={"text": text, "user": "ann"}).content for text in ("", "One two.")
    )
    assert short == FRAME
    assert long == FRAME * 20


@pytest.mark.parametrize("mode", ["chat", "agent-chat"])
def test_an_app_that_plays_by_itself_reads_its_answer_after_the_end(serve: Serve, mode: str) -> None:
    served = serve(App("app", mode, script(Text("One "), Text("two.")), speech="auto"))
    frames = wire.events(served.generate().content)
    assert wire.pattern(frames)[-3:] == ["message_end", "tts_message", "tts_message_end"]
    spoken = b"".join(base64.b64decode(frame["audio"]) for frame in frames if frame["event"].startswith("tts"))
    assert spoken == FRAME * 20
    wire.assert_known_frames(
        [frame for frame in frames if frame["event"].startswith("tts")],
        wire.events(wire.recorded("chat_tts_autoplay", "1.12.1")),
        version="1.12.1",
    )


# --- apps -----------------------------------------------------------------------------------------------------------------


def test_an_agent_app_sends_its_whole_answer_at_once_and_hides_its_tools(serve: Serve) -> None:
    says: list[Say] = [Text("I look. "), Tool("clock", {}, "noon"), Text("It is noon.")]
    served = serve(App("app", "agent", script(*says)), version="1.14.3")
    frames = wire.events(served.generate(response_mode=None).content)
    assert [frame.get("answer") for frame in frames] == ["I look. It is noon.", None]
    assert frames[-1]["metadata"]["usage"]["total_tokens"] == 0


def test_agent_apps_need_a_server_that_has_them() -> None:
    with pytest.raises(ValueError, match=r"use 1\.14\.3"):
        LocalDify([App("app", "agent")], version="1.14.2")


@pytest.mark.parametrize(("mode", "message"), [("workflow", "Workflow not published"), ("agent", "model is required")])
def test_unpublished_apps_do_not_run(serve: Serve, mode: str, message: str) -> None:
    served = serve(App("app", mode, published=False), version="1.14.3")
    assert served.generate(silence_s=0.01).json()["message"] == message


def test_an_end_user_is_known_to_the_apps_that_met_it(serve: Serve) -> None:
    served = serve(App("app"), App("other"))
    path = f"/end-users/{upload(served)['created_by']}"
    assert served.call("GET", path, app="app").json()["session_id"] == "ann"
    assert served.call("GET", path, app="other").json()["code"] == "end_user_not_found"


def test_an_upload_that_is_no_form_is_refused_as_json(serve: Serve) -> None:
    served = serve(App("app"))
    headers = {**served.headers("app"), "content-type": "multipart/form-data; boundary=x"}
    reply = httpx.post(served.server.base_url + "/files/upload", content=b"nonsense", headers=headers, trust_env=False)
    assert (reply.status_code, reply.json()["code"]) == (400, "bad_request")


# --- graphs ---------------------------------------------------------------------------------------------------------------


def test_a_loop_has_the_recorded_frames_and_its_nodes_name_it(serve: Serve) -> None:
    rounds = [[Node("assigner", "Increment", id="inc")] for _ in range(2)]
    served = serve(App("app", "workflow", script(Loop("Loop", rounds))))
    mine, real = wire.events(served.generate().content), wire.events(wire.recorded("workflow_iteration_streaming"))
    wire.assert_known_frames(mine, real)
    inside = wire.pattern(mine)[wire.pattern(mine).index("loop_started") :]
    steps = ["node_started:assigner", "node_finished:assigner"]
    assert inside[:7] == ["loop_started", *steps, "loop_next", *steps, "loop_completed"]
    ended = [frame["data"] for frame in mine if frame["event"] == "node_finished" and frame["data"]["node_id"] == "inc"]
    assert [node["execution_metadata"] for node in ended] == [{"loop_id": "loop", "loop_index": number} for number in range(2)]


def test_a_line_of_an_agents_log_is_told_inside_its_node(serve: Serve) -> None:
    lines = [Log("Think", status="start", id="line"), Log("Think", {"thought": "hm"}, id="line")]
    served = serve(App("app", "workflow", script(Node("agent", "Agent", inside=lines))))
    told = [frame for frame in wire.events(served.generate().content) if frame["event"] == "agent_log"]
    names = ["node_execution_id", "id", "label", "parent_id", "error", "status", "data", "metadata", "node_id"]
    assert [list(frame["data"]) for frame in told] == [names, names]
    assert [(frame["data"]["id"], frame["data"]["status"]) for frame in told] == [("line", "start"), ("line", "success")]
