"""The differences between Dify releases, each against a recording of that release where there is one."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from dify_integrations.local import App, Fail, Gate, Text
from tests.local import wire
from tests.local.conftest import Serve, script

NOBODY = "00000000-0000-4000-8000-00000000dead"


@pytest.mark.parametrize(
    ("version", "last"),
    [
        ("1.12.1", ["workflow_finished", "message_end"]),
        ("1.13.0", ["node_finished:answer", "workflow_finished"]),
        ("1.13.1", ["message_end", "workflow_finished"]),
        ("1.14.2", ["message_end", "workflow_finished"]),
    ],
)
def test_a_chatflow_ends_in_the_order_of_its_release(serve: Serve, version: str, last: list[str]) -> None:
    served = serve(App("app", "advanced-chat", script(Text("a"))), version=version)
    assert wire.pattern(wire.events(served.generate().content))[-2:] == last


@pytest.mark.parametrize(("version", "pings"), [("1.12.1", False), ("1.13.0", True), ("1.14.2", True)])
@pytest.mark.parametrize("mode", ["advanced-chat", "workflow"])
def test_only_the_relay_pings_at_once(serve: Serve, mode: str, version: str, pings: bool) -> None:
    served = serve(App("app", mode, script(Text("a"))), version=version)
    assert (wire.events(served.generate().content)[0]["event"] == "ping") is pings


def test_old_servers_send_an_error_after_a_failed_chatflow(serve: Serve) -> None:
    served = serve(App("app", "advanced-chat", script(Text("a"), Fail("Broken."))), version="1.12.1")
    mine = wire.events(served.generate().content)
    real = wire.events(wire.recorded("chatflow_llm_error_streaming", "1.12.1"))
    assert wire.pattern(mine)[-4:] == wire.pattern(real)[-4:]
    assert list(mine[-1]) == list(real[-1])
    assert mine[-1]["message"] == "Run failed: Broken."


def test_old_servers_send_message_end_after_a_stopped_chatflow(serve: Serve) -> None:
    served = serve(App("app", "advanced-chat", script(Text("a"), Gate(threading.Event()))), version="1.12.1")
    with served.stream() as response:
        seen, chunks = b"", response.iter_raw()
        while b'"a"' not in seen:
            seen += next(chunks)
        task_id = wire.events(seen)[-1]["task_id"]
        served.call("POST", f"/chat-messages/{task_id}/stop", app="app", json={"user": "ann"})
        seen += b"".join(chunks)
    assert wire.pattern(wire.events(seen))[-2:] == ["workflow_finished", "message_end"]
    assert wire.events(seen)[-2]["data"]["status"] == "stopped"


@pytest.mark.parametrize(("version", "event"), [("1.12.1", "message_file"), ("1.14.2", "message")])
def test_with_user_files_old_servers_call_text_a_file(serve: Serve, version: str, event: str) -> None:
    served = serve(App("app", script=script(Text("a"))), version=version)
    file = {"type": "image", "transfer_method": "remote_url", "url": "http://x/cat.png"}
    frames = wire.events(served.generate(files=[file]).content)
    assert (frames[0]["event"], frames[0]["answer"]) == (event, "a")
    assert (frames[-1]["files"] is None) is (version == "1.12.1")


def test_user_files_of_a_chat_are_listed_as_recorded(serve: Serve) -> None:
    served = serve(App("app", script=script(Text("a"))))
    file = {"type": "image", "transfer_method": "remote_url", "url": "http://x/cat.png"}
    mine = wire.events(served.generate(files=[file]).content)[-1]["files"]
    real = wire.events(wire.recorded("chat_image_remote_url"))[-1]["files"]
    assert list(mine[0]) == list(real[0])
    assert mine[0]["filename"] == "cat.png"


BAD_INPUT: dict[str, Any] = {"inputs": {"tone": "angry"}}
FORM = [{"select": {"variable": "tone", "required": True, "options": ["calm"]}}]
REFUSAL = "tone in input form must be one of the following: ['calm']"


@pytest.mark.parametrize("mode", ["advanced-chat", "workflow"])
def test_the_relay_answers_bad_input_with_a_ping_and_silence(serve: Serve, mode: str) -> None:
    served = serve(App("app", mode, inputs_form=FORM), silence_s=0.05, ping_interval_s=0.01)
    response = served.generate(**BAD_INPUT)
    assert response.status_code == 200
    assert response.content == wire.recorded("relay_workflow_missing_input")


@pytest.mark.parametrize("mode", ["advanced-chat", "workflow"])
def test_the_main_branch_adds_a_bare_error_frame(serve: Serve, mode: str) -> None:
    served = serve(App("app", mode, inputs_form=FORM), silence_s=0.05, version="1.14.3")
    frames = wire.events(served.generate(**BAD_INPUT).content)
    assert frames == [{"event": "ping"}, {"event": "error", "message": REFUSAL, "status": 500}]
    assert wire.pattern(frames) == wire.pattern(wire.events(wire.recorded("chatflow_bad_inputs", "1.14")))


def test_a_refused_stream_stays_open_until_the_client_leaves(serve: Serve) -> None:
    served = serve(App("app", "workflow", inputs_form=FORM))
    with served.stream(**BAD_INPUT) as response:
        assert next(response.iter_raw()) == b"event: ping\n\n"
    assert served.server.wait_until(lambda server: len(server.disconnects) == 1)


@pytest.mark.parametrize(("version", "streaming"), [("1.12.1", True), ("1.14.2", False)])
def test_elsewhere_bad_input_of_a_graph_is_a_400(serve: Serve, version: str, streaming: bool) -> None:
    served = serve(App("app", "workflow", inputs_form=FORM), version=version)
    response = served.generate(streaming=streaming, **BAD_INPUT)
    assert (response.status_code, response.json()["message"]) == (400, REFUSAL)


@pytest.mark.parametrize(
    ("version", "streaming", "outcome"),
    [
        ("1.12.1", True, "404"),
        ("1.14.2", False, "404"),
        ("1.14.2", True, "silence"),
        ("1.14.3", True, "new"),
        ("1.14.3", False, "new"),
    ],
)
def test_an_unknown_conversation_of_a_chatflow(serve: Serve, version: str, streaming: bool, outcome: str) -> None:
    served = serve(App("app", "advanced-chat", script(Text("a"))), version=version, silence_s=0.02)
    response = served.generate(conversation_id=NOBODY, streaming=streaming)
    if outcome == "404":
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    elif outcome == "silence":
        assert response.content == b"event: ping\n\n"
    else:
        assert response.status_code == 200
        assert NOBODY not in response.text


@pytest.mark.parametrize(("version", "status"), [("0.15.3", 200), ("1.12.1", 404), ("1.14.2", 404)])
def test_the_index_exists_only_on_old_servers(serve: Serve, version: str, status: int) -> None:
    served = serve(version=version)
    response = served.http.get(served.server.base_url + "/")
    assert response.status_code == status
    if status == 200:
        assert response.json()["server_version"] == "0.15.3"


@pytest.mark.parametrize(("version", "echo"), [("1.12.1", {"content": "x"}), ("1.14.2", "x"), ("1.14.3", {"content": "x"})])
def test_retrieval_echoes_its_query_as_the_release_does(serve: Serve, version: str, echo: object) -> None:
    served = serve(version=version)
    path = f"/datasets/{served.server.dataset('Handbook').id}/retrieve"
    assert served.call("POST", path, json={"query": "x"}).json()["query"] == echo


@pytest.mark.parametrize(("version", "kind"), [("1.12.1", str), ("1.14.2", dict)])
def test_outputs_of_a_run_are_text_on_old_servers(serve: Serve, version: str, kind: type) -> None:
    served = serve(App("app", "workflow", script(Text("a"))), version=version)
    run_id = served.generate(streaming=False).json()["workflow_run_id"]
    detail = served.call("GET", f"/workflows/run/{run_id}", app="app").json()
    assert isinstance(detail["outputs"], kind)
    assert isinstance(detail["inputs"], str)


@pytest.mark.parametrize(("version", "status"), [("1.12.1", 200), ("1.14.2", 404)])
def test_an_unknown_run(serve: Serve, version: str, status: int) -> None:
    served = serve(version=version)
    response = served.call("GET", f"/workflows/run/{NOBODY}", app="workflow")
    assert response.status_code == status
    if status == 200:
        assert set(response.json().values()) == {None}


@pytest.mark.parametrize(("version", "status"), [("1.12.1", 204), ("1.14.2", 404)])
def test_deleting_an_unknown_conversation(serve: Serve, version: str, status: int) -> None:
    served = serve(version=version)
    response = served.call("DELETE", f"/conversations/{NOBODY}", app="chat", json={"user": "ann"})
    assert response.status_code == status
