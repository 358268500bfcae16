"""What a paused run shows: snapshots, details, blocking answers."""

from __future__ import annotations

import threading

import pytest

from dify_integrations.local import App, Gate, Node, Pause, Text, UntilFollowed
from tests.local import wire
from tests.local.asking import ASK, approving, waiting
from tests.local.conftest import Serve, script
from tests.local.flows import detail, followed, following, form, named, run_id, said, submit

MAIN = "1.14.3"
SNAPSHOT = {"include_state_snapshot": "true"}
CONTINUE = {"continue_on_pause": "true"}


@pytest.mark.parametrize(("version", "folder"), [("1.14.2", "1.14.2"), (MAIN, "1.14")])
def test_a_snapshot_of_a_pause_shows_the_form_as_designed(serve: Serve, version: str, folder: str) -> None:
    served, paused = waiting(serve, version=version)
    shown = followed(served, run_id(paused), **SNAPSHOT)
    real = wire.events(wire.recorded("human_input_snapshot_paused.2", folder))
    assert wire.pattern(shown) == wire.pattern(real)
    wire.assert_known_frames(shown, real, version=folder)
    assert form(shown) == {**form(paused), "form_content": ASK.template}
    assert shown[-1]["data"]["outputs"] == {}
    assert [node["status"] for node in named(shown, "node_finished")] == ["succeeded", "succeeded", "paused"]
    assert {frame["task_id"] for frame in shown[1:]} == {paused[1]["task_id"]}


def test_a_snapshot_of_a_paused_chatflow_shows_its_text(serve: Serve) -> None:
    served, paused = waiting(serve, "advanced-chat", said=script(Text("So far."), Node("answer", "Answer"), ASK))
    shown = followed(served, run_id(paused), **SNAPSHOT)
    real = wire.events(wire.recorded("human_input_chatflow_snapshot.2"))
    wire.assert_known_frames(shown, real)
    assert [frame["answer"] for frame in shown if frame["event"] == "message_replace"] == ["So far."]
    assert shown[-1]["data"]["outputs"] == {"answer": "So far.", "files": {"value_type": "array[file]", "value": []}}


def test_a_snapshot_that_continues_shows_the_pause_and_what_follows(serve: Serve) -> None:
    served, paused = waiting(serve)
    with following(served, run_id(paused), **SNAPSHOT, **CONTINUE) as response:
        submit(served, form(paused)["form_token"], note="x")
        shown = wire.events(response.read())
    real = wire.events(wire.recorded("human_input_snapshot_continue_on_pause.2"))
    assert wire.pattern(shown) == wire.pattern(real)
    wire.assert_known_frames(shown, real)


def test_a_snapshot_after_a_resumption_knows_the_run_by_its_own_id(serve: Serve) -> None:
    gate = threading.Event()
    served, paused = waiting(serve, said=script(Text("a"), Pause(), Node("llm", "Final", inside=[Gate(gate), Text("b")])))
    with following(served, run_id(paused)):
        submit(served, form(paused)["form_token"])
        with following(served, run_id(paused), **SNAPSHOT) as response:
            gate.set()
            shown = wire.events(response.read())
    assert [node["index"] for node in named(shown, "node_started")][:4] == [1, 2, 1, 2]
    assert shown[1]["task_id"] == run_id(paused)
    assert shown[-1]["task_id"] == paused[1]["task_id"]


def test_without_a_snapshot_a_paused_run_only_pings(serve: Serve) -> None:
    served, paused = waiting(serve, ping_interval_s=0.01, silence_s=0.05)
    assert {frame["event"] for frame in followed(served, run_id(paused))} == {"ping"}


def test_the_detail_of_a_paused_run_has_no_time_and_no_outputs(serve: Serve) -> None:
    served, paused = waiting(serve)
    shown = detail(served, run_id(paused))
    assert (shown["status"], shown["outputs"], shown["elapsed_time"], shown["finished_at"]) == ("paused", {}, 0.0, None)
    assert (shown["total_steps"], shown["total_tokens"]) == (3, paused[-1]["data"]["total_tokens"])
    assert served.server.running == []


def test_a_blocking_call_tells_of_the_pause_and_is_resumed_as_any_other(serve: Serve) -> None:
    served = serve(App("app", "workflow", approving))
    body = served.generate(streaming=False).json()
    assert (body["data"]["status"], body["data"]["finished_at"]) == ("paused", None)
    token = body["data"]["reasons"][0]["form_token"]
    with following(served, body["workflow_run_id"]) as response:
        submit(served, token, note="x")
        after = wire.events(response.read())
    assert wire.pattern(after) == wire.pattern(wire.events(wire.recorded("human_input_blocking")))
    assert after[-1]["task_id"] == body["task_id"]


def test_a_blocking_chatflow_stores_no_text_while_it_waits(serve: Serve) -> None:
    served = serve(App("app", "advanced-chat", script(Text("So far."), Pause())))
    body = served.generate(streaming=False).json()
    assert (body["answer"], body["metadata"]["usage"]) == ("So far.", None)
    path = f"/messages?user=ann&conversation_id={body['conversation_id']}"
    (message,) = served.call("GET", path, app="app").json()["data"]
    assert (message["answer"], message["status"]) == ("", "normal")
    assert message["extra_contents"][0]["submitted"] is False


def test_a_snapshot_right_after_the_submission_may_show_the_old_pause(serve: Serve) -> None:
    served, paused = waiting(serve, said=script(Text("a"), Pause(until_followed=True), UntilFollowed(), Text("b")))
    submit(served, form(paused)["form_token"])
    assert followed(served, run_id(paused), **SNAPSHOT)[-1]["event"] == "workflow_paused"
    assert said(followed(served, run_id(paused))) == "b"
