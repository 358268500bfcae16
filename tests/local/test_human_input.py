"""Runs that wait for people: pauses, resumption, expiry and stops."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Generator

from dify_integrations.local import Filled, Node, Outputs, Pause, Pauses, Say, Text, Turn
from tests.local import wire
from tests.local.asking import ASK, NOTE, resumed, waiting
from tests.local.conftest import Serve, script
from tests.local.flows import detail, followed, form, named, run_id, said, settled, submit

Script = Generator[Say, Filled, None]


def test_a_submitted_form_resumes_the_run_as_recorded(serve: Serve) -> None:
    served, paused = waiting(serve)
    after = resumed(served, paused, note="Very good")
    real = wire.events(wire.recorded("human_input_approve.2"))
    assert wire.pattern(after) == wire.pattern(real)
    wire.assert_known_frames(after, real)
    assert named(after, "workflow_started")[0]["reason"] == "resumption"
    assert named(after, "node_started")[0]["id"] == named(paused, "node_started")[-1]["id"]
    assert {frame["task_id"] for frame in after[1:]} == {paused[1]["task_id"]}
    assert after[-1]["data"]["total_steps"] == 6
    assert settled(served, run_id(paused))["outputs"] == {"text": "approve: Very good"}


def test_the_human_node_shows_what_was_submitted(serve: Serve) -> None:
    served, paused = waiting(serve)
    after = resumed(served, paused, "reject", note="好", other="dropped")
    assert named(after, "human_input_form_filled") == [
        {
            "node_id": "human",
            "node_title": "Approve?",
            "rendered_content": "Draft: x\nYour note: 好",
            "action_id": "reject",
            "action_text": "Reject",
        }
    ]
    human = named(after, "node_finished")[0]
    assert human["inputs"] == {"note": {"value_type": "string", "value": "好"}}
    rendered = {"__action_id": "reject", "__rendered_content": "Draft: x\nYour note: 好", "__action_value": "Reject"}
    assert human["outputs"] == {"note": "好", **rendered}
    assert said(after) == "reject: 好"


def test_a_chatflow_goes_on_where_it_paused(serve: Serve) -> None:
    def talking(turn: Turn) -> Script:
        yield from (Text("Before. "), Node("answer", "Answer", outputs={"answer": "Before. "}))
        filled = yield ASK
        yield Text(f"After {filled.inputs['note']}.")

    served, paused = waiting(serve, "advanced-chat", said=talking)
    history = f"/messages?user=ann&conversation_id={paused[1]['conversation_id']}"
    (message,) = served.call("GET", history, app="app").json()["data"]
    assert (message["answer"], message["status"]) == ("Before. ", "paused")
    after = resumed(served, paused, note="x")
    real = wire.events(wire.recorded("human_input_chatflow_simple.2"))
    assert wire.pattern(after) == wire.pattern(real)
    wire.assert_known_frames(after, real)
    assert said(after) == "After x."
    assert settled(served, run_id(paused))["outputs"]["answer"] == "Before. After x."
    (message,) = served.call("GET", history, app="app").json()["data"]
    assert (message["answer"], message["status"]) == ("Before. After x.", "normal")


def test_scripts_that_are_lists_go_on_too(serve: Serve) -> None:
    served, paused = waiting(serve, said=script(Text("a"), Pause(), Text("b")))
    assert said(resumed(served, paused)) == "b"


def test_asynchronous_scripts_are_told_the_answer_too(serve: Serve) -> None:
    async def asking(turn: Turn) -> AsyncGenerator[Say, Filled]:
        filled = yield ASK
        yield Text(f"{filled.user} said {filled.text!r}")

    served, paused = waiting(serve, said=asking)
    assert said(resumed(served, paused, note="n")) == r"ann said 'Draft: x\nYour note: n'"


def test_a_run_pauses_as_often_as_it_asks(serve: Serve) -> None:
    def twice(turn: Turn) -> Script:
        first = yield Pause("First: {{#$output.note#}}", "First question", [NOTE], id="h1")
        yield Pause(f"Second (you said {first.inputs['note']})", "Second question", id="h2")

    served, paused = waiting(serve, said=twice)
    again = resumed(served, paused, note="one")
    assert wire.pattern(again) == wire.pattern(wire.events(wire.recorded("human_input_twice.2")))
    assert form(again)["form_content"] == "Second (you said one)"
    assert detail(served, run_id(paused))["status"] == "paused"
    done = resumed(served, [*paused, *again])
    assert (done[-1]["data"]["status"], done[-1]["data"]["total_steps"]) == ("succeeded", 6)


def test_parallel_forms_pause_again_until_all_are_answered(serve: Serve) -> None:
    def asking(turn: Turn) -> Generator[Say, tuple[Filled, ...], None]:
        one, two = yield Pauses([Pause("A", "Question pa", id="pa"), Pause("B", "Question pb", id="pb")])
        yield Outputs({"text": f"{one.action} / {two.action}"})

    served, paused = waiting(serve, said=asking)
    first, second = named(paused, "human_input_required")
    assert paused[-1]["data"]["paused_nodes"] == ["pa", "pb"]
    again = resumed(served, [*paused[:-2], {"event": "human_input_required", "data": first}])
    real = wire.events(wire.recorded("human_input_parallel.2"))
    assert wire.pattern(again) == wire.pattern(real)
    wire.assert_known_frames(again, real)
    assert form(again) == second
    done = resumed(served, [*paused[:-1], *again], "reject")
    assert done[-1]["data"]["outputs"] == {"text": "approve / reject"}


def test_a_slow_worker_lets_a_late_subscriber_miss_nothing(serve: Serve) -> None:
    served, paused = waiting(serve, said=script(Text("a"), Pause(until_followed=True), Text("b")))
    assert submit(served, form(paused)["form_token"]).status_code == 200
    shown = detail(served, run_id(paused))
    assert shown["status"] == "paused"
    after = followed(served, run_id(paused))
    assert (named(after, "workflow_started")[0]["reason"], said(after)) == ("resumption", "b")


# --- expiry and stops -------------------------------------------------------------------------------------------------


def test_an_expired_form_resumes_the_run_without_an_answer(serve: Serve) -> None:
    def asking(turn: Turn) -> Script:
        yield Node("llm", "Draft", {"prompt": "x"}, {"text": "x"})
        filled = yield Pause("Text", "Review", [NOTE], expires_s=0, until_followed=True)
        yield Outputs({"expired": filled.expired, "action": filled.action})

    served, paused = waiting(serve, said=asking)
    after = followed(served, run_id(paused))
    real = [event for event in wire.pattern(wire.events(wire.recorded("human_input_timeout.2", "1.14"))) if event != "text_chunk"]
    assert wire.pattern(after) == real
    assert named(after, "human_input_form_timeout")[0] == {
        "node_id": "human",
        "node_title": "Review",
        "expiration_time": form(paused)["expiration_time"],
    }
    assert named(after, "node_finished")[0]["outputs"]["__action_id"] == ""
    assert after[-1]["data"]["outputs"] == {"expired": True, "action": ""}


def test_a_stop_takes_effect_when_the_run_goes_on(serve: Serve) -> None:
    served, paused = waiting(serve)
    stopped = served.call("POST", f"/workflows/tasks/{paused[1]['task_id']}/stop", app="app", json={"user": "ann"})
    assert stopped.json() == {"result": "success"}
    assert served.server.stops[0].applied
    assert detail(served, run_id(paused))["status"] == "paused"
    after = resumed(served, paused, note="x")
    real = wire.events(wire.recorded("human_input_stop_paused.2"))
    assert wire.pattern(after) == wire.pattern(real)
    wire.assert_known_frames(after, real)
    assert (after[-1]["data"]["status"], after[-1]["data"]["total_steps"]) == ("stopped", 3)
    assert settled(served, run_id(paused))["error"] == "Stopped by user."


def test_a_server_with_a_waiting_run_ends_at_once(serve: Serve) -> None:
    served, _ = waiting(serve)
    served.server.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "local-dify"]
